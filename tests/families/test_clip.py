"""CLIP, SigLIP, SigLIP 2 and Chinese-CLIP equal plain transformers calls on small random checkpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch.nn import functional as F
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from mmcore import families
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import find
from mmcore.errors import WeightsError
from mmcore.families._clip_texts import canonical
from mmcore.families.base import Retriever
from mmcore.settings import Settings, local_variable
from tests import tiny, tiny_dual

SOME = [*tiny.pictures(3), *tiny.pictures(2, (40, 90))]
ENGLISH = ["a red dog", "two cats and a ball", "the sky", "a long long text " * 8]
CHINESE = ["一只红色的狗", "两个人在跑", "天空", "蓝色的房子和车" * 20]


@dataclass(frozen=True)
class Case:
    checkpoint: str
    make: Callable[[Path], Path]
    network: str
    tokenizer: str
    image_processor: Any
    text_arguments: dict[str, Any]
    texts: list[str]
    grid: tuple[int, int]
    """Of a square picture."""


PADDED = {"padding": "max_length", "max_length": 24, "truncation": True}
CASES = {
    "clip": Case(
        "clip-vit-b-32-laion",
        tiny_dual.clip,
        "CLIPModel",
        "CLIPTokenizer",
        CLIPImageProcessorPil,
        {"padding": True, "truncation": True, "max_length": 40},
        ENGLISH,
        (24, 24),
    ),
    "siglip": Case(
        "siglip2-base",
        tiny_dual.siglip,
        "SiglipModel",
        "Siglip2Tokenizer",
        SiglipImageProcessorPil,
        PADDED,
        ENGLISH,
        (6, 6),
    ),
    "siglip2": Case(
        "siglip2-base-naflex",
        tiny_dual.siglip2,
        "Siglip2Model",
        "Siglip2Tokenizer",
        Siglip2ImageProcessorPil,
        PADDED,
        ENGLISH,
        (6, 6),
    ),
    "chinese_clip": Case(
        "chinese-clip-base",
        tiny_dual.chinese_clip,
        "ChineseCLIPModel",
        "BertTokenizer",
        ChineseCLIPImageProcessorPil,
        {"padding": True, "truncation": True, "max_length": 52},
        CHINESE,
        (24, 24),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def folder(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return case.make(tmp_path_factory.mktemp("dual"))


def load(name: str, folder: Path) -> Any:
    """The checkpoint from a local folder, through the path that the product takes."""
    checkpoint = find(name)
    settings = Settings(local={local_variable(name): folder}, offline=True)
    model = families.load(checkpoint, locate.locate(checkpoint, settings), "cpu", "float32")
    assert isinstance(model, Retriever)
    return model


@pytest.fixture(scope="module")
def model(case: Case, folder: Path) -> Any:
    return load(case.checkpoint, folder)


@pytest.fixture(scope="module")
def direct(case: Case, folder: Path) -> Any:
    """Plain transformers on the same folder: pictures and texts -> output of the whole network."""
    network = getattr(transformers, case.network).from_pretrained(folder).eval()
    tokenizer = getattr(transformers, case.tokenizer).from_pretrained(folder)
    image_processor = case.image_processor.from_pretrained(folder)

    @torch.inference_mode()
    def call(images: list[Image.Image], texts: list[str]) -> Any:
        tokens = dict(tokenizer(texts, return_tensors="pt", **case.text_arguments))
        if case.network.startswith("Siglip"):
            tokens = {"input_ids": tokens["input_ids"]}  # trained without a mask
        return network(**image_processor(images=images, return_tensors="pt"), **tokens)

    return call


def test_vectors_equal_transformers(model: Any, direct: Any, case: Case) -> None:
    expected = direct(SOME, case.texts)
    images, texts = model.image_vectors(SOME), model.text_vectors(case.texts)
    np.testing.assert_allclose(images, F.normalize(expected.image_embeds, dim=-1).numpy(), atol=1e-5)
    np.testing.assert_allclose(texts, F.normalize(expected.text_embeds, dim=-1).numpy(), atol=1e-5)
    np.testing.assert_allclose(
        model.scale * images @ texts.T + model.bias, expected.logits_per_image.numpy(), rtol=1e-4, atol=1e-3
    )


def test_vectors_have_length_one_and_differ(model: Any, case: Case) -> None:
    for vectors in (model.image_vectors(SOME), model.text_vectors(case.texts)):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == model.width
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        cosines = vectors @ vectors.T - np.eye(len(vectors))
        assert cosines.max() < 0.999


def test_a_batch_gives_what_each_gives_alone(model: Any, case: Case) -> None:
    for embed, items in ((model.image_vectors, SOME), (model.text_vectors, case.texts)):
        alone = np.concatenate([embed([item]) for item in items])
        np.testing.assert_allclose(embed(items), alone, atol=2e-5)


def test_memory_is_that_of_the_weights(model: Any, folder: Path) -> None:
    assert model.memory() == pytest.approx((folder / "model.safetensors").stat().st_size, rel=0.15)


def test_templates_are_in_a_language_of_the_checkpoint(model: Any, case: Case) -> None:
    assert all(template.count("{}") == 1 for template in model.templates)
    chinese = any("照片" in template for template in model.templates)
    assert chinese == ("zh" in find(case.checkpoint).languages)


def test_the_map_is_what_the_cosine_loses_to_first_order(model: Any, case: Case) -> None:
    picture = tiny.pictures(2, (96, 96))[1]
    vector = model.text_vectors(case.texts[:1])[0]
    heat = model.image_map(picture, vector)
    assert heat.shape == case.grid
    assert heat.dtype == np.float32
    cells = heat[:: case.grid[0] // 6, :: case.grid[1] // 6].reshape(-1)
    assert np.abs(cells).max() > 1e-4
    for place in (0, 7, 20, 35):
        measured = (cosine(model, picture, vector, place, 1e-2) - cosine(model, picture, vector, place, -1e-2)) / 2e-2
        assert measured == pytest.approx(-cells[place], rel=0.05, abs=1e-4)


def cosine(model: Any, picture: Image.Image, vector: Any, place: int, amount: float) -> float:
    """Cosine after a patch's state moved towards the mean of all patches, by that part of the way."""
    first = model.kind.first_patch
    vision = model.network.vision_model
    mixing = vision.encoder.layers[-1] if first else vision.head

    def move(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        state = arguments[0].clone()
        patches = state[0, first : first + 36]
        patches[place] += amount * (patches.mean(0) - patches[place])
        return (state, *arguments[1:])

    hook = mixing.register_forward_pre_hook(move)
    try:
        return float(model.image_vectors([picture])[0] @ vector)
    finally:
        hook.remove()


def test_the_map_turns_with_the_query_and_leaves_no_hook(model: Any, case: Case) -> None:
    vector = model.text_vectors(case.texts[:1])[0]
    heat = model.image_map(SOME[0], vector)
    np.testing.assert_allclose(model.image_map(SOME[0], -vector), -heat, atol=1e-6)
    assert not np.allclose(model.image_map(SOME[1], vector), heat, atol=1e-4)
    assert not any(module._forward_pre_hooks for module in model.network.modules())


def test_a_cropped_picture_has_no_heat_beyond_the_crop(model: Any, case: Case) -> None:
    heat = model.image_map(tiny.pictures(1, (96, 48))[0], model.text_vectors(case.texts[:1])[0])
    rows, columns = heat.shape
    if case.image_processor in (CLIPImageProcessorPil, ChineseCLIPImageProcessorPil):
        assert (rows, columns) == (24, 48)
        assert not heat[:, :12].any()
        assert not heat[:, 36:].any()
        assert np.abs(heat[:, 12:36]).min() > 0
    elif case.network == "SiglipModel":  # squeezed into the square
        assert (rows, columns) == (6, 6)
    else:  # keeps its shape
        assert columns > rows
        assert rows * columns <= 36


# what may be wrong with a folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_another_kind_of_model_is_refused(case: Case, copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text("utf-8"))
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "blip"}), "utf-8")
    with pytest.raises(WeightsError, match="'blip', not one of clip, siglip, siglip2, chinese_clip"):
        load(case.checkpoint, copy)


