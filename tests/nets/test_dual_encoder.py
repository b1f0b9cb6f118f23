"""The dual encoder: its heat map is the score, taken apart."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmcore.nets.dual_encoder import AttentionPooling, DualEncoder, Hubness, with_hubness
from mmcore.nets.image_encoder import FEATURES

CONFIG = {
    "text": {"vocabulary": 60, "width": 64, "layers": 1, "heads": 4, "hidden": 64},
    "heads": 4,
    "knowing_weight": 0.8,
    "typical": 50,
}


@pytest.fixture(scope="module")
def network() -> DualEncoder:
    torch.manual_seed(0)
    made = DualEncoder(CONFIG).eval()
    with torch.no_grad():
        made.hubness.typical.copy_(F.normalize(torch.randn(50, 64) + 1, dim=-1))
    return made


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


@torch.no_grad()
def test_the_last_number_lowers_the_cosine_of_a_hub_and_raises_that_of_what_is_rarely_near():
    hubness = Hubness(40, 16)
    draw = torch.Generator().manual_seed(5)
    hubness.typical.copy_(F.normalize(torch.randn(40, 16, generator=draw), dim=-1))
    pictures = F.normalize(torch.stack([hubness.typical.mean(0), -hubness.typical.mean(0)]), dim=-1)
    sentences = F.normalize(torch.randn(3, 16, generator=draw), dim=-1)
    near = (pictures @ hubness.typical.T).sort(dim=-1, descending=True).values[:, :20].mean(-1)
    raised = hubness.of_pictures(pictures)
    assert torch.allclose(raised, (near - 0.45) * 0.5 / 0.3, atol=1e-6)
    assert raised[0] > raised[1]
    whole, sought = with_hubness(pictures, raised), hubness.with_constant(sentences)
    assert torch.allclose(torch.cat([whole, sought]).norm(dim=-1), torch.ones(5), atol=1e-6)
    expected = (pictures @ sentences.T * (1 - raised**2).sqrt()[:, None] - 0.3 * raised[:, None]) / (1 + 0.3**2) ** 0.5
    assert torch.allclose(whole @ sought.T, expected, atol=1e-6)
