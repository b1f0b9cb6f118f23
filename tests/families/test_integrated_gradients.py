"""Integrated gradients where the answer is known."""

from __future__ import annotations

import pytest
import torch

from mmcore.families._integrated_gradients import integrated_gradients, positive

SILENCE = -1.4


def picture() -> torch.Tensor:
    return torch.rand(1, 20, 30, generator=torch.Generator().manual_seed(0)) + SILENCE


def test_of_a_linear_network_it_is_weight_times_difference():
    weights = torch.randn(20, 30, generator=torch.Generator().manual_seed(1))
    seen = picture()
    found = integrated_gradients(lambda x: (weights * x).sum((1, 2)), seen, SILENCE, 1)
    assert torch.allclose(found, weights * (seen - SILENCE), atol=1e-6)


def test_it_adds_up_to_the_rise_of_the_logit():
    seen = picture()

    def logit(x: torch.Tensor) -> torch.Tensor:
        return ((x - SILENCE) ** 3).sum((1, 2)) + torch.tanh(x[:, 3]).sum(1)

    found = integrated_gradients(logit, seen, SILENCE, 50)
    rise = logit(seen) - logit(torch.full_like(seen, SILENCE))
    assert found.sum().item() == pytest.approx(rise.item(), rel=1e-3)


def test_silence_and_what_is_not_looked_at_get_nothing():
    seen = picture()
    seen[:, :5] = SILENCE
    found = integrated_gradients(lambda x: (x[:, :, :10] ** 2).sum((1, 2)), seen, SILENCE, 4)
    assert found[:, :5].abs().max() == 0
    assert found[:, :, 10:].abs().max() == 0
    assert found[:, 5:, :10].abs().min() > 0


def test_the_positive_part_keeps_its_place_and_cancels_noise():
    evidence = torch.zeros(20, 30)
    evidence[10, 15] = 1.0
    evidence[2, ::2], evidence[2, 1::2] = 1.0, -1.0
    smooth = positive(evidence)
    assert smooth.shape == evidence.shape
    assert (smooth >= 0).all()
    assert smooth[8:13, 11:20].min() > 0
    assert smooth[16:, :].max() == 0
    assert smooth[2].max() < 0.25 / 5
