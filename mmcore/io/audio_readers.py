"""Sound files -> blocks of samples as they are stored, with two libraries that read them piece by piece.

libsndfile (``soundfile``) reads what is stored as it is: WAV, W64, AIFF, AU, CAF. What is compressed, or comes from
browsers and telephones, is read by FFmpeg's libraries (``av``): their wheels bring them along, so that nothing has to
be installed by hand, no other process is started, and a file object can be read, so that no address, list or path
inside a file is ever followed. FFmpeg reads to the last byte, where libsndfile stops at the length in a header.

Where the first reader fails or finds less than the header says, the other one is asked for the rest. What cannot be
decoded is left out, with a notice; what comes later in the file's own time (a sound track that begins late, lost
packets) comes later here, with silence before it.

``audio_files`` holds the limits and the errors; nothing here is meant to be called by others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from mmcore.io.audio_lengths import mended, parts
from mmcore.results.notices import Notice
from mmcore.types import Floats

FFMPEG = {
    "WAV": "wav",
    "FLAC": "flac",
    "MP3": "mp3",
    "AIFF": "aiff",
    "AU": "au",
    "CAF": "caf",
    "W64": "w64",
    "WebM": "matroska",
    "Matroska": "matroska",
    "MP4": "mov",
    "M4A": "mov",
    "Ogg": "ogg",
    "AAC": "aac",
    "AMR": "amr",
}
"""Kinds (``sniff``) that are read, with the name of the one FFmpeg demultiplexer that may look at them."""
STORED = frozenset(("WAV", "AIFF", "AU", "CAF", "W64"))
"""Kinds of which libsndfile is asked first: their samples lie in the file one after the other."""
BOTH = STORED | {"FLAC", "MP3", "Ogg"}
"""Kinds that libsndfile reads too."""
TIMED = frozenset(("WebM", "Matroska", "MP4", "M4A", "Ogg"))
"""Kinds whose packets say when they sound."""
BLOCK_VALUES = 1 << 18
"""Values (frames times channels) decoded at once: 1 MB, whatever the file claims to hold."""
TELLING = frozenset(("MP4", "M4A", "FLAC"))
"""Kinds whose header has the length of the sound track itself."""
ONE_LENGTH = frozenset(("WebM", "Matroska"))
"""Kinds whose header has the length of the longest track."""
GAP_SECONDS = 0.1
"""Shorter holes between time stamps are rounding."""
PACKET_SECONDS = 0.02
"""Of a packet that does not say how long it is."""
LONGEST_GAP = 600.0
"""A longer hole is a damaged time stamp, where the file does not say how long it is."""
AUDIBLE = 1e-6
"""Power, -60 dB, that shows that a track is not empty."""

Block = Floats
"""(frames, channels)"""


class NoSoundTrack(Exception):
    """A video without sound."""


@dataclass(frozen=True)
class AudioReader:
    """A sound whose header was read."""

    sample_rate: int
    channels: int
    frames: int | None
    """Frames a channel as the header says, or as the bytes say where they can; None where nobody knows."""
    blocks: Iterator[Block]
    """The samples from the beginning, once."""
    sure: bool = False
    """Whether ``frames`` was written down, and is no guess from the bit rate."""
    layout: Any = None
    """FFmpeg's name of the channels, where FFmpeg reads it."""
    notices: list[Notice] = field(default_factory=list)
    """What was left out; it grows while ``blocks`` is read."""


@dataclass(frozen=True)
class Shape:
    """What later parts of a sound are made to look like."""

    sample_rate: int
    layout: Any
    """FFmpeg's name of the channels."""
    channels: int


Reader = Callable[[str, BinaryIO, "Shape | None"], AbstractContextManager[AudioReader]]


@contextmanager
def opened(name: str, file: BinaryIO) -> Iterator[AudioReader]:
    """Read the header; ``name`` is that of a FileType in FFMPEG. Raises whatever the library raises."""
    first, *others = parts(name, file)
    readers: list[Reader] = [_soundfile, _ffmpeg] if name in STORED else [_ffmpeg, _soundfile]
    if name not in BOTH:
        readers = [_ffmpeg]
    with ExitStack() as stack:
        while True:
            try:
                sound = stack.enter_context(readers.pop(0)(name, first, None))
                break
            except NoSoundTrack:
                raise
            except Exception:
                if not readers:
                    raise
        frames = None if others else sound.frames
        notices = sound.notices
        whole = _whole(name, first, sound, readers, others)
        yield AudioReader(sound.sample_rate, sound.channels, frames, whole, sound.sure, sound.layout, notices)