@pytest.mark.parametrize("what", ["config.json", "tokenizer", "preprocessor_config.json"])
def test_a_missing_file_is_named(case: Case, copy: Path, what: str) -> None:
    for file in copy.glob(f"{what}*" if what == "tokenizer" else what):
        file.unlink()
    for name in ("vocab.txt", "vocab.json", "merges.txt") if what == "tokenizer" else ():
        (copy / name).unlink(missing_ok=True)
    with pytest.raises(WeightsError, match=rf"there is no {what}"):
        load(case.checkpoint, copy)


def test_siglip_reads_lower_case(tmp_path: Path) -> None:
    model = load("siglip2-base", tiny_dual.siglip(tmp_path))
    upper, lower = model.text_vectors(["A Red DOG", "a red dog"])
    np.testing.assert_allclose(upper, lower, atol=1e-6)


def test_the_first_siglip_reads_no_punctuation(tmp_path: Path) -> None:
    assert canonical("  A Red-hot Dog, isn't\n it?!") == "a redhot dog isnt it"
    tiny_dual.siglip(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "tokenizer_class": "SiglipTokenizer"}))
    model = load("siglip2-base", tmp_path)
    marked, plain = model.text_vectors(["A red, red dog!", "a red red dog"])
    np.testing.assert_allclose(marked, plain, atol=1e-6)
