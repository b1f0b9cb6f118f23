"""What the lessons say about the bundled models is so."""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from html import unescape
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.lessons import captions, gallery, live, service
from demo.lessons import lesson_03_one_space as space
from demo.lessons import lesson_07_evaluation as evaluation
from demo.lessons.catalogue import LESSONS
from demo.lessons.excerpts import excerpt
from demo.lessons.plan import Setup
from demo.lessons.references import REFERENCES
from demo.lessons.service import Place
from demo.ui import i18n
from mmcore import ModelPool, Settings
from mmcore.tasks import captioning, embedding

STEPS = [(lesson, step) for lesson in LESSONS for step in lesson.steps]


@pytest.fixture(scope="module")
def setup() -> Setup:
    settings = Settings(offline=True, device="cpu")
    return Setup(ModelPool(settings), settings, "en", "", False)


def data_of(html: str) -> dict[str, list[float]]:
    found = re.search(r'data-data="([^"]*)"', html)
    assert found
    loaded: dict[str, list[float]] = json.loads(unescape(found[1]))
    return loaded


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_every_step_has_its_words_and_its_code(language: str) -> None:
    known = i18n.texts(language)
    for lesson, step in STEPS:
        parts = ["title", "lead", "question", "seen", "why", "check"]
        parts += [f"{kind}.{place}" for kind in ("choice", "check", "said") for place in range(step.choices)]
        assert all(lesson.key(step, part) in known for part in parts), step.name
        assert all(f"lessons.{lesson.number:02d}.symbol.{name}" in known for _, name in step.formula.symbols)
        assert 0 <= step.answer < step.choices > step.check
        first, source = excerpt(step.code)
        assert first > 1
        assert isinstance(ast.parse(source).body[0], ast.FunctionDef)


def test_no_word_is_left_over() -> None:
    """A key of a lesson's file that no step shows would be a step that lacks something."""
    shown = {lesson.key(step, part) for lesson, step in STEPS for part in ("title", "lead", "question", "seen", "why")}
    names = {f"lessons.{lesson.number:02d}.{step.name}" for lesson, step in STEPS}
    asked = {key for key in i18n.texts("en") if re.fullmatch(r"lessons\.\d\d\.[a-z_]+\.question", key)}
    assert {key.removesuffix(".question") for key in asked} == names
    assert shown <= set(i18n.texts("en"))


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("?lesson=4&step=2", Place(4, 2)),
        ("?lang=zh&lesson=4&step=99", Place(4, 5)),
        ("?lesson=4&step=0", Place(4, 1)),
        ("?lesson=four", Place()),
        ("?lesson=99&step=2", Place()),
        ("?tab=lab", None),
    ],
)
def test_addresses(query: str, place: Place | None) -> None:
    assert service.place_of(query) == place


def test_what_the_script_asks_for_is_checked() -> None:
    assert service.asked({"lesson": 4, "step": 3, "picture": "coffee.jpg", "run": True}) == Place(
        4, 3, "coffee.jpg", True
    )
    assert service.asked({"lesson": "<b>", "step": None, "picture": 7}) == Place()
    assert service.asked(None) == Place()


def test_a_picture_that_is_not_offered_is_not_opened(setup: Setup) -> None:
    strange = Setup(setup.pool, setup.settings, "en", "../../etc/passwd", False)
    assert captions.look(strange).name == captions.NAMES[0]


def test_the_weights_of_a_head_are_a_softmax_over_cells_and_tags(setup: Setup) -> None:
    looked = captions.look(setup)
    assert looked.attention.shape == (len(looked.words), 3, 4, 7, 7)
    totals = looked.attention.sum((-1, -2))
    assert totals.min() >= 0
    assert totals.max() <= 1 + 1e-5


def test_lesson_4_says_what_the_captioner_does(setup: Setup) -> None:
    looked = captions.look(setup)
    dog = looked.words.index("dog")
    layers = looked.attention[dog].sum((-1, -2)).mean(1)
    assert layers.argmax() == 2
    assert layers[0] < 0.5 < 0.9 < layers[2]
    assert math.exp(live.entropy(looked.maps[dog])) == pytest.approx(35, abs=2)
    lost = captions.lost(setup, looked, compute=True)
    assert lost is not None
    assert np.corrcoef(looked.maps[dog].ravel(), lost[dog].ravel())[0, 1] == pytest.approx(0.2, abs=0.1)