def _whole(
    name: str, first: BinaryIO, sound: AudioReader, seconds: list[Reader], others: list[BinaryIO]
) -> Iterator[Block]:
    """The blocks of ``sound``, what a second reader finds behind them, and the parts that were joined to it."""
    rate, count = sound.sample_rate, 0
    shape = Shape(rate, sound.layout or _layout(sound.channels), sound.channels)
    failure: Exception | None = None
    try:
        for block in sound.blocks:
            count += len(block)
            yield block
    except Exception as error:  # libraries raise what they like for hostile bytes
        failure = error
    if (
        failure is not None or not count or (_missing(sound, count) and name != "MP3")
    ):  # that libsndfile reads no further
        for reader in seconds:
            for block in _rest(reader, name, first, shape, count):
                count += len(block)
                yield block
    if failure is not None and not count:
        raise failure
    if sound.frames is not None and _missing(sound, count):
        sound.notices.append(Notice.of("sound_ends_early", seconds=count / rate, claimed=sound.frames / rate))
    elif failure is not None:
        sound.notices.append(Notice.of("sound_damaged_end", seconds=count / rate))
    for part in others:
        found = 0
        for block in _rest(_ffmpeg, name, part, shape, 0):
            found += len(block)
            yield block
        count += found
        if not found:
            sound.notices.append(Notice.of("sound_damaged_part", seconds=count / rate))


def _missing(sound: AudioReader, count: int) -> bool:
    """Whether the header says that there is more, by half a second and by a fiftieth."""
    return sound.sure and sound.frames is not None and sound.frames - count > max(sound.sample_rate / 2, count / 50)


def _rest(reader: Reader, name: str, file: BinaryIO, shape: Shape, skip: int) -> Iterator[Block]:
    """What another reader finds behind the first ``skip`` frames; nothing where it fails."""
    try:
        with reader(name, file, shape) as sound:
            if (sound.sample_rate, sound.channels) != (shape.sample_rate, shape.channels):
                return
            for block in sound.blocks:
                if skip < len(block):
                    yield block[skip:]
                skip = max(0, skip - len(block))
    except Exception:
        return


def seconds_of_packets(name: str, file: BinaryIO) -> float | None:
    """How long the packets of a compressed sound last, without decoding them; None where they do not say."""
    import av

    total = 0.0
    try:
        for part in parts(name, file):
            part.seek(0)
            with av.open(part, mode="r", format=FFMPEG[name]) as container:
                stream = container.streams.audio[_track(name, part, container)]
                sums, first, last = 0, None, 0
                for packet in container.demux(stream):
                    sums += packet.duration or 0
                    if packet.pts is not None:
                        first = packet.pts if first is None else min(first, packet.pts)
                        last = max(last, packet.pts + (packet.duration or 0))
                if stream.time_base is None or first is None:
                    return None
                total += float(min(sums, last - first) * stream.time_base)
    except Exception:
        return None
    finally:
        file.seek(0)
    return total


