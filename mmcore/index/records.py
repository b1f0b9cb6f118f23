"""What a collection tells of itself: frozen records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from mmcore.errors import MMCoreError
from mmcore.results.ocr import TextLine
from mmcore.types import Vectors

Embed: TypeAlias = "Callable[[Sequence[Image.Image]], Vectors]"
"""N decoded RGB pictures -> (N, C) float32 vectors, each of length 1. May raise what a task raises."""

ReadLines: TypeAlias = "Callable[[Sequence[Image.Image]], Sequence[Sequence[TextLine]]]"
"""N decoded RGB pictures -> the lines of text in each. May raise what a task raises."""


@dataclass(frozen=True)
class Entry:
    """One picture of a collection."""

    id: int
    """Stays the same as long as the picture is in the collection, also when it is embedded anew."""
    path: str
    """Absolute."""
    name: str
    """The file's name; characters that are not text are shown as "?"."""
    size: int
    """Bytes of the file when it was added."""
    modified: int
    """Nanoseconds since 1970 when the file was last changed before it was added."""
    sha256: str
    """Of the file's bytes, 64 hexadecimal digits."""
    width: int
    """Of the upright picture, in pixels."""
    height: int
    moment: float | None = None
    """Seconds from the beginning of a video at which it is seen: a key frame; None for a picture file."""
    searchable: bool = True
    """False where it has no vector: its file was not there when the collection was embedded with another model."""

    @property
    def content(self) -> str:
        """The same for files that are the same byte for byte, and for all key frames of one video."""
        return self.sha256 if self.moment is None else self.sha256[:32]

    @property
    def missing(self) -> bool:
        """Whether the file has disappeared; looked up now."""
        return not Path(self.path).is_file()


@dataclass(frozen=True)
class Hit:
    """A picture that a search found."""

    entry: Entry
    score: float
    """Cosine of query and picture, -1 to 1; vectors are kept in half precision, so it is exact to about 0.0005."""


@dataclass(frozen=True)
class Broken:
    """A file that could not be added, and why."""

    path: str
    error: MMCoreError


@dataclass(frozen=True)
class Duplicate:
    """A picture that the collection had already under another path."""

    path: str
    of: str
    """Path of the one that was there first."""
    similarity: float = 1.0
    """Cosine of the two; 1 where the files are the same byte for byte."""


@dataclass(frozen=True)
class AddOptions:
    """How files are found."""

    exclude: tuple[str, ...] = ()
    """Patterns with ``*`` and ``?`` for names, or paths below a given folder, of what is to be left out."""
    follow_links: bool = False
    """Walk folders that are links, too; each folder once."""
    check: bool = False
    """Compare the content of every file, also where size and times are as they were."""


@dataclass(frozen=True)
class AddReport:
    """What became of the files that were to be added. Every file is in exactly one of the first three, or moved."""

    added: tuple[str, ...] = ()
    """New and changed files, with their duplicates: a copy is an entry of its own."""
    unchanged: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()
    """Also files that were found broken before and have not changed since; those are not tried again."""
    duplicates: tuple[Duplicate, ...] = ()
    """Added files that are the same as another, byte for byte."""
    near_duplicates: tuple[Duplicate, ...] = ()
    """Added files that show the same picture as another: resized, compressed again, slightly cropped."""
    missing: tuple[str, ...] = ()
    """Entries below the given folders (or, in ``refresh``, of the collection) whose files have disappeared."""
    moved: tuple[Duplicate, ...] = ()
    """Files under a new path whose old one (``of``) is gone: the entry stays and has the new path."""
    left_out: tuple[tuple[str, int], ...] = ()
    """How many in the given folders were passed over for which of ``mmcore.io.picture_folders.REASONS``."""
    cancelled: bool = False
    """Stopped before the end, as asked; what was added so far stays."""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON: counts, and the paths where something is the matter."""
        return {
            "added": len(self.added),
            "unchanged": len(self.unchanged),
            "broken": [{"path": one.path, "error": one.error.to_dict()} for one in self.broken],
            "duplicates": [{"path": one.path, "of": one.of} for one in self.duplicates],
            "near_duplicates": [
                {"path": one.path, "of": one.of, "score": round(one.similarity, 4)} for one in self.near_duplicates
            ],
            "missing": list(self.missing),
            **({"moved": [{"path": one.path, "of": one.of} for one in self.moved]} if self.moved else {}),
            **({"left_out": dict(self.left_out)} if self.left_out else {}),
            "cancelled": self.cancelled,
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True)
class ReadReport:
    """What came of reading the text in those pictures that had not been read yet."""

    read: int = 0
    """Pictures of different content."""
    with_text: int = 0
    """How many of them hold text."""
    broken: tuple[Broken, ...] = ()
    """Files that have gone, or changed, since they were added; they are tried again the next time."""
    cancelled: bool = False
    """Stopped before the end, as asked; what was read so far stays."""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON: counts, and the paths where something is the matter."""
        return {
            "read": self.read,
            "with_text": self.with_text,
            "broken": [{"path": one.path, "error": one.error.to_dict()} for one in self.broken],
            "cancelled": self.cancelled,
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True)
class DuplicateGroup:
    """Two or more pictures of a collection that are the same, in the order they were added."""

    entries: tuple[Entry, ...]
    exact: bool
    """The files are the same byte for byte; else they only look the same."""


@dataclass(frozen=True)
class Summary:
    """A collection in a list of them."""

    name: str
    checkpoint: str
    """Name of the checkpoint that made its vectors."""
    pictures: int
    bytes: int
    """What it takes on the disk, without the pictures themselves."""
    read_only: bool