def test_covering_a_place_costs_what_the_model_itself_says(setup: Setup) -> None:
    """One cell painted over by hand, and the word's log-probability read before and after."""
    looked = captions.look(setup)
    lost = captions.lost(setup, looked, compute=True)
    assert lost is not None
    assert lost.shape == (len(looked.words), 7, 7)
    small = looked.image.copy()
    small.thumbnail((448, 448))
    pixels = np.array(small)
    edges = [np.linspace(0, side, 8).round().astype(int) for side in pixels.shape[:2]]
    row, column = np.unravel_index(lost[looked.words.index("dog")].argmax(), (7, 7))
    covered = pixels.copy()
    covered[edges[0][row] : edges[0][row + 1], edges[1][column] : edges[1][column + 1]] = (
        pixels.reshape(-1, 3).mean(0).round()
    )

    def read(model: Any, images: Sequence[Image.Image]) -> list[Any]:
        return [model.word_log_probabilities([image], looked.caption)[0] for image in images]

    whole, without = setup.pool.run(captioning.OPEN, read, [small, Image.fromarray(covered)])
    assert whole - without == pytest.approx(lost[:, row, column], abs=0.02)
    assert np.exp(whole) == pytest.approx([word.probability for word in looked.caption.words], abs=0.1)


def test_lesson_3_says_what_the_retriever_does(setup: Setup) -> None:
    found = space.cosines(setup)
    images = [captions.open_example(item, setup.settings) for item in space.offered()]
    pictures = embedding.embed_images(setup.pool, images, space.MODEL)
    sentences = embedding.embed_texts(setup.pool, [sentence for _, sentence in space.PAIRS], space.MODEL)
    for row in range(4):
        for column in range(4):
            assert found[row, column] == pytest.approx(live.cosine(pictures[row], sentences[column]), abs=1e-3)
    right = np.diag(found)
    assert right.min() > 0.15
    assert right.max() < 0.6
    assert (found.argmax(1) == np.arange(4)).all()
    assert found[:, 1].argmax() == 0, "the cat is ahead of the coffee"
    assert live.softmax(found, space.TAU)[0, 0] > 0.99
    assert 1 / embedding.traits(setup.pool, space.MODEL).scale == pytest.approx(space.TAU, abs=0.001)
    small, own, large = (live.info_nce(found, heat) for heat in (0.001, space.TAU, 1))
    assert own < large < math.log(4) < small
    assert data_of(space.matrix(setup).html)["cosines"] == found.tolist()


def test_lesson_7_says_what_the_sentiment_model_does(setup: Setup) -> None:
    said = evaluation.answers(setup)
    pairs = Counter(zip(evaluation.POSTS, said, strict=True))
    right = [pairs[one, one] for one in range(3)]
    assert sum(right) == 8
    called = [said.count(one) for one in range(3)]
    precision = [right[one] / called[one] for one in range(3)]
    assert precision.index(max(precision)) == 1
    assert (right[2], called[2]) == (4, 7)
    assert (right[1], called[1], evaluation.POSTS.count(1)) == (2, 2, 4)
    assert data_of(evaluation.matrix(setup).html)["said"] == said


def test_lesson_7_says_what_the_retriever_finds(setup: Setup) -> None:
    own, asked = gallery.cosines(setup)
    count = len(gallery.NAMES)
    assert count - len(gallery.RELEVANT["a bird"]) == 27
    assert f"{27 / count:.0%}" == "84%"
    precise = {}
    for query, row in zip(gallery.RELEVANT, asked, strict=True):
        ranks = sorted(1 + sum(other > row[place] for other in row) for place in gallery.RELEVANT[query])
        precise[query] = sum(at / rank for at, rank in enumerate(ranks, 1)) / len(ranks)
        shown = re.search(
            rf'data-out="ap-{list(gallery.RELEVANT).index(query)}">([\d.]+)', evaluation.ranking(setup).html
        )
        assert shown
        assert float(shown[1]) == pytest.approx(precise[query], abs=0.0006)
    assert min(precise, key=lambda query: precise[query]) == "a drawing"
    hits = [int(row.argmax()) == place for place, row in enumerate(own)]
    assert sum(hits) == 16
    assert [sum(hits[place] for place in gallery.DRAWINGS), len(gallery.DRAWINGS)] == [1, 6]
    fewer = own[::4, ::4]
    assert (fewer.argmax(1) == np.arange(8)).mean() > 0.5
    for heat, low, high in ((evaluation.HOT, 0.85, 0.93), (space.TAU, 0.5, 0.6)):
        powers = np.exp(own.T / heat)
        shares = powers / powers.sum(1, keepdims=True)
        assert low < shares.max(1).mean() < high
        assert 0.5 <= (shares.argmax(1) == np.arange(count)).mean() < 0.6


