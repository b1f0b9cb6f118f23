"""Every example of the page keeps what it promises: the bundled models answer it right, and the known failures fail."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from demo.ask import service as asking
from demo.audio import service as listening
from demo.audio import view as sound_view
from demo.classes import service as classes
from demo.lab.service import MADE, LabFeatures
from demo.retrieval import collections, matching_service
from demo.retrieval import service as retrieval
from demo.sentiment import sample_posts
from demo.ui import examples
from demo.ui.events import Step
from demo.ui.i18n import LANGUAGES, text
from mmcore import caption, classify_audio, classify_sentiment, decode_image
from mmcore.fusion import feature_sets
from mmcore.index import ready_vectors
from mmcore.io.texts import WORD
from mmcore.pool import ModelPool
from mmcore.results import CaptionResult, Post, SentimentResult, ZeroShotOptions, ZeroShotResult
from mmcore.settings import Settings
from mmcore.tasks import few_shot
from mmcore.tasks.ask import ask
from mmcore.tasks.retrieval import embed_images, rank_texts, similarity, zero_shot_many


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPool]:
    home = tmp_path_factory.mktemp("promises")
    yield ModelPool(Settings(home=home, offline=True, device="cpu"))
    shutil.rmtree(home)


# Captions


def captioned(pool: ModelPool, path: Path) -> tuple[set[str], CaptionResult]:
    result = caption(pool, decode_image(path, pool.settings))
    return {word.lower() for word in WORD.findall(result.captions[0].text)}, result


@pytest.mark.parametrize("item", examples.captioned(), ids=lambda item: item.path.stem)
def test_the_caption_names_the_main_thing(pool: ModelPool, item: examples.Example) -> None:
    words, _ = captioned(pool, item.path)
    assert not words.isdisjoint(item.names)


def test_there_are_enough_examples() -> None:
    assert len(examples.captioned()) >= 16
    assert len(examples.failures()) == len(examples.FAILURES)


@pytest.mark.parametrize(
    ("name", "said", "sure"),
    [
        ("astronaut.jpg", {"red", "shirt"}, False),
        ("rocket.jpg", {"oil", "rig", "building"}, True),
        ("raccoon.jpg", {"lemur"}, False),
    ],
)
def test_known_failures_fail_as_the_page_says(pool: ModelPool, name: str, said: set[str], sure: bool) -> None:
    (item,) = (item for item in examples.failures() if item.path.name == name)
    words, result = captioned(pool, item.path)
    assert said <= words
    assert result.confident is sure


# Sounds


@pytest.mark.parametrize("item", examples.sounds(), ids=lambda item: item.path.stem)
def test_the_headline_of_a_sound_is_what_sounds(pool: ModelPool, item: examples.Example) -> None:
    result = classify_audio(pool, item.path, listening.options_of({"threshold": 0.05}))
    if item.names:
        assert result.headline in item.names
    else:
        assert item.path.stem == "whale"
        assert "Whale" not in str(result.headline)
    lanes = re.findall(r'data-row="([^"]+)"', sound_view.panel(sound_view.heard(result), "en"))
    assert 1 <= len(lanes) <= sound_view.ROWS or not result.events
    places = [min(lanes.index(name) for name in some if name in lanes) for some in item.lanes]
    assert places == sorted(places)


# Search, labels, sentences


FOUND = (
    ("dog", "two-dogs"),
    ("sushi", "pancakes"),
    ("perched-osprey", "canyon-wren", "parrot", "owl"),
    ("car",),
    ("mountain-path", "lake-sherburne"),
    ("sunflower",),
)
"""What each of the example queries finds first, in any order."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_search_finds_what_it_looks_for_first(pool: ModelPool, language: str) -> None:
    from demo.retrieval import search_tab

    shelf = collections.CollectionChooser(pool)
    model = pool.choose(retrieval.TASK).name
    for query, names in zip(search_tab.QUERIES, FOUND, strict=True):
        asked = retrieval.SearchForm(collections.EXAMPLES, model, text=query[language])
        found = retrieval.search_for_api(pool, shelf, asked)
        first = found["matches"][: len(names)]
        assert {Path(match["file"]).stem for match in first} == set(names), query
        assert all(match["good"] for match in first), query


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_picture_gets_the_label_and_the_sentence_in_its_place(pool: ModelPool, language: str) -> None:
    from demo.retrieval import matching_tab

    options = ZeroShotOptions.of(matching_tab.LABELS[language])
    files = [examples.named(name).path for name in matching_tab.LABEL_EXAMPLES]
    for outcome, label in zip(zero_shot_many(pool, files, options), options.labels, strict=True):
        assert isinstance(outcome, ZeroShotResult)
        assert outcome.labels[0].label == label
    sentences = matching_service.lines_of(matching_tab.SENTENCES[language])
    for name, sentence in zip(matching_tab.SENTENCE_EXAMPLES, sentences, strict=True):
        image = decode_image(examples.named(name).path, pool.settings)
        assert rank_texts(pool, image, sentences).texts[0].label == sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_matrix_is_brightest_on_its_diagonal(pool: ModelPool, language: str) -> None:
    from demo.retrieval import matrix_tab

    images = [
        decode_image(examples.assets() / "examples" / name, pool.settings) for name in matching_service.MATRIX_EXAMPLES
    ]
    cosines = similarity(pool, images, matching_service.lines_of(matrix_tab.SENTENCES[language])).cosines
    assert cosines.argmax(0).tolist() == cosines.argmax(1).tolist() == list(range(len(images)))


