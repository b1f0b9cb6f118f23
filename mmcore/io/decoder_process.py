"""Files decoded in a process of their own, under limits of time and memory.

    decode_image(source, settings) -> RGB picture, as ``mmcore.io.images`` gives it
    open_sound(source, settings)   -> an open sound, as ``mmcore.io.audio_files`` gives it
    read_table(path, ...)          -> rows, as ``mmcore.io.tables`` gives them
    read_clip(source, settings)    -> key frames of a video, as ``mmcore.io.video_frames`` gives them

A process waits warm for the next file; it holds no model and no secret. A file that takes too long, or more memory than
it may, ends that process and not the page: the next file gets a new one. So does work that nobody waits for any more.
Pixels and samples come back through a file in memory, the rest through a pipe. A sound has a process of its own, since
it is read piece by piece while a model listens.
"""

from __future__ import annotations

import atexit
import mmap
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from select import select
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore import cancelling
from mmcore.errors import CapacityError, InputError
from mmcore.io.files import size_of
from mmcore.results.clips import Clip, KeyFrame
from mmcore.results.notices import Notice, noted
from mmcore.settings import Settings, bare_environment

SECONDS = 10.0
"""Of wall time for one picture, one table, or the next piece of a sound."""
CLIP_SECONDS = 120.0
"""Of wall time for one video: two minutes of it take a slow processor half a minute."""
SOUND_SECONDS = 120.0
"""Of wall time for all pieces of a sound."""
LOOKED = 0.1
"""Seconds between two looks whether an answer is still wanted."""
MEMORY = 1 << 30
"""Bytes of address space beyond what the process has when it is ready."""
WORKER = "mmcore.io.decoder_worker"
"""What the process runs."""
LENGTH = struct.Struct("<Q")
START_SECONDS = 60.0
"""Of wall time until a new process is ready; a busy machine takes long to start Python."""


@dataclass(frozen=True)
class Problem:
    """An InputError on its way through the pipe."""

    key: str
    values: dict[str, object]


class DistantSound:
    """A sound that the process has open."""

    def __init__(self, facts: tuple[str, int, int, float | None], pieces: Callable[..., Any]) -> None:
        self.facts, self._pieces = facts, pieces
        self.notices: tuple[Notice, ...] = ()
        """Known when ``blocks`` has ended."""
        self.ended = False

    def blocks(self, rate: int) -> Iterator[npt.NDArray[np.float32]]:
        """See ``audio_files.Sound.blocks``; each piece is asked for when it is wanted."""
        pieces: Iterator[npt.NDArray[np.float32]] = self._pieces(self, rate)
        return pieces


