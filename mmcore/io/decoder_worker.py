"""The process that ``decoder_process`` starts: it decodes files and does nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from io import RawIOBase
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcore.errors import InputError
from mmcore.io.audio_files import Sound, open_sound
from mmcore.io.decoder_process import Problem, read, write
from mmcore.io.images import decode_image
from mmcore.io.tables import read_table
from mmcore.io.video_frames import read_clip
from mmcore.results.notices import notices_of


class Worker:
    """Answers one message after the other; a sound stays open between them."""

    def __init__(self, shared: RawIOBase) -> None:
        self._shared = shared
        self._open = ExitStack()
        self._sound: Sound | None = None
        self._pieces: Iterator[npt.NDArray[np.float32]] | None = None

    def image(self, source: str | bytes, settings: Any) -> object:
        """((width, height), notices); the pixels are in the shared file."""
        picture = decode_image(source, settings)
        self._put(picture.tobytes())
        return picture.size, notices_of(picture)

    def clip(self, source: str | bytes, settings: Any) -> object:
        """Length and size, (start, end, at, size) of each key frame, notices; the pixels lie one after the other."""
        clip = read_clip(source, settings)
        self._put(b"".join(frame.picture.tobytes() for frame in clip.frames))
        places = [(frame.start, frame.end, frame.at, frame.picture.size) for frame in clip.frames]
        return (clip.seconds, clip.width, clip.height), places, clip.notices

    def table(self, *asked: Any) -> object:
        """The rows."""
        path, needed, limit, optional = asked
        return read_table(path, needed, limit, optional=optional)

    def sound(self, source: str | bytes, settings: Any) -> object:
        """(format, rate, channels, seconds) of a sound, whose pieces may be asked for."""
        self._close()
        self._sound = sound = self._open.enter_context(open_sound(source, settings))
        return sound.format, sound.sample_rate, sound.channels, sound.seconds

    def piece(self, rate: int) -> object:
        """How many samples of the next piece are in the shared file; after the last one the notices."""
        assert self._sound is not None
        if self._pieces is None:
            self._pieces = self._sound.blocks(rate)
        try:
            piece = next(self._pieces, None)
        except InputError:
            self._close()
            raise
        if piece is None:
            notices = self._sound.notices
            self._close()
            return notices
        self._put(np.ascontiguousarray(piece, np.float32).tobytes())
        return len(piece)

    def _close(self) -> None:
        self._pieces = self._sound = None
        self._open.close()

    def _put(self, content: bytes) -> None:
        self._shared.seek(0)
        left = memoryview(content)
        while left:  # without a buffer a large write may be a part only
            left = left[self._shared.write(left) or 0 :]


def serve(shared: RawIOBase, memory: int) -> None:
    """What the process does, until nobody asks any more."""
    _limit(memory)
    worker = Worker(shared)
    kinds = {
        "image": worker.image,
        "table": worker.table,
        "clip": worker.clip,
        "sound": worker.sound,
        "piece": worker.piece,
    }
    write(sys.stdout.buffer, None)
    while True:
        try:
            kind, *asked = read(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = kinds[kind](*asked)
        except InputError as error:
            answer = Problem(error.key, error.values)
        write(sys.stdout.buffer, answer)


def _limit(memory: int) -> None:
    """Take memory beyond ``memory`` bytes, and core files, from this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "wb", buffering=0) as file:
        serve(file, int(sys.argv[2]))
