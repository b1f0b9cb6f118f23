"""The dual encoder: its heat map is the score, taken apart."""

from __future__ import annotations

import pytest
import torch

from mmcore.nets.dual_encoder import AttentionPooling, DualEncoder
from mmcore.nets.image_encoder import FEATURES

CONFIG = {
    "text": {"vocabulary": 60, "width": 64, "layers": 1, "heads": 4, "hidden": 64},
    "heads": 4,
    "knowing_weight": 0.8,
}


@pytest.fixture(scope="module")
def network() -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder(CONFIG).eval()


def test_cells_sum_to_the_vector():
    torch.manual_seed(1)
    pooling = AttentionPooling(64, 4)
    grid = torch.rand(3, FEATURES, 7, 7)
    assert torch.allclose(pooling.cell_vectors(grid).sum(1), pooling(grid), atol=1e-4)


@torch.inference_mode()
def test_cells_and_the_rest_sum_to_the_cosine(network: DualEncoder):
    pixels = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    tokens = torch.randint(0, 60, (2, 9), generator=torch.Generator().manual_seed(3))
    text = network.text_vectors(tokens, torch.ones(2, 9))
    scores, rest = network.cell_scores(pixels, text)
    assert scores.shape == (2, 7, 7)
    assert torch.allclose(scores.sum((1, 2)) + rest, (network.image_vectors(pixels) * text).sum(1), atol=1e-4)


@torch.inference_mode()
def test_a_picture_does_not_depend_on_its_neighbours(network: DualEncoder):
    pixels = torch.randint(0, 256, (3, 3, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    together = network.image_vectors(pixels)
    assert torch.allclose(together[1:2], network.image_vectors(pixels[1:2]), atol=1e-5)
    assert torch.allclose(together.norm(dim=-1), torch.ones(3), atol=1e-5)
