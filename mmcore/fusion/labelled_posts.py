"""Labelled posts as people have them: a folder like MVSA-Single, a table with pictures beside it, or a ZIP of these."""

from __future__ import annotations

import hashlib
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from mmcore.errors import InputError, Phrase
from mmcore.io.images import IMAGE_SUFFIXES
from mmcore.io.tables import ENDINGS, file_beside, read_table
from mmcore.results.sentiment import SENTIMENTS
from mmcore.settings import Settings

MOST_UNPACKED = 500_000_000
"""Bytes that a ZIP may hold when it is unpacked."""
SHORT = 8
"""Texts with fewer letters may be the same by chance, and are then no duplicates."""


@dataclass(frozen=True, eq=False)
class LabelledPosts:
    """Texts and paths of pictures ("" for none) with labels. ``groups`` brings duplicates together."""

    texts: tuple[str, ...]
    pictures: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    ids: tuple[str, ...]

    def first(self, count: int) -> LabelledPosts:
        """The first so many posts."""
        return LabelledPosts(
            self.texts[:count], self.pictures[:count], self.labels[:count], self.groups[:count], self.ids[:count]
        )

    def key(self, encoder: str) -> str:
        """A name for what an encoder makes of these posts: another text, picture or encoder gives another name.

        It goes by what is in the files, not by where they lie or since when.
        """
        pictures = {"": "", **{name: _digest(name) for name in dict.fromkeys(self.pictures) if name}}
        digest = hashlib.sha256(encoder.encode())
        for text, picture, label in zip(self.texts, self.pictures, self.labels.tolist(), strict=True):
            digest.update(f"{text}\0{pictures[picture]}\0{label}\0".encode())
        return digest.hexdigest()[:32]


