"""Pictures decoded in a process of their own, under limits of time and memory.

    decode_image(source, settings) -> RGB picture, as ``mmcore.io.images`` gives it

One process waits warm for the next picture; it holds no model and no secret. A file that takes too long, or more
memory than a picture may, ends that process and not the page: the next picture gets a new one. The pixels come back
through a file in memory, the answer through a pipe.
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
from dataclasses import dataclass, replace
from pathlib import Path
from select import select
from typing import IO, Any, BinaryIO

from PIL import Image

from mmcore.errors import CapacityError, InputError
from mmcore.io.files import size_of
from mmcore.results.notices import noted
from mmcore.settings import Settings, bare_environment

SECONDS = 10.0
"""Of wall time for one picture."""
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


class Decoder:
    """The process, started when it is first needed and again after its end. Threads take turns."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._shared: BinaryIO | None = None

    def decode(self, source: str | Path | bytes, settings: Settings) -> Image.Image:
        """The picture. Raises what ``images.decode_image`` raises, and InputError where it took too much."""
        if not isinstance(source, bytes):
            size_of(source)  # a pipe or a folder is said no to here
            source = str(Path(source).absolute())
        with self._turn:
            process = self._ready()
            try:
                self._send(process, (source, replace(settings, apart=False, reduced=True, local={})))
                answer = self._receive(process, SECONDS)
            except BaseException:
                self.stop()  # what is left in its pipe belongs to nobody
                raise
            if isinstance(answer, Problem):
                raise InputError(answer.key, **answer.values)
            assert self._shared is not None
            (width, height), notices = answer
            number, size = self._shared.fileno(), width * height * 3
            with mmap.mmap(number, size, access=mmap.ACCESS_READ) as pixels, memoryview(pixels) as seen:
                return noted(Image.frombytes("RGB", (width, height), seen), *notices)

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
        if not select([process.stdout], [], [], seconds)[0]:
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


_decoder = Decoder()
atexit.register(_decoder.stop)


def decode_image(source: str | Path | bytes, settings: Settings) -> Image.Image:
    """``images.decode_image`` in the process that all callers share."""
    return _decoder.decode(source, settings)
