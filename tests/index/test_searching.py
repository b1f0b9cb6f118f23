"""Searching: what is found, in which order, and what filters do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.index import Collection, Library
from mmcore.index.matrix import CHUNK, Best, Matrix, append
from tests.index.world import MADE_BY, embed, paint, picture, vector_of


@pytest.fixture
def filled(collection: Collection, tmp_path: Path) -> Collection:
    for folder, seeds in (("Cats", range(10)), ("dogs", range(10, 20))):
        paint(tmp_path / "in" / folder, seeds)
    collection.add([tmp_path / "in"], embed, checkpoint=MADE_BY)
    return collection


def test_hits_come_best_first_with_their_cosines(filled: Collection):
    query = embed([picture(500)])[0]
    hits = filled.search(query, checkpoint=MADE_BY, top=5)
    expected = sorted(((float(vector_of(Path(e.path)) @ query), e.path) for e in filled.entries()), reverse=True)[:5]
    assert [hit.entry.path for hit in hits] == [path for _, path in expected]
    assert [hit.score for hit in hits] == pytest.approx([score for score, _ in expected], abs=2e-3)


def test_the_length_of_a_query_does_not_matter(filled: Collection):
    query = embed([picture(500)])[0]
    one, other = (filled.search(vector, checkpoint=MADE_BY) for vector in (query, 7 * query))
    assert [hit.entry for hit in one] == [hit.entry for hit in other]
    assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-4)


def test_many_queries_are_answered_as_each_alone(filled: Collection):
    queries = embed([picture(seed) for seed in (3, 500, 501)])
    together = filled.search_many(queries, checkpoint=MADE_BY, top=4)
    alone = [filled.search(query, checkpoint=MADE_BY, top=4) for query in queries]
    assert [[hit.entry for hit in hits] for hits in together] == [[hit.entry for hit in hits] for hits in alone]
    assert together[0][0].entry.name == "000003.png"


def test_filters(filled: Collection, tmp_path: Path):
    query = embed([picture(3)])[0]

    def found(where: str | None) -> set[str]:
        return {hit.entry.name for hit in filled.search(query, checkpoint=MADE_BY, top=100, where=where)}

    assert len(found(None)) == len(found(" ")) == 20
    assert found("00000") == {f"{seed:06d}.png" for seed in range(10)}
    assert found("00001?.PNG") == {f"{seed:06d}.png" for seed in range(10, 20)}
    assert found("*7.png") == {"000007.png", "000017.png"}
    assert found("unheard of") == set()
    assert [entry.name for entry in filled.entries(where="*7.png")] == ["000007.png", "000017.png"]
    chosen = filled.entries(where="00001?.png")[:3]
    assert {hit.entry for hit in filled.search(query, checkpoint=MADE_BY, rows=chosen)} == set(chosen)
    assert not filled.search(query, checkpoint=MADE_BY, rows=chosen, where="00000")
    assert not filled.search(query, checkpoint=MADE_BY, rows=[])


@pytest.mark.parametrize("where", ["cats", "*cats*", "s/", "/*", "?*/*.png", "{folder}", "{folder}/*"])
def test_a_filter_looks_at_names_and_never_at_folders(filled: Collection, tmp_path: Path, where: str):
    """Else whoever may search reads the server's folders letter by letter."""
    wanted = where.replace("{folder}", str(tmp_path))
    assert filled.entries(where=wanted) == []
    query = embed([picture(3)])[0]
    assert not filled.search(query, checkpoint=MADE_BY, where=wanted)


def test_names_with_brackets_and_accents(collection: Collection, tmp_path: Path):
    for name in ("a[1].png", "a1.png", "Café.png"):
        paint(tmp_path, [len(name)])[0].rename(tmp_path / name)
    collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert [entry.name for entry in collection.entries(where="a[1]*")] == ["a[1].png"]
    assert [entry.name for entry in collection.entries(where="CAFE\u0301")] == ["Café.png"]


def test_top_has_a_lower_limit_and_no_upper_one(filled: Collection):
    query = embed([picture(3)])[0]
    with pytest.raises(InputError, match="top is 0"):
        filled.search(query, checkpoint=MADE_BY, top=0)
    assert len(filled.search(query, checkpoint=MADE_BY, top=10_000)) == 20


@pytest.mark.parametrize("vector", [np.zeros(32), np.full(32, np.nan), np.ones(31), np.ones((2, 32))])
def test_a_vector_that_is_none_is_an_error_of_the_program(filled: Collection, vector: np.ndarray):
    with pytest.raises(ValueError, match="queries of"):
        filled.search(vector, checkpoint=MADE_BY)


def test_an_empty_collection_finds_nothing(collection: Collection):
    assert collection.search(np.ones(5, np.float32), checkpoint=MADE_BY) == []
    assert collection.vectors().shape == (0, 0)
    assert collection.map().shape == (0, 2)
    assert collection.duplicates() == []
    assert collection.entries() == []


def test_removed_pictures_are_not_found_and_their_places_are_used_again(filled: Collection):
    query = embed([picture(3)])[0]
    best = filled.search(query, checkpoint=MADE_BY, top=2)
    assert filled.remove([best[0].entry, best[1].entry.path, "/nowhere.png"]) == 2
    assert len(filled) == 18
    left = filled.search(query, checkpoint=MADE_BY, top=100)
    assert len(left) == 18
    assert not {best[0].entry, best[1].entry} & {hit.entry for hit in left}
    assert filled.entry(best[0].entry.id) is None
    assert len(filled.vectors()) == 18