def test_the_captions_of_lesson_7_get_what_is_said(setup: Setup) -> None:
    for name, offered in evaluation.OFFERED.items():
        short, usual, own = (evaluation.judge(setup, evaluation.json_of(name, caption)) for caption in offered)
        assert own["score"] < 0.25 * usual["score"], name
        assert own["score"] < 0.35
        for found in (short, usual, own):
            assert found["score"] == pytest.approx(sum(found["each"]) / 5)
    wrong, right = (
        evaluation.judge(setup, f"two-dogs.jpg\nTwo brown {animals} look out of a door.")["score"]
        for animals in ("cats", "dogs")
    )
    assert 1 < wrong < right


def test_cider_by_hand(setup: Setup) -> None:
    """The score of one caption against one sentence, from the definition: tf-idf of runs, clipped, cosine, length."""
    documents = {name: [tokens.split() for tokens in map(plain, some)] for name, some in REFERENCES.items()}
    caption, sentence = ["a", "red", "cup", "on", "a", "table"], documents["coffee.jpg"][0]

    def runs(words: list[str], n: int) -> Counter[tuple[str, ...]]:
        return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))

    total = 0.0
    for n in range(1, 5):

        def weigh(counts: Counter[tuple[str, ...]], n: int = n) -> dict[tuple[str, ...], float]:
            within = {
                run: sum(any(run in runs(one, n) for one in some) for some in documents.values()) for run in counts
            }
            return {run: times * math.log(len(documents) / max(1, within[run])) for run, times in counts.items()}

        mine, theirs = weigh(runs(caption, n)), weigh(runs(sentence, n))
        lengths = [math.sqrt(sum(value**2 for value in one.values())) for one in (mine, theirs)]
        if all(lengths):
            clipped = sum(min(value, theirs[run]) * theirs[run] for run, value in mine.items() if run in theirs)
            total += clipped / lengths[0] / lengths[1] / 4
    expected = 10 * total * math.exp(-((len(caption) - len(sentence)) ** 2) / 72)
    found = evaluation.judge(setup, "coffee.jpg\nA red cup on a table.")
    assert found["each"][0] == pytest.approx(expected)
    assert found["shared"][0] == ["a", "cup", "on", "red", "table"]


def plain(sentence: str) -> str:
    return sentence.lower().replace(".", "")


def test_what_is_typed_is_answered_as_json(setup: Setup) -> None:
    question = {"lesson": 7, "step": 5, "text": "cat.jpg\nA cat.", "count": 3}
    found = json.loads(service.answer(setup.pool, setup.settings, question, "en"))
    assert {key: found[key] for key in question} == question
    assert found["answer"]["score"] == evaluation.judge(setup, question["text"])["score"]
    for strange in (None, {"lesson": 7, "step": 5, "text": 5}, {"lesson": 7, "step": 5, "text": "x" * 10**6}):
        assert json.loads(service.answer(setup.pool, setup.settings, strange, "zh"))["count"] == 0


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_every_page_is_whole(setup: Setup, language: str) -> None:
    for lesson, step in STEPS:
        place = Place(lesson.number, lesson.steps.index(step) + 1)
        html = service.page(setup.pool, setup.settings, place, language)
        assert i18n.escaped(language, lesson.key(step, "why")) in html
        assert "mm-error" not in html
        assert html.count("<article") == html.count("</article>") == 1
