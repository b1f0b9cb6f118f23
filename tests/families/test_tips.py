"""TIPSv2 equals plain transformers calls on a small random checkpoint, and says which patches a text is like."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from transformers import Tipsv2Model, Tipsv2Tokenizer

from mmcore.errors import WeightsError
from tests import tiny, tiny_dual
from tests.families.test_clip import load

SIZES = [(40, 90), (48, 48), (300, 50), (17, 17), (200, 260)]
UNLIKE = [tiny.pictures(number + 1, size)[-1] for number, size in enumerate(SIZES)]
TEXTS = ["a red dog", "Two Cats, and a ball", "the sky", "x", "a long long text " * 8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dual.tips(tmp_path_factory.mktemp("tips"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load("tipsv2-b14", folder)


@pytest.fixture(scope="module")
def direct(folder: Path) -> Any:
    """Pictures and texts -> output of the whole network; pictures as the model card says: resize, then [0, 1]."""
    network = Tipsv2Model.from_pretrained(folder).eval()
    tokenizer = Tipsv2Tokenizer.from_pretrained(folder)

    @torch.inference_mode()
    def call(images: list[Image.Image], texts: list[str]) -> Any:
        small = [np.array(image.resize((48, 48), Image.Resampling.BILINEAR)) for image in images]
        pixels = torch.stack([torch.tensor(one).permute(2, 0, 1) / 255 for one in small])
        tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=24, return_tensors="pt")
        return network(pixel_values=pixels, input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])

    return call


@pytest.mark.parametrize("count", [1, 5])
def test_vectors_equal_transformers(model: Any, direct: Any, count: int) -> None:
    images, texts = UNLIKE[:count], TEXTS[:count]
    expected = direct(images, texts)
    np.testing.assert_allclose(model.image_vectors(images), expected.image_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.text_vectors(texts), expected.text_embeds.numpy(), atol=1e-5)
    cosines = model.image_vectors(images) @ model.text_vectors(texts).T
    np.testing.assert_allclose(model.scale * cosines, expected.logits_per_image.numpy(), rtol=1e-3, atol=1e-2)
    assert len(np.unique(cosines.round(4))) == count * count  # no two pictures, no two texts are alike


def test_the_map_is_the_cosine_of_each_patch(model: Any, direct: Any) -> None:
    vector = model.text_vectors(TEXTS[:1])[0]
    for image in UNLIKE:
        states = direct([image], TEXTS[:1]).vision_model_output.last_hidden_state[0, 2:]
        cosines = (F.normalize(states, dim=-1) @ torch.from_numpy(vector)).reshape(6, 6).numpy()
        heat = model.image_map(image, vector)
        np.testing.assert_allclose(heat, cosines - cosines.mean(), atol=1e-5)
        np.testing.assert_allclose(model.image_map(image, -vector), -heat, atol=1e-6)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_dual.tips(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"there is no tokenizer\.json"):
        load("tipsv2-b14", tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(WeightsError, match=r"sentencepiece.*mmcore-studio\[tips\]"):
        load("tipsv2-b14", tmp_path)


def test_the_repositorys_own_tokenizer_file(tmp_path: Path) -> None:
    """google/tipsv2-b14 has a sentencepiece model of BPE, no tokenizer.json."""
    sentencepiece = pytest.importorskip("sentencepiece")
    tiny_dual.tips(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "sentences.txt").write_text("\n".join(f"a {word} dog runs {word}" for word in tiny.WORDS))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "sentences.txt"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=60,
        model_type="bpe",
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    model = load("tipsv2-b14", tmp_path)
    assert model.tokens("a dog") == sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "tokenizer.model")
    ).encode("a dog")
    upper, lower, other = model.text_vectors(["A Red DOG", "a red dog", "runs"])
    np.testing.assert_allclose(upper, lower, atol=1e-6)
    assert np.abs(upper - other).max() > 1e-3
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="incomplete"):
        load("tipsv2-b14", tmp_path)
