"""What the lessons say about the bundled models is so."""

from __future__ import annotations

import ast
import base64
import io
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from demo.lessons import captions, gallery, glossary, licences, live, seeing, service, view
from demo.lessons import lesson_01_input as given
from demo.lessons import lesson_03_one_space as space
from demo.lessons import lesson_07_evaluation as evaluation
from demo.lessons import lesson_08_limits as limits
from demo.lessons.catalogue import LESSONS
from demo.lessons.excerpts import excerpt
from demo.lessons.plan import Seen, Setup
from demo.lessons.references import REFERENCES
from demo.lessons.service import Place
from demo.ui import examples, i18n, style, uploads
from mmcore import ModelPool, Settings
from mmcore.families._resize import pixels_of
from mmcore.families.compact_dual import tokens_of
from mmcore.io.images import decode_image
from mmcore.nets.image_encoder import normalize
from mmcore.results import Post
from mmcore.tasks import captioning, embedding, matching, sentiment

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
        ("?lesson=teachers", Place(teachers=True)),
        ("?lesson=classes", Place(classes=True)),
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
    assert service.told('{"lesson": "4", "step": "2", "picture": "coffee.jpg"}') == Place(4, 2, "coffee.jpg")
    assert service.told('{"lesson": "teachers"}') == Place(teachers=True)
    assert [service.told(one) for one in ("?lesson=4&step=3", "?tab=lab")] == [Place(4, 3), Place()]
    for odd in ("", "[]", "{", "[" * 5000, '{"lesson": 4, "step": ' + "9" * 5000):
        assert service.told(odd) == Place()
    assert service.asked({"lesson": "classes"}) == Place(classes=True)
    assert [service.asked({"lesson": one}).tab for one in ("classes", "teachers", 4)] == [
        "classes",
        "lessons",
        "lessons",
    ]


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


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_lesson_4_works_an_example_out_as_one_does_on_paper(language: str) -> None:
    said = i18n.text(language, "lessons.04.hand.why")
    powers = [math.e ** (dot / 2) for dot in (2, 0, 1)]
    assert [f"{power:.3f}".removesuffix(".000") in said for power in powers] == [True] * 3
    weights = [power / sum(powers) for power in powers]
    assert f"{sum(powers):.3f}" in said
    for weight, value in zip(weights, ((10, 0), (0, 10), (5, 5)), strict=True):
        assert f"{weight:.3f} · ({value[0]}, {value[1]})" in said
    first = 10 * weights[0] + 5 * weights[2]
    assert f"({first:.2f}, {10 - first:.2f})" in said


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


def at(setup: Setup, picture: str) -> Setup:
    return replace(setup, picture=picture)


def test_lesson_1_says_what_becomes_of_a_pixel(setup: Setup) -> None:
    shown = data_of(given.pixels(setup).html)
    pixels = pixels_of([seeing.picture(setup)])[0].permute(1, 2, 0).numpy()
    assert base64.b64decode(str(shown["pixels"])) == pixels.tobytes()
    assert pixels.size == 150_528
    assert normalize(torch.tensor([[[[255]]]], dtype=torch.uint8)).item() == 1


def test_lesson_1_says_what_the_retriever_makes_of_changed_pictures(setup: Setup) -> None:
    dogs = {way: seeing.measure(at(setup, "two-dogs.jpg"), way) for way in seeing.WAYS}
    sentences = [sentence for _, sentence in space.PAIRS]
    for found in dogs.values():
        alone = matching.similarity(setup.pool, [found.images[1]], sentences, space.MODEL).cosines[0]
        assert found.cosines[1] == pytest.approx(alone, abs=2e-3)
        powers = [math.exp(cosine / space.TAU) for cosine in found.cosines[1]]
        assert found.shares[1] == pytest.approx([power / sum(powers) for power in powers])
    right = dogs["fit"].shares[:, 2]
    assert abs(right[1] - right[0]) < 0.01, "squeezed or with bars"
    assert max(right[:2]) < right[2:].max()
    mirrored, upside_down, noisy = (dogs["augment"].near[place] for place in (1, 8, 7))
    assert upside_down < 0.8 < 0.9 < mirrored
    assert dogs["augment"].shares[7].argmax() == 0, "two dogs in noise are taken for a cat"
    assert noisy < mirrored
    first = dogs["lost"].shares.argmax(1) == 2
    assert first.tolist() == [True, True, True, False, False, False]
    mountains = seeing.measure(at(setup, "mountain-path.jpg"), "lost").shares.argmax(1) == 3
    assert mountains.sum() > first.sum()


