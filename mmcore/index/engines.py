"""Ways to search beyond looking at every vector: a graph of neighbours (usearch), a server (Qdrant).

An engine is derived from the vectors of a collection and may lag behind them: it knows the rows below ``covered``,
the rest is searched exactly. It names candidates; their scores are always computed from the vectors themselves.
So a search is complete and its scores are the same whichever engine answers.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mmcore.errors import Cancelled, CapacityError, WeightsError
from mmcore.index.matrix import Matrix, Rows
from mmcore.index.records import IsCancelled, Progress, Vectors
from mmcore.index.store import Facts
from mmcore.settings import Settings

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
        """See Engine."""
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
        """See Engine."""
        with self._lock:
            self._view = None


@dataclass
class _Known:
    """What a server is known to hold of one generation."""

    collection: str
    rows: int


class Qdrant:
    """A Qdrant server: one collection of points there for each of ours, numbered by row.

    ``client`` is for tests, which use the client's local mode. Raises CapacityError where the server does not answer,
    WeightsError where the package qdrant-client is not installed.
    """

    name = "qdrant"

    def __init__(self, url: str, key: str = "", client: Any = None) -> None:
        self._url, self._key, self._client = url, key, client
        self._lock = threading.RLock()
        self._known: _Known | None = None

    def _call(self, method: str, **arguments: Any) -> Any:
        """A method of the client; what goes wrong there becomes our error."""
        try:
            import qdrant_client
            from qdrant_client.http.exceptions import ApiException
        except ImportError:
            extra = "mmcore-studio[qdrant]"
            raise WeightsError("weights_extra_missing", name=f"MMCORE_INDEX={self._url}", package=extra) from None
        import httpx

        try:
            with self._lock:
                if self._client is None:
                    self._client = qdrant_client.QdrantClient(
                        url=self._url, api_key=self._key or None, timeout=30, check_compatibility=False
                    )
            return getattr(self._client, method)(**arguments)
        except (ApiException, httpx.HTTPError, OSError) as error:
            self._known = None  # it may come back empty
            detail = str(error).strip().splitlines() or [type(error).__name__]
            raise CapacityError("index_unreachable", url=self._url, detail=detail[0]) from error

    def _state(self, facts: Facts) -> _Known:
        """What the server holds of this generation. It is asked once."""
        name = f"mmcore-{facts.uuid}-{facts.generation}"
        with self._lock:
            if self._known is None or self._known.collection != name:
                rows = 0
                if self._call("collection_exists", collection_name=name):
                    rows = self._call("count", collection_name=name, exact=True).count
                self._known = _Known(name, rows)
            return self._known

    def covered(self, facts: Facts) -> int:
        """See Engine."""
        return min(self._state(facts).rows, facts.rows)

    def nearest(self, facts: Facts, queries: Vectors, top: int) -> list[Rows]:
        """See Engine."""
        from qdrant_client import models

        state = self._state(facts)
        if not state.rows:
            return [np.zeros(0, np.int64)] * len(queries)
        requests = [models.QueryRequest(query=query.tolist(), limit=top) for query in queries]
        answers = self._call("query_batch_points", collection_name=state.collection, requests=requests)
        return [np.array([point.id for point in answer.points], np.int64) for answer in answers]

    def update(self, facts: Facts, matrix: Matrix, progress: Progress, cancelled: IsCancelled) -> None:
        """See Engine."""
        from qdrant_client import models

        state = self._state(facts)
        if not state.rows and not self._call("collection_exists", collection_name=state.collection):
            vectors = models.VectorParams(
                size=matrix.width, distance=models.Distance.DOT, on_disk=True, datatype=models.Datatype.FLOAT16
            )
            self._call("create_collection", collection_name=state.collection, vectors_config=vectors)
        for first in range(state.rows, facts.rows, STEP // 16):
            if cancelled():
                raise Cancelled("cancelled", done=first, total=facts.rows)
            last = min(first + STEP // 16, facts.rows)
            points = models.Batch(ids=list(range(first, last)), vectors=matrix.halves[first:last].tolist())
            self._call("upsert", collection_name=state.collection, points=points, wait=True)
            state.rows = max(state.rows, last)
            progress(last, facts.rows)
        self._delete(facts.uuid, but=state.collection)

    def _delete(self, uuid: str, but: str = "") -> None:
        for there in self._call("get_collections").collections:
            if there.name.startswith(f"mmcore-{uuid}-") and there.name != but:
                self._call("delete_collection", collection_name=there.name)

    def drop(self, uuid: str) -> None:
        """See Engine."""
        self._delete(uuid)
        self._known = None

    def close(self) -> None:
        """See Engine."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._known = None
