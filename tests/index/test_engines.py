"""Searching without looking at every vector: complete, with the same scores, and nearly the same answers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcore.errors import Cancelled, CapacityError, WeightsError
from mmcore.evaluation.index_bench import fill
from mmcore.index import Collection, Library, engines, maintenance
from mmcore.index.qdrant_engine import Qdrant
from mmcore.settings import Settings
from tests.index.world import MADE_BY, embed, paint, picture

VECTORS, WIDTH, TOP = 5000, 256, 10
ADDRESS = "http://qdrant.example:6333"


@pytest.fixture(params=["approximate", pytest.param(ADDRESS, id="qdrant")])
def index(request: pytest.FixtureRequest) -> Any:
    if request.param == ADDRESS:
        request.getfixturevalue("local_qdrant")
    return request.param


@pytest.fixture
def local_qdrant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client's local mode, numpy over the same methods, in the place of a server at ADDRESS."""
    qdrant_client = pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the local mode is for small collections
        client = qdrant_client.QdrantClient(":memory:")
        monkeypatch.setattr(client, "close", lambda: None)
        monkeypatch.setattr(engines, "Qdrant", lambda url, key: Qdrant(url, key, client))
        yield client


@pytest.fixture
def open_with(settings: Settings) -> Any:
    """Opens the collection "things" with an engine."""

    def opened(index: str, **changes: Any) -> Collection:
        return Library(replace(settings, index=index, **changes)).open("things")

    return opened


