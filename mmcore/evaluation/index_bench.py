"""Time and memory of an exact search in a collection, compared with faiss IndexFlatIP on the same vectors.

The collection is searched as anybody would, through its catalogue; its memory is that of a process of its own which
does nothing else. faiss holds the vectors in single precision, which takes twice the memory. Both use one thread, and
faiss multiplies matrices (BLAS) for as few queries as it does by default in its older versions: 1.15 would take 64
queries one by one, at five times the time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.evaluation.bench import measure
from mmcore.index import Collection, Library, matrix
from mmcore.index.store import facts
from mmcore.settings import Settings
from mmcore.types import Progress, Vectors

NAME, MADE_BY = "bench", "bench"
TOP = 10
BATCH = 64
"""Queries of the search for several at once."""
STEP = 20_000
FAISS_BLAS_FROM = 20
"""Queries from which faiss multiplies matrices."""

PEAK = """
import json, sys
from pathlib import Path
import numpy as np
from mmcore.index import Library
from mmcore.settings import Settings

collection = Library(Settings(home=Path(sys.argv[1]), index="exact")).open("bench")
queries = np.random.default_rng(1).standard_normal((3, int(sys.argv[2]))).astype(np.float32)
for query in queries:
    collection.search(query, checkpoint="bench", top=10)
try:
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024  # getrusage would tell the parent's too
except (OSError, IndexError):
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(peak))
"""


def some_vectors(count: int, width: int, seed: int) -> Vectors:
    """(count, width) random unit vectors."""
    vectors = np.random.default_rng(seed).standard_normal((count, width), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def fill(collection: Collection, vectors: int, width: int, progress: Progress) -> None:
    """Entries without pictures, a vector each: STEP random ones, and others with the signs of some columns turned."""
    chance, base = np.random.default_rng(0), some_vectors(min(STEP, vectors), width, 0)
    with collection._store.write() as db:
        file = matrix.vector_file(collection.folder, facts(db).generation)
        for first in range(0, vectors, STEP):
            count = min(STEP, vectors - first)
            signs = chance.choice(np.array([-1, 1], np.float32), width)
            matrix.append(file, base[:count] * signs, first)
            rows = (
                (f"/{row}".encode(), f"/{row}", str(row), b"%032d" % row, row) for row in range(first, first + count)
            )
            db.executemany(
                "INSERT INTO entries (path, folded, name, size, modified, sha256, width, height, row) "
                "VALUES (?, ?, ?, 0, 0, ?, 1, 1, ?)",
                rows,
            )
            progress(first + count, vectors)
        db.execute("UPDATE facts SET rows = ?, width = ?", (vectors, width))


def peak_memory(home: Path, width: int) -> int | None:
    """Bytes that a process takes at most which opens the collection and searches; None where it cannot be told."""
    command = [sys.executable, "-c", PEAK, str(home), str(width)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(json.loads(done.stdout)) if done.returncode == 0 else None


def run(
    vectors: int,
    width: int,
    repeats: int,
    folder: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Figures of one search and of BATCH at once: seconds, ratio to faiss, peak memory, agreement of the answers."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        collection = Library(Settings(home=Path(home), index="exact")).create(NAME, MADE_BY)
        try:
            fill(collection, vectors, width, progress)
            peak = peak_memory(Path(home), width)
            figures: dict[str, Any] = {"vectors": vectors, "width": width, "top": TOP}
            if peak is not None:
                figures["peak_memory_gb"] = peak / 1e9
            return {**figures, **_compare(collection, vectors, width, repeats)}
        finally:
            collection.close()


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """faiss with one thread, as our own search has, and with matrix products for several queries."""
    threads, threshold = faiss.omp_get_max_threads(), faiss.cvar.distance_compute_blas_threshold
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = FAISS_BLAS_FROM
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
        faiss.cvar.distance_compute_blas_threshold = threshold


def _compare(collection: Collection, vectors: int, width: int, repeats: int) -> dict[str, Any]:
    queries = some_vectors(BATCH, width, seed=-1 % 2**32)

    def search(count: int) -> list[list[int]]:
        hits = collection.search_many(queries[:count], checkpoint=MADE_BY, top=TOP)
        return [[int(hit.entry.name) for hit in found] for found in hits]

    few = max(3, repeats // 3)
    try:
        import faiss
    except ImportError:
        alone = [
            measure("one query", lambda: search(1), repeats),
            measure(f"{BATCH} queries", lambda: search(BATCH), few, warm_up=1),
        ]
        skipped = "faiss is not installed; `pip install faiss-cpu`"
        return {"timings": [asdict(one) for one in alone], "faiss": skipped}

    flat = faiss.IndexFlatIP(width)
    with collection._snapshot() as (_, _, known):
        for first in range(0, vectors, STEP):
            flat.add(known.halves[first : first + STEP].astype(np.float32))
    timings: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    with _one_thread(faiss):
        for count, times in ((1, repeats), (BATCH, few)):
            label = "one query" if count == 1 else f"{count} queries"
            own = measure(label, lambda count=count: search(count), times)  # type: ignore[misc]
            other = measure(f"{label}, faiss", lambda count=count: flat.search(queries[:count], TOP), times)  # type: ignore[misc]
            timings += [asdict(own), asdict(other)]
            ratios[f"ratio_{count}"] = own.median / other.median
        expected = flat.search(queries, TOP)[1]
    agreeing = [
        len(set(found) & set(map(int, wanted))) / TOP for found, wanted in zip(search(BATCH), expected, strict=True)
    ]
    return {
        "timings": timings,
        **ratios,
        "recall_at_10": float(np.mean(agreeing)),
        "threads": 1,
    }
