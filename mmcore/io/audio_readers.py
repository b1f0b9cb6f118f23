"""Sound files -> blocks of samples as they are stored, with two libraries that read them piece by piece.

libsndfile (``soundfile``) reads WAV, FLAC, MP3, AIFF, AU and CAF. What browsers and telephones record, WebM, MP4/M4A
and AAC, and Ogg (of a file that was cut off libsndfile reads nothing), needs FFmpeg's libraries (``av``): their wheels
bring them along, so that nothing has to be installed by hand, no other process is started, and a file object can be
read, so that no address, list or path inside a file is ever followed. Each file is given to one reader, that of its
content.

``sound`` holds the limits and the errors; nothing here is meant to be called by others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

SOUNDFILE = frozenset(("WAV", "FLAC", "MP3", "AIFF", "AU", "CAF"))
"""Kinds (``sniff``) that libsndfile reads."""
FFMPEG = {
    "WebM": "matroska",
    "Matroska": "matroska",
    "MP4": "mov",
    "M4A": "mov",
    "Ogg": "ogg",
    "AAC": "aac",
    "AMR": "amr",
}
"""Kinds that FFmpeg reads, with the name of the one demultiplexer that may look at them."""
BLOCK_VALUES = 1 << 18
"""Values (frames times channels) decoded at once: 1 MB, whatever the file claims to hold."""

Block = npt.NDArray[np.float32]
"""(frames, channels)"""


class NoSoundTrack(Exception):
    """A video without sound."""


@dataclass(frozen=True)
class AudioReader:
    """A sound whose header was read."""

    sample_rate: int
    channels: int
    frames: int | None
    """Frames a channel as the header says; None where it does not."""
    blocks: Iterator[Block]
    """The samples from the beginning, once."""


@contextmanager
def opened(name: str, file: BinaryIO) -> Iterator[AudioReader]:
    """Read the header; ``name`` is that of a Kind in SOUNDFILE or FFMPEG. Raises whatever the library raises."""
    with (_soundfile if name in SOUNDFILE else _ffmpeg)(name, file) as sound:
        yield sound


@contextmanager
def _soundfile(name: str, file: BinaryIO) -> Iterator[AudioReader]:
    import soundfile

    with soundfile.SoundFile(file) as sound:

        def blocks() -> Iterator[Block]:
            size = max(1, BLOCK_VALUES // sound.channels)
            while True:
                block = sound.read(size, dtype="float32", always_2d=True)
                if not len(block):
                    return
                yield block

        # Streams whose length nobody knew when they began have a number far beyond any file.
        frames = sound.frames if 0 <= sound.frames < 1 << 40 else None
        yield AudioReader(sound.samplerate, sound.channels, frames, blocks())


@contextmanager
def _ffmpeg(name: str, file: BinaryIO) -> Iterator[AudioReader]:
    import av

    av.logging.set_level(None)  # what is wrong with a file is said by the error
    with av.open(file, mode="r", format=FFMPEG[name]) as container:
        if not container.streams.audio:
            raise NoSoundTrack
        stream = container.streams.audio[0]
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        frames = None
        if stream.duration is not None and stream.time_base is not None:
            frames = int(stream.duration * stream.time_base * rate)
        elif container.duration is not None:
            frames = int(container.duration * rate / av.time_base)

        def blocks() -> Iterator[Block]:
            # The rate and the channels may change within a stream; the resampler keeps them what they were.
            resampler = av.AudioResampler(format="flt", layout=stream.codec_context.layout, rate=rate)
            for frame in container.decode(stream):
                for piece in resampler.resample(frame):
                    yield _samples(piece, channels)
            for piece in resampler.resample(None):
                yield _samples(piece, channels)

        yield AudioReader(rate, channels, frames, _gathered(blocks(), max(1, BLOCK_VALUES // channels)))


def _gathered(pieces: Iterator[Block], size: int) -> Iterator[Block]:
    """Pieces of a few milliseconds, as FFmpeg gives them, joined to blocks of at least ``size`` frames but the last."""
    waiting: list[Block] = []
    frames = 0
    for piece in pieces:
        waiting.append(piece)
        frames += len(piece)
        if frames >= size:
            yield np.concatenate(waiting)
            waiting, frames = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _samples(frame: Any, channels: int) -> Block:
    """(frames, channels) of a packed FFmpeg frame."""
    samples: Block = frame.to_ndarray().reshape(-1, channels)
    return samples
