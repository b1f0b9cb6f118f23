"""The collections that a visitor can search: the examples, the visitor's own uploads, and what the owner shares.

A collection is chosen by a plain word, which is all that a page or a program sends: ``examples``, ``uploads`` or
``shared:<name>``. No path comes from outside.
"""

from __future__ import annotations

import filecmp
import logging
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from mmcore.errors import Cancelled, InputError, MMCoreError, UnknownNameError
from mmcore.index import AddReport, Collection, Entry, Library, SessionLibrary, ready_vectors
from mmcore.io.images import decode_image
from mmcore.io.video_frames import VIDEO_SUFFIXES, is_video
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks.retrieval import embed_images
from mmcore.types import IsCancelled, Progress, Vectors

from ..ui import picture_archives, uploads
from ..ui.events import Failure
from ..ui.examples import collection as example_pictures
from ..ui.examples import ready_file
from ..ui.i18n import LANGUAGES

_log = logging.getLogger(__name__)

EXAMPLES, UPLOADS, SHARED = "examples", "uploads", "shared:"
KEPT_SIDE = 1024
"""Longer side in pixels of the copies that are kept of a visitor's pictures: enough for every model and to look at."""
MOST_CLIPS = 10
"""Videos of one visitor: they are kept as they are, up to 100 MB each, since another model looks at them anew."""


@dataclass
class UploadSession:
    """What one visitor brought along; kept in a ``gr.State`` and closed with the session."""

    library: SessionLibrary
    collection: Collection
    turn: threading.Lock = field(default_factory=threading.Lock)
    """One upload, or change of model, at a time."""
    closed: bool = False

    def close(self) -> None:
        """Delete the pictures and their vectors."""
        self.closed = True
        self.library.close()


@dataclass(frozen=True)
class Added:
    """What became of an upload."""

    pictures: int
    """In the visitor's collection now."""
    new: int
    known: int
    """Files that were there already, under the same name."""
    broken: tuple[tuple[str, Failure], ...]
    """(name, why) of the files that could not be read."""
    copies: tuple[tuple[str, str], ...]
    """(name, name of the picture that it is a copy of)."""
    stopped: bool
    clips: int = 0
    """Videos in the visitor's collection now."""
    frames: int = 0
    """Of its pictures those that are key frames of videos."""