@contextmanager
def _soundfile(name: str, file: BinaryIO, shape: Shape | None) -> Iterator[AudioReader]:
    import soundfile

    right = mended(name, file)
    right.file.seek(0)
    with soundfile.SoundFile(right.file) as sound:

        def blocks() -> Iterator[Block]:
            size = max(1, BLOCK_VALUES // sound.channels)
            while True:
                # Not by ``read``: that asks how far it is to the end, which streams of unknown length do not know.
                block = np.empty((size, sound.channels), np.float32)
                count = sound.buffer_read_into(block, "float32")
                if not count:
                    return
                yield block[:count]

        # Streams whose length nobody knew when they began have a number far beyond any file.
        frames = sound.frames if 0 <= sound.frames < 1 << 40 else None
        notices = []
        if frames and right.claimed > 1.02:
            seconds = frames / sound.samplerate
            notices = [Notice.of("sound_ends_early", seconds=seconds, claimed=seconds * right.claimed)]
        yield AudioReader(sound.samplerate, sound.channels, frames, blocks(), True, None, notices)


@contextmanager
def _ffmpeg(name: str, file: BinaryIO, shape: Shape | None) -> Iterator[AudioReader]:
    import av

    av.logging.set_level(None)  # what is wrong with a file is said by the error
    file.seek(0)
    with av.open(file, mode="r", format=FFMPEG[name]) as container:
        if not container.streams.audio:
            raise NoSoundTrack
        place = _track(name, file, container)
        file.seek(0)
        notices = []
        if len(container.streams.audio) > 1:
            notices = [Notice.of("sound_tracks", count=len(container.streams.audio), track=place + 1)]
    file.seek(0)
    with av.open(file, mode="r", format=FFMPEG[name]) as container:
        stream = container.streams.audio[place]
        context = stream.codec_context
        wanted = shape or Shape(context.sample_rate, context.layout, context.channels)
        frames = None
        if stream.duration is not None and stream.time_base is not None:
            frames = int(stream.duration * stream.time_base * wanted.sample_rate)
        elif container.duration is not None:
            frames = int(container.duration * wanted.sample_rate / av.time_base)
        blocks = _gathered(_decoded(name, container, stream, wanted, notices), max(1, BLOCK_VALUES // wanted.channels))
        if name == "MP3":
            frames = _mp3_frames(file, wanted.sample_rate)
        sure = name == "MP3" or name in TELLING or (name in ONE_LENGTH and len(container.streams) == 1)
        yield AudioReader(wanted.sample_rate, wanted.channels, frames, blocks, sure, wanted.layout, notices)


def _mp3_frames(file: BinaryIO, rate: int) -> int | None:
    """Frames that the table at the start of an MP3 counts, if there is one: FFmpeg would guess from the bit rate."""
    place = file.tell()
    file.seek(0)
    head = file.read(1 << 16)
    file.seek(place)
    for mark in (b"Xing", b"Info"):
        at = head.find(mark)
        if at >= 0 and len(head) >= at + 12 and head[at + 7] & 1:
            return int.from_bytes(head[at + 8 : at + 12], "big") * (1152 if rate >= 32000 else 576)
    return None


def _layout(channels: int) -> Any:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")


def _track(name: str, file: BinaryIO, container: Any) -> int:
    """Which sound track: of those marked default, and then of all, the first in which something sounds."""
    import av

    tracks = container.streams.audio
    if len(tracks) == 1:
        return 0
    order = sorted(range(len(tracks)), key=lambda place: not tracks[place].disposition & av.stream.Disposition.default)
    for place in order:
        file.seek(0)
        try:
            with av.open(file, mode="r", format=FFMPEG[name]) as other:
                if _sounds(other, other.streams.audio[place]):
                    return place
        except Exception:  # a track that cannot be read is no better than an empty one
            continue
    return order[0]


def _sounds(container: Any, stream: Any) -> bool:
    import av

    resampler = av.AudioResampler(format="fltp")
    for frame in container.decode(stream):
        for piece in resampler.resample(frame):
            if float(piece.to_ndarray().var(axis=1).max(initial=0.0)) > AUDIBLE:
                return True
    return False


def _decoded(name: str, container: Any, stream: Any, wanted: Shape, notices: list[Notice]) -> Iterator[Block]:
    """The samples in the file's own time: holes between the time stamps are silence."""
    import av

    rate = wanted.sample_rate
    zero = (container.start_time or 0) / av.time_base
    longest = None if container.duration is None else container.duration / av.time_base
    resampler: Any = None
    kind: tuple[Any, ...] = ()
    place, shift, begun = 0.0, 0.0, False
    left_out = 0.0  # seconds, as those that wait for something good behind them
    pending: list[float] = []
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            if begun and packet.size:  # what stands before the sound is tags
                pending.append(float((packet.duration or 0) * (stream.time_base or 0)) or PACKET_SECONDS)
            continue
        for frame in frames:
            begun, left_out, pending = True, left_out + sum(pending), []
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if now != kind:  # the rate and the channels may change within a stream
                if resampler is not None:
                    yield from (_samples(piece, wanted.channels) for piece in resampler.resample(None))
                resampler, kind = av.AudioResampler(format="flt", layout=wanted.layout, rate=rate), now
            if name in TIMED and frame.pts is not None and frame.time_base is not None:
                gap = float(frame.pts * frame.time_base) - zero + shift - place
                allowed = LONGEST_GAP if longest is None else longest + 1 - place
                if GAP_SECONDS < gap <= allowed:
                    yield from _silence(round(gap * rate), wanted.channels)
                    place += gap
                elif abs(gap) > GAP_SECONDS:  # the clock was set anew
                    shift -= gap
            place += frame.samples / frame.sample_rate
            for piece in resampler.resample(frame):
                yield _samples(piece, wanted.channels)
    if resampler is not None:
        yield from (_samples(piece, wanted.channels) for piece in resampler.resample(None))
    if len(pending) > 1:  # one is a last packet cut in two
        notices.append(Notice.of("sound_damaged_end", seconds=place))
    if left_out > GAP_SECONDS:  # less is what stands between files that were joined
        notices.append(Notice.of("sound_damaged_pieces", seconds=left_out))


def _silence(frames: int, channels: int) -> Iterator[Block]:
    size = max(1, BLOCK_VALUES // channels)
    for first in range(0, frames, size):
        yield np.zeros((min(size, frames - first), channels), np.float32)


def _gathered(pieces: Iterator[Block], size: int) -> Iterator[Block]:
    """Pieces of a few milliseconds, as FFmpeg gives them, joined to blocks of at least ``size`` frames but the last."""
    waiting: list[Block] = []
    frames = 0
    try:
        for piece in pieces:
            waiting.append(piece)
            frames += len(piece)
            if frames >= size:
                yield np.concatenate(waiting)
                waiting, frames = [], 0
    except Exception:
        if waiting:  # what was good before the damage
            yield np.concatenate(waiting)
        raise
    if waiting:
        yield np.concatenate(waiting)


def _samples(frame: Any, channels: int) -> Block:
    """(frames, channels) of a packed FFmpeg frame."""
    samples: Block = frame.to_ndarray().reshape(-1, channels)
    return samples
