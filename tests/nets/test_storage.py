"""Bundled weights as bytes: what comes back is near, and as near as bytes allow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mmcore.nets.storage import load_weights, save_weights


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "matrix": torch.randn(64, 100, generator=generator) * torch.logspace(-4, 1, 64)[:, None],
        "kernel": torch.randn(16, 8, 3, 3, generator=generator),
        "bias": torch.randn(64, generator=generator),
        "depthwise": torch.randn(64, 1, 5, 5, generator=generator),
        "count": torch.tensor(7),
        "zeros": torch.zeros(4, 64),
    }


def test_every_row_is_within_half_a_level(state: dict[str, torch.Tensor], tmp_path: Path):
    save_weights(state, tmp_path / "w.safetensors")
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.keys() == state.keys()
    assert load_file(tmp_path / "w.safetensors")["matrix"].dtype == torch.int8
    for name in ("matrix", "kernel"):
        rows, found = state[name].flatten(1), loaded[name].flatten(1)
        level = rows.abs().amax(1, keepdim=True) / 127
        assert ((rows - found).abs() <= level * 0.501).all()
    assert torch.equal(loaded["zeros"], state["zeros"])


def test_small_tensors_and_whole_numbers_are_not_quantised(state: dict[str, torch.Tensor], tmp_path: Path):
    save_weights(state, tmp_path / "w.safetensors")
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded["count"] == 7
    for name in ("bias", "depthwise"):
        assert torch.equal(loaded[name], state[name].half().float())


def test_unquantised_files_are_read_too(state: dict[str, torch.Tensor], tmp_path: Path):
    save_weights(state, tmp_path / "w.safetensors", quantise=False)
    loaded = load_weights(tmp_path / "w.safetensors")
    assert torch.equal(loaded["matrix"], state["matrix"].half().float())
