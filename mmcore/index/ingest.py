"""Files on their way into a collection: found, told apart by content, decoded in threads."""

from __future__ import annotations

import hashlib
import json
import os
import threading
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
from mmcore.io.video_frames import is_video, read_clip
from mmcore.results.clips import KeyFrame
from mmcore.settings import Settings

WORKERS = min(8, os.cpu_count() or 1)
"""Threads that read and decode; Pillow works outside Python's lock."""
BATCH = 32
"""Pictures that are embedded and committed at once."""
BATCH_PIXELS = 100_000_000
"""A batch is closed early where its pictures together have more pixels: they all lie in memory."""
CLIP_BYTES = 16
"""Of a key frame's digest that are its video's."""
_last = threading.local()
"""The video that a thread has decoded last."""
TRANSIENT = frozenset(
    (
        *("image_too_large", "image_too_many_pixels", "image_unsupported"),
        *("file_missing", "file_is_folder", "file_unreadable", "folder_without_pictures"),
    )
)
"""What is wrong with these may change without the file: the limits, the machine, the rights. They are tried again."""

MARK, NEXT = b"\0", b"\1"

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
    moment: float | None = None
    """Seconds from the beginning of a video at which the picture is seen; None for a picture file."""

    @property
    def key(self) -> bytes:
        """What the catalogue calls it."""
        return as_stored(self.file.path, self.moment)


def as_stored(path: str, moment: float | None = None) -> bytes:
    """A path as the catalogue keeps it: names that are not text (Linux has such) included.

    A key frame of a video has its time behind it, after a zero, which no path holds.
    """
    return os.fsencode(path) if moment is None else os.fsencode(path) + MARK + f"{moment:010.2f}".encode()


def as_path(stored: bytes) -> str:
    """The other way round, without the time."""
    return os.fsdecode(stored.partition(MARK)[0])


def moment_of(stored: bytes) -> float | None:
    """The time of a key frame; None for a picture file."""
    time = stored.partition(MARK)[2]
    return float(time) if time else None


def of_file(path: str) -> tuple[str, tuple[bytes, bytes, bytes]]:
    """SQL for the entries of a file, one picture or all key frames of a video, and its values."""
    key = os.fsencode(path)
    return "(path = ? OR (path > ? AND path < ?))", (key, key + MARK, key + NEXT)


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
                paths, passed_over = pictures_below(Path(source), exclude, follow_links=follow_links, clips=True)
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


def read_all(file: PictureFile, settings: Settings, known: Callable[[bytes], bool]) -> list[Read | Broken]:
    """``read``; of a video the key frames, each with its moment. Those are decoded even where they are known."""
    if not file.size or not is_video(file.path):  # a pipe has no size, and would never end
        return [read(file, settings, known)]
    try:
        clip = read_clip(file.path, settings)
        with open(file.path, "rb") as content:
            whole = hashlib.file_digest(content, "sha256").digest()
        return [_frame(file, whole, frame) for frame in clip.frames]
    except MMCoreError as error:
        return [Broken(file.path, error)]
    except OSError as error:
        return [Broken(file.path, InputError("file_unreadable", path=file.path, detail=error.strerror or error))]


def _frame(file: PictureFile, whole: bytes, frame: KeyFrame) -> Read:
    """The first half of its digest is the video's, so that the frames of copies are known to be of one content."""
    moment = round(frame.at, 2)
    sha256 = whole[:CLIP_BYTES] + hashlib.sha256(f"{moment:.2f}".encode()).digest()[CLIP_BYTES:]
    thumbnail = perceptual_hash.small(frame.picture)
    return Read(file, sha256, frame.picture, perceptual_hash.jpeg(thumbnail), perceptual_hash.look(thumbnail), moment)


def read_entry(stored: bytes, file: PictureFile, settings: Settings) -> Read | Broken:
    """The picture of an entry anew: of a key frame the video is decoded again, once for a run of its frames."""
    moment = moment_of(stored)
    if moment is None:
        return read(file, settings, lambda _: False)
    last = getattr(_last, "clip", None)
    if last is None or last[0] != file:
        _last.clip = last = (file, read_all(file, settings, lambda _: False))
    frames = last[1]
    if len(frames) == 1 and isinstance(frames[0], Broken):
        return frames[0]
    same = [one for one in frames if isinstance(one, Read) and one.moment == moment]
    return same[0] if same else Broken(file.path, InputError("picture_exchanged", path=file.path))


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


def batches(items: Iterable[Sequence[Read | Broken]]) -> Iterator[list[Read | Broken]]:
    """About BATCH pictures, and about BATCH_PIXELS pixels, a batch; what belongs to one file stays together."""
    batch: list[Read | Broken] = []
    pixels = 0
    for some in items:
        batch += some
        for item in some:
            if isinstance(item, Read) and item.picture is not None:
                pixels += item.picture.width * item.picture.height
        if len(batch) >= BATCH or pixels >= BATCH_PIXELS:
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