# Sentiment


def judged(pool: ModelPool, post: sample_posts.ExamplePost, language: str) -> SentimentResult:
    said, path = post.values(language)
    return classify_sentiment(pool, Post(said, decode_image(Path(path), pool.settings) if path else None))


@pytest.mark.parametrize("language", LANGUAGES)
def test_posts_are_judged_as_a_person_does_and_known_failures_are_not(pool: ModelPool, language: str) -> None:
    for post in sample_posts.POSTS:
        assert judged(pool, post, language).label == post.label, post
    for post in sample_posts.FAILURES:
        assert judged(pool, post, language).label != post.label, post
    assert 2 <= len(sample_posts.FAILURES) <= 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_over_the_conflicts_the_fusions_differ(pool: ModelPool, language: str) -> None:
    assert len(sample_posts.CONFLICTS) == 2
    for post in sample_posts.CONFLICTS:
        result = judged(pool, post, language)
        assert result.interaction == "conflict"
        assert len({scores.label for _, scores in result.fusions}) > 1


# Ask, one's own classes


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_suggested_questions_are_answered_or_refused_but_never_wrongly(pool: ModelPool, language: str) -> None:
    image = decode_image(examples.named("cat").path, pool.settings)
    codes = {}
    for key in asking.SUGGESTED:
        result = ask(pool, [image], text(language, f"text.ask.example.{key}"))
        codes[key] = [part.code for part in result.parts]
        assert key != "choice" or ("cat" in result.answer or "更像“猫”" in result.answer)
    assert codes["what"] == ["seen", "tags"]
    assert codes["presence"] == ["unsure"]  # a dog, in a cat: nothing is claimed
    assert codes["choice"] == ["choice"]
    assert codes["colour"] == ["colours"]
    assert codes["where"] == ["where"]
    assert codes["count"] == ["cannot_count"]


def test_the_example_classes_are_learned_and_others_are_named(pool: ModelPool) -> None:
    session = classes.ClassSession()
    assert all(isinstance(item, Step) for item in classes.take_examples(pool, session, "en"))
    assert session.problems == ()
    classes.learn(pool, session, "en")
    assert session.learned is not None
    head, report, _ = session.learned
    assert report.accuracy >= 0.9
    for name, place in (("drawn-rabbit", 1), ("drawn-apple", 1), ("roman-colosseum", 2), ("street", 2)):
        assert few_shot.classify(pool, head, examples.named(name).path).label == session.classes[place].named("en")


# What comes ready made


def test_ready_made_vectors_are_those_that_the_bundle_makes(pool: ModelPool) -> None:
    model = pool.choose(retrieval.TASK).name
    encoder = pool.get(model).fingerprint
    ready = ready_vectors.read(examples.ready_file(model), model, encoder)
    digests = [hashlib.sha256(item.path.read_bytes()).digest() for item in examples.collection()]
    assert set(digests) == set(ready)
    for place in range(0, len(digests), 20):
        image = decode_image(examples.collection()[place].path, pool.settings)
        vector = np.asarray(embed_images(pool, [image], model))[0]
        assert float(vector @ ready[digests[place]]) / float(np.linalg.norm(vector)) > 0.9999
    assert examples.ready_file(model).stat().st_size < 100_000
    assert ready_vectors.read(examples.ready_file(model), model, "another") == {}


def test_ready_made_features_are_those_that_the_bundle_makes(pool: ModelPool) -> None:
    shelf = LabFeatures(pool)
    made = []
    for name in MADE:
        features = shelf.take(name, lambda done, total: made.append(done), lambda: False)
        rows = [0, 5]
        texts = [features.texts[row] for row in rows]
        images = [decode_image(Path(features.pictures[row]), pool.settings) for row in rows]
        posts = [Post(*pair) for pair in zip(texts, images, strict=True)]
        anew = pool.run("compact-sentiment", lambda model, some: [model.encode(some)], posts)[0]
        for part in feature_sets.POST_ARRAYS:
            kept, whole = getattr(features, part)[rows], getattr(features, part)
            scale = float(np.abs(whole.astype(np.float32)).max())
            assert kept == pytest.approx(getattr(anew, part), abs=0.012 * scale), part
    assert made == []  # nothing was encoded
    assert sum(examples.ready_file(name).stat().st_size for name in MADE) < 3_500_000
