"""What lesson 2 says about the bundled encoders is so, by computations of its own."""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from demo.lessons import inside_encoders as inside
from demo.lessons import lesson_02_encoders as lesson
from demo.lessons import live, seeing, service
from demo.lessons.plan import Setup
from demo.ui import i18n
from mmcore import ModelPool, Settings
from mmcore.families._resize import pixels_of
from mmcore.families.compact_dual import depths_of
from mmcore.nets.image_encoder import normalize
from mmcore.nets.storage import load_weights
from mmcore.nets.text_encoder import TextConfig, TextEncoder
from mmcore.tasks import embedding


@pytest.fixture(scope="module")
def setup() -> Setup:
    settings = Settings(offline=True, device="cpu")
    return Setup(ModelPool(settings), settings, "en", "", False)


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'data-data="([^"]*)"', html)
    assert found
    loaded: dict[str, Any] = json.loads(unescape(found[1]))
    return loaded


def test_a_convolution_is_scipys_correlation() -> None:
    draw = np.random.default_rng(0)
    picture, kernel = draw.integers(0, 256, (20, 30)), draw.standard_normal((3, 3))
    assert np.allclose(live.convolve(picture, kernel), correlate2d(picture, kernel, "valid"))
    assert not live.convolve(np.full((5, 5), 77), np.reshape(lesson.KERNELS[2], (3, 3))).any(), "as the check says"
    assert sum(lesson.KERNELS[1]) == pytest.approx(1)


def test_the_picture_under_the_kernel_is_the_grey_one(setup: Setup) -> None:
    seen = lesson.convolution(setup)
    pixels = np.frombuffer(base64.b64decode(data_of(seen.html)["pixels"]), np.uint8).reshape(64, 64)
    rgb = np.asarray(seeing.picture(setup), np.float64)
    whole = float((rgb @ [0.299, 0.587, 0.114]).mean())
    assert pixels.mean() == pytest.approx(whole, abs=1.5)
    column, row = lesson.PLACE
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    value = (pixels[row : row + 3, column : column + 3].astype(int) * sobel).sum()
    assert f'data-out="sum">{value:.1f}<' in seen.filled


def test_maps_are_those_that_the_network_makes_on_its_way(setup: Setup) -> None:
    image = seeing.picture(setup)
    maps = setup.pool.run(inside.MODEL, lambda model, some: [depths_of(model, one) for one in some], [image])[0]
    network = setup.pool.get(inside.MODEL).network
    with torch.inference_mode():
        x = normalize(pixels_of([image]))
        trunk = network.knowing_trunk
        expected = [trunk.stem(x).clamp(0, 6)]
        for block in trunk.blocks:
            expected.append(block(expected[-1]))
        top = network.known_grid(pixels_of([image]))
    for depth, blocks in enumerate((0, 1, 4, 7, 11, 15)):
        assert np.allclose(maps[depth], expected[blocks][0].numpy(), atol=1e-4), depth
    assert np.allclose(maps[6], top[0].numpy(), atol=1e-4)
    shown = inside.feature_maps(setup)
    assert [one.shape for one in shown] == [(32, 112, 112), (24, 56, 56), (40, 28, 28), (112, 14, 14), (1280, 7, 7)]
    first = inside.liveliest(shown[3], 2)
    spreads = [float(one.std()) for one in shown[3]]
    assert [spreads[one] for one in first] == sorted(spreads, reverse=True)[:2]


def test_a_cell_sees_as_many_pixels_as_is_said(setup: Setup) -> None:
    """The cells of a row that one number depends on, followed back by hand through every layer."""
    for depth in (0, 2, 3):
        low = high = 0
        for kernel, stride in reversed(inside.layers_to(depth)):
            low, high = low * stride, high * stride + kernel - 1
        assert high - low + 1 == live.receptive_field(inside.layers_to(depth))
    shapes = data_of(lesson.depth(setup).html)["shapes"]
    assert [row[2] for row in shapes] == [3, 27, 107, 224, 224]
    assert "107 × 107" in i18n.text("en", "lessons.02.depth.why")
    # and in the real network: what changes outside is not noticed
    trunk = setup.pool.get(inside.MODEL).network.knowing_trunk
    x = torch.zeros(1, 3, 224, 224)
    with torch.inference_mode():
        before = trunk.depths(x)[3][0, :, 14, 14]
        x[..., 100:140, 100:140] = 1  # inside of the 107 pixels around the cell
        assert not torch.allclose(trunk.depths(x)[3][0, :, 14, 14], before, atol=1e-3)
        x = torch.ones(1, 3, 224, 224)
        x[..., 50:180, 50:180] = 0
        assert torch.allclose(trunk.depths(x)[3][0, :, 14, 14], before, atol=1e-4)


