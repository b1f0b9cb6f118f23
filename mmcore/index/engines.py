"""Searching beyond looking at every vector: a graph of neighbours (usearch), or a server (Qdrant).

An engine is derived from the vectors of a collection and may lag behind them: it knows the rows below ``covered``,
the rest is searched exactly. It names candidates; their scores are always computed from the vectors themselves.
So a search is complete and its scores are the same whichever engine answers.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mmcore.errors import Cancelled
from mmcore.index.matrix import Matrix
from mmcore.index.qdrant_engine import Qdrant
from mmcore.index.store import Facts
from mmcore.settings import Settings
from mmcore.types import IsCancelled, Progress, Rows, Vectors

if TYPE_CHECKING:
    from usearch.index import Index

STEP = 4096
"""Vectors that an engine takes in at once."""
TAIL = 1000
"""Rows that an engine need not know."""


class Engine(Protocol):
    """A way to search one collection. Any number of threads may use it."""

    name: str

    def covered(self, facts: Facts) -> int:
        """It knows the rows from 0 to this."""
        ...

    def nearest(self, facts: Facts, queries: Vectors, top: int) -> list[Rows]:
        """About the ``top`` nearest rows of each of the (Q, C) queries, among those it knows."""
        ...

    def update(self, facts: Facts, matrix: Matrix, progress: Progress, cancelled: IsCancelled) -> None:
        """Take in the rows that it does not know. Raises Cancelled; what it has taken in may stay."""
        ...

    def drop(self, uuid: str) -> None:
        """The collection is deleted: leave nothing behind."""
        ...

    def close(self) -> None:
        """Let memory and connections go."""
        ...


def choose(settings: Settings, folder: Path) -> Engine | None:
    """The engine that the settings name; None for exact search."""
    if settings.index == "exact":
        return None
    if settings.index in ("auto", "approximate"):
        return Approximate(folder)
    return Qdrant(settings.index, settings.index_key)


def lags(engine: Engine, facts: Facts) -> bool:
    """Whether so much is new to the engine that it should take it in."""
    return facts.rows - engine.covered(facts) > max(TAIL, facts.rows // 20)


class Approximate:
    """A navigable small-world graph (HNSW; Malkov and Yashunin, 2016) over half-precision vectors, by usearch.

    It lies in one file, which is memory-mapped for searching and replaced as a whole when it has grown.
    Any number of threads may use it.
    """

    name = "approximate"
    connectivity = 32
    """Neighbours of a node; this and the next two trade time for recall."""
    expansion_add = 128
    expansion_search = 256

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._view: tuple[Any, int, Any] | None = None
        """Identity of the file, rows in it, the graph."""

    def _file(self, facts: Facts) -> Path:
        return self._folder / f"graph-{facts.generation}.usearch"

    def _open(self, facts: Facts) -> tuple[int, Any]:
        """(rows, graph or None): the graph that belongs to these vectors."""
        file = self._file(facts)
        try:
            status = file.stat()
        except OSError:
            return 0, None
        identity = (facts.uuid, facts.generation, status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            if self._view is None or self._view[0] != identity:
                graph = self._new(facts.width or 0)
                try:
                    graph.view(os.fspath(file))
                except (RuntimeError, ValueError, OSError):  # cut off by a power cut: exact search takes over
                    return 0, None
                if graph.ndim != facts.width:
                    return 0, None
                self._view = (identity, len(graph), graph)
            return self._view[1], self._view[2]

    def _new(self, width: int) -> Index:
        from usearch.index import Index

        return Index(
            ndim=width,
            metric="ip",
            dtype="f16",
            connectivity=self.connectivity,
            expansion_add=self.expansion_add,
            expansion_search=self.expansion_search,
        )

    def covered(self, facts: Facts) -> int:
        """See Engine."""
        return min(self._open(facts)[0], facts.rows)

    def nearest(self, facts: Facts, queries: Vectors, top: int) -> list[Rows]:
        """See Engine."""
        with self._lock:  # usearch gives each call the same working memory
            rows, graph = self._open(facts)
            if graph is None:
                return [np.zeros(0, np.int64)] * len(queries)
            graph.expansion_search = max(self.expansion_search, 2 * top)
            found = [graph.search(query.astype(np.float16), min(top, rows)).keys for query in queries]
        return [keys.astype(np.int64) for keys in found]

    def update(self, facts: Facts, matrix: Matrix, progress: Progress, cancelled: IsCancelled) -> None:
        """See Engine. Where it raises, the file is as it was."""
        start, _ = self._open(facts)
        if start >= facts.rows:
            return
        graph = self._new(matrix.width)
        if start:
            graph.load(os.fspath(self._file(facts)))
        for first in range(start, facts.rows, STEP):
            if cancelled():
                raise Cancelled("cancelled", done=first, total=facts.rows)
            last = min(first + STEP, facts.rows)
            graph.add(np.arange(first, last), matrix.halves[first:last])
            progress(last, facts.rows)
        file = self._file(facts)
        part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            graph.save(os.fspath(part))
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)
        for old in self._folder.glob("graph-*.usearch"):
            if old != file:
                with suppress(OSError):
                    old.unlink()

    def drop(self, uuid: str) -> None:
        """Nothing to do: the file goes with the folder."""
        self.close()

    def close(self) -> None:
        """Let the mapping of the file go."""
        with self._lock:
            self._view = None