def _digest(picture: str) -> str:
    with open(picture, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def original_of(image: str) -> str:
    """ "images/cat-grey.webp" -> "cat": posts with one original belong together when a part is held back."""
    return Path(image).stem.rpartition("-")[0]


def read_posts(
    source: Path, settings: Settings, limit: int | None = None, *, listed_only: bool = False
) -> LabelledPosts:
    """Read a folder, a table or a .zip of one of them.

    A folder holds labels.tsv with columns guid, label, text (and perhaps image_dup_of, text_dup_of) and
    images/<guid>.<ending>. A table (.tsv, .csv, .xlsx) has columns text, image, label: image is a path relative to the
    table, never outside its folder; text or image may be empty. A ZIP holds one table, anywhere, with its pictures.

    Posts of one group are duplicates: those that the table lists, of the same picture, of the same words; with
    ``listed_only`` just the first.

    Raises InputError: no such file, no table in the ZIP or several, a column is missing, an unknown label (with its
    row), a picture that is not there, no rows, more than ``limit`` (``settings.files`` unless said otherwise).
    """
    limit = settings.files if limit is None else limit
    if source.suffix.lower() == ".zip" and not source.is_dir():
        return read_posts(unpacked(source, settings, limit), settings, limit, listed_only=listed_only)
    if source.is_dir():
        table = source / "labels.tsv"
        if not table.is_file():
            raise InputError("folder_without_labels", path=source)
        if (source / "images").is_dir():
            return _read_folder(source, settings, limit, listed_only)
        source = table
    rows = read_table(source, ("text", "label"), limit, optional=("image",), apart=settings.apart)
    ids = tuple(str(number) for number in range(2, len(rows) + 2))  # as a spreadsheet counts: the header is row 1
    pictures = []
    for name, row in zip(ids, rows, strict=True):
        picture = row["image"].strip()
        path = file_beside(source, picture) if picture else None
        if path is not None and not path.is_file():
            raise InputError("table_row", row=name, detail=str(InputError("file_missing", path=picture)))
        pictures.append("" if path is None else str(path))
    return _posts(rows, pictures, ids, listed_only)


def _read_folder(folder: Path, settings: Settings, limit: int, listed_only: bool) -> LabelledPosts:
    rows = read_table(folder / "labels.tsv", ("guid", "label", "text"), limit, apart=settings.apart)
    known = {path.stem: str(path) for path in (folder / "images").iterdir() if path.suffix.lower() in IMAGE_SUFFIXES}
    ids = tuple(row["guid"].strip() for row in rows)
    for name in ids:
        if name not in known:
            raise InputError(
                "table_row", row=name, detail=str(InputError("file_missing", path=folder / "images" / f"{name}.*"))
            )
    return _posts(rows, [known[name] for name in ids], ids, listed_only)


def _posts(
    rows: Sequence[dict[str, str]], pictures: Sequence[str], ids: tuple[str, ...], listed_only: bool
) -> LabelledPosts:
    labels = []
    for name, row in zip(ids, rows, strict=True):
        label = row["label"].strip().lower()
        if label not in SENTIMENTS:
            raise InputError("table_label", row=name, label=row["label"].strip()[:80], known=", ".join(SENTIMENTS))
        labels.append(SENTIMENTS.index(label))
    texts = tuple(row["text"] for row in rows)
    groups = groups_of(rows, pictures, ids, listed_only=listed_only)
    return LabelledPosts(texts, tuple(pictures), np.array(labels, np.int64), groups, ids)


def groups_of(
    rows: Sequence[dict[str, str]], pictures: Sequence[str], ids: Sequence[str], *, listed_only: bool = False
) -> npt.NDArray[np.int64]:
    """(N,) one number for all posts that are duplicates: as the table says, of the same picture, of the same words.

    Words are the same where only case, links, user names, punctuation or a leading "RT" differ.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for place, row in enumerate(rows):
        keys = [
            f"id:{row[column].strip()}" for column in ("image_dup_of", "text_dup_of") if row.get(column, "").strip()
        ]
        words = plain_words(row["text"])
        if len(words) > SHORT and not listed_only:
            keys.append(f"text:{words}")
        if pictures[place] and not listed_only:
            keys.append("picture:" + hashlib.sha256(Path(pictures[place]).read_bytes()).hexdigest())
        for key in keys:
            parent[root(key)] = root(f"id:{ids[place]}")
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(root(f"id:{name}"), len(numbers)) for name in ids], np.int64)


def plain_words(text: str) -> str:
    """A text without case, links, user names, "RT" and punctuation."""
    small = unicodedata.normalize("NFKC", text).lower()
    bare = re.sub(r"https?://\S+|@\w+|\brt\b", " ", small)
    return " ".join(re.findall(r"[\w#]+", bare))


def unpacked(archive: Path, settings: Settings, limit: int) -> Path:
    """The one table of a ZIP, unpacked with the pictures; once for each content, under MMCORE_HOME/features."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir() and _wanted(entry.filename)]
            size = sum(entry.file_size for entry in entries)
            if len(entries) > limit + 1:
                raise InputError("too_many_files", count=len(entries), limit=limit + 1)
            if size > MOST_UNPACKED:
                raise InputError("zip_too_large", megabytes=size / 1e6, limit=MOST_UNPACKED / 1e6)
            tables = [entry for entry in entries if PurePosixPath(entry.filename).suffix.lower() in ENDINGS]
            if len(tables) != 1:
                raise InputError("zip_tables", name=archive.name, count=len(tables))
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:32]
            target = settings.home / "features" / f"{digest}-files"
            if not target.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                    _extract(opened, entries, Path(scratch) / "files")
                    (Path(scratch) / "files").rename(target)
    except FileNotFoundError:
        raise InputError("file_missing", path=archive) from None
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        detail = Phrase("damage_decode") if isinstance(error, zipfile.BadZipFile) else str(error)
        raise InputError("file_unreadable", path=archive.name, detail=detail) from None
    table = target / tables[0].filename
    return table.parent if table.name == "labels.tsv" and (table.parent / "images").is_dir() else table


def _extract(opened: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo], target: Path) -> None:
    """Unpack, with the limit once more on what really comes out: the sizes in a ZIP are only claims."""
    left = MOST_UNPACKED
    for entry in entries:
        path = (target / entry.filename).resolve()
        if not path.is_relative_to(target.resolve()):
            raise InputError("table_path", path=entry.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(entry) as inside:
            content = inside.read(left + 1)
        left -= len(content)
        if left < 0:
            raise InputError("zip_too_large", megabytes=MOST_UNPACKED / 1e6, limit=MOST_UNPACKED / 1e6)
        path.write_bytes(content)


def _wanted(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and path.suffix.lower() in (*ENDINGS, *IMAGE_SUFFIXES)
