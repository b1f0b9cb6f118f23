"""Posts without a picture, judged by a network of their own where a compact sentiment checkpoint has one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmcore.errors import WeightsError
from mmcore.families import compact_sentiment
from mmcore.nets import fusion as fusions
from mmcore.nets.fusion import inputs_from
from mmcore.results import Post, SentimentScores
from mmcore.tasks.contributions import explain_post
from tests import tiny
from tests.families import sentiment as small

PICTURE = tiny.pictures(1, (64, 64))[0]
BARE, BOTH = Post("two women sits on the black car"), Post("a red dog runs with the cat", PICTURE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return small.load(small.save_with_text_alone(tmp_path_factory.mktemp("alone")))


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return small.load(small.save(tmp_path_factory.mktemp("heads")))


def values(scores: SentimentScores | None) -> list[float]:
    assert scores is not None
    return [scores.negative, scores.neutral, scores.positive]


def test_it_answers_for_every_fusion_and_only_without_a_picture(model: Any, without: Any) -> None:
    bare, both = model.judge([BARE, BOTH])
    assert {scores for _, scores in bare.fusions} == {bare.text}
    assert len({scores for _, scores in both.fusions}) == len(model.fusions)
    (encoded,) = model.encode([BARE]).text
    own = model.heads["concat"].probabilities(inputs_from(model.encode([BARE]), np.arange(1)))[0].tolist()
    assert np.abs(np.subtract(values(bare.text), own)).max() > 0.01
    assert sum(values(bare.text)) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(np.exp(encoded[-3:].astype(np.float32)), values(bare.text), atol=2e-3)
    assert model.fingerprint != without.fingerprint
    assert model.memory() > without.memory()


def test_its_opinion_is_the_rest_of_a_texts_numbers(model: Any, without: Any) -> None:
    more, less = model.encode([BARE, BOTH]), without.encode([BARE, BOTH])
    assert (more.text.shape[1], less.text.shape[1]) == (small.READS_ALONE.text, small.CONFIG.text)
    np.testing.assert_allclose(more.text[:, : less.text.shape[1]], less.text, atol=2e-3)
    np.testing.assert_allclose(more.words, less.words, atol=2e-3)


def test_a_shift_moves_its_answers_and_not_its_opinion(tmp_path: Path, model: Any) -> None:
    folder = small.save_with_text_alone(tmp_path / "shifted")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["text_alone"]["shift"] = [0.0, 1.0, -1.0]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    shifted = small.load(folder)
    expected = np.multiply(values(model.judge([BARE])[0].text), np.exp([0.0, 1.0, -1.0]))
    np.testing.assert_allclose(values(shifted.judge([BARE])[0].text), expected / expected.sum(), atol=1e-5)
    np.testing.assert_array_equal(shifted.encode([BARE]).text, model.encode([BARE]).text)
    assert shifted.fingerprint == model.fingerprint


def test_texts_of_a_batch_are_judged_as_alone(model: Any) -> None:
    texts = ["a red dog", "the cat sits on a car with two women", "sky"]
    together = model.judge([Post(text) for text in texts])
    for text, found in zip(texts, together, strict=True):
        assert values(model.judge([Post(text)])[0].text) == pytest.approx(values(found.text), abs=1e-4)
    altered = model.with_texts(Post(texts[0]), [*texts, "", None])
    np.testing.assert_allclose(altered[:3], [values(found.text) for found in together], atol=1e-4)
    np.testing.assert_allclose(altered[3:], 1 / 3, atol=1e-6)


def test_words_share_out_its_answer(model: Any) -> None:
    why = explain_post(model, BARE)
    whole = model.judge([BARE])[0].text
    assert whole is not None
    assert why.without_words is not None
    assert why.without_words.valence + sum(word.valence for word in why.words) == pytest.approx(whole.valence, abs=1e-4)


def test_a_head_of_ones_own_keeps_its_answer(model: Any, tmp_path: Path) -> None:
    torch.manual_seed(7)
    folder = tmp_path / "mine"
    head = fusions.build("concat", small.READS_ALONE)
    fusions.save(head, folder, {"features": model.fingerprint})
    found = model.judge([BARE], folder)[0]
    own = dict(found.fusions)
    answer = head.eval().probabilities(inputs_from(model.encode([BARE]), np.arange(1)))[0].tolist()
    assert values(own["mine"]) == pytest.approx(answer, abs=1e-4)
    assert values(found.text) == pytest.approx(values(own["mine"]), abs=1e-4)
    assert own["concat"] == own["late"]
    np.testing.assert_allclose(model.with_texts(BARE, [BARE.text], folder)[0], values(own["mine"]), atol=1e-4)


def test_weights_that_are_not_there_are_said_so(tmp_path: Path) -> None:
    folder = small.save_with_text_alone(tmp_path / "broken")
    (folder / compact_sentiment.TEXT_ALONE).unlink()
    with pytest.raises(WeightsError):
        small.load(folder)
