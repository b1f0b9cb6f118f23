"""The catalogue of a collection: one SQLite file (write-ahead log) that says what is in it.

It is the single truth. Vectors lie beside it in plain files; a row of them counts from the moment the catalogue says
so, and whatever a killed process wrote beyond is overwritten by the next one. SQLite's write lock is the lock of the
collection: it goes with its process, so that none is left behind. Readers work on a snapshot and never wait.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mmcore.checkpoints.registry import CHECKPOINTS
from mmcore.errors import CapacityError, InputError, Phrase, UnknownNameError

FORMAT = 1
"""Version of the tables below; a collection with a higher one is refused."""
FILE = "catalogue.sqlite"
PATIENCE = 60.0
"""Seconds that a writer waits for the others."""

SCHEMA = """
CREATE TABLE facts (
    format INTEGER NOT NULL,
    uuid TEXT NOT NULL,                 -- names the collection where its folder may not, on a server
    checkpoint TEXT NOT NULL,           -- see versioned
    width INTEGER,                      -- numbers in a vector; NULL as long as there is none
    generation INTEGER NOT NULL,        -- which file of vectors counts
    rows INTEGER NOT NULL,              -- how many of its rows count
    revision INTEGER NOT NULL           -- goes up with every change
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,          -- as the file system has it, which need not be text
    folded TEXT NOT NULL,               -- the path for filters: NFC, without case, with slashes
    name TEXT NOT NULL,                 -- its last part
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    look INTEGER,                       -- perceptual hash; NULL where the picture is plain
    row INTEGER                         -- of its vector; NULL where it has none
);
CREATE INDEX entries_by_content ON entries (sha256);
CREATE INDEX entries_by_row ON entries (row);
CREATE TABLE thumbnails (entry INTEGER PRIMARY KEY, jpeg BLOB NOT NULL);
CREATE TABLE looks (band INTEGER, entry INTEGER, PRIMARY KEY (band, entry)) WITHOUT ROWID;
CREATE INDEX looks_by_entry ON looks (entry);
CREATE TABLE broken (path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, error TEXT) WITHOUT ROWID;
CREATE TABLE renewal (checkpoint TEXT, width INTEGER, generation INTEGER, rows INTEGER);  -- of an embedding anew
CREATE TABLE renewed (entry INTEGER PRIMARY KEY, row INTEGER);                            -- what it has done so far
"""
STAMPS = "CREATE TABLE IF NOT EXISTS stamps (path BLOB PRIMARY KEY, changed INTEGER, inode INTEGER) WITHOUT ROWID"
"""What tells that a file is another although its size and time are the same. Older collections have no such table until
something is added to them."""


@dataclass(frozen=True)
class Facts:
    """What a catalogue says of the collection as a whole, at one moment."""

    format: int
    uuid: str
    checkpoint: str
    """See ``versioned``."""
    width: int | None
    generation: int
    rows: int
    revision: int


def versioned(checkpoint: str) -> str:
    """What a catalogue remembers of a checkpoint: its name, and from the second version of bundled weights on that."""
    version = next((known.version for known in CHECKPOINTS if known.name == checkpoint), 1)
    return checkpoint if version == 1 else f"{checkpoint}@{version}"


def unversioned(made: str) -> str:
    """The name of the checkpoint in what ``versioned`` wrote."""
    return made.partition("@")[0]


class Store:
    """Connections to one catalogue, shared by any number of threads."""

    def __init__(self, folder: Path, name: str, *, read_only: bool = False) -> None:
        self.folder, self.name, self.read_only = folder, name, read_only
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._file: tuple[int, int] | None = None
        self._copy: Path | None = None
        self._closing = weakref.finalize(self, _close_all, self._idle)

    @staticmethod
    def create(folder: Path, checkpoint: str) -> None:
        """Write the catalogue of a new, empty collection into an empty folder."""
        connection = sqlite3.connect(folder / FILE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
            row = (FORMAT, uuid4().hex, versioned(checkpoint), None, 0, 0, 0)
            connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        finally:
            connection.close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot that no writer changes; others go on writing meanwhile."""
        with failures(self.name, self.folder), self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _end(connection, "ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The only writer until the block ends: all of its changes are kept, or none where it raises."""
        if self.read_only:
            raise InputError("collection_read_only", name=self.name)
        with failures(self.name, self.folder), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("UPDATE facts SET revision = revision + 1")
                connection.execute("COMMIT")
            except BaseException:
                _end(connection, "ROLLBACK")
                raise

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        file = self._identity()
        with self._lock:
            if self._process != os.getpid():  # SQLite's connections do not survive a fork
                self._idle.clear()
                self._process = os.getpid()
            if self._file != file:  # removed and made anew, maybe by another process
                _close_all(self._idle)
                self._file = file
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        finally:
            with self._lock:
                if self._file == file:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _identity(self) -> tuple[int, int]:
        """Which file the catalogue is. Raises UnknownNameError where there is none (any more)."""
        try:
            status = (self.folder / FILE).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise UnknownNameError("collection", self.name, collections_in(self.folder.parent)) from None
        return status.st_dev, status.st_ino

    def _connect(self) -> sqlite3.Connection:
        options, file = "mode=rw", self.folder / FILE
        if self.read_only:
            options = "mode=ro"
            if not os.access(self.folder, os.W_OK):
                # SQLite cannot make the files that readers share; there is no writer either.
                file = self._with_log()
                options = "mode=ro&immutable=1" if file.parent == self.folder else "mode=rw"
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?{options}",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time: see _connection
        )
        try:
            # A power cut may take back the last commits, never break the file; a killed process loses nothing.
            connection.execute("PRAGMA synchronous = NORMAL")
            found = facts(connection).format
        except BaseException:
            connection.close()
            raise
        if found > FORMAT:
            connection.close()
            raise InputError("collection_newer", name=self.name, found=found, known=FORMAT)
        return connection

    def _with_log(self) -> Path:
        """The catalogue on a read-only medium: where a killed writer left its log, a copy of both that has it all."""
        log = self.folder / f"{FILE}-wal"
        if not log.is_file() or not log.stat().st_size:
            return self.folder / FILE
        if self._copy is None:
            self._copy = Path(tempfile.mkdtemp(prefix="mmcore-catalogue-"))
            weakref.finalize(self, shutil.rmtree, self._copy, ignore_errors=True)
            for file in (self.folder / FILE, log):
                shutil.copyfile(file, self._copy / file.name)
        return self._copy / FILE

    def close(self) -> None:
        """Close the connections that no thread uses right now."""
        with self._lock:
            _close_all(self._idle)


