"""Collection: pictures of one name, with their vectors, that can be searched."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmcore.errors import InputError, Phrase
from mmcore.index import engines
from mmcore.index.adding import Adder, other_checkpoint
from mmcore.index.duplicates import groups
from mmcore.index.engines import Engine
from mmcore.index.ingest import of_file
from mmcore.index.maintenance import Reembedding, compact, remove
from mmcore.index.matrix import Best, Matrix, MatrixCache
from mmcore.index.projection import place
from mmcore.index.readings import Reader, Readings, ReadingsCache, count_unread, lines_in
from mmcore.index.records import (
    AddOptions,
    AddReport,
    DuplicateGroup,
    Embed,
    Entry,
    Hit,
    ReadLines,
    ReadReport,
    Summary,
)
from mmcore.index.searching import COLUMNS, Living, among, by_engine, condition, entry_of, rows_of, scan
from mmcore.index.store import Facts, Store, facts, unversioned, versioned
from mmcore.results.ocr import TextLine
from mmcore.settings import Settings
from mmcore.types import Floats, IsCancelled, Progress, Vectors

ATTEMPTS = 5
"""Times that a reader looks for the vectors while writers replace them."""


class Collection:
    """Pictures and their vectors on the disk; made by ``Library.create`` and ``Library.open``.

    Any number of threads and processes may use one collection at once. Readers never wait; writers wait for each
    other, a batch at a time. A process that is killed leaves what it had committed and nothing else.

    Methods that write raise InputError where the library is read-only. Methods that take ``checkpoint`` raise
    InputError where the collection was made with another one: vectors of two models are never mixed.
    """

    def __init__(self, folder: Path, name: str, settings: Settings, *, read_only: bool = False) -> None:
        self.folder, self.name, self.settings, self.read_only = folder, name, settings, read_only
        self._store = Store(folder, name, read_only=read_only)
        self._matrices = MatrixCache()
        self._living = Living()
        self._readings = ReadingsCache()
        self._engine = engines.choose(settings, folder)

    @property
    def facts(self) -> Facts:
        """What the catalogue says of the collection as a whole: checkpoint, vector width, revision, ..."""
        with self._store.read() as db:
            return facts(db)

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint that made the vectors."""
        return unversioned(self.facts.checkpoint)

    @property
    def width(self) -> int | None:
        """Numbers in a vector; None as long as nothing was added."""
        return self.facts.width

    @property
    def revision(self) -> int:
        """Goes up whenever something in the collection changes; for caches."""
        return self.facts.revision

    def __len__(self) -> int:
        """Pictures in it."""
        with self._store.read() as db:
            return int(db.execute("SELECT count(*) FROM entries").fetchone()[0])

    def __bool__(self) -> bool:
        """It is there, also while it is empty."""
        return True

    def summary(self) -> Summary:
        """Its name, checkpoint, number of pictures and bytes on the disk."""
        size = 0
        for file in self.folder.iterdir():
            with suppress(OSError):  # temporary files come and go
                size += file.stat().st_size
        return Summary(self.name, self.checkpoint, len(self), size, self.read_only)

    def require(self, checkpoint: str) -> None:
        """Raise InputError, with the command to run, unless the vectors were made by ``checkpoint``."""
        self._same(self.facts, checkpoint)

    def _same(self, now: Facts, checkpoint: str) -> None:
        if now.checkpoint != versioned(checkpoint):
            raise other_checkpoint(self.name, now.checkpoint, checkpoint)

    def _writable(self) -> None:
        if self.read_only:
            raise InputError("collection_read_only", name=self.name)

    # writing

    def add(
        self,
        paths: Sequence[str | Path],
        embed: Embed,
        *,
        checkpoint: str,
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
        how: AddOptions | None = None,
        ready: Mapping[bytes, Vectors] | None = None,
    ) -> AddReport:
        """Add picture files and short videos, and those in folders and below; hidden ones are left out.

        A video becomes an entry for each key frame: what is found in it is a moment.

        ``ready`` holds vectors of this checkpoint by the SHA-256 of a file (``ready_vectors``): those are not embedded.

        Files that are there unchanged (by size, times and place, else by content) are skipped, and those that were
        moved keep their entry. A broken file is reported and does not keep the others from being added. Pictures are
        decoded in threads beside the model, and each batch is committed at once: after a cancel or a kill the same call
        goes on where it was.
        Raises InputError (nothing given, read-only, other checkpoint), CapacityError (disk full) and what ``embed``
        raises beyond a single picture; what was committed before stays.
        """
        self._writable()
        if not paths:
            raise InputError("nothing_given")
        self.require(checkpoint)
        report = Adder(self._store, self.settings, embed, checkpoint, how or AddOptions(), ready).run(
            paths, progress, cancelled
        )
        if report.added:
            compact(self._store)
        if not report.cancelled:
            self.prepare(cancelled=cancelled)
        return report

    def refresh(
        self,
        embed: Embed,
        *,
        checkpoint: str,
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
        how: AddOptions | None = None,
    ) -> AddReport:
        """Look at every file of the collection again: changed ones are embedded anew, missing ones listed."""
        self._writable()
        paths = [entry.path for entry in self.entries()]
        if not paths:
            return AddReport()
        report = self.add(paths, embed, checkpoint=checkpoint, progress=progress, cancelled=cancelled, how=how)
        there = tuple(broken for broken in report.broken if broken.path not in set(report.missing))
        return replace(report, broken=there)

    def reembed(
        self,
        embed: Embed,
        *,
        checkpoint: str,
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> AddReport:
        """Make all vectors anew with another checkpoint.

        Until the last one is done searches see the old ones; after a cancel or a kill the next call with the same
        checkpoint goes on where it was. Pictures whose files are gone or broken stay, without a vector.
        """
        self._writable()
        report = Reembedding(self._store, self.settings, embed, checkpoint).run(progress, cancelled)
        if not report.cancelled:
            self.prepare(cancelled=cancelled)
        return report

    def read_texts(
        self, lines: ReadLines, *, progress: Progress | None = None, cancelled: IsCancelled | None = None
    ) -> ReadReport:
        """Read the text in all pictures where that was not done yet, and keep it; see ``mmcore.tasks.ocr.reader``.

        Each batch is committed at once: after a cancel or a kill the next call goes on where it was.
        """
        self._writable()
        if not self.unread():
            return ReadReport()
        return Reader(self._store, self.settings, lines).run(progress, cancelled)

    def remove(self, entries: Iterable[Entry | str | Path]) -> int:
        """Take pictures (or paths) out of the collection; their files stay. How many were in it."""
        self._writable()
        given = list(entries)
        with self._store.read() as db:
            ids = [[one.id] if isinstance(one, Entry) else _ids_of(db, one) for one in given]
        removed = remove(self._store, [number for some in ids for number in some])
        compact(self._store)
        return removed

    def remove_missing(self) -> int:
        """Take out the pictures whose files have disappeared; how many those were."""
        return self.remove([entry for entry in self.entries() if entry.missing])

    # reading

    def entries(self, where: str | None = None, offset: int = 0, limit: int | None = None) -> list[Entry]:
        """Its pictures in the order they were added.

        ``where`` keeps to file names (never folders) that contain these letters, in any case; with ``*`` or ``?`` in
        it, to those that match the pattern as a whole.
        """
        text, values = condition(where)
        query = f"SELECT {COLUMNS} FROM entries WHERE {text} ORDER BY id LIMIT ? OFFSET ?"
        with self._store.read() as db:
            return [entry_of(row) for row in db.execute(query, (*values, -1 if limit is None else limit, offset))]

    def entry(self, key: int | str | Path) -> Entry | None:
        """The picture of that id or path, if it is in the collection; of a video the first key frame."""
        with self._store.read() as db:
            number = key if isinstance(key, int) else next(iter(_ids_of(db, key)), None)
            row = db.execute(f"SELECT {COLUMNS} FROM entries WHERE id = ?", (number,)).fetchone()
        return None if row is None else entry_of(row)

    def thumbnail(self, entry: Entry) -> bytes:
        """JPEG of 256 pixels at most; there even when the file has disappeared."""
        with self._store.read() as db:
            row = db.execute("SELECT jpeg FROM thumbnails WHERE entry = ?", (entry.id,)).fetchone()
        if row is None:
            raise InputError("file_missing", path=entry.path)
        return bytes(row[0])

    def unread(self) -> int:
        """Pictures whose text was not read."""
        with self._store.read() as db:
            return count_unread(db)

    def reading(self, entry: Entry) -> tuple[TextLine, ...] | None:
        """The text that was read in a picture, line by line; None where it was not read."""
        with self._store.read() as db:
            return lines_in(db, bytes.fromhex(entry.sha256))

    def readings(self, where: str | None = None) -> Readings:
        """The texts that were read in its pictures, to be searched; ``where`` keeps to names as in ``entries``."""
        with self._store.read() as db:
            return self._readings.get(db, facts(db), where)

    def vectors(self, entries: Sequence[Entry] | None = None) -> Vectors:
        """(N, C) float32 unit vectors of these searchable entries, or of all that ``entries()`` gives."""
        with self._snapshot() as (db, _, matrix):
            query = "SELECT id, row FROM entries WHERE row IS NOT NULL"
            if entries is None:
                rows = [row for _, row in db.execute(f"{query} ORDER BY id")]
            else:
                given = json.dumps([entry.id for entry in entries])
                known = dict(db.execute(f"{query} AND id IN (SELECT value FROM json_each(?))", (given,)))
                rows = [known[entry.id] for entry in entries if entry.id in known]
            return matrix.take(np.array(rows, np.int64))

    def search(
        self,
        vector: Vectors,
        *,
        checkpoint: str,
        top: int = 10,
        where: str | None = None,
        rows: Iterable[Entry] | None = None,
    ) -> list[Hit]:
        """The ``top`` pictures with the largest cosine to ``vector`` (C,), best first.

        ``where`` keeps to names as in ``entries``, ``rows`` to these entries. The vector need not have length 1.
        Raises InputError: other checkpoint, ``top`` below 1. ValueError: wrong shape, not finite, no length.
        """
        vector = np.asarray(vector, np.float32)
        return self.search_many(vector[None], checkpoint=checkpoint, top=top, where=where, rows=rows)[0]

    def search_many(
        self,
        vectors: Vectors,
        *,
        checkpoint: str,
        top: int = 10,
        where: str | None = None,
        rows: Iterable[Entry] | None = None,
    ) -> list[list[Hit]]:
        """``search`` for each of (N, C) vectors in one pass over the collection."""
        queries = np.asarray(vectors, np.float32)
        lengths = np.linalg.norm(queries, axis=-1, keepdims=True) if queries.ndim == 2 else np.zeros(1)
        if queries.ndim != 2 or not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError(f"queries of shape {queries.shape} are not (N, C) finite vectors with a length")
        if top < 1:
            raise InputError("option_out_of_range", name="top", value=top, low=1, high="N")
        ids = None if rows is None else [entry.id for entry in rows]
        with self._snapshot() as (db, now, matrix):
            self._same(now, checkpoint)
            if not matrix.rows or not len(queries):
                return [[] for _ in queries]
            if queries.shape[1] != matrix.width:
                raise ValueError(f"queries of {queries.shape[1]} numbers; the collection has {matrix.width}")
            best = self._best(db, now, matrix, queries / lengths, top, where, ids)
            return [
                [Hit(entry_of(_entry_at(db, int(row))), float(score)) for row, score in zip(*found, strict=True)]
                for found in best.result()
            ]

    def _best(
        self,
        db: sqlite3.Connection,
        now: Facts,
        matrix: Matrix,
        queries: Vectors,
        top: int,
        where: str | None,
        ids: list[int] | None,
    ) -> Best:
        if ids is not None or (where is not None and where.strip()):
            return among(matrix, queries, top, rows_of(db, where, ids))
        alive = self._living.mask(db, now)
        engine = self._engine_for(now)
        if engine is None:
            return scan(matrix, queries, top, alive)
        return by_engine(engine, now, matrix, queries, top, alive)

    def _engine_for(self, now: Facts) -> Engine | None:
        """The engine that searches: none where every vector is looked at."""
        if self.settings.index == "auto" and now.rows <= self.settings.index_exact:
            return None
        return self._engine

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[sqlite3.Connection, Facts, Matrix]]:
        """Catalogue and vectors as they are at one moment."""
        for attempt in range(ATTEMPTS):
            with ExitStack() as stack:
                db = stack.enter_context(self._store.read())
                now = facts(db)
                try:
                    matrix = self._matrices.get(self.folder, now, self.name)
                except FileNotFoundError:  # a writer put another file in its place just now
                    if attempt < ATTEMPTS - 1:
                        continue
                    detail = Phrase("vectors_short")
                    raise InputError("collection_damaged", name=self.name, folder=self.folder, detail=detail) from None
                yield db, now, matrix
                return

    def duplicates(self) -> list[DuplicateGroup]:
        """Groups of pictures that are the same, exact ones first."""
        with self._snapshot() as (db, _, matrix):
            return groups(db, matrix)

    def map(self, entries: Sequence[Entry] | None = None) -> Floats:
        """(N, 2) places in a square of side 1, one for each entry: pictures that are alike lie close together.

        The same vectors give the same map.
        """
        return place(self.vectors(entries))

    def prepare(
        self, progress: Progress | None = None, cancelled: IsCancelled | None = None, *, everything: bool = False
    ) -> None:
        """Bring an approximate index or a server up to date, where one is used; ``add`` does it at its end.

        A few new pictures are left out, since searches look at those themselves, unless ``everything`` is asked for.
        Raises Cancelled, and CapacityError where a server does not answer.
        """
        with self._snapshot() as (_, now, matrix):
            pass
        engine = self._engine_for(now)
        if self.read_only or engine is None or not (everything or engines.lags(engine, now)):
            return
        engine.update(now, matrix, progress or (lambda done, total: None), cancelled or (lambda: False))

    def close(self) -> None:
        """Let files and connections go. A closed collection opens them again when it is used."""
        self._store.close()
        self._matrices.clear()
        if self._engine is not None:
            self._engine.close()

    def drop(self) -> None:
        """Tell the engine that the collection is about to be deleted."""
        if self._engine is not None:
            self._engine.drop(self.facts.uuid)


def _ids_of(db: sqlite3.Connection, path: str | Path) -> list[int]:
    """Of the picture with that path, or of the key frames of the video."""
    text, values = of_file(os.path.abspath(path))
    return [int(number) for (number,) in db.execute(f"SELECT id FROM entries WHERE {text} ORDER BY path", values)]


def _entry_at(db: sqlite3.Connection, row: int) -> tuple[object, ...]:
    found: tuple[object, ...] = db.execute(f"SELECT {COLUMNS} FROM entries WHERE row = ?", (row,)).fetchone()
    return found
