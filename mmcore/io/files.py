"""Is it a file that can be read, and how large is it? Asked before a byte is read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcore.errors import InputError, Phrase


@contextmanager
def unreadable(path: str | Path) -> Iterator[None]:
    """Around whatever opens or reads ``path``: the system's errors become ours."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero character in the name
        raise InputError("file_missing", path=str(path).replace("\0", "\\0")) from None
    except OSError as error:
        raise InputError("file_unreadable", path=path, detail=error.strerror or str(error)) from None


def size_of(source: str | Path) -> int:
    """Bytes of an ordinary file. Raises InputError: nothing given, no file, a folder, a pipe, not readable."""
    if not str(source):
        raise InputError("nothing_given")
    path = Path(source)
    with unreadable(path):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise InputError("file_is_folder", path=path)
    if not stat.S_ISREG(status.st_mode):  # a pipe or a device would never end
        raise InputError("file_unreadable", path=path, detail=Phrase("not_a_file"))
    return status.st_size