def test_gaps_are_closed_when_they_are_many(filled: Collection, monkeypatch: pytest.MonkeyPatch):
    from mmcore.index import maintenance

    before = {entry.path: vector for entry, vector in zip(filled.entries(), filled.vectors(), strict=True)}
    monkeypatch.setattr(maintenance, "GAPS", 5)
    filled.remove(filled.entries()[2:9])
    assert [file.name for file in filled.folder.glob("vectors-*")] == ["vectors-1.f16"]
    assert filled.facts.rows == 13
    for entry, vector in zip(filled.entries(), filled.vectors(), strict=True):
        np.testing.assert_array_equal(vector, before[entry.path])
        assert filled.search(vector, checkpoint=MADE_BY, top=1)[0].entry == entry


def test_a_search_that_began_before_the_gaps_were_closed_goes_on(filled: Collection, monkeypatch: pytest.MonkeyPatch):
    from mmcore.index import maintenance

    monkeypatch.setattr(maintenance, "GAPS", 5)
    with filled._snapshot() as (_, now, matrix):
        kept = matrix.halves.copy()
        filled.remove(filled.entries()[2:9])
        np.testing.assert_array_equal(matrix.halves, kept)
        assert now.rows == 20
    assert filled.facts.rows == 13


def test_files_that_disappear_are_shown_as_such(filled: Collection, tmp_path: Path):
    query = embed([picture(3)])[0]
    gone = tmp_path / "in" / "Cats" / "000003.png"
    gone.unlink()
    best = filled.search(query, checkpoint=MADE_BY, top=1)[0].entry
    assert best.path == str(gone)
    assert best.missing
    assert filled.thumbnail(best).startswith(b"\xff\xd8")
    assert [entry.path for entry in filled.entries() if entry.missing] == [str(gone)]
    report = filled.refresh(embed, checkpoint=MADE_BY)
    assert (report.missing, report.broken, len(report.unchanged)) == ((str(gone),), (), 19)
    assert filled.add([tmp_path / "in"], embed, checkpoint=MADE_BY).missing == (str(gone),)
    assert filled.remove_missing() == 1
    assert len(filled) == 19


def test_a_refresh_embeds_what_has_changed(filled: Collection, tmp_path: Path):
    picture(77).save(tmp_path / "in" / "dogs" / "000011.png")
    report = filled.refresh(embed, checkpoint=MADE_BY)
    assert [Path(path).name for path in report.added] == ["000011.png"]
    assert filled.search(embed([picture(77)])[0], checkpoint=MADE_BY, top=1)[0].entry.name == "000011.png"


def test_a_map_is_the_same_each_time_and_fits_its_square(filled: Collection):
    places = filled.map()
    assert places.shape == (20, 2)
    assert places.min() >= 0
    assert places.max() <= 1
    assert np.ptp(places, axis=0).max() == pytest.approx(1)
    np.testing.assert_array_equal(places, filled.map())
    some = filled.entries()[:1]
    np.testing.assert_array_equal(filled.map(some), [[0.5, 0.5]])


def test_a_map_keeps_apart_what_is_apart():
    from mmcore.index.projection import place

    rng = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32)[[0, 3]]
    vectors = np.concatenate([centre + 0.02 * rng.standard_normal((30, 8)) for centre in centres]).astype(np.float32)
    places = place(vectors)
    first, second = places[:30], places[30:]
    between = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert between > 4 * max(first.std(axis=0).max(), second.std(axis=0).max())
    np.testing.assert_array_equal(place(np.ones((5, 8), np.float32)), np.full((5, 2), 0.5))
    assert place(np.eye(1, dtype=np.float32).repeat(3, 0) * [[1], [2], [3]]).shape == (3, 2)


def test_the_best_of_many_chunks_are_those_of_a_plain_sort():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 50, (1000, 3)).astype(np.float32)  # many ties
    keep = rng.random(1000) > 0.3
    best = Best(3, 20)
    for first in range(0, 1000, 130):
        best.add(first, scores[first : first + 130], keep[first : first + 130])
    rows = np.flatnonzero(keep)
    for query, (found, values) in enumerate(best.result()):
        order = rows[np.lexsort((rows, -scores[rows, query]))][:20]
        np.testing.assert_array_equal(found, order)
        np.testing.assert_array_equal(values, scores[order, query])


def test_half_precision_costs_less_than_it_says(tmp_path: Path):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((CHUNK + 100, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    append(tmp_path / "v", vectors[:100], 0)
    append(tmp_path / "v", vectors[50:], 50)
    matrix = Matrix(tmp_path / "v", len(vectors), 512)
    queries = vectors[[5, CHUNK + 7]]
    products = np.concatenate([part for _, part in matrix.products(queries)])
    assert np.abs(products - vectors @ queries.T).max() < 5e-4
    assert np.abs(products[::50] - vectors[::50] @ queries.T).mean() < 2e-5
    rows = np.array([CHUNK + 7, 5])
    np.testing.assert_allclose(matrix.take(rows), vectors[rows], atol=2e-4)


def test_missing_vectors_are_noticed(filled: Collection, library: Library):
    (file,) = filled.folder.glob("vectors-*")
    with file.open("r+b") as target:
        target.truncate(100)
    fresh = library.open("things")
    with pytest.raises(InputError, match="are damaged: vectors are missing at the end"):
        fresh.search(embed([picture(1)])[0], checkpoint=MADE_BY)
    fresh.close()