class Decoder:
    """The process, started when it is first needed and again after its end. Threads take turns."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._shared: BinaryIO | None = None

    def decode(self, source: str | Path | bytes, settings: Settings) -> Image.Image:
        """The picture. Raises what ``images.decode_image`` raises, InputError where it took too much, and Cancelled."""
        with self._turn:
            (width, height), notices = self._ask("image", _named(source), _bare(settings))
            with self._seen(width * height * 3) as pixels:
                return noted(Image.frombytes("RGB", (width, height), pixels), *notices)

    def table(self, path: Path, needed: Sequence[str], limit: int, optional: Sequence[str]) -> list[dict[str, str]]:
        """The rows. Raises what ``tables.read_table`` raises, InputError where it took too much, and Cancelled."""
        with self._turn:
            rows: list[dict[str, str]] = self._ask("table", _file(path), tuple(needed), limit, tuple(optional))
            return rows

    def clip(self, source: str | Path | bytes, settings: Settings) -> Clip:
        """The key frames. Raises what ``video_frames.read_clip`` raises, and InputError where it took too much."""
        with self._turn:
            opened = _named(source) if source and str(source) else source
            (length, width, height), places, notices = self._ask("clip", opened, _bare(settings), seconds=CLIP_SECONDS)
            sizes = [width * height * 3 for *_, (width, height) in places]
            frames, at = [], 0
            with self._seen(sum(sizes)) as pixels:
                for (start, end, when, shape), size in zip(places, sizes, strict=True):
                    picture = Image.frombytes("RGB", shape, pixels[at : at + size])
                    frames.append(KeyFrame(start, end, when, picture))
                    at += size
            return Clip(length, width, height, tuple(frames), notices)

    @contextmanager
    def sound(self, source: str | Path | bytes, settings: Settings) -> Iterator[DistantSound]:
        """An open sound. The process is its alone until the block ends."""
        with self._turn:
            opened = _named(source) if source and str(source) else source  # nothing is refused where it is opened
            distant = DistantSound(self._ask("sound", opened, _bare(settings)), self._pieces)
            try:
                yield distant
            finally:
                if not distant.ended:
                    self.stop()  # in the middle of it

    def _pieces(self, distant: DistantSound, rate: int) -> Iterator[npt.NDArray[np.float32]]:
        began = time.monotonic()
        while True:
            if time.monotonic() - began > SOUND_SECONDS:
                raise InputError("decoding_too_long", limit=SOUND_SECONDS)
            try:
                answer = self._ask("piece", rate)
            except InputError:
                distant.ended = True  # the process knows, or is gone
                raise
            if isinstance(answer, tuple):
                distant.notices, distant.ended = answer, True
                return
            with self._seen(answer * 4) as samples:
                piece = np.frombuffer(samples, np.float32).copy()
            yield piece

    def _ask(self, *message: object, seconds: float | None = None) -> Any:
        """The answer of the process, within SECONDS unless said otherwise. Raises the InputError that it met."""
        process = self._ready()
        try:
            self._send(process, message)
            answer = self._receive(process, SECONDS if seconds is None else seconds)
        except BaseException:
            self.stop()  # what is left in its pipe belongs to nobody
            raise
        if isinstance(answer, Problem):
            raise InputError(answer.key, **answer.values)
        return answer

    @contextmanager
    def _seen(self, size: int) -> Iterator[memoryview]:
        """The first bytes of the file in memory."""
        assert self._shared is not None
        if not size:
            yield memoryview(b"")
            return
        with mmap.mmap(self._shared.fileno(), size, access=mmap.ACCESS_READ) as content:
            seen = memoryview(content)
            try:
                yield seen
            finally:
                seen.release()

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:  # what was not written yet meets a closed pipe
                        continue
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    @property
    def pid(self) -> int | None:
        """Of the process that is there, for tests."""
        return self._process.pid if self._process is not None else None

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        # Without a name: nothing is left behind, whoever is killed.
        self._shared = tempfile.TemporaryFile(prefix="mmcore-", dir=memory)  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(self._shared.fileno()), str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries print what they think of hostile files
            pass_fds=(self._shared.fileno(),),
            cwd=Path(__file__).resolve().parents[2],
            env=bare_environment(),
        )
        self._process = process
        try:
            self._receive(process, START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return process

    def _send(self, process: subprocess.Popen[bytes], message: object) -> None:
        assert process.stdin is not None
        try:
            write(process.stdin, message)
        except OSError:
            raise CapacityError("decoder_ended") from None

    def _receive(self, process: subprocess.Popen[bytes], seconds: float) -> Any:
        """The next answer. Raises InputError where it does not come in time or the process ends over it."""
        assert process.stdout is not None
        until = time.monotonic() + seconds
        while not select([process.stdout], [], [], min(LOOKED, seconds))[0]:
            cancelling.check()
            if time.monotonic() > until:
                raise InputError("decoding_too_long", limit=seconds)
        try:
            return read(process.stdout)
        except EOFError:
            raise InputError("decoding_too_large", limit=self._memory // 1_000_000) from None


def write(pipe: IO[bytes], message: object) -> None:
    """One message. Raises OSError where the other end is gone."""
    content = pickle.dumps(message)
    pipe.write(LENGTH.pack(len(content)) + content)
    pipe.flush()


def read(pipe: IO[bytes]) -> Any:
    """One message, from a process of our own. Raises EOFError where the other end is gone."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    content = pipe.read(LENGTH.unpack(head)[0])
    return pickle.loads(content)


def _named(source: str | Path | bytes) -> str | bytes:
    """The file by its whole path. Raises InputError for what is no file: a pipe or a folder is said no to here."""
    if isinstance(source, bytes):
        return source
    size_of(source)
    return str(Path(source).absolute())


def _file(path: Path) -> Path:
    """A file by its whole path. Raises InputError for what is no file."""
    size_of(path)
    return path.absolute()


def _bare(settings: Settings) -> Settings:
    return replace(settings, apart=False, reduced=True, local={})


_decoder = Decoder()
_listener = Decoder()
atexit.register(_decoder.stop)
atexit.register(_listener.stop)


def decode_image(source: str | Path | bytes, settings: Settings) -> Image.Image:
    """``images.decode_image`` in the process that all callers share."""
    return _decoder.decode(source, settings)


def read_table(path: Path, needed: Sequence[str], limit: int, optional: Sequence[str]) -> list[dict[str, str]]:
    """``tables.read_table`` in the same process."""
    return _decoder.table(path, needed, limit, optional)


def read_clip(source: str | Path | bytes, settings: Settings) -> Clip:
    """``video_frames.read_clip`` in the process that all callers share."""
    return _decoder.clip(source, settings)


def open_sound(source: str | Path | bytes, settings: Settings) -> AbstractContextManager[DistantSound]:
    """``audio_files.open_sound`` in the process for sounds."""
    return _listener.sound(source, settings)