def test_words_are_as_near_as_is_said(setup: Setup) -> None:
    vectors = embedding.embed_texts(setup.pool, ["dog", "puppy", "dot"], inside.MODEL).astype(np.float64)
    dog, puppy, dot = vectors
    near, far = (float(dog @ one / np.linalg.norm(dog) / np.linalg.norm(one)) for one in (puppy, dot))
    said = i18n.text("en", "lessons.02.words.why")
    assert f"{near:.2f}" in said
    assert f"{far:.2f}" in said
    assert len(inside.words()) == inside.WORDS == 300
    alone = embedding.embed_texts(setup.pool, inside.words()[:20], inside.MODEL).astype(np.float64)
    (typed,) = embedding.embed_texts(setup.pool, ["puppy"], inside.MODEL)
    assert np.allclose(inside.vectors(setup)[:20] @ typed, alone @ typed, atol=2e-3)
    found = inside.neighbours(setup, "puppy")
    assert found[0][0] == "dog"
    assert found[0][1] == pytest.approx(near, abs=2e-3)
    assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)
    assert "dog" not in [name for name, _ in inside.neighbours(setup, "dog")]
    assert inside.neighbours(setup, "dot")[0][1] < 0.6  # "a dot" is near nothing that is named
    assert inside.neighbours(setup, "cat")[0][0] == "dog"


def test_a_typed_word_is_answered(setup: Setup) -> None:
    question = {"lesson": 2, "step": 3, "text": "happy", "count": 1}
    english, chinese = (
        json.loads(service.answer(setup.pool, setup.settings, question, language))["answer"]["near"]
        for language in ("en", "zh")
    )
    assert english[0][0] == "smiling"
    assert chinese[0][0].startswith("smiling ")
    strange = json.loads(service.answer(setup.pool, setup.settings, {**question, "text": "привет"}, "en"))
    assert "mm-error" in strange["answer"]["problem"]


def test_parameters_are_those_of_the_networks(setup: Setup) -> None:
    known = inside.parameters()
    sums = {encoder: sum(parts.values()) for encoder, parts in known.items()}
    network = setup.pool.get(inside.MODEL).network
    assert sums["text"] == sum(one.numel() for one in network.text.parameters())
    assert sums["text"] == live.text_parameters(14_855, 384, 6)
    for vocabulary, width, layers in ((100, 64, 2), (37, 32, 3)):
        made = TextEncoder(TextConfig(vocabulary, width, layers, 4, 4 * width))
        assert live.text_parameters(vocabulary, width, layers) == sum(one.numel() for one in made.parameters())
    weights = load_weights(inside.BUNDLE / "tagger" / "model.safetensors")
    learned = {
        name: value.numel() for name, value in weights.items()
        if name.startswith("features.")
    }  # fmt: skip
    assert sums["sound"] == sum(learned.values())
    said = i18n.text("en", "lessons.02.sizes.why")
    assert f"{sums['text'] / 1e6:.1f} million" in said
    assert f"{(sums['image'] + sums['sound']) / 1e6:.1f} million" in said
    assert sums["text"] / (sums["image"] + sums["sound"]) == pytest.approx(3.2, abs=0.1), "more than three times"
    doubled = live.text_parameters(0, 768, 6, 0) / live.text_parameters(0, 384, 6, 0)
    assert doubled == pytest.approx(4, abs=0.05)
    assert f"{sums['text']:,}" in lesson.sizes(setup).html
