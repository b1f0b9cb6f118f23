"""Posts without a picture, judged by a network of their own where a compact sentiment checkpoint has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmcore.errors import WeightsError
from mmcore.families import compact_sentiment
from mmcore.nets import fusion as fusions
from mmcore.results import Post, SentimentScores
from mmcore.tasks.contributions import explain_post
from tests import tiny
from tests.families import sentiment as small

PICTURE = tiny.pictures(1, (64, 64))[0]
BARE, BOTH = Post("two women sits on the black car"), Post("a red dog runs with the cat", PICTURE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return small.load(small.add_text_alone(small.save(tmp_path_factory.mktemp("alone"))))


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return small.load(small.save(tmp_path_factory.mktemp("heads")))


def values(scores: SentimentScores | None) -> list[float]:
    assert scores is not None
    return [scores.negative, scores.neutral, scores.positive]


def test_it_answers_for_every_fusion_and_only_without_a_picture(model: Any, without: Any) -> None:
    bare, both, image = model.judge([BARE, BOTH, Post(None, PICTURE)])
    heads = without.judge([BARE, BOTH, Post(None, PICTURE)])
    assert {scores for _, scores in bare.fusions} == {bare.text}
    assert np.abs(np.subtract(values(bare.text), values(heads[0].text))).max() > 0.01
    assert sum(values(bare.text)) == pytest.approx(1, abs=1e-5)
    for found, before in ((both, heads[1]), (image, heads[2])):
        for (_, one), (_, other) in zip(found.fusions, before.fusions, strict=True):
            assert values(one) == pytest.approx(values(other), abs=1e-5)
    assert values(both.text) == pytest.approx(values(heads[1].text), abs=1e-5)
    assert model.fingerprint == without.fingerprint
    assert model.memory() > without.memory()


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


def test_a_head_of_ones_own_keeps_its_answer(model: Any, without: Any, tmp_path: Path) -> None:
    torch.manual_seed(7)
    folder = tmp_path / "mine"
    fusions.save(fusions.build("concat", small.CONFIG), folder, {"features": model.fingerprint})
    found, before = model.judge([BARE], folder)[0], without.judge([BARE], folder)[0]
    own = dict(found.fusions)
    assert values(own["mine"]) == pytest.approx(values(dict(before.fusions)["mine"]), abs=1e-5)
    assert values(found.text) == pytest.approx(values(own["mine"]), abs=1e-4)
    assert own["concat"] == own["late"]
    np.testing.assert_allclose(model.with_texts(BARE, [BARE.text], folder)[0], values(own["mine"]), atol=1e-4)


def test_weights_that_are_not_there_are_said_so(tmp_path: Path) -> None:
    folder = small.add_text_alone(small.save(tmp_path / "broken"))
    (folder / compact_sentiment.TEXT_ALONE).unlink()
    with pytest.raises(WeightsError):
        small.load(folder)
