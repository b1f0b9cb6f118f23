"""The text that was read inside the pictures of a collection: kept by content, read once, found again with its errors.

It lies in a table of its own, by the SHA-256 of the file: copies share it, a file that is moved keeps it, and one that
is exchanged is read anew. Collections that nobody let read have no such table.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from mmcore.errors import InputError
from mmcore.index.ingest import PictureFile, Read, as_path, in_threads, read_entry
from mmcore.index.records import Broken, ReadLines, ReadReport
from mmcore.index.searching import condition
from mmcore.index.store import Facts, Store
from mmcore.io.letters import SearchedTexts
from mmcore.results.ocr import TextLine, one_line
from mmcore.settings import Settings
from mmcore.types import IsCancelled, Progress

TABLE = "CREATE TABLE IF NOT EXISTS readings (sha256 BLOB PRIMARY KEY, lines TEXT NOT NULL) WITHOUT ROWID"
BATCH = 8
"""Pictures that are decoded in full and read between two commits."""
UNREAD = "FROM entries WHERE row IS NOT NULL AND sha256 NOT IN (SELECT sha256 FROM readings)"


@dataclass(frozen=True, eq=False)
class Readings:
    """What was read in a collection's pictures, to be searched."""

    entries: tuple[int, ...]
    """Ids of the pictures that were read, those without any text included."""
    texts: SearchedTexts
    """Theirs, in the same order."""
    total: int
    """Pictures that a search finds, whether read or not."""


def has_table(db: sqlite3.Connection) -> bool:
    """Whether anything was ever read."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'readings'").fetchone() is not None


def lines_in(db: sqlite3.Connection, sha256: bytes) -> tuple[TextLine, ...] | None:
    """The lines of one content, or None where it was not read."""
    if not has_table(db):
        return None
    row = db.execute("SELECT lines FROM readings WHERE sha256 = ?", (sha256,)).fetchone()
    return None if row is None else _lines(row[0])


def forget_what_left(db: sqlite3.Connection) -> None:
    """Delete what was read in pictures that are in the collection no more."""
    if has_table(db):
        db.execute("DELETE FROM readings WHERE sha256 NOT IN (SELECT sha256 FROM entries)")


def count_unread(db: sqlite3.Connection) -> int:
    """Pictures with a vector that were not read."""
    query = f"SELECT count(*) {UNREAD}" if has_table(db) else "SELECT count(row) FROM entries"
    return int(db.execute(query).fetchone()[0])


@dataclass
class ReadingsCache:
    """The texts of a collection; kept as long as it does not change."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: tuple[tuple[str, int, str], Readings] | None = None

    def get(self, db: sqlite3.Connection, facts: Facts, where: str | None) -> Readings:
        """Those of the pictures whose name passes the filter of ``condition``."""
        key = (facts.uuid, facts.revision, where or "")
        with self._lock:
            if self._last is not None and self._last[0] == key:
                return self._last[1]
        text, values = condition(where)
        total = db.execute(f"SELECT count(row) FROM entries WHERE {text}", values).fetchone()[0]
        rows: list[tuple[int, str]] = []
        if has_table(db):
            query = f"SELECT id, lines FROM entries JOIN readings USING (sha256) WHERE row IS NOT NULL AND {text}"
            rows = db.execute(f"{query} ORDER BY id", values).fetchall()
        found = Readings(
            tuple(entry for entry, _ in rows), SearchedTexts([one_line(_lines(lines)) for _, lines in rows]), int(total)
        )
        with self._lock:
            self._last = (key, found)
        return found


class Reader:
    """One run of reading what has not been read yet."""

    def __init__(self, store: Store, settings: Settings, lines: ReadLines) -> None:
        self._store, self._lines = store, lines
        self._settings = replace(settings, reduced=False)  # small letters need every pixel

    def run(self, progress: Progress | None, cancelled: IsCancelled | None) -> ReadReport:
        """Read them, a batch at a time; after a cancel or a kill the next run goes on where this one was."""
        began = perf_counter()
        with self._store.write() as db:
            db.execute(TABLE)
            forget_what_left(db)
            rows = db.execute(f"SELECT sha256, path, size, modified {UNREAD} GROUP BY sha256 ORDER BY min(id)")
            waiting = [
                (sha256, path, PictureFile(as_path(path), size, modified)) for sha256, path, size, modified in rows
            ]
        done = with_text = 0
        broken: list[Broken] = []
        stopped = False
        for batch in self._batches(waiting):
            if stopped := cancelled is not None and cancelled():
                break
            good: list[Read] = []
            for (sha256, _, file), one in batch:
                if isinstance(one, Broken):
                    broken.append(one)
                elif one.sha256 != sha256:
                    broken.append(Broken(file.path, InputError("picture_exchanged", path=file.path)))
                else:
                    good.append(one)
            found = self._lines([one.picture for one in good if one.picture is not None]) if good else []
            with self._store.write() as db:
                db.executemany(
                    "INSERT OR REPLACE INTO readings VALUES (?, ?)",
                    [
                        (one.sha256, json.dumps([line.to_dict() for line in lines], ensure_ascii=False))
                        for one, lines in zip(good, found, strict=True)
                    ],
                )
            done += len(batch)
            with_text += sum(map(bool, found))
            if progress is not None:
                progress(done, len(waiting))
        return ReadReport(done - len(broken), with_text, tuple(broken), stopped, perf_counter() - began)

    def _batches(
        self, waiting: Sequence[tuple[bytes, bytes, PictureFile]]
    ) -> Iterator[list[tuple[tuple[bytes, bytes, PictureFile], Read | Broken]]]:
        for first in range(0, len(waiting), BATCH):
            some = waiting[first : first + BATCH]
            work = in_threads(lambda one: read_entry(one[1], one[2], self._settings), some)
            yield list(zip(some, work, strict=True))


def _lines(stored: str) -> tuple[TextLine, ...]:
    return tuple(map(_line, json.loads(stored)))


def _line(told: dict[str, Any]) -> TextLine:
    """What ``TextLine.to_dict`` told."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in told["box"])
    return TextLine(told["text"], told["score"], (first, second, third, fourth))
