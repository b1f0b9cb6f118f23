"""Searching over a model that knows colours: queries, weights, order, filters, broken queries, cancelling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmcore.errors import Cancelled, InputError, MMCoreError, UnknownNameError
from mmcore.index import Collection, Library
from mmcore.pool import ModelPool
from mmcore.results import Match, Query, QueryPart, SearchOptions, SearchResult, export_rows
from mmcore.settings import Settings
from mmcore.tasks import retrieval
from mmcore.tasks.ocr import reader
from mmcore.tasks.retrieval import QUERIES, search, search_many
from tests import clips
from tests.fakes.engines import loader
from tests.fakes.families import fake_pool
from tests.fakes.retrieval import (
    COLOURS,
    NAME,
    FakeRetriever,
    colour,
    colour_collection,
    retrieval_loader,
    retrieval_pool,
)

READERS = loader()


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    return retrieval_pool(settings)


@pytest.fixture
def collection(pool: ModelPool, tmp_path: Path) -> Collection:
    return colour_collection(pool, tmp_path / "pictures")


def names(matches: tuple[Match, ...]) -> list[str]:
    return [Path(match.path).stem for match in matches]


def model_of(pool: ModelPool) -> FakeRetriever:
    model = pool.get(NAME)
    assert isinstance(model, FakeRetriever)
    return model


def test_a_text_finds_its_picture_and_says_how_sure_it_is(pool: ModelPool, collection: Collection):
    result = search(pool, collection, Query.of("red"))
    assert names(result.matches)[0] == "red"
    assert set(names(result.matches[1:3])) == {"purple", "yellow"}
    assert names(result.good) == names(result.matches[:3])
    scores = [match.score for match in result.matches]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert result.matches[0].cosine == pytest.approx(1, abs=2e-3)
    assert (result.query, result.collection, result.model, result.device) == ("red", "colours", NAME, "cpu")
    assert result.seconds > 0


def test_nonsense_finds_no_good_match_but_shows_the_scores(pool: ModelPool, collection: Collection):
    result = search(pool, collection, Query.of("wibble"))
    assert result.good == ()
    assert len(result.matches) == len(COLOURS)
    assert result.to_dict()["good_matches"] == 0


def test_the_result_as_json_is_the_contract(pool: ModelPool, collection: Collection):
    answer = search(pool, collection, Query.of("red"), SearchOptions(top=1)).to_dict()
    assert {"query", "matches", "model", "seconds"} <= set(answer)
    (match,) = answer["matches"]
    assert match["path"].endswith("red.png")
    assert match["good"] is True
    assert match["score"] > 0.9


def test_a_picture_finds_those_like_it(pool: ModelPool, collection: Collection):
    result = search(pool, collection, Query.of(image=colour("blue", (3, 3)), image_name="sky.jpg"))
    assert result.query == "sky.jpg"
    assert names(result.matches)[0] == "blue"


def test_a_picture_of_the_collection_is_searched_from_without_the_model(pool: ModelPool, collection: Collection):
    entry = collection.entry(search(pool, collection, Query.of("green")).matches[0].id or 0)
    assert entry is not None
    seen = len(model_of(pool).batches)
    again = search(pool, collection, Query.of(image=collection.vectors([entry])[0]))
    assert names(again.matches)[:2] == ["green", "yellow"]
    assert len(model_of(pool).batches) == seen


def test_minus_takes_away_what_matches_it(pool: ModelPool, collection: Collection):
    plain = search(pool, collection, Query.of("red"))
    less = search(pool, collection, Query.of("red", without="blue"))
    assert less.query == "red - blue"
    purple = [next(match.score for match in found.matches if "purple" in match.path) for found in (plain, less)]
    assert purple[1] < 0.5 * purple[0]
    assert names(less.good) == ["red", "yellow"]


def test_weights_decide_between_the_parts(pool: ModelPool, collection: Collection):
    def first(red: float, blue: float) -> str:
        parts = (QueryPart("red", red), QueryPart(colour("blue"), blue))
        return names(search(pool, collection, Query(parts)).matches)[0]

    assert first(5, 0.1) == "red"
    assert first(0.1, 5) == "blue"
    assert first(1, 1) == "purple"


def test_only_the_names_that_are_asked_for(pool: ModelPool, collection: Collection):
    assert names(search(pool, collection, Query.of("red"), SearchOptions(name="LUE")).matches) == ["blue"]
    assert set(names(search(pool, collection, Query.of("red"), SearchOptions(name="*e*n.png")).matches)) == {"green"}
    assert search(pool, collection, Query.of("red"), SearchOptions(name="cat")).matches == ()


def test_top_and_cut_off(pool: ModelPool, collection: Collection):
    assert len(search(pool, collection, Query.of("red"), SearchOptions(top=2)).matches) == 2
    assert len(search(pool, collection, Query.of("red"), SearchOptions(cutoff=0)).good) == len(COLOURS)
    result = search(pool, collection, Query.of("red", without="green"), SearchOptions(top=1, cutoff=1))
    assert len(result.matches) == 1
    assert result.good == ()
    assert [match.good for match in result.matches] == [False]
    assert [match.good for match in replace(result, cutoff=0.0).matches] == [True]


def test_files_that_are_gone_are_said_to_be(pool: ModelPool, collection: Collection, tmp_path: Path):
    (tmp_path / "pictures" / "red.png").unlink()
    assert [match.present for match in search(pool, collection, Query.of("red")).matches[:2]] == [False, True]


def test_an_empty_collection_gives_nothing(pool: ModelPool):
    empty = Library(pool.settings).create("empty", NAME)
    assert search(pool, empty, Query.of("red")).matches == ()


def test_the_collection_names_the_checkpoint(settings: Settings, tmp_path: Path):
    pool = retrieval_pool(settings)
    collection = colour_collection(pool, tmp_path / "pictures", model="siglip2-base")
    assert search(pool, collection, Query.of("red")).model == "siglip2-base"
    assert [model.name for model in pool.loaded()] == ["siglip2-base"]


def test_scores_follow_the_collection_where_the_checkpoint_has_no_figures(pool: ModelPool, collection: Collection):
    model_of(pool).calibration = None
    assert names(search(pool, collection, Query.of("red")).good)[0] == "red"
    assert not search(pool, collection, Query.of("wibble")).good


def test_a_changed_collection_gets_a_new_background(pool: ModelPool, collection: Collection, tmp_path: Path):
    model_of(pool).calibration = None
    before = search(pool, collection, Query.of("red")).matches[0].score
    for number in range(12):
        colour("red", (4, 4 + number)).save(tmp_path / "pictures" / f"more-{number}.png")
    collection.add([tmp_path / "pictures"], lambda images: retrieval.embed_images(pool, images), checkpoint=NAME)
    assert search(pool, collection, Query.of("red")).matches[0].score != before


# many queries


def test_many_queries_keep_their_order_and_are_embedded_together(pool: ModelPool, collection: Collection):
    asked = [Query.of(name) for name in ("blue", "red", "green")] * 30
    search(pool, collection, asked[0])  # loads what is needed once
    model_of(pool).batches.clear()
    progress: list[tuple[int, int]] = []
    found = list(search_many(pool, collection, asked, SearchOptions(top=1), lambda *p: progress.append(p)))
    assert all(isinstance(one, SearchResult) for one in found)
    assert [names(one.matches)[0] for one in found if isinstance(one, SearchResult)] == ["blue", "red", "green"] * 30
    assert model_of(pool).batches == [QUERIES, 90 - QUERIES]
    assert progress == [(done + 1, 90) for done in range(90)]


def test_a_query_that_fails_does_not_keep_the_others_from_being_answered(settings: Settings, tmp_path: Path):
    pool = retrieval_pool(settings)
    collection = colour_collection(pool, tmp_path / "pictures")
    long = Query.of("red " * settings.text_characters)
    outcomes = list(search_many(pool, collection, [Query.of("red"), long, Query.of("blue")]))
    assert [type(one) for one in outcomes] == [SearchResult, InputError, SearchResult]
    with pytest.raises(InputError, match="the limit is 5000"):
        search(pool, collection, long)


def test_a_script_that_cannot_be_read_is_an_error_of_that_query(pool: ModelPool, collection: Collection):
    def refuse(item: object) -> MMCoreError | None:
        return InputError("query_empty") if item == "кошка" else None

    model_of(pool).fails_on = refuse
    outcomes = list(search_many(pool, collection, [Query.of("кошка"), Query.of("red")]))
    assert [type(one) for one in outcomes] == [InputError, SearchResult]


def test_chinese_words_are_looked_for_in_english_and_shown(pool: ModelPool, collection: Collection):
    chinese, english = search_many(
        pool, collection, [Query.of("红色", without="藍色"), Query.of("red", without="blue")]
    )
    assert isinstance(chinese, SearchResult)
    assert isinstance(english, SearchResult)
    assert [match.score for match in chinese.matches] == [match.score for match in english.matches]
    assert chinese.query == "红色 - 藍色"
    assert [notice.to_dict()["values"] for notice in chinese.notices] == [{"pairs": "红色 → red; 藍色 → blue"}]
    assert english.notices == ()


def test_cancelling_keeps_what_is_done(pool: ModelPool, collection: Collection):
    outcomes = search_many(pool, collection, [Query.of("red")] * (QUERIES + 1), cancelled=iter([False, True]).__next__)
    done = [next(outcomes) for _ in range(QUERIES)]
    assert len(done) == QUERIES
    with pytest.raises(Cancelled, match=f"{QUERIES} of {QUERIES + 1}"):
        next(outcomes)


def test_a_checkpoint_of_another_task_is_refused(pool: ModelPool):
    with pytest.raises(UnknownNameError, match="compact-retriever"):
        retrieval.embed_texts(pool, ["red"], "compact-captioner")


def test_embedding_nothing_gives_nothing(pool: ModelPool):
    assert retrieval.embed_images(pool, []).shape[0] == 0
    assert retrieval.embed_texts(pool, ["red"]).dtype == np.float32


def test_export_has_a_row_for_every_match(pool: ModelPool, collection: Collection):
    rows = export_rows([search(pool, collection, Query.of(text), SearchOptions(top=2)) for text in ("red", "blue")])
    assert [(row["query"], row["rank"]) for row in rows] == [("red", 1), ("red", 2), ("blue", 1), ("blue", 2)]
    assert rows[2]["file"] == "blue.png"
    assert list(rows[0]) == ["query", "rank", "path", "file", "score", "cosine", "good", "present", "model"]


def test_a_query_that_denies_something_is_answered_with_a_hint(pool: ModelPool, collection: Collection):
    for text, word in (
        ("red without blue", "without"),
        ("Not a red one", "Not"),
        ("没有红色", "没有"),
        ("anything but red", "anything but"),
    ):
        *_, notice = search(pool, collection, Query.of(text)).notices
        assert (notice.code, dict(notice.params)) == ("query_negation", {"word": word})
    assert search(pool, collection, Query.of("a knot, another note", without="no blue")).notices == ()
    assert all(notice.code != "query_negation" for notice in search(pool, collection, Query.of("无人机")).notices)


def test_what_is_gone_is_marked_and_nothing_else_changes(pool: ModelPool, collection: Collection):
    asked = Query.of("red"), SearchOptions(top=2)
    before = search(pool, collection, *asked)
    Path(before.matches[0].path).unlink()
    gone, there = search(pool, collection, *asked).to_dict()["matches"]
    assert gone == {**before.to_dict()["matches"][0], "present": False}
    assert there == before.to_dict()["matches"][1]


def test_copies_take_one_place_together(pool: ModelPool, collection: Collection):
    first = search(pool, collection, Query.of("red"), SearchOptions(top=3))
    red = Path(first.matches[0].path)
    copies = [red.with_name(f"copy{number}.png") for number in range(6)]
    for copy in copies:
        copy.write_bytes(red.read_bytes())
    collection.add([red.parent], lambda images: retrieval.embed_images(pool, images, NAME), checkpoint=NAME)
    red.unlink()
    found = search(pool, collection, Query.of("red"), SearchOptions(top=3))
    assert names(found.matches)[1:] == names(first.matches)[1:]
    assert found.matches[0].present
    others = {str(path) for path in copies} - {found.matches[0].path}
    assert set(found.matches[0].copies) == others, "the gone one is not told of"
    assert found.to_dict()["matches"][0]["copies"] == list(found.matches[0].copies)
    assert "copies" not in found.to_dict()["matches"][1]


def test_another_collection_of_the_same_name_and_size_is_calibrated_anew(pool: ModelPool, settings: Settings):
    def fill(folder: Path, colours: list[str]) -> Collection:
        library = Library(settings)
        if "c" in library.names():
            library.remove("c")
        folder.mkdir(parents=True)
        for name in colours:
            colour(name).save(folder / f"{name}.png")
        made = library.open_or_create("c", NAME)
        made.add([folder], lambda images: retrieval.embed_images(pool, images, NAME), checkpoint=NAME)
        return made

    search(pool, fill(settings.home / "one", ["green", "blue", "yellow"]), Query.of("red"))
    second = fill(settings.home / "two", ["red", "blue", "purple"])
    used = [match.score for match in search(pool, second, Query.of("red")).matches]
    fresh = [match.score for match in search(retrieval_pool(settings), second, Query.of("red")).matches]
    assert used == pytest.approx(fresh)


@pytest.fixture
def signs(settings: Settings, tmp_path: Path) -> tuple[ModelPool, Collection]:
    """A red picture of 20 x 10 and a blue one of 30 x 10, which their reader reads as "20 by 10" and "30 by 10"."""
    pool = fake_pool(
        settings,
        lambda checkpoint, *rest: (READERS if checkpoint.task == "ocr" else retrieval_loader)(checkpoint, *rest),
    )
    for name, width in (("red", 20), ("blue", 30)):
        colour(name, (width, 10)).save(tmp_path / f"{name}.png")
    collection = Library(settings).create("signs", NAME)
    collection.add([tmp_path], lambda images: retrieval.embed_images(pool, images, NAME), checkpoint=NAME)
    return pool, collection


def test_text_inside_the_pictures_is_a_part_of_the_query(signs: tuple[ModelPool, Collection]):
    pool, collection = signs
    with pytest.raises(InputError, match='mmcore index read "signs"'):
        search(pool, collection, Query.of(reading="30"))
    collection.read_texts(reader(pool))
    alone = search(pool, collection, Query.of(reading="30 by"))
    assert names(alone.good) == ["blue"]
    assert (alone.query, alone.matches[0].reading, alone.matches[0].cosine) == ('"30 by"', "30 by 10", None)
    assert alone.to_dict()["matches"][0]["reading"] == "30 by 10"
    both = search(pool, collection, Query.of("red", reading="by 10"))
    assert names(both.matches) == ["red", "blue"]
    assert both.matches[0].cosine == pytest.approx(1, abs=2e-3)
    assert names(search(pool, collection, Query.of("red", reading="30", reading_weight=5)).matches)[0] == "blue"
    assert names(search(pool, collection, Query.of(reading="by 10", without="red")).good) == ["blue"]
    assert [notice.code for notice in alone.notices] == []


def test_pictures_that_were_not_read_are_told(signs: tuple[ModelPool, Collection], tmp_path: Path):
    pool, collection = signs
    collection.read_texts(reader(pool))
    colour("green", (40, 10)).save(tmp_path / "green.png")
    collection.add([tmp_path], lambda images: retrieval.embed_images(pool, images, NAME), checkpoint=NAME)
    result = search(pool, collection, Query.of(reading="40"))
    assert result.good == ()
    assert [(notice.code, dict(notice.params)) for notice in result.notices] == [
        ("pictures_unread", {"count": 1, "total": 3})
    ]


def test_a_query_for_text_needs_letters(signs: tuple[ModelPool, Collection]):
    for empty in ("", "  "):
        with pytest.raises(InputError, match="nothing to look for"):
            Query.of(reading=empty)
    with pytest.raises(InputError, match="nothing to look for"):
        Query.of(reading="?!")


def test_a_video_is_one_match_at_its_best_moment(pool: ModelPool, collection: Collection, tmp_path: Path):
    shown = [(colour("purple", (64, 48)), 1.0), (colour("red", (64, 48)), 2.0), (colour("blue", (64, 48)), 1.0)]
    film = clips.make(tmp_path / "film.mp4", shown)
    collection.add([film], lambda images: retrieval.embed_images(pool, images, NAME), checkpoint=NAME)
    result = search(pool, collection, Query.of("red"))
    (match,) = (match for match in result.matches if Path(match.path).name == "film.mp4")
    assert match.moment is not None
    assert 1 <= match.moment < 3
    assert match.copies == ()
    told = next(one for one in result.to_dict()["matches"] if one["path"] == str(film))
    assert told["moment"] == round(match.moment, 2)
