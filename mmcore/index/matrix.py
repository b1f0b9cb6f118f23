"""Vectors in a plain file: one row of C half-precision numbers after the other, memory-mapped for searching.

IEEE half precision has 11 significant bits: a cosine of two unit vectors is off by 0.0005 at the very most, and by
about 0.00001 as a rule (measured on random unit vectors of 512 numbers). Products are added up in single precision.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcore.errors import InputError, Phrase
from mmcore.index.store import Facts
from mmcore.types import Rows, Vectors

Halves = npt.NDArray[np.float16]

CHUNK = 16_384
"""Rows that are looked at in one go: 16 MB of vectors of 512 numbers."""
RESIDENT = 256 << 20
"""Bytes of a file beyond which pages are handed back as soon as a search has read them."""
ITEM = 2
"""Bytes of a number."""


def vector_file(folder: Path, generation: int) -> Path:
    """Where the vectors of a generation are."""
    return folder / f"vectors-{generation}.f16"


def append(file: Path, vectors: npt.NDArray[np.floating], row: int) -> None:
    """Write vectors from ``row`` on, over whatever is there, and wait until the disk has them.

    The caller holds the catalogue's write lock, and commits the new number of rows only after this.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float16)
    with open(os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644), "r+b", buffering=0) as target:
        target.seek(row * data.shape[1] * ITEM)
        rest = memoryview(data.tobytes())
        while rest:
            rest = rest[target.write(rest) :]
        os.fsync(target.fileno())


class Matrix:
    """The first ``rows`` rows of a file of vectors, mapped into memory.

    Raises FileNotFoundError where a writer has replaced the file since, InputError where rows are missing.
    """

    def __init__(self, file: Path, rows: int, width: int, collection: str = "") -> None:
        self.rows, self.width = rows, width
        self._map: mmap.mmap | None = None
        self.halves: Halves = np.zeros((0, width), np.float16)
        if not rows:
            return
        length = rows * width * ITEM
        with file.open("rb") as source:
            if os.fstat(source.fileno()).st_size < length:
                detail = Phrase("vectors_short")
                raise InputError("collection_damaged", name=collection, folder=file.parent, detail=detail)
            self._map = mmap.mmap(source.fileno(), length, access=mmap.ACCESS_READ)
        self.halves = np.frombuffer(self._map, np.float16).reshape(rows, width)

    def take(self, rows: Rows) -> Vectors:
        """(N, C) float32 vectors of these rows, each scaled back to length 1."""
        found: Vectors = self.halves[rows].astype(np.float32)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found

    def products(self, queries: Vectors, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Vectors]]:
        """(first row, (n, Q) products with the queries) chunk by chunk, through the rows from start to stop."""
        multiply = _multiplier(queries)
        stop = self.rows if stop is None else stop
        for first in range(start, stop, CHUNK):
            last = min(first + CHUNK, stop)
            yield first, multiply(self.halves[first:last])
            self._let_go(first, last)

    def products_of(self, queries: Vectors, rows: Rows) -> Iterator[tuple[Rows, Vectors]]:
        """(rows, (n, Q) products with the queries) chunk by chunk, of these rows only."""
        multiply = _multiplier(queries)
        for first in range(0, len(rows), CHUNK):
            part = rows[first : first + CHUNK]
            yield part, multiply(self.halves[part])

    def _let_go(self, first: int, last: int) -> None:
        """Take pages out of this process; the system keeps them in its cache as long as it has room."""
        if self._map is None or len(self._map) <= RESIDENT or not hasattr(mmap, "MADV_DONTNEED"):
            return
        page = mmap.PAGESIZE
        begin = -(-first * self.width * ITEM // page) * page
        end = last * self.width * ITEM // page * page
        if end > begin:
            self._map.madvise(mmap.MADV_DONTNEED, begin, end - begin)


class _multiplier:
    """Products of half-precision rows with the queries, packed once. NumPy has no fast ones, numkong does."""

    def __init__(self, queries: Vectors) -> None:
        import numkong

        self._numkong = numkong
        self._packed = numkong.dots_pack(np.ascontiguousarray(queries, dtype=np.float16), dtype="f16")

    def __call__(self, halves: Halves) -> Vectors:
        return np.asarray(self._numkong.dots_packed(halves, self._packed), dtype=np.float32)


class Best:
    """The ``top`` best rows of each of Q queries, of whatever is shown to it; ties go to the lower row."""

    def __init__(self, queries: int, top: int) -> None:
        self._top = top
        self._rows: list[Rows] = [np.zeros(0, np.int64) for _ in range(queries)]
        self._scores: list[Vectors] = [np.zeros(0, np.float32) for _ in range(queries)]

    def add(self, rows: Rows | int, scores: Vectors, keep: npt.NDArray[np.bool_] | None = None) -> None:
        """Rows (or the number of the first one) with their (n, Q) scores; those that ``keep`` leaves out are passed."""
        for query, column in enumerate(np.ascontiguousarray(scores.T)):
            self.add_to(query, rows, column, keep)

    def add_to(self, query: int, rows: Rows | int, scores: Vectors, keep: npt.NDArray[np.bool_] | None = None) -> None:
        """The same for one query, with (n,) scores."""
        full = len(self._scores[query]) == self._top
        # a later row with the score of the last one may still have a lower number, where rows come out of order
        passing = scores >= self._scores[query][-1] if full else np.ones(len(scores), np.bool_)
        places = np.flatnonzero(passing if keep is None else passing & keep)
        if len(places) > self._top:
            least = np.partition(scores[places], len(places) - self._top)[len(places) - self._top]
            places = places[scores[places] >= least]
        found = places + rows if isinstance(rows, int) else rows[places]
        found = np.concatenate((self._rows[query], found))
        values = np.concatenate((self._scores[query], scores[places]))
        order = np.lexsort((found, -values))[: self._top]
        self._rows[query], self._scores[query] = found[order], values[order]

    def result(self) -> list[tuple[Rows, Vectors]]:
        """(rows, scores) of each query, best first."""
        return list(zip(self._rows, self._scores, strict=True))


class MatrixCache:
    """The mapping of the generation that was asked for last, shared by the threads of a collection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[Facts, Matrix] | None = None

    def get(self, folder: Path, facts: Facts, collection: str) -> Matrix:
        """A mapping of exactly the rows that count."""
        with self._lock:
            if self._last is not None:
                known, matrix = self._last
                if (known.uuid, known.generation, known.rows) == (facts.uuid, facts.generation, facts.rows):
                    return matrix
            matrix = Matrix(vector_file(folder, facts.generation), facts.rows, facts.width or 0, collection)
            self._last = (facts, matrix)
            return matrix

    def clear(self) -> None:
        """Let the file go, as soon as no search uses it any more."""
        with self._lock:
            self._last = None
