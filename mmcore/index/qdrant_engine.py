"""Searching a collection on a Qdrant server, which any number of machines may share."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcore.errors import Cancelled, CapacityError, WeightsError
from mmcore.index.matrix import Matrix
from mmcore.index.store import Facts
from mmcore.types import IsCancelled, Progress, Rows, Vectors

STEP = 256
"""Vectors that are sent at once."""
TIMEOUT = 30
"""Seconds that an answer may take."""


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
            name = f"MMCORE_INDEX={self._url}"
            raise WeightsError("weights_extra", name=name, packages="qdrant-client", extra="qdrant") from None
        try:
            with self._lock:
                if self._client is None:
                    self._client = qdrant_client.QdrantClient(
                        url=self._url, api_key=self._key or None, timeout=TIMEOUT, check_compatibility=False
                    )
            return getattr(self._client, method)(**arguments)
        except (ApiException, OSError) as error:
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
        state = self._state(facts)
        if not state.rows:
            return [np.zeros(0, np.int64)] * len(queries)
        from qdrant_client import models

        requests = [models.QueryRequest(query=query.tolist(), limit=top) for query in queries]
        answers = self._call("query_batch_points", collection_name=state.collection, requests=requests)
        return [np.array([point.id for point in answer.points], np.int64) for answer in answers]

    def update(self, facts: Facts, matrix: Matrix, progress: Progress, cancelled: IsCancelled) -> None:
        """See Engine."""
        state = self._state(facts)
        from qdrant_client import models

        if not state.rows and not self._call("collection_exists", collection_name=state.collection):
            vectors = models.VectorParams(
                size=matrix.width, distance=models.Distance.DOT, on_disk=True, datatype=models.Datatype.FLOAT16
            )
            self._call("create_collection", collection_name=state.collection, vectors_config=vectors)
        for first in range(state.rows, facts.rows, STEP):
            if cancelled():
                raise Cancelled("cancelled", done=first, total=facts.rows)
            last = min(first + STEP, facts.rows)
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
