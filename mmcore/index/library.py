"""Library: the collections of a folder, by name."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from filelock import FileLock, Timeout

from mmcore.errors import CapacityError, InputError, MMCoreError, UnknownNameError
from mmcore.index.collection import Collection
from mmcore.index.records import Summary
from mmcore.index.store import FILE, Store, collections_in, failures
from mmcore.settings import Settings

NAME = re.compile(r"[^\W_][\w .\-]{0,63}")
"""One letter or digit, then letters, digits, blanks and ``_ . -``: nothing that leads out of the folder."""
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for itself."""
SHARED = "shared"
"""The empty file in a collection's folder that lets visitors of the page search it."""
SESSION, ALIVE = "mmcore-session-", "alive"
"""Beginning of the names of sessions' folders, and the file in each that its process holds locked."""
JUST_MADE = 60.0
"""Seconds in which a session's folder may not have its lock yet."""
ABANDONED = 24 * 3600.0
"""Seconds after which a half-made or half-deleted collection of another process is cleared away."""


class Library:
    """Named collections below one folder; ``MMCORE_HOME/collections`` unless another is given.

    ``read_only`` is for shared collections that visitors may search: everything that writes raises InputError.
    """

    def __init__(self, settings: Settings, folder: Path | None = None, *, read_only: bool = False) -> None:
        self.settings, self.read_only = settings, read_only
        self.folder = Path(folder or settings.home / "collections").absolute()

    def names(self) -> list[str]:
        """Names of the collections, sorted."""
        return collections_in(self.folder)

    def shared(self) -> list[str]:
        """Names of the collections that visitors may search, sorted."""
        return [name for name in self.names() if (self.folder / name / SHARED).is_file()]

    def share(self, name: str, allowed: bool = True) -> None:
        """Let visitors of the page search a collection, or no longer.

        Raises UnknownNameError, InputError in a read-only library, CapacityError where the folder cannot be written.
        """
        self.open(name).close()
        if self.read_only:
            raise InputError("collection_read_only", name=name)
        try:
            if allowed:
                (self.folder / name / SHARED).touch()
            else:
                (self.folder / name / SHARED).unlink(missing_ok=True)
        except OSError as error:
            detail = error.strerror or str(error)
            raise CapacityError("collection_disk", name=name, folder=self.folder, detail=detail) from error

    def summaries(self) -> list[Summary]:
        """What each collection is, sorted by name. Damaged ones, and those deleted meanwhile, are left out."""
        found = []
        for name in self.names():
            with suppress(MMCoreError):
                collection = self.open(name)
                found.append(collection.summary())
                collection.close()
        return found

    def open(self, name: str) -> Collection:
        """The collection of that name; on a medium that cannot be written, to be read only.

        Raises UnknownNameError, which lists those that are there.
        """
        if not _allowed(name) or not (self.folder / name / FILE).is_file():
            raise UnknownNameError("collection", name, self.names())
        sealed = self.read_only or not os.access(self.folder / name, os.W_OK)
        return Collection(self.folder / name, name, self.settings, read_only=sealed)

    def create(self, name: str, checkpoint: str) -> Collection:
        """A new, empty collection for vectors of ``checkpoint``.

        Names have 1 to 64 letters (of any script), digits, blanks, ``-``, ``_`` and ``.``, and begin with a letter or
        digit. Raises InputError for another name, one that is taken, and in a read-only library; CapacityError where
        the folder cannot be written to.
        """
        if not _allowed(name):
            raise InputError("collection_name", name=name)
        if self.read_only:
            raise InputError("collection_read_only", name=name)
        target, draft = self.folder / name, self.folder / f".new-{uuid4().hex}"
        if target.exists():
            raise InputError("collection_exists", name=name)
        try:
            draft.mkdir(parents=True)
            with failures(name, self.folder):
                Store.create(draft, checkpoint)
            draft.rename(target)  # at once, whole: a killed process leaves no half of a collection
        except OSError as error:
            if target.exists():  # another process was quicker
                raise InputError("collection_exists", name=name) from None
            detail = error.strerror or str(error)
            raise CapacityError("collection_disk", name=name, folder=self.folder, detail=detail) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self._clear_abandoned()
        return self.open(name)

    def open_or_create(self, name: str, checkpoint: str) -> Collection:
        """The collection of that name, new if need be. Raises InputError where it was made with another checkpoint.

        Raises CapacityError where it cannot be written to.
        """
        if not _allowed(name):
            raise InputError("collection_name", name=name)
        if name not in self.names():
            try:
                return self.create(name, checkpoint)
            except InputError as error:
                if error.key != "collection_exists":
                    raise
        collection = self.open(name)
        if collection.read_only and not self.read_only:
            collection.close()
            detail = os.strerror(errno.EROFS)
            raise CapacityError("collection_disk", name=name, folder=self.folder, detail=detail)
        collection.require(checkpoint)
        return collection

    def remove(self, name: str) -> None:
        """Delete a collection; the pictures it was made of stay. Raises UnknownNameError.

        Raises InputError in a read-only library, CapacityError where a server that holds it does not answer, or (on
        Windows) while another program uses it.
        """
        if not _allowed(name) or not (self.folder / name / FILE).is_file():
            raise UnknownNameError("collection", name, self.names())
        if self.read_only:
            raise InputError("collection_read_only", name=name)
        collection = self.open(name)
        try:
            with suppress(InputError):  # a damaged one can be deleted too
                collection.drop()
        finally:
            collection.close()
        gone = self.folder / f".gone-{uuid4().hex}"
        try:
            (self.folder / name).rename(gone)
        except FileNotFoundError:
            raise UnknownNameError("collection", name, self.names()) from None
        except OSError as error:
            raise CapacityError("collection_busy", name=name) from error
        shutil.rmtree(gone, ignore_errors=True)
        self._clear_abandoned()

    def _clear_abandoned(self) -> None:
        """Delete what killed processes have left behind."""
        for pattern in (".new-*", ".gone-*"):
            for folder in self.folder.glob(pattern):
                with suppress(OSError):
                    if time.time() - folder.stat().st_mtime > ABANDONED:
                        shutil.rmtree(folder, ignore_errors=True)