@contextmanager
def failures(name: str, folder: Path) -> Iterator[None]:
    """What SQLite and the disk may meet, as our own errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise CapacityError("collection_busy", name=name) from error
        if any(word in text for word in ("full", "disk I/O", "readonly", "unable to open")):
            raise CapacityError("collection_disk", name=name, folder=folder, detail=text) from error
        if "no such table" in text:
            detail = Phrase("not_a_collection")
            raise InputError("collection_damaged", name=name, folder=folder, detail=detail) from error
        raise
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error) or "not a database" in str(error):
            detail = Phrase("not_a_collection")
            raise InputError("collection_damaged", name=name, folder=folder, detail=detail) from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO):
            text = error.strerror or str(error)
            raise CapacityError("collection_disk", name=name, folder=folder, detail=text) from error
        raise


def collections_in(folder: Path) -> list[str]:
    """Names of the collections below a folder, sorted."""
    if not folder.is_dir():
        return []
    return sorted(inner.name for inner in folder.iterdir() if inner.name[0] != "." and (inner / FILE).is_file())


def facts(connection: sqlite3.Connection) -> Facts:
    """What holds in this transaction."""
    row = connection.execute("SELECT format, uuid, checkpoint, width, generation, rows, revision FROM facts").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("file is not a database of ours: malformed")
    return Facts(*row)


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


def _end(connection: sqlite3.Connection, how: str) -> None:
    if connection.in_transaction:  # SQLite itself rolls back on some failures
        connection.execute(how)
