"""Files on their way into a collection: found, told apart by content, decoded in threads."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from mmcore import errors
from mmcore.errors import InputError, MMCoreError, Phrase
from mmcore.index import perceptual_hash
from mmcore.index.records import Broken
from mmcore.io.images import decode_image
from mmcore.io.picture_folders import pictures_below
from mmcore.settings import Settings

WORKERS = min(8, os.cpu_count() or 1)
"""Threads that read and decode; Pillow works outside Python's lock."""
BATCH = 32
"""Pictures that are embedded and committed at once."""
BATCH_PIXELS = 100_000_000
"""A batch is closed early where its pictures together have more pixels: they all lie in memory."""
TRANSIENT = frozenset(
    (
        *("image_too_large", "image_too_many_pixels", "image_unsupported"),
        *("file_missing", "file_is_folder", "file_unreadable", "folder_without_pictures"),
    )
)
"""What is wrong with these may change without the file: the limits, the machine, the rights. They are tried again."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class PictureFile:
    """A file, as the file system describes it."""

    path: str
    size: int
    modified: int
    changed: int = 0
    """Nanoseconds since 1970 when content, name or rights were last changed: nobody can set it back."""
    inode: int = 0


@dataclass(frozen=True, eq=False)
class Read:
    """A file that was read. Without a picture where the collection has the same content already."""

    file: PictureFile
    sha256: bytes
    picture: Image.Image | None = None
    jpeg: bytes = b""
    look: int | None = None


def as_stored(path: str) -> bytes:
    """A path as the catalogue keeps it: names that are not text (Linux has such) included."""
    return os.fsencode(path)


def as_path(stored: bytes) -> str:
    """The other way round."""
    return os.fsdecode(stored)


def readable(text: str) -> str:
    """Text with "?" for what a file name holds beyond it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def folded(text: str) -> str:
    """For comparing names: composed, without case, with slashes."""
    return unicodedata.normalize("NFC", readable(text)).casefold().replace("\\", "/")


def find(
    sources: Iterable[str | Path], exclude: Sequence[str] = (), *, follow_links: bool = False
) -> tuple[list[PictureFile], list[Broken], Counter[str]]:
    """Files and the pictures in folders and below, each once, those that cannot be had, and what was left out.

    See ``mmcore.io.picture_folders.pictures_below``.
    """
    left_out: Counter[str] = Counter()
    found: dict[str, PictureFile] = {}
    broken: dict[str, Broken] = {}
    for source in sources:
        try:
            if not str(source):
                raise InputError("nothing_given")
            paths: Sequence[Path] = [Path(source)]
            if Path(source).is_dir():
                paths, passed_over = pictures_below(Path(source), exclude, follow_links=follow_links)
                left_out += passed_over
                if not paths:
                    raise InputError("folder_without_pictures", path=Path(source))
        except InputError as error:
            broken[str(source)] = Broken(str(source), error)
            continue
        for path in paths:
            name = os.path.abspath(path)
            if name in found:
                continue
            try:
                status = os.stat(name)
            except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero character in the name
                shown = name.replace("\0", "\\0")
                broken[shown] = Broken(shown, InputError("file_missing", path=shown))
                continue
            except OSError as error:
                broken[name] = Broken(name, InputError("file_unreadable", path=name, detail=error.strerror))
                continue
            found[name] = PictureFile(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return list(found.values()), list(broken.values()), left_out


def read(file: PictureFile, settings: Settings, known: Callable[[bytes], bool]) -> Read | Broken:
    """Read a file; decode it unless ``known(sha256)``."""
    try:
        data = Path(file.path).read_bytes() if 0 < file.size <= settings.image_bytes else b""
        if not data:
            decode_image(file.path, settings)  # says what is the matter
            data = Path(file.path).read_bytes()  # it has just been written
        sha256 = hashlib.sha256(data).digest()
        if known(sha256):
            return Read(file, sha256)
        picture = decode_image(data, settings)
        thumbnail = perceptual_hash.small(picture)
        return Read(file, sha256, picture, perceptual_hash.jpeg(thumbnail), perceptual_hash.look(thumbnail))
    except MMCoreError as error:
        return Broken(file.path, error)
    except FileNotFoundError:
        return Broken(file.path, InputError("file_missing", path=file.path))
    except OSError as error:
        return Broken(file.path, InputError("file_unreadable", path=file.path, detail=error.strerror or error))


def in_threads(work: Callable[[Item], Answer], items: Iterable[Item]) -> Generator[Answer, None, None]:
    """``work(item)`` of each, in order, a few ahead of the one who asks. Leaving early stops the rest."""
    with ThreadPoolExecutor(WORKERS, "reading") as threads:
        waiting: deque[Future[Answer]] = deque()
        try:
            for item in items:
                waiting.append(threads.submit(work, item))
                if len(waiting) > 2 * WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def batches(items: Iterable[Read | Broken]) -> Iterator[list[Read | Broken]]:
    """At most BATCH files, and about BATCH_PIXELS pixels, a batch."""
    batch: list[Read | Broken] = []
    pixels = 0
    for item in items:
        batch.append(item)
        if isinstance(item, Read) and item.picture is not None:
            pixels += item.picture.width * item.picture.height
        if len(batch) == BATCH or pixels >= BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def write_error(error: MMCoreError) -> str:
    """An error as text, to be told again later, in any language."""
    values = {
        name: {"phrase": value.key}
        if isinstance(value, Phrase)
        else value
        if isinstance(value, int | float)
        else str(value)
        for name, value in error.values.items()
    }
    return json.dumps({"type": type(error).__name__, "key": error.key, "values": values})


def read_error(text: str) -> MMCoreError:
    """The error that ``write_error`` wrote."""
    stored = json.loads(text)
    values = {
        name: Phrase(value["phrase"]) if isinstance(value, dict) else value for name, value in stored["values"].items()
    }
    kind: type[MMCoreError] = getattr(errors, stored["type"])
    return kind(stored["key"], **values)