class CollectionChooser:
    """Opens collections. One for the whole page; any number of visitors may use it at once."""

    def __init__(self, pool: ModelPool) -> None:
        self.pool = pool
        self._examples = Library(pool.settings, self._folder(pool.settings.home))
        self._shared = Library(pool.settings, read_only=True)
        self._ready: set[str] = set()
        self._turn = threading.Lock()

    def _folder(self, home: Path) -> Path:
        """Where the examples' vectors are kept: below ``home``, or where that cannot be written, for this process."""
        there = next((folder for folder in (home, *home.absolute().parents) if folder.exists()), home)
        if os.access(there, os.W_OK):
            return home / "demo" / "collections"
        scratch = tempfile.mkdtemp(prefix="mmcore-examples-")
        self._cleaner = weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        return Path(scratch)

    def shared(self) -> list[str]:
        """Names of the collections that the owner of this machine shares by ``mmcore index share``."""
        return self._shared.shared()

    def embed(self, model: str) -> Callable[[Sequence[Image.Image]], Any]:
        """Pictures -> vectors of that model: what a collection asks for."""
        return lambda images: embed_images(self.pool, images, model)

    def open(
        self,
        choice: str,
        model: str,
        visitor: UploadSession | None = None,
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Collection:
        """The chosen collection, ready to be searched.

        The examples are embedded when they are first asked for, a visitor's pictures again when the model changes.
        A shared collection keeps the model that it was made with. Raises UnknownNameError, InputError where nothing
        was uploaded yet, and what embedding raises.
        """
        if not isinstance(choice, str):  # programs send what they like
            raise UnknownNameError("collection", str(choice)[:80], [EXAMPLES])
        if choice == EXAMPLES:
            return self._open_examples(model, progress, cancelled)
        if choice == UPLOADS:
            if visitor is None or not len(visitor.collection):
                raise InputError("nothing_uploaded")
            return self._open_uploads(visitor, model, progress, cancelled)
        if choice.startswith(SHARED) and choice.removeprefix(SHARED) in self.shared():
            return self._shared.open(choice.removeprefix(SHARED))
        known = [EXAMPLES, UPLOADS, *(f"{SHARED}{name}" for name in self.shared())]
        raise UnknownNameError("collection", choice, known)

    def _open_examples(self, model: str, progress: Progress | None, cancelled: IsCancelled | None) -> Collection:
        name = f"examples {model}"
        if model in self._ready:
            return self._examples.open_or_create(name, model)
        with self._turn:
            try:
                collection = self._examples.open_or_create(name, model)
            except InputError as error:
                if error.key != "collection_other_version":
                    raise
                _log.info("%s: made with an earlier version of the weights; embedded anew", name)
                self._examples.remove(name)
                collection = self._examples.open_or_create(name, model)
            files = [item.path for item in example_pictures()]
            report = collection.add(
                files,
                self.embed(model),
                checkpoint=model,
                progress=progress,
                cancelled=cancelled,
                ready=self._ready_vectors(model) if len(collection) < len(files) else None,
            )
            if report.cancelled:
                raise Cancelled("cancelled", done=len(collection), total=len(files))
            # Of an installation that lay elsewhere, or an older release.
            listed = {str(path) for path in files}
            collection.remove([entry for entry in collection.entries() if entry.path not in listed])
            self._ready.add(model)
        return collection

    def _ready_vectors(self, model: str) -> Mapping[bytes, Vectors]:
        """Those of the example pictures that come with the page, for the bundled model."""
        file = ready_file(model)
        if not file.is_file():
            return {}
        return ready_vectors.read(file, model, self.pool.get(model).fingerprint)

    def _open_uploads(
        self, visitor: UploadSession, model: str, progress: Progress | None, cancelled: IsCancelled | None
    ) -> Collection:
        collection = visitor.collection
        with visitor.turn:
            if collection.checkpoint != model:
                report = collection.reembed(self.embed(model), checkpoint=model, progress=progress, cancelled=cancelled)
                if report.cancelled:
                    raise Cancelled("cancelled", done=len(report.added), total=len(collection))
        return collection

    def visitor(self, model: str) -> UploadSession:
        """An empty collection of a visitor's own."""
        library = SessionLibrary(self.pool.settings)
        return UploadSession(library, library.open_or_create("uploads", model))

    def add(
        self,
        visitor: UploadSession,
        payload: Sequence[Mapping[str, Any]] | None,
        model: str,
        progress: Progress,
        cancelled: IsCancelled,
    ) -> Added:
        """Take uploaded pictures and short videos, and those inside ZIP archives, into the visitor's collection.

        ``progress`` counts every file twice: when it is read and when it is embedded. A file that is neither is told
        of, and the others are still taken. Raises InputError where nothing was given, for too many files and for
        an archive that cannot be read.
        """
        limit = self.pool.settings.files
        files = uploads.paths_of(payload, limit)
        broken: list[tuple[str, Failure]] = []
        kept: list[Path] = []
        sources = list(_sources(files, limit, self.pool))
        total = 2 * len(sources)
        with visitor.turn:
            if visitor.collection.checkpoint != model:
                visitor.collection.reembed(self.embed(model), checkpoint=model, cancelled=cancelled)
            clips = {entry.path for entry in visitor.collection.entries() if entry.moment is not None}
            for place, (name, content) in enumerate(sources):
                if cancelled():
                    break
                progress(place, total)
                try:
                    if isinstance(content, InputError):
                        raise content
                    if is_video(content):
                        path = _keep_clip(content, name, visitor.library.uploads, self.pool.settings, clips)
                        clips.add(str(path))
                    else:
                        path = _keep(decode_image(content, self.pool.settings), name, visitor.library.uploads)
                except MMCoreError as error:
                    broken.append((name, Failure(error)))
                else:
                    kept.append(path)
            report = AddReport()
            if kept:
                read = len(sources)
                report = visitor.collection.add(
                    kept,
                    self.embed(model),
                    checkpoint=model,
                    progress=lambda done, of: progress(read + round(done / max(of, 1) * read), total),
                    cancelled=cancelled,
                )
        broken += [(Path(item.path).name, Failure(item.error)) for item in report.broken]
        copies = [(Path(item.path).name, Path(item.of).name) for item in (*report.duplicates, *report.near_duplicates)]
        for item in report.broken:  # videos that turned out to be too long, or damaged
            if visitor.collection.entry(item.path) is None:
                Path(item.path).unlink(missing_ok=True)
        stopped = cancelled() or report.cancelled
        frames = [entry.path for entry in visitor.collection.entries() if entry.moment is not None]
        return Added(
            len(visitor.collection), len(report.added), len(report.unchanged), tuple(broken), tuple(copies), stopped,
            len(set(frames)), len(frames),
        )  # fmt: skip


def _sources(
    files: Sequence[tuple[str, Path]], limit: int, pool: ModelPool
) -> Iterator[tuple[str, Path | bytes | InputError]]:
    """(name, what to decode) of every picture of an upload, archives opened; together at most ``limit``."""
    archived = [(name, path) for name, path in files if picture_archives.is_archive(path)]
    room = limit - (len(files) - len(archived))
    for name, path in files:
        if (name, path) not in archived:
            yield name, path
            continue
        for member in picture_archives.members(path, name, pool.settings, room):
            room -= 1
            yield member.name, member.content


def _keep(image: Image.Image, name: str, folder: Path) -> Path:
    """Write a small copy under the visitor's own name for it; the same picture again gives the same bytes."""
    small = image.copy()
    small.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    part = _part(folder)
    small.save(part, "JPEG", quality=92)
    return _named(part, name, ".jpg")


def _keep_clip(content: Path | bytes, name: str, folder: Path, settings: Settings, clips: set[str]) -> Path:
    """Keep a video under the visitor's own name for it. What it holds is looked at when it is added.

    ``clips`` are those that are kept already. Raises InputError for one that is too large, or one too many.
    """
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    if size > settings.video_bytes:
        raise InputError("video_too_large", megabytes=size / 1e6, limit=settings.video_bytes / 1e6)
    part = _part(folder)
    if isinstance(content, bytes):
        part.write_bytes(content)
    else:
        try:
            part.hardlink_to(content)
        except OSError:  # on another disk
            shutil.copyfile(content, part)
    suffix = Path(name).suffix.lower()
    kept = _named(part, name, suffix if suffix in VIDEO_SUFFIXES else ".mp4")
    if str(kept) not in clips and len(clips) >= MOST_CLIPS:
        kept.unlink()
        raise InputError("too_many_clips", limit=MOST_CLIPS)
    return kept


def _named(part: Path, name: str, suffix: str) -> Path:
    """Put a file under a name of the visitor's, unless the same one lies there already."""
    stem = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in Path(name).stem)
    target = part.with_name(f"{stem[:80] or 'picture'}{suffix}")
    number = 2
    while target.exists() and not filecmp.cmp(target, part, shallow=False):
        target = part.with_name(f"{stem[:80]} ({number}){suffix}")
        number += 1
    os.replace(part, target)
    part.unlink(missing_ok=True)  # it stays where both are one file
    return target


def _part(folder: Path) -> Path:
    """Where a file is written before it has its name; nothing is there, above all no link to an upload."""
    part = folder / ".part"
    part.unlink(missing_ok=True)
    return part


def picture_of(entry: Entry, collection: Collection, pool: ModelPool) -> Image.Image:
    """The picture itself, or its thumbnail where the file has disappeared or changed for the worse."""
    try:
        return decode_image(Path(entry.path), pool.settings)
    except InputError:
        return decode_image(collection.thumbnail(entry), pool.settings)


def described(entry: Entry) -> Mapping[str, str]:
    """Language -> what to call the picture: what an example shows, else the file's name."""
    for item in example_pictures():
        if str(item.path) == entry.path:
            return item.alt
    name = entry.name
    if entry.moment is not None:
        name = f"{name}, {int(entry.moment) // 60}:{int(entry.moment) % 60:02}"
    return dict.fromkeys(LANGUAGES, name)