def _allowed(name: str) -> bool:
    proper = NAME.fullmatch(name) is not None and not name.endswith((".", " "))
    return proper and RESERVED.fullmatch(name) is None and len(os.fsencode(name)) <= 255


class SessionLibrary(Library):
    """One visitor's own library in a temporary folder, which vanishes with the session.

    ``close`` deletes it; so do the end of a ``with`` block, the garbage collector and the end of the process. What a
    killed process left is deleted when the next session begins.
    """

    def __init__(self, settings: Settings) -> None:
        _clear_sessions()
        self._root = Path(tempfile.mkdtemp(prefix=SESSION))
        lock = FileLock(self._root / ALIVE, thread_local=False)
        lock.acquire()  # it goes with the process, however that ends
        self._vanish = weakref.finalize(self, _vanish, self._root, lock)
        super().__init__(settings, self._root / "collections")
        self._opened: weakref.WeakSet[Collection] = weakref.WeakSet()
        self.uploads.mkdir()

    @property
    def uploads(self) -> Path:
        """A folder for the visitor's own files, which vanishes with the library."""
        return self._root / "uploads"

    @property
    def closed(self) -> bool:
        """Whether it has vanished."""
        return not self._vanish.alive

    def create(self, name: str, checkpoint: str) -> Collection:
        """See Library. Raises ValueError once it is closed."""
        if self.closed:
            raise ValueError("the session's library is closed")
        return super().create(name, checkpoint)

    def open(self, name: str) -> Collection:
        """See Library."""
        collection = super().open(name)
        self._opened.add(collection)
        return collection

    def close(self) -> None:
        """Delete everything. May be called again."""
        for collection in list(self._opened):
            collection.close()
        self._vanish()

    def __enter__(self) -> SessionLibrary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _vanish(root: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(root, ignore_errors=True)


def _clear_sessions() -> None:
    """Delete the folders of sessions whose process was killed: nobody holds their locks any more."""
    for root in Path(tempfile.gettempdir()).glob(f"{SESSION}*"):
        with suppress(OSError, Timeout):
            if time.time() - root.stat().st_mtime > JUST_MADE:
                lock = FileLock(root / ALIVE, timeout=0)
                lock.acquire()
                _vanish(root, lock)
