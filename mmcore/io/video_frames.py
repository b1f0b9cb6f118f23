"""A short video -> its key frames: a picture for each stretch in which little changes. Limits come before decoding.

FFmpeg's libraries (``av``, which sounds need anyway) decode it. Looks are taken every SPACING seconds; where a look is
unlike that of the stretch so far, a new stretch begins. Its key frame is the sharpest of its looks. No header is
believed: a video is as long as what is decoded of it, and the limit counts that.

Every failure is an InputError whose sentence says what is wrong with the file. Formats are told by the file's content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from mmcore import cancelling
from mmcore.errors import InputError, Phrase
from mmcore.io import decoder_process
from mmcore.io.files import size_of, unreadable
from mmcore.io.filetypes import HEAD, sniff
from mmcore.results.clips import Clip, KeyFrame
from mmcore.results.notices import Notice, noted
from mmcore.settings import Settings
from mmcore.types import Doubles

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".3gp")
"""Usual endings of the files that can be read, for file choosers."""
FORMATS = {"MP4": "mov", "WebM": "matroska", "Matroska": "matroska"}
"""Kinds (``sniff``) that are read, with the name of the one FFmpeg demultiplexer that may look at them."""
SPACING = 0.5
"""Seconds between two looks."""
LOOK = (32, 18)
"""Pixels of a look."""
UNLIKE = 0.11
"""Mean difference of two looks (0-1) from which on a new stretch begins."""
SHORTEST = 1.0
"""Seconds of a stretch, unless the video is shorter."""
MOST = 16
"""Key frames of one video. Of more stretches those that are most unlike the one before are kept."""
SIDE = 1024
"""Pixels of the longer side at which a key frame is kept: more than any model looks at."""
THREADS = 2


@dataclass
class _Stretch:
    """A stretch that is being read."""

    start: float
    look: Doubles
    change: float
    """How unlike the stretch before."""
    at: float = 0.0
    sharpness: float = -1.0
    picture: Image.Image | None = None


def is_video(source: str | Path | bytes) -> bool:
    """Whether it is a video by its content; False also for what cannot be read."""
    if isinstance(source, bytes):
        return sniff(source[:HEAD]).group == "video"
    try:
        with Path(source).open("rb") as file:
            return sniff(file.read(HEAD)).group == "video"
    except (OSError, ValueError):
        return False


def read_clip(source: str | Path | bytes, settings: Settings) -> Clip:
    """The key frames of a video file.

    Takes MP4, QuickTime, WebM and Matroska. Raises InputError: no file, more bytes than ``settings.video_bytes``,
    longer than ``settings.video_seconds``, more pixels than ``settings.image_pixels``, not a video, without pictures,
    damaged; Cancelled where nobody waits any more.
    """
    if settings.apart:
        return decoder_process.read_clip(source, settings)
    if not source or not str(source):
        raise InputError("video_empty" if isinstance(source, bytes) else "video_nothing_given")
    size = len(source) if isinstance(source, bytes) else size_of(source)
    if not size:
        raise InputError("video_empty")
    if size > settings.video_bytes:
        raise InputError("video_too_large", megabytes=size / 1e6, limit=settings.video_bytes / 1e6)
    with _file(source) as file:
        kind = sniff(file.read(HEAD))
        file.seek(0)
        name = str(kind.name)
        if kind.group != "video":
            what = Phrase(f"kind_{kind.group}") if kind.group in ("sound", "picture") else kind.name
            raise InputError("video_not_a_video", kind=what)
        if name not in FORMATS:
            raise InputError("video_unsupported", format=name)
        try:
            return _read(name, file, settings)
        except InputError:
            raise
        except (MemoryError, OSError, ValueError, ArithmeticError, LookupError) as error:  # av's errors are OSErrors
            raise InputError("video_damaged", format=name) from error


@contextmanager
def _file(source: str | Path | bytes) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield BytesIO(source)
        return
    with unreadable(source), Path(source).open("rb") as file:
        yield file


def _read(name: str, file: BinaryIO, settings: Settings) -> Clip:
    import av

    av.logging.set_level(None)  # what is wrong with a file is said by the error
    with av.open(file, mode="r", format=FORMATS[name]) as container:
        if not container.streams.video:
            raise InputError("video_no_pictures", format=name)
        stream = container.streams.video[0]
        said = container.duration / av.time_base if container.duration else 0.0
        _check_length(said, settings)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > settings.image_pixels:
            raise InputError(
                "image_too_many_pixels", width=width, height=height, megapixels=width * height / 1e6,
                limit=settings.image_pixels / 1e6,
            )  # fmt: skip
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        stretches, seconds, broke = _stretches(container, stream, settings)
    if not stretches:
        raise InputError("video_damaged", format=name)
    notices = []
    if broke or said - seconds > max(1.0, seconds / 10):
        notices.append(Notice.of("video_ends_early", seconds=seconds, claimed=max(said, seconds)))
    kept = _most_unlike(stretches)
    if len(kept) < len(stretches):
        notices.append(Notice.of("video_stretches", count=len(stretches), shown=len(kept)))
    ends = [*(one.start for one in kept[1:]), seconds]
    frames = tuple(
        KeyFrame(one.start, end, one.at, one.picture)
        for one, end in zip(kept, ends, strict=True)
        if one.picture is not None
    )
    return Clip(seconds, width, height, frames, tuple(notices))


def _stretches(container: Any, stream: Any, settings: Settings) -> tuple[list[_Stretch], float, bool]:
    """The stretches, how long all is, and whether it broke off."""
    import av

    found: list[_Stretch] = []
    zero = (container.start_time or 0) / av.time_base  # the sound's time begins there, too
    wanted, seconds, broke = 0.0, 0.0, False
    step = float(1 / stream.average_rate) if stream.average_rate else 0.04
    try:
        for frame in container.decode(stream):
            cancelling.check()
            if frame.time is None:
                continue
            at = max(0.0, frame.time - zero)
            seconds = max(seconds, at + step)
            _check_length(seconds, settings)
            if at + 1e-6 < wanted:
                continue
            wanted = at + SPACING
            _look_at(frame, at, found)
    except av.error.FFmpegError:
        broke = True
    return found, seconds, broke


def _look_at(frame: Any, at: float, found: list[_Stretch]) -> None:
    """Put the look into the stretch that it belongs to, or begin another."""
    small = frame.reformat(width=LOOK[0], height=LOOK[1], format="rgb24").to_ndarray().astype(np.float64) / 255
    change = float(np.abs(small - found[-1].look).mean()) if found else 1.0
    if not found or (change >= UNLIKE and at - found[-1].start >= SHORTEST - 1e-6):
        found.append(_Stretch(at if found else 0.0, small, change))
    stretch = found[-1]
    sharpness = _sharpness(frame)
    if sharpness > stretch.sharpness:
        stretch.at, stretch.sharpness, stretch.picture = at, sharpness, _picture(frame)


def _sharpness(frame: Any) -> float:
    """Mean difference of neighbours: what is blurred or fades has less of it."""
    grey = frame.reformat(width=160, height=90, format="gray").to_ndarray().astype(np.float64)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def _picture(frame: Any) -> Image.Image:
    scale = min(1.0, SIDE / max(frame.width, frame.height))
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    shown: Image.Image = frame.reformat(width=size[0], height=size[1], format="rgb24").to_image()
    turn = int(getattr(frame, "rotation", 0) or 0) % 360
    return shown.rotate(turn, expand=True) if turn else shown


def _most_unlike(stretches: list[_Stretch]) -> list[_Stretch]:
    """At most MOST of them, the first always, in order."""
    ranked = sorted(range(1, len(stretches)), key=lambda place: -stretches[place].change)[: MOST - 1]
    return [stretches[place] for place in sorted([0, *ranked])]


def _check_length(seconds: float, settings: Settings) -> None:
    if seconds > settings.video_seconds:
        raise InputError("video_too_long", minutes=seconds / 60, limit=settings.video_seconds / 60)


def told(clip: Clip) -> list[Image.Image]:
    """The pictures of the key frames; each carries what was not read of the video."""
    return [noted(frame.picture, *clip.notices) for frame in clip.frames]
