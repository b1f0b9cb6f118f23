"""What happens to a collection besides adding: pictures leave it, gaps are closed, another model embeds it anew."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from mmcore.index import matrix
from mmcore.index.adding import Tally, embedded, other_checkpoint
from mmcore.index.ingest import PictureFile, Read, as_path, batches, in_threads, read_entry
from mmcore.index.readings import forget_what_left
from mmcore.index.records import AddReport, Broken, Embed
from mmcore.index.store import Facts, Store, facts, versioned
from mmcore.settings import Settings
from mmcore.types import IsCancelled, Progress, Vectors

GAPS = 1000
"""Rows without an entry that are always put up with."""


def remove(store: Store, ids: Iterable[int]) -> int:
    """Take entries out; how many were there."""
    given = json.dumps(list(ids))
    with store.write() as db:
        removed = db.execute("DELETE FROM entries WHERE id IN (SELECT value FROM json_each(?))", (given,)).rowcount
        for table in ("thumbnails", "looks", "renewed"):
            db.execute(f"DELETE FROM {table} WHERE entry IN (SELECT value FROM json_each(?))", (given,))
        forget_what_left(db)
        return int(removed)


def compact(store: Store) -> bool:
    """Write the vectors anew without the gaps that removed and changed pictures left, once those are many.

    Searches that run meanwhile keep the old file, which goes when the last of them ends.
    """
    with store.read() as db:
        if not _has_many_gaps(db, facts(db)):
            return False
    with store.write() as db:
        now = facts(db)
        if not _has_many_gaps(db, now):  # somebody else was quicker
            return False
        width = now.width or 0
        old = matrix.Matrix(matrix.vector_file(store.folder, now.generation), now.rows, width, store.name)
        rows = np.array([row for (row,) in db.execute("SELECT row FROM entries WHERE row IS NOT NULL ORDER BY row")])
        generation = _next_generation(db, now)
        file = matrix.vector_file(store.folder, generation)
        for first in range(0, len(rows), matrix.CHUNK):
            matrix.append(file, old.halves[rows[first : first + matrix.CHUNK]], first)
        moved = [(new, int(row)) for new, row in enumerate(rows)]
        # rows only go down, in order, so that none is met twice
        db.executemany("UPDATE entries SET row = ? WHERE row = ?", [(new, row) for new, row in moved if new != row])
        db.execute("UPDATE facts SET generation = ?, rows = ?", (generation, len(rows)))
    sweep(store)
    return True


def _has_many_gaps(db: sqlite3.Connection, now: Facts) -> bool:
    used = db.execute("SELECT count(row) FROM entries").fetchone()[0]
    return bool(now.rows - used > max(GAPS, now.rows // 4))


def _next_generation(db: sqlite3.Connection, now: Facts) -> int:
    row = db.execute("SELECT max(generation) FROM renewal").fetchone()
    return max(now.generation, row[0] or 0) + 1


def sweep(store: Store) -> None:
    """Delete files of generations that count no more. One that is still in use (Windows) stays for the next time."""
    with store.write() as db:
        kept = {facts(db).generation, *(row[0] for row in db.execute("SELECT generation FROM renewal"))}
        for file in store.folder.glob("vectors-*"):
            number = file.name.partition("-")[2].partition(".")[0]
            if number.isdigit() and int(number) not in kept:
                with suppress(OSError):
                    file.unlink()


class Reembedding:
    """Embedding a collection anew: its vectors grow in a file of their own and count once the last one is done."""

    def __init__(self, store: Store, settings: Settings, embed: Embed, checkpoint: str) -> None:
        self._store, self._settings, self._embed, self._checkpoint = store, settings, embed, checkpoint
        self._versioned = versioned(checkpoint)

    def run(self, progress: Progress | None, cancelled: IsCancelled | None) -> AddReport:
        """Do it, or go on with it; the old vectors are in force until it returns without having been cancelled."""
        tally = Tally()
        self._begin()
        stopped = cancelled or (lambda: False)
        while (waiting := self._waiting()) or not self._finish():
            for ids, batch in self._batches(waiting):
                if stopped():
                    tally.cancelled = True
                    return tally.report()
                tally.take(self._commit(ids, batch))
                if progress is not None:
                    progress(*self._state())
        sweep(self._store)
        return tally.report()

    def _begin(self) -> None:
        with self._store.write() as db:
            now = facts(db)
            begun = db.execute("SELECT checkpoint FROM renewal").fetchone()
            if begun is not None and begun[0] == self._versioned:
                return
            generation = _next_generation(db, now)
            db.execute("DELETE FROM renewal")
            db.execute("DELETE FROM renewed")
            db.execute("INSERT INTO renewal VALUES (?, NULL, ?, 0)", (self._versioned, generation))

    def _waiting(self) -> list[tuple[int, bytes, PictureFile]]:
        """Entries that have not been embedded yet."""
        with self._store.read() as db:
            rows = db.execute(
                "SELECT id, path, size, modified FROM entries WHERE id NOT IN (SELECT entry FROM renewed) ORDER BY id"
            )
            return [(entry, path, PictureFile(as_path(path), size, modified)) for entry, path, size, modified in rows]

    def _batches(
        self, waiting: Sequence[tuple[int, bytes, PictureFile]]
    ) -> Iterable[tuple[list[int], list[Read | Broken]]]:
        work = in_threads(lambda one: [read_entry(one[1], one[2], self._settings)], waiting)
        first = 0
        try:
            for batch in batches(work):
                yield [entry for entry, *_ in waiting[first : first + len(batch)]], batch
                first += len(batch)
        finally:
            work.close()

    def _state(self) -> tuple[int, int]:
        with self._store.read() as db:
            done = db.execute("SELECT count(*) FROM renewed").fetchone()[0]
            return done, db.execute("SELECT count(*) FROM entries").fetchone()[0]

    def _commit(self, ids: Sequence[int], batch: Sequence[Read | Broken]) -> Tally:
        pictures = [one for one in batch if isinstance(one, Read)]
        outcomes = dict(zip(map(id, pictures), embedded(pictures, self._embed, self._checkpoint), strict=True))
        tally = Tally()
        with self._store.write() as db:
            begun = db.execute("SELECT checkpoint, generation, rows FROM renewal").fetchone()
            if begun is None or begun[0] != self._versioned:  # another process began with yet another model
                made = facts(db).checkpoint if begun is None else begun[0]
                raise other_checkpoint(self._store.name, made, self._checkpoint)
            vectors: list[Vectors] = []
            for entry, one in zip(ids, batch, strict=True):
                if db.execute("SELECT 1 FROM renewed WHERE entry = ?", (entry,)).fetchone() is not None:
                    continue  # another process was quicker
                if db.execute("SELECT 1 FROM entries WHERE id = ?", (entry,)).fetchone() is None:
                    continue  # it has been removed meanwhile
                outcome = one if isinstance(one, Broken) else outcomes[id(one)]
                row = None
                if isinstance(outcome, Broken):
                    tally.broken.append(outcome)
                    if outcome.error.key == "file_missing":
                        tally.missing.append(outcome.path)
                else:
                    row = begun[2] + len(vectors)
                    vectors.append(outcome)
                    tally.added.append(one.file.path if isinstance(one, Read) else one.path)
                db.execute("INSERT INTO renewed VALUES (?, ?)", (entry, row))
            if vectors:
                matrix.append(matrix.vector_file(self._store.folder, begun[1]), np.stack(vectors), begun[2])
                db.execute("UPDATE renewal SET rows = ?, width = ?", (begun[2] + len(vectors), len(vectors[0])))
        return tally

    def _finish(self) -> bool:
        """Put the new vectors in force; False where entries were added meanwhile."""
        with self._store.write() as db:
            begun = db.execute("SELECT checkpoint, width, generation, rows FROM renewal").fetchone()
            if begun is None or begun[0] != self._versioned:
                made = facts(db).checkpoint if begun is None else begun[0]
                if made != self._versioned:
                    raise other_checkpoint(self._store.name, made, self._checkpoint)
                return True  # another process has finished it
            left = "SELECT 1 FROM entries WHERE id NOT IN (SELECT entry FROM renewed) LIMIT 1"
            if db.execute(left).fetchone() is not None:
                return False
            db.execute("UPDATE entries SET row = (SELECT row FROM renewed WHERE entry = entries.id)")
            db.execute("UPDATE facts SET checkpoint = ?, width = ?, generation = ?, rows = ?", begun)
            for table in ("renewal", "renewed", "broken"):
                db.execute(f"DELETE FROM {table}")
            return True
