"""Text classifiers of transformers give what a direct call gives; with a retrieval model they judge pictures too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmcore import families
from mmcore.checkpoints import locate as weights
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import WeightsError
from mmcore.families.base import SentimentJudge
from mmcore.pool import ModelPool
from mmcore.results import Post, SentimentOptions, SentimentScores
from mmcore.settings import Settings, local_variable
from mmcore.tasks.late_fusion import IMAGE_WEIGHT, PROMPTS, painted
from mmcore.tasks.sentiment import classify_sentiment
from tests import tiny

NAME = "multilingual-sentiment"
TEXTS = ["a red dog runs", "two women sits on the car, the sky", "cat"]
LABELS = ("positive", "neutral", "negative")
"""The order of the real checkpoint."""


def save(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    tokenizer = tiny.bert_tokenizer()
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        dim=32,
        hidden_dim=64,
        n_layers=2,
        n_heads=4,
        max_position_embeddings=24,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    network = DistilBertForSequenceClassification(config).eval()
    tiny.spread(network, 1)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("classifier"))


def load(folder: Path) -> Any:
    settings = Settings(local={local_variable(NAME): folder}, offline=True)
    model = families.load(find(NAME), weights.locate(find(NAME), settings), "cpu", "float32")
    assert isinstance(model, SentimentJudge)
    return model


def expected(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """A direct call of transformers, in the order negative, neutral, positive."""
    from transformers import DistilBertForSequenceClassification

    network = DistilBertForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = tiny.bert_tokenizer()
    rows = []
    with torch.inference_mode():
        for text in texts:  # one by one: padding must make no difference
            logits = network(**tokenizer(text, return_tensors="pt")).logits
            rows.append(logits.softmax(-1)[0, [2, 1, 0]].numpy())
    return np.stack(rows)


def values(scores: SentimentScores | None) -> list[float]:
    assert scores is not None
    return [scores.negative, scores.neutral, scores.positive]


def test_it_equals_transformers(folder: Path) -> None:
    model = load(folder)
    direct = expected(folder, TEXTS)
    np.testing.assert_allclose(model.with_texts(Post(), TEXTS), direct, atol=1e-5)
    judged = model.judge([Post(text, None) for text in TEXTS])
    np.testing.assert_allclose([values(one.text) for one in judged], direct, atol=1e-5)
    assert np.abs(direct[0] - direct[1]).max() > 0.01
    assert model.memory() > 1000


def test_long_texts_are_cut_off(folder: Path) -> None:
    assert load(folder).with_texts(Post(), ["dog " * 500]).shape == (1, 3)


def test_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no class neutral"):
        load(save(tmp_path, ("positive", "negative", "other")))


class Seer:
    """A retrieval model that knows three directions: bright pictures are happy, dark ones sad, grey ones plain."""

    width, scale, bias = 3, 5.0, 0.0
    templates = ("{}",)
    map_method = "exact"

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self.device = checkpoint, "cpu"

    def memory(self) -> int:
        return 10

    def text_vectors(self, texts: Sequence[str]) -> np.ndarray:
        place = next(number for number, prompts in enumerate(PROMPTS.values()) if texts[0] in prompts)
        return np.tile(np.eye(3, dtype=np.float32)[place], (len(texts), 1))

    def image_vectors(self, images: Sequence[Image.Image]) -> np.ndarray:
        rows = []
        for image in images:
            bright = float(np.asarray(image).mean()) / 255
            vector = np.array([1 - bright, 0.3, bright], np.float32)
            rows.append(vector / np.linalg.norm(vector))
        return np.stack(rows)


@pytest.fixture
def pool(folder: Path, settings: Settings) -> ModelPool:
    def loader(checkpoint: Checkpoint, at: Path, device: str, dtype: str) -> Any:
        return families.load(checkpoint, at, device, dtype) if checkpoint.name == NAME else Seer(checkpoint)

    def locate(checkpoint: Checkpoint, *_: Any, **__: Any) -> Path:
        return folder

    return ModelPool(replace(settings, device="cpu", tier="standard"), loader=loader, locate=locate)


BRIGHT, DARK = Image.new("RGB", (30, 30), (250, 250, 250)), Image.new("RGB", (30, 30), (10, 10, 10))


def test_text_and_picture_are_averaged_with_the_stated_weight(pool: ModelPool, folder: Path) -> None:
    result = classify_sentiment(pool, Post(TEXTS[0], BRIGHT))
    text = expected(folder, TEXTS[:1])[0]
    np.testing.assert_allclose(values(result.text), text, atol=1e-5)
    cosines = Seer(find("siglip2-base")).image_vectors([BRIGHT])[0]
    raised = [math.exp(5 * float(cosine)) for cosine in cosines]
    image = np.array(raised) / sum(raised)
    np.testing.assert_allclose(values(result.image), image, atol=1e-5)
    np.testing.assert_allclose(values(result.scores), (1 - IMAGE_WEIGHT) * text + IMAGE_WEIGHT * image, atol=1e-5)
    assert result.fusion == "late"
    assert result.gate == (("text", 1 - IMAGE_WEIGHT), ("image", IMAGE_WEIGHT))
    assert result.model == NAME


def test_alone_each_is_whole(pool: ModelPool) -> None:
    assert classify_sentiment(pool, Post(None, BRIGHT)).label == "positive"
    dark = classify_sentiment(pool, Post(None, DARK))
    assert dark.label == "negative"
    assert dark.gate == (("text", 0.0), ("image", 1.0))
    text = classify_sentiment(pool, Post(TEXTS[1]))
    assert text.scores == text.text
    assert text.gate == (("text", 1.0), ("image", 0.0))


def test_chinese_is_read(pool: ModelPool) -> None:
    result = classify_sentiment(pool, Post("今天真开心"), SentimentOptions(explain=True))
    assert result.explanation is not None
    assert [word.text for word in result.explanation.words] == list("今天真开心")


def test_its_explanation_leaves_no_rest(pool: ModelPool) -> None:
    half = Image.new("RGB", (30, 30), (10, 10, 10))
    half.paste((255, 255, 255), (0, 0, 10, 30))
    result = classify_sentiment(pool, Post(TEXTS[0], half), SentimentOptions(explain=True))
    why = result.explanation
    assert why is not None
    assert why.regions is not None
    assert why.without_words is not None
    assert why.without_regions is not None
    words = np.array([[word.negative, word.neutral, word.positive] for word in why.words])
    whole = values(result.scores)
    np.testing.assert_allclose(np.array(values(why.without_words)) + words.sum(0), whole, atol=1e-4)
    np.testing.assert_allclose(np.array(values(why.without_regions)) + why.regions.sum((0, 1)), whole, atol=1e-4)
    assert why.regions.shape == (3, 3, 3)
    assert why.regions[:, 0, 2].min() > why.regions[:, 2, 2].max(), "the bright column speaks for positive"


def test_painting_hides_what_is_not_kept() -> None:
    kept = np.array([[True, False], [True, True]])
    pixels = np.asarray(painted(tiny.pictures(1, (8, 8))[0], kept))
    original = np.asarray(tiny.pictures(1, (8, 8))[0])
    np.testing.assert_array_equal(pixels[4:], original[4:])
    np.testing.assert_array_equal(pixels[:4, :4], original[:4, :4])
    assert (pixels[:4, 4:] == original.reshape(-1, 3).mean(0).round()).all()
