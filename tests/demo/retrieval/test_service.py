"""What the retrieval tab asks of the core, and how its answers look."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from demo.retrieval import collections, map_view, matching_service, service, upload_service, view
from demo.retrieval.collections import Added, CollectionChooser, UploadSession
from demo.retrieval.service import CloseUp, Dots, SearchForm, SearchView
from demo.ui import i18n
from demo.ui.events import Failure, Step
from demo.ui.html import similarity as alike
from mmcore.errors import InputError
from mmcore.pool import ModelPool
from mmcore.results import DEFAULT_CUTOFF, MapMethod, SimilarityMatrix, TextRanking, ZeroShotResult

MODEL = "compact-retriever"
RED, GREEN, BLUE = (230, 20, 20), (20, 220, 20), (20, 20, 220)


@pytest.fixture
def visitor(shelf: CollectionChooser) -> Iterator[UploadSession]:
    """Somebody with a red, a green, a blue picture and one that is half red, half blue."""
    one = shelf.visitor(MODEL)
    folder = one.library.uploads
    for name, colour in (("rose", RED), ("leaf", GREEN), ("sea", BLUE)):
        Image.new("RGB", (60, 40), colour).save(folder / f"{name}.png")
    both = Image.new("RGB", (60, 40), RED)
    both.paste(BLUE, (30, 0, 60, 40))
    both.save(folder / "flag.png")
    files = [folder / f"{name}.png" for name in ("rose", "leaf", "sea", "flag")]
    one.collection.add(files, shelf.embed(MODEL), checkpoint=MODEL)
    yield one
    one.close()


@pytest.fixture
def uploaded(isolated: Path) -> dict[str, Any]:
    """The raw value of a ``gr.Image`` that holds a green picture."""
    path = isolated / "gradio" / "token" / "meadow.png"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (40, 40), GREEN).save(path)
    return {"path": str(path), "orig_name": "meadow.png"}


def last(items: Iterator[Any]) -> Any:
    return list(items)[-1]


def find(pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession, **asked: Any) -> Any:
    return last(service.find(pool, shelf, visitor, SearchForm("uploads", MODEL, **asked)))


def names(found: SearchView, *, good: bool = True) -> list[str]:
    return [one.called["en"] for one in found.shown if found.result.is_good(one.match) or not good]


def test_words_minus_words_and_pictures(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession, uploaded: dict[str, Any]
) -> None:
    assert names(find(pool, shelf, visitor, text="red")) == ["rose.png", "flag.png"]
    assert names(find(pool, shelf, visitor, text="red", without="blue")) == ["rose.png"]
    green = find(pool, shelf, visitor, picture=uploaded)
    assert names(green) == ["leaf.png"]
    assert str(green.query) == "meadow.png"
    assert str(find(pool, shelf, visitor, text="red", picture=uploaded).query) == "red + meadow.png"


def test_weights_reach_the_query(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession, uploaded: dict[str, Any]
) -> None:
    found = find(
        pool, shelf, visitor, text="red", picture=uploaded, without="blue", picture_weight=0.5, without_weight=2
    )
    assert [part.weight for part in found.query.parts] == [1, 0.5, -2]
    wrong = find(pool, shelf, visitor, text="red", picture_weight="much")
    assert isinstance(wrong, Failure)
    assert "picture_weight is much" in wrong.message("en")


def test_the_name_filter_and_the_number_of_matches(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    assert names(find(pool, shelf, visitor, text="red", name="s*"), good=False) == ["sea.png"]
    assert len(find(pool, shelf, visitor, text="red", top=2.0).shown) == 2
    nothing = find(pool, shelf, visitor, text="red", name="zebra")
    assert nothing.shown == ()
    assert "filter by name" in view.panel(nothing, "en")


def test_a_picture_that_the_page_put_in_keeps_its_name(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession, uploaded: dict[str, Any]
) -> None:
    payload = {**uploaded, "orig_name": "image.webp"}
    assert str(find(pool, shelf, visitor, picture=payload, picture_called="A leaf").query) == "A leaf"
    assert str(find(pool, shelf, visitor, picture=payload).query) == "picture"


def test_asking_for_nothing_is_no_error_and_only_minus_is(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    assert SearchForm("uploads", MODEL, " ", None, "").nothing
    assert not SearchForm("uploads", MODEL, "", {"path": "x"}).nothing
    wrong = find(pool, shelf, visitor, without="blue")
    assert isinstance(wrong, Failure)
    assert "only says what to leave out" in wrong.message("en")


def test_another_cut_off_judges_without_a_model(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    found = find(pool, shelf, visitor, text="red")
    pool.unload(MODEL)
    between = (found.shown[0].match.score + found.shown[1].match.score) / 2
    strict = service.judged(found, between)
    assert names(strict) == ["rose.png"]
    assert strict.result.cutoff == between
    assert names(service.judged(strict, 0.0)) == names(found, good=False)
    assert service.judged(None, 0.8) is None
    assert pool.loaded() == []
    with pytest.raises(InputError):
        service.judged(found, 7)


def test_the_heat_map_is_bright_where_the_query_matches(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    found = find(pool, shelf, visitor, text="red")
    seen = service.look(pool, shelf, visitor, found, 1)
    assert isinstance(seen, CloseUp)
    assert seen.shown.called["en"] == "flag.png"
    overlay = Image.open(io.BytesIO(base64.b64decode(seen.overlay.partition(",")[2]))).convert("RGBA")
    width, height = overlay.size
    left, right = (overlay.getpixel((round(width * part), height // 2)) for part in (0.2, 0.8))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[1] > right[1] + 80  # yellow, violet


def test_a_map_where_nothing_speaks_for_the_match_is_even() -> None:
    shares = service.shares(np.full((2, 3), -0.5, np.float32))
    assert np.allclose(shares, 1 / 6)
    shares = service.shares(np.array([[3, -1], [1, np.nan]], np.float32))
    assert np.allclose(shares, [[0.75, 0], [0.25, 0]])


def test_the_picture_of_a_match_is_the_next_query(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    seen = service.look(pool, shelf, visitor, find(pool, shelf, visitor, text="green"), 0)
    assert isinstance(seen, CloseUp)
    image = service.picture_to_search_from(pool, shelf, visitor, seen)
    assert image is not None
    assert image.getpixel((5, 5)) == GREEN


def test_a_match_that_was_taken_out_meanwhile_is_told_of(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    found = find(pool, shelf, visitor, text="red")
    visitor.collection.remove([found.shown[0].match.path])
    seen = service.look(pool, shelf, visitor, found, 0)
    assert isinstance(seen, Failure)
    assert "There is no file rose.png" in seen.message("en")


def test_the_gallery_parts_good_matches_from_others_and_hides_no_score(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    found = find(pool, shelf, visitor, text="red")
    page = view.panel(found, "en")
    assert "Good matches: 2 of 4 pictures (score 0.50 or more)" in page
    assert re.findall(r'data-pick="(\d)"[^>]*aria-label="([^"]*)"', page)[:2] == [
        ("0", f"rose.png, score {alike(found.shown[0].match.score)}"),
        ("1", f"flag.png, score {alike(found.shown[1].match.score)}"),
    ]
    assert '<details class="mm-below"><summary>Below the cut-off: 2' in page


def test_no_good_match_is_said_and_the_nearest_are_shown(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    page = view.panel(find(pool, shelf, visitor, text="qwertz"), "en")
    assert 'role="status">No good match: no score reaches the cut-off of 0.50' in page
    assert '<details class="mm-below" open>' in page
    assert page.count("data-pick") == 4


def test_names_and_queries_cannot_break_the_page(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    evil = '<img src=x onerror="alert(1)">'
    found = find(pool, shelf, visitor, text=f"red {evil}")
    shown = replace(found.shown[0], called=dict.fromkeys(i18n.LANGUAGES, evil))
    found = replace(found, shown=(shown, *found.shown[1:]))
    seen = service.look(pool, shelf, visitor, found, 0)
    assert isinstance(seen, CloseUp)
    for page in (view.panel(found, "en"), view.close_up(seen, "en")):
        assert "<img src=x" not in page
        assert 'onerror="' not in page


def link(page: str, name: str) -> str:
    match = re.search(rf'download="{re.escape(name)}" href="data:[^,]*,([^"]*)"', page)
    assert match is not None, name
    return base64.b64decode(match[1]).decode("utf-8")


def test_exports_name_files_without_their_folders_and_guard_spreadsheets(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    found = find(pool, shelf, visitor, text="red")
    formula = replace(found.result.matches[0], path="/home/me/=cmd().png")
    found = replace(found, result=replace(found.result, matches=(formula, *found.result.matches[1:])))
    page = view.panel(found, "en")
    rows = [json.loads(line) for line in link(page, "search.jsonl").splitlines()]
    assert [row["file"] for row in rows][:2] == ["=cmd().png", "flag.png"]
    assert [row["good"] for row in rows] == [True, True, False, False]
    table = list(csv.reader(io.StringIO(link(page, "search.csv").lstrip("\ufeff"))))
    assert table[0] == list(view.CSV_COLUMNS)
    assert table[1][2] == "'=cmd().png"
    saved = json.loads(link(page, "search.json"))
    assert saved["matches"][0]["path"] == "=cmd().png"
    assert "/home" not in page


def test_the_api_gives_the_contract_without_folders(pool: ModelPool, shelf: CollectionChooser) -> None:
    asked = SearchForm("examples", MODEL, "red", top=3.0, cutoff=0.9)
    answer = service.search_for_api(pool, shelf, asked)
    assert [set(match) for match in answer["matches"]] == [{"file", "score", "cosine", "good"}] * 3
    assert answer["matches"][0]["file"] == "coffee.jpg"
    assert (answer["query"], answer["cutoff"], answer["model"]) == ("red", 0.9, MODEL)
    with pytest.raises(InputError, match="no picture of yours"):
        service.search_for_api(pool, shelf, SearchForm("uploads", MODEL, "red"))


def test_the_map_has_a_dot_a_picture_coloured_by_its_score(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession
) -> None:
    dots = last(service.draw(pool, shelf, visitor, "uploads", MODEL, "red"))
    assert isinstance(dots, Dots)
    assert dots.places.shape == (4, 2)
    assert dots.scores is not None
    assert dots.scores[0] == max(dots.scores)
    page = map_view.panel(dots, "en")
    assert page.count('class="mm-dot"') == 4
    assert f'aria-label="rose.png, score {alike(dots.scores[0])}"' in page
    assert "Brighter dots match “red” better." in page
    plain = last(service.draw(pool, shelf, visitor, "uploads", MODEL, " "))
    assert "Brighter" not in map_view.panel(plain, "en")


def test_a_map_of_one_picture_is_refused(pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession) -> None:
    visitor.collection.remove(visitor.collection.entries()[1:])
    wrong = last(service.draw(pool, shelf, visitor, "uploads", MODEL, ""))
    assert isinstance(wrong, Failure)
    assert "at least two pictures; there are 1" in map_view.panel(wrong, "en")


def test_zero_shot_takes_words_of_ones_own(pool: ModelPool, uploaded: dict[str, Any]) -> None:
    answer = matching_service.classify(pool, uploaded, "red, green; blue, green", "", MODEL)
    assert isinstance(answer, ZeroShotResult)
    assert answer.labels[0].label == "green"
    assert len(answer.labels) == 3
    assert sum(one.score for one in answer.labels) == pytest.approx(1)
    page = matching_service.bars(answer, "en", "text.retrieval.labels_empty")
    assert page.index(">green<") < page.index(">red<")
    assert "they sum to 100 %" in page


def test_templates_are_lines_with_a_place(pool: ModelPool, uploaded: dict[str, Any]) -> None:
    answer = matching_service.classify(pool, uploaded, "red, green", "a {} thing\n\nall {}\n", MODEL)
    assert isinstance(answer, ZeroShotResult)
    wrong = matching_service.classify(pool, uploaded, "red, green", "a thing", MODEL)
    assert isinstance(wrong, Failure)
    assert "has no {} for the label" in wrong.message("en")
    assert isinstance(matching_service.classify(pool, uploaded, " , ", "", MODEL), Failure)


def test_sentences_are_ranked_and_none_may_fit(pool: ModelPool, uploaded: dict[str, Any]) -> None:
    ranking = matching_service.rank(pool, uploaded, "Something red.\n\nSomething green.\n", MODEL)
    assert isinstance(ranking, TextRanking)
    assert [one.label for one in ranking.texts] == ["Something green.", "Something red."]
    assert "No good match" not in matching_service.bars(ranking, "en", "text.retrieval.sentences_empty")
    none = matching_service.rank(pool, uploaded, "Something red.", MODEL)
    assert "No good match: no sentence reaches 0.50." in matching_service.bars(
        none, "en", "text.retrieval.sentences_empty"
    )


def test_the_matrix_of_the_examples_and_its_limits(pool: ModelPool) -> None:
    content = matching_service.compare(pool, None, "red\ngreen", MODEL)
    assert isinstance(content, matching_service.Matrix)
    assert content.result.cosines.shape == (len(matching_service.MATRIX_EXAMPLES), 2)
    page = matching_service.matrix(content, "cosine", 0.05, "en")
    assert page.count('<th scope="row">') == len(matching_service.MATRIX_EXAMPLES)
    wrong = matching_service.compare(pool, None, "\n".join(map(str, range(9))), MODEL)
    assert isinstance(wrong, Failure)
    assert isinstance(matching_service.compare(pool, None, "", MODEL), Failure)


def test_a_matrix_is_read_as_softmax_of_rows_or_columns() -> None:
    cosines = np.array([[0.3, 0.1], [0.2, 0.25]], np.float32)
    rows = matching_service.read(cosines, "by_picture", 0.05)
    assert np.allclose(rows.sum(1), 1)
    assert np.allclose(rows[0], [1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4))])
    columns = matching_service.read(cosines, "by_text", 0.05)
    assert np.allclose(columns.sum(0), 1)
    assert np.array_equal(matching_service.read(cosines, "cosine", 0.05), cosines.astype(np.float64))
    for wrong in ((cosines, "by_picture", 0), (cosines, "diagonal", 0.05)):
        with pytest.raises(InputError):
            matching_service.read(*wrong)


def test_the_best_of_each_row_or_column_is_framed() -> None:
    cosines = np.array([[0.3, 0.29], [0.2, 0.1]], np.float32)
    result = SimilarityMatrix(("a", "b"), ("x", "y"), cosines, cosines, MODEL, "cpu", 0.1)
    content = matching_service.Matrix(result, ({"en": "a", "zh": "a"}, {"en": "b", "zh": "b"}), ("data:,", "data:,"))

    def framed(reading: str) -> list[bool]:
        page = matching_service.matrix(content, reading, 0.05, "en")
        return ["mm-best" in cell for cell in re.findall(r"<td[^>]*style[^>]*>", page)]

    assert framed("cosine") == framed("by_picture") == [True, False, True, False]
    assert framed("by_text") == [True, True, False, False]


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_every_state_has_words_in_every_language(language: str) -> None:
    wrong, step = Failure(None, "abc"), Step(3, 10)
    for panel in (view.panel, map_view.panel, upload_service.panel):
        assert "mm-empty" in panel(None, language)
        assert "abc" in panel(wrong, language)
        assert "<progress" in panel(step, language)
    for hint in ("text.retrieval.labels_empty", "text.retrieval.sentences_empty"):
        assert "mm-empty" in matching_service.bars(None, language, hint)
    assert "mm-empty" in matching_service.matrix(None, "cosine", 0.05, language)
    assert view.close_up(None, language) == ""
    added = Added(4, 2, 1, (("x<y>.jpg", Failure(InputError("image_empty"))),), (("b.jpg", "a.jpg"),), True)
    page = upload_service.panel(added, language)
    assert "x&lt;y&gt;.jpg" in page
    assert page.count("<li>") == 2


def test_long_lists_of_broken_files_are_cut_off() -> None:
    broken = tuple((f"{index}.jpg", Failure(InputError("image_empty"))) for index in range(80))
    page = upload_service.panel(Added(0, 0, 0, broken, (), False), "en")
    assert page.count("<li>") == upload_service.LISTED + 1
    assert "and 30 more" in page


def test_every_computed_key_is_in_the_files() -> None:
    from demo.retrieval import tab

    known = set(i18n.texts("en"))
    assert {f"ui.retrieval.view.{name}" for name in tab.VIEWS} <= known
    for name in matching_service.READINGS:
        assert {f"ui.retrieval.reading.{name}", f"text.retrieval.reading.{name}"} <= known
    assert {f"text.retrieval.method.{method}" for method in get_args(MapMethod)} <= known
    for name in ("labels", "sentences"):
        assert {f"ui.retrieval.{name}_run", f"text.retrieval.{name}_empty"} <= known


def test_choices_name_every_collection(shelf: CollectionChooser, visitor: UploadSession) -> None:
    english = service.choices(shelf, visitor, "en")
    assert [word for _, word in english] == [collections.EXAMPLES, collections.UPLOADS]
    assert english[1][0] == "My pictures (4)"
    assert service.choices(shelf, None, "zh")[1][0] == "我的图片（0 张）"


def test_the_default_cut_off_is_the_core_s(pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession) -> None:
    assert find(pool, shelf, visitor, text="red").result.cutoff == DEFAULT_CUTOFF