def test_the_squares_of_lesson_1_are_cut_from_the_picture(setup: Setup) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (448, 224, 3)).astype(np.uint8))
    cuts = seeing.fitted(image)[2:]
    for place, cut in enumerate(cuts):
        assert (np.asarray(cut) == np.asarray(image)[56 * place : 56 * place + 224]).all()
    assert seeing.fitted(image)[1].getpixel((0, 112)) == seeing.GREY
    squares = np.asarray(image, np.float64)[:224].reshape(7, 32, 7, 32, 3).mean((1, 3)).round()
    coarse = np.asarray(seeing.coarser(image.crop((0, 0, 224, 224)))[5], np.float64)
    again = Image.fromarray(squares.astype(np.uint8)).resize((224, 224), Image.Resampling.BICUBIC)
    assert np.abs(coarse - np.asarray(again)).max() <= 2


def test_lesson_1_cuts_words_as_the_retriever_does(setup: Setup) -> None:
    def read(model: Any, texts: Sequence[str]) -> list[Any]:
        return [tokens_of(model.tokenizer, [text])[0][0].tolist() for text in texts]

    typed = ["A caterpillar on a leaf.", "Straße", "dog " * 200]
    for text, ids in zip(typed, setup.pool.run(space.MODEL, read, typed), strict=True):
        assert [place for _, place in given.tokens(setup, text)["read"]] == ids
    pieces = [piece for piece, _ in given.tokens(setup, typed[0])["read"]]
    assert pieces == ["[CLS]", "a", "cater", "##pi", "##llar", "on", "a", "leaf", ".", "[SEP]"]
    assert [piece for piece, _ in given.tokens(setup, "Straße")["read"]] == ["[CLS]", "[UNK]", "[SEP]"]
    assert given.tokens(setup, typed[2])["cut"] == 200 + 2 - 128
    chinese = given.tokens(setup, "一只狗在草地上奔跑")
    assert chinese["english"] == "a dog on grass running"
    assert sum(piece == "[UNK]" for piece, _ in chinese["raw"]) > 4
    assert all(piece != "[UNK]" for piece, _ in chinese["read"])
    known = json.loads((given.CORE / "bundled" / "retriever" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    assert f"{len(known):,}" in i18n.text("en", "lessons.01.words.lead")
    assert "caterpillar" not in known


def test_lesson_7_says_what_the_sentiment_model_does(setup: Setup) -> None:
    said = evaluation.answers(setup)
    pairs = Counter(zip(evaluation.POSTS, said, strict=True))
    right = [pairs[one, one] for one in range(3)]
    assert sum(right) == 10
    called = [said.count(one) for one in range(3)]
    precision = [right[one] / called[one] for one in range(3)]
    assert precision.index(min(precision)) == 2
    assert (right[2], called[2]) == (4, 6)
    assert (right[0], called[0], evaluation.POSTS.count(0)) == (2, 2, 4)
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
    assert sum(hits) == 20
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


def test_lesson_8_says_what_the_captioner_does(setup: Setup) -> None:
    found = {name: limits.captioned(setup, name) for name, _ in limits.CASES}
    said = {name: one.captions[0].text for name, one in found.items()}
    assert said["astronaut.jpg"] in i18n.text("en", "lessons.08.failure.question")
    assert "clock" not in said["clock.jpg"]
    assert max(found["clock.jpg"].tags, key=lambda tag: tag.probability).text == "clock"
    assert "lamp" in said["wooden-bird.jpg"]
    assert "bird" not in said["wooden-bird.jpg"]
    assert said["mountain-path.jpg"] in i18n.text("en", "lessons.08.case.3.why")
    assert evaluation.CiderD(REFERENCES).score("mountain-path.jpg", said["mountain-path.jpg"]) < 0.005
    assert limits.support(found["astronaut.jpg"]) < limits.DOUBT
    probabilities = {tag.text: tag.probability for tag in found["astronaut.jpg"].tags}
    assert limits.support(found["astronaut.jpg"]) == max(probabilities["red"], probabilities["sled"])


def test_lesson_8_says_what_the_sentiment_model_does(setup: Setup) -> None:
    values = limits.feelings(setup)
    one = next(iter(sentiment.classify_sentiment_many(setup.pool, [Post("Here is a picture of the old man.")])))
    assert not isinstance(one, Exception)
    assert values[0, 1, 3] == pytest.approx(one.scores.positive - one.scores.negative, abs=1e-3)
    differences = values[:, 0] - values[:, 1]
    assert (differences[0] > 0).all()
    assert differences[0].mean() == pytest.approx(0.05, abs=0.01), "as the model's card says"
    for other in (1, 2):
        assert len({value > 0 for value in differences[other]}) == 1
        mean, error = live.mean_error(differences[other])
        assert abs(mean) > 3 * error
    assert abs(differences[-1].mean()) < 0.03, "father and mother"
    typed = limits.probe(setup, limits.OWN)
    assert [one["text"] for one in typed] == ["Today my neighbour came to see us.", "Today my boss came to see us."]
    assert len(limits.probe(setup, "A [b|c|d|e|f] g")) == 4
    assert len(limits.probe(setup, "No brackets")) == 1
    question = {"lesson": 8, "step": 2, "text": " ", "count": 1}
    assert "mm-error" in json.loads(service.answer(setup.pool, setup.settings, question, "zh"))["answer"]["problem"]


def test_lesson_8_says_how_its_maps_compare(setup: Setup) -> None:
    dogs, _, giraffe, piano = (float(np.abs(row).max()) for row in limits.maps(setup))
    assert giraffe < dogs / 2
    assert piano < dogs


def test_lesson_8_says_what_is_left_of_a_file(setup: Setup) -> None:
    file = limits.photo(setup)
    with Image.open(io.BytesIO(file)) as opened:
        assert limits.metadata(opened) == {
            "camera": "Example phone", "date": "2026:05:17 14:03:22", "place": "48.8584° N, 2.2945° E",
        }  # fmt: skip
    assert limits.metadata(decode_image(file, setup.settings)) == {}
    page = unescape(limits.upload(setup).html)
    assert "48.8584" in page
    assert f"{uploads.KEPT_SECONDS // 60} minutes" in page


@pytest.mark.parametrize(
    ("parts", "changed", "sold", "asked"),
    [
        (["CC0 1.0", "Public domain"], True, True, set()),
        (["CC BY 4.0"], False, False, {"name"}),
        (["CC0 1.0", "CC BY-SA 4.0"], True, False, {"name", "changes", "alike"}),
        (["CC BY-SA 3.0"], False, True, {"name"}),
        (["MIT"], False, False, {"notice"}),
        (["Apache-2.0 (trained on Flickr8k: research and teaching use)"], False, True, {"notice", "not_sold"}),
    ],
)
def test_licences_add_up(parts: list[str], changed: bool, sold: bool, asked: set[str]) -> None:
    assert licences.duties(parts, changed, sold) == asked


def test_every_licence_of_the_page_is_known() -> None:
    for item in (*examples.collection(), *examples.sounds()):
        assert licences.family(item.licence) in licences.TERMS
    assert {licence for _, _, licence in limits.works()} >= {"CC0 1.0", "CC BY 4.0", "CC BY-SA 4.0", "MIT"}
    with pytest.raises(KeyError):
        licences.family("CC BY-NC 4.0")


def test_lesson_8_reads_the_cards() -> None:
    known = limits.figures()
    assert list(known)[:1] == ["concat"]
    (first, one), (second, two) = known["concat"], known["cross_attention"]
    assert f"{first:.3f} and {second:.3f}" in i18n.text("en", "lessons.08.cards.why")
    for language, percent in (("en", " %"), ("zh", "%")):
        asked = i18n.text(language, "lessons.08.cards.question")
        assert f"{100 * first:.1f}{percent}" in asked
        assert f"{100 * second:.1f}{percent}" in asked
    assert f"{abs(first - second) / math.hypot(one, two):.1f} joint" in i18n.text("en", "lessons.08.cards.why")
    for card in limits.CARDS:
        assert all(limits.sections(card)[section] for section in limits.SECTIONS)


def test_an_alarm_by_natural_frequencies() -> None:
    """Ten of a thousand are ill and nine of them found; 99 of the 990 healthy are alarmed."""
    assert live.counts_of(0.9, 0.9, 0.01, 1000) == pytest.approx((9, 99, 1, 891))
    assert live.predictive_value(0.9, 0.9, 0.01) == pytest.approx(9 / 108)
    assert live.predictive_value(0.9, 0.9, 0.3) == pytest.approx(270 / 340)
    sensitivity, specificity, prevalence, _ = limits.PRESETS[2]
    assert live.predictive_value(sensitivity, specificity, prevalence) == pytest.approx(0.5, abs=0.01)
    assert live.predictive_value(0, 1, 0.5) == 0


TERM = re.compile(
    r'<span class="mm-term"><button type="button" aria-describedby="([^"]+)">([^<]+)</button>'
    r'<span role="tooltip" id="([^"]+)">([^<]+)</span></span>'
)


def unmarked(html: str) -> str:
    return TERM.sub(lambda found: found[2], html)


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_terms_are_explained_once_a_step(language: str) -> None:
    known = glossary.entries(language)
    assert list(known) == list(glossary.entries("en"))
    marked = set()
    for lesson, step in STEPS:
        html = view.page(lesson, lesson.steps.index(step) + 1, Seen("", ""), language)
        terms = TERM.findall(html)
        assert html.count("mm-term") == 3 * len(terms), "a term inside another, or inside an attribute"
        ids = [name for name, _, _, _ in terms]
        assert len(set(ids)) == len(ids)
        for described, form, explained, said in terms:
            forms, explanation = known[described.removeprefix("mm-term-")]
            assert described == explained
            assert form.lower() in {one.lower() for one in forms}
            assert unescape(said) == explanation
        marked |= {name.removeprefix("mm-term-") for name in ids}
    assert set(known) - marked <= UNMARKED[language]


UNMARKED = {"en": {"feature_map", "zero_shot", "gradient"}, "zh": {"zero_shot"}}
"""Terms that no text but a title uses: they are in the glossary of the page for teachers."""


def test_what_is_no_term_is_not_marked() -> None:
    mark = glossary.Marker("en").mark
    assert unmarked(mark("recall@k, headline, &#x27;softmaxed&#x27;")) == "recall@k, headline, &#x27;softmaxed&#x27;"
    assert "mm-term" not in mark("recall@k, headline, &#x27;softmaxed&#x27;")
    assert "mm-term" not in glossary.Marker("en").mark("a map of attentions, Map")
    assert TERM.findall(glossary.Marker("en").mark("mAP"))[0][1] == "mAP"
    assert TERM.findall(mark("Softmax, softmax and cross-attention"))[0][1] == "Softmax"
    assert [one[1] for one in TERM.findall(glossary.Marker("en").mark("cross-attention and attention"))] == [
        "cross-attention",
        "attention",
    ]
    assert TERM.findall(glossary.Marker("zh").mark("用softmax算出注意力。"))[0][1] == "softmax"


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_every_page_is_whole(setup: Setup, language: str) -> None:
    for lesson, step in STEPS:
        place = Place(lesson.number, lesson.steps.index(step) + 1)
        html = service.page(setup.pool, setup.settings, place, language)
        assert i18n.escaped(language, lesson.key(step, "why")) in unmarked(html)
        assert "mm-error" not in html
        assert html.count("<article") == html.count("</article>") == 1


@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_the_page_for_teachers_has_every_question_with_its_answer(setup: Setup, language: str) -> None:
    html = service.page(setup.pool, setup.settings, service.asked({"lesson": "teachers"}), language)
    for lesson, step in STEPS:
        for kind, right in (("choice", step.answer), ("check", step.check)):
            for place in range(step.choices):
                mark = " class=mm-right" if place == right else ""
                assert f"<li{mark}>{i18n.escaped(language, lesson.key(step, f'{kind}.{place}'))}</li>" in html
    assert html.count("class=mm-right") == 2 * len(STEPS)
    assert html.count('class="mm-sheet"') == len(LESSONS) + 1, "and the glossary"
    assert html.count("<dt>") == len(glossary.entries(language))
    assert all(f'data-hide="{name}"' in html for name in ("tiers", "downloads", "uploads"))


def test_the_styles_of_lessons_touch_no_other_tab() -> None:
    """All style sheets are one page's: a class that two of them mean would give one tab the looks of the other."""
    folder = Path(style.__file__).parents[1] / "web"

    def begins(path: Path) -> set[str]:
        """Classes that a rule begins with: what stands alone reaches the whole page."""
        return set(re.findall(r"^\.(mm-[a-z0-9-]+)", path.read_text("utf-8"), flags=re.MULTILINE))

    own = begins(folder / "lessons.css") - begins(folder / "style.css")
    others = [path for path in folder.glob("*.css") if not path.name.startswith(("lessons", "style"))]
    assert len(others) >= 3
    assert own & set().union(*map(begins, others)) == set()
