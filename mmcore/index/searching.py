"""Which entries a search may find, and which of them it finds."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcore.index.engines import Engine
from mmcore.index.ingest import as_path, folded, moment_of, readable
from mmcore.index.matrix import Best, Matrix
from mmcore.index.records import Entry
from mmcore.index.store import Facts
from mmcore.types import Rows, Vectors

COLUMNS = "id, path, size, modified, sha256, width, height, row"
"""What ``entry_of`` takes."""


def entry_of(row: Sequence[Any]) -> Entry:
    """An entry of the COLUMNS of a catalogue's row."""
    number, stored, size, modified, sha256, width, height, vector = row
    path = as_path(stored)
    name = readable(os.path.basename(path))
    moment, here = moment_of(stored), vector is not None
    return Entry(number, path, name, size, modified, sha256.hex(), width, height, moment, here)


def condition(where: str | None) -> tuple[str, tuple[str, ...]]:
    """SQL for a filter by the files' own names, and its values.

    Folders are never looked at: whoever may search would learn, letter by letter, where the files lie.
    """
    if where is None or not where.strip():
        return "1", ()
    wanted = folded(where.strip())
    if "*" not in wanted and "?" not in wanted:
        return "instr(name, ?) > 0", (wanted,)
    pattern = wanted.replace("[", "[[]")  # GLOB knows sets of letters, file names hold brackets
    return "name GLOB ?", (pattern,)


class Living:
    """Which rows belong to an entry; kept as long as the collection does not change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[tuple[str, int], npt.NDArray[np.bool_] | None] | None = None

    def mask(self, db: sqlite3.Connection, facts: Facts) -> npt.NDArray[np.bool_] | None:
        """(rows,) True where there is one; None where all do."""
        key = (facts.uuid, facts.revision)
        with self._lock:
            if self._last is not None and self._last[0] == key:
                return self._last[1]
        used = db.execute("SELECT count(row) FROM entries").fetchone()[0]
        mask = None
        if used < facts.rows:
            mask = np.zeros(facts.rows, np.bool_)
            mask[rows_of(db)] = True
        with self._lock:
            self._last = (key, mask)
        return mask


def rows_of(db: sqlite3.Connection, where: str | None = None, ids: Iterable[int] | None = None) -> Rows:
    """Rows of the entries that pass both filters, ascending."""
    text, values = condition(where)
    query = f"SELECT row FROM entries WHERE row IS NOT NULL AND {text}"
    if ids is not None:
        query += " AND id IN (SELECT value FROM json_each(?))"
        values = (*values, json.dumps([int(number) for number in ids]))
    return np.fromiter((row for (row,) in db.execute(query + " ORDER BY row", values)), np.int64)


def scan(matrix: Matrix, queries: Vectors, top: int, alive: npt.NDArray[np.bool_] | None, start: int = 0) -> Best:
    """The best of all rows from ``start`` on, each looked at."""
    best = Best(len(queries), top)
    for first, scores in matrix.products(queries, start):
        best.add(first, scores, None if alive is None else alive[first : first + len(scores)])
    return best


def among(matrix: Matrix, queries: Vectors, top: int, rows: Rows) -> Best:
    """The best of these rows, each looked at."""
    best = Best(len(queries), top)
    for part, scores in matrix.products_of(queries, rows):
        best.add(part, scores)
    return best


def by_engine(
    engine: Engine, facts: Facts, matrix: Matrix, queries: Vectors, top: int, alive: npt.NDArray[np.bool_] | None
) -> Best:
    """The best of what the engine knows, together with all that it does not know yet."""
    covered = engine.covered(facts)
    best = scan(matrix, queries, top, alive, covered)
    if not covered:
        return best
    dead = 0 if alive is None else int(np.count_nonzero(~alive[:covered]))
    wanted = min(top + min(dead, top), covered)
    while True:
        found = [rows[rows < covered] for rows in engine.nearest(facts, queries, wanted)]
        if alive is not None:
            found = [rows[alive[rows]] for rows in found]
        short = any(len(rows) < min(top, covered - dead) for rows in found)
        if not short or wanted >= covered:
            break
        wanted = min(4 * wanted, covered)  # pictures that are gone took the places of others
    for number, rows in enumerate(found):
        for part, scores in matrix.products_of(queries[number : number + 1], np.sort(rows)):
            best.add_to(number, part, scores[:, 0])
    return best
