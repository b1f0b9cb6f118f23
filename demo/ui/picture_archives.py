"""Pictures and short videos out of an uploaded ZIP archive, within limits checked before and while it is read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mmcore.errors import InputError
from mmcore.io.video_frames import VIDEO_SUFFIXES
from mmcore.settings import Settings

LARGEST_RATIO = 200
"""Bytes that one byte of an archive may become; pictures are compressed already, bombs are not."""
ALWAYS_ALLOWED = 1_000_000
"""Bytes that any archive may unpack to, however small it is."""
_ENCRYPTED = 0x1
_UNREADABLE = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError)
"""What zipfile raises for damaged, encrypted and unknown kinds of archives."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or why they cannot be had."""

    name: str
    """Without folders, so that it can be shown and never leads out of a folder."""
    content: bytes | InputError


def is_archive(path: Path) -> bool:
    """Whether the file says at its beginning that it is a ZIP archive."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def members(path: Path, name: str, settings: Settings, room: int) -> Iterator[Member]:
    """The files of an archive, folders and hidden files left out; nothing is written to the disk.

    Each file is read within ``settings.image_bytes`` whatever its header claims; one that is too large, encrypted or
    damaged comes as an error in its place. ``name`` is the visitor's for the archive.
    Raises InputError for an archive that cannot be read, for one that holds more than ``room`` files, and for one
    that would unpack to far more than pictures do.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        raise InputError("archive_damaged", name=name, detail=_detail(error)) from error
    with archive:
        wanted = [item for item in archive.infolist() if not item.is_dir() and not _hidden(item.filename)]
        if len(wanted) > room:
            raise InputError("too_many_files", count=len(wanted), limit=room)
        claimed = sum(item.file_size for item in wanted)
        if claimed > max(ALWAYS_ALLOWED, path.stat().st_size * LARGEST_RATIO):
            raise InputError("archive_bomb", name=name, megabytes=claimed / 1e6)
        for item in wanted:
            yield Member(_plain(item.filename), _content(archive, item, settings))


def _content(archive: zipfile.ZipFile, item: zipfile.ZipInfo, settings: Settings) -> bytes | InputError:
    if item.flag_bits & _ENCRYPTED:
        return InputError("archive_encrypted", name=_plain(item.filename))
    name = _plain(item.filename)
    if item.file_size > settings.image_bytes:
        return _too_large(name, item.file_size, settings)
    try:
        with archive.open(item) as file:
            content = file.read(settings.image_bytes + 1)
    except _UNREADABLE as error:
        return InputError("archive_damaged", name=_plain(item.filename), detail=_detail(error))
    return content if len(content) <= settings.image_bytes else _too_large(name, len(content), settings)


def _too_large(name: str, size: int, settings: Settings) -> InputError:
    video = Path(name).suffix.lower() in VIDEO_SUFFIXES
    key = "archive_video_too_large" if video else "image_too_large"
    return InputError(key, megabytes=size / 1e6, limit=settings.image_bytes / 1e6)


def _detail(error: Exception) -> str:
    return str(error) or type(error).__name__


def _plain(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name or "?"


def _hidden(name: str) -> bool:
    """What a file manager puts beside the pictures: ``__MACOSX/._cat.jpg``, ``.DS_Store``, ``Thumbs.db``."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    hidden = (part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)
    return any(hidden) or parts[-1:] == ("Thumbs.db",)
