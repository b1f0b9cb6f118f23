"""The process that ``decoder_process`` starts: it decodes pictures and does nothing else."""

from __future__ import annotations

import os
import sys
from io import RawIOBase

from mmcore.errors import InputError
from mmcore.io.decoder_process import Problem, read, write
from mmcore.io.images import decode_image
from mmcore.results.notices import notices_of


def serve(shared: RawIOBase, memory: int) -> None:
    """What the process does: decode one picture after another, until nobody asks any more."""
    _limit(memory)
    write(sys.stdout.buffer, None)
    while True:
        try:
            source, settings = read(sys.stdin.buffer)
        except EOFError:
            return
        try:
            image = decode_image(source, settings)
        except InputError as error:
            write(sys.stdout.buffer, Problem(error.key, error.values))
            continue
        shared.seek(0)
        shared.write(image.tobytes())
        write(sys.stdout.buffer, (image.size, notices_of(image)))


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