def queries_near(collection: Collection, count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    vectors = collection.vectors(collection.entries(limit=count))
    return (vectors + 0.05 * rng.standard_normal(vectors.shape)).astype(np.float32)


def answers(collection: Collection, queries: np.ndarray, **options: Any) -> list[list[tuple[int, float]]]:
    found = collection.search_many(queries, checkpoint="bench", top=TOP, **options)
    return [[(hit.entry.id, hit.score) for hit in hits] for hits in found]


def test_the_top_ten_are_those_of_an_exact_search(index: str, library: Library, open_with: Any):
    exact = library.create("things", "bench")
    fill(exact, VECTORS, WIDTH, lambda done, total: None)
    queries = queries_near(exact, 100)
    wanted = answers(exact, queries)
    fast = open_with(index)
    seen: list[tuple[int, int]] = []
    fast.prepare(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (VECTORS, VECTORS)
    assert fast._engine.covered(fast.facts) == VECTORS
    found = answers(fast, queries)
    recall = np.mean([len({i for i, _ in a} & {i for i, _ in b}) / TOP for a, b in zip(found, wanted, strict=True)])
    assert recall >= 0.98
    scores = [dict(one) for one in wanted]
    for one, known in zip(found, scores, strict=True):
        assert len(one) == TOP
        assert [score for _, score in one] == sorted((score for _, score in one), reverse=True)
        assert all(score == known[number] for number, score in one if number in known), "scores are the exact ones"
    seen.clear()
    fast.prepare(lambda done, total: seen.append((done, total)), everything=True)
    assert not seen, "nothing is new"
    for collection in (exact, fast):
        collection.close()


def test_new_removed_and_filtered_pictures(
    index: str, collection: Collection, open_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines, "TAIL", 10)
    fast = open_with(index)
    fast.add(paint(tmp_path / "a", range(60)), embed, checkpoint=MADE_BY)
    assert fast._engine.covered(fast.facts) == 60, "adding brings the engine up to date"
    new = paint(tmp_path / "b", range(100, 105))
    fast.add(new, embed, checkpoint=MADE_BY)
    assert fast._engine.covered(fast.facts) in (60, 65)
    for number, seed in enumerate(range(100, 105)):
        best = fast.search(embed([picture(seed)])[0], checkpoint=MADE_BY, top=1)[0]
        assert best.entry.path == str(new[number]), "new pictures are found before the engine knows them"
    query = embed([picture(3)])[0]
    top = fast.search(query, checkpoint=MADE_BY, top=20)
    fast.remove([hit.entry for hit in top[:15]])
    left = fast.search(query, checkpoint=MADE_BY, top=20)
    assert [hit.entry for hit in left[:5]] == [hit.entry for hit in top[15:]]
    assert len(left) == 20
    assert len(fast.search(query, checkpoint=MADE_BY, top=100)) == 50
    filtered = fast.search(query, checkpoint=MADE_BY, where="00010?.png")
    assert {hit.entry.id for hit in filtered} == {entry.id for entry in fast.entries(where="00010?.png")}
    assert filtered
    monkeypatch.setattr(maintenance, "GAPS", 1)
    fast.remove(fast.entries()[:10])
    assert fast.facts.generation == 1
    assert len(fast.search(query, checkpoint=MADE_BY, top=100)) == 40, "the old engine's rows are not taken for new"
    fast.prepare(everything=True)
    assert fast._engine.covered(fast.facts) == 40
    assert fast.search(query, checkpoint=MADE_BY, top=100) == collection.search(query, checkpoint=MADE_BY, top=100)
    fast.close()


def test_auto_searches_exactly_up_to_its_limit(collection: Collection, open_with: Any, tmp_path: Path):
    collection.add(paint(tmp_path, range(30)), embed, checkpoint=MADE_BY)
    small, large = open_with("auto", index_exact=30), open_with("auto", index_exact=29)
    assert small._engine_for(small.facts) is None
    assert large._engine_for(large.facts) is not None
    small.prepare(everything=True)
    assert not list(collection.folder.glob("graph-*"))
    large.prepare(everything=True)
    assert len(list(collection.folder.glob("graph-*"))) == 1
    assert open_with("exact")._engine is None
    for one in (small, large):
        one.close()


def test_a_graph_that_was_cut_off_is_passed_over(collection: Collection, open_with: Any, tmp_path: Path):
    collection.add(paint(tmp_path, range(30)), embed, checkpoint=MADE_BY)
    fast = open_with("approximate")
    fast.prepare(everything=True)
    fast.close()
    (file,) = collection.folder.glob("graph-*")
    file.write_bytes(file.read_bytes()[:100])
    query = embed([picture(3)])[0]
    assert fast.search(query, checkpoint=MADE_BY) == collection.search(query, checkpoint=MADE_BY)
    fast.close()


def test_an_engine_can_be_stopped(index: str, collection: Collection, open_with: Any, tmp_path: Path):
    collection.add(paint(tmp_path, range(30)), embed, checkpoint=MADE_BY)
    fast = open_with(index)
    with pytest.raises(Cancelled):
        fast.prepare(cancelled=lambda: True, everything=True)
    assert len(fast.search(embed([picture(3)])[0], checkpoint=MADE_BY, top=50)) == 30
    fast.close()


def test_a_server_forgets_what_is_removed(
    collection: Collection, open_with: Any, settings: Settings, local_qdrant: Any, tmp_path: Path
):
    collection.add(paint(tmp_path, range(30)), embed, checkpoint=MADE_BY)
    other = Library(replace(settings, index=ADDRESS)).create("other", MADE_BY)
    other.add(paint(tmp_path / "o", range(30)), embed, checkpoint=MADE_BY)
    other.prepare(everything=True)
    fast = open_with(ADDRESS)
    fast.prepare(everything=True)
    uuids = {one.facts.uuid for one in (fast, other)}
    assert {one.name for one in local_qdrant.get_collections().collections} == {f"mmcore-{one}-0" for one in uuids}
    kept = other.facts.uuid
    Library(replace(settings, index=ADDRESS)).remove("things")
    assert [one.name for one in local_qdrant.get_collections().collections] == [f"mmcore-{kept}-0"]
    for one in (fast, other):
        one.close()


def test_a_server_that_came_back_empty_is_filled_again(
    collection: Collection, open_with: Any, local_qdrant: Any, tmp_path: Path
):
    collection.add(paint(tmp_path, range(30)), embed, checkpoint=MADE_BY)
    fast = open_with(ADDRESS)
    fast.prepare(everything=True)
    fast.close()
    (there,) = local_qdrant.get_collections().collections
    local_qdrant.delete_collection(there.name)
    query = embed([picture(3)])[0]
    fast = open_with(ADDRESS)
    assert fast.search(query, checkpoint=MADE_BY) == collection.search(query, checkpoint=MADE_BY), "looked at here"
    fast.prepare(everything=True)
    assert local_qdrant.count(there.name).count == 30
    fast.close()


def test_a_server_that_does_not_answer_is_said(collection: Collection, settings: Settings, tmp_path: Path):
    pytest.importorskip("qdrant_client", reason="needs the extra qdrant")
    collection.add(paint(tmp_path, range(3)), embed, checkpoint=MADE_BY)
    far = Library(replace(settings, index="http://127.0.0.1:9")).open("things")
    with pytest.raises(CapacityError, match=r"The Qdrant server http://127\.0\.0\.1:9 cannot be used"):
        far.search(embed([picture(1)])[0], checkpoint=MADE_BY)
    far.close()


def test_a_missing_package_is_named(collection: Collection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(WeightsError, match=r'pip install "mmcore-studio\[qdrant\]"'):
        Qdrant("http://localhost:6333").covered(collection.facts)
