"""How bundled weights are stored: matrices as bytes, everything else in half precision.

Each row of a matrix (each output channel of a convolution) keeps one scale, so that its largest weight becomes 127
(symmetric quantisation by channel; Jacob et al., CVPR 2018). Only the file is small: weights are floats again as soon
as they are loaded. Small tensors stay in fp16, where a byte would save nothing and cost accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

SCALE = "::scale"
"""A quantised tensor ``name`` has its scales, float32 (rows,), beside it under this ending."""
LEAST_COLUMNS = 32
"""Matrices with shorter rows stay in fp16."""
LEVELS = 127


def save_weights(state: Mapping[str, Tensor], path: Path, *, quantise: bool = True) -> None:
    """Write a state dict as safetensors; with ``quantise`` its matrices as int8. Whole numbers stay as they are."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        value = value.detach().cpu()
        if not value.is_floating_point():
            stored[name] = value.contiguous()
        elif quantise and value.ndim >= 2 and value[0].numel() >= LEAST_COLUMNS:
            rows = value.float().flatten(1)
            scale = rows.abs().amax(1).clamp_min(1e-12) / LEVELS
            stored[name] = (rows / scale[:, None]).round().to(torch.int8).view(value.shape).contiguous()
            stored[name + SCALE] = scale
        else:
            stored[name] = value.half().contiguous()
    save_file(stored, path)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read what ``save_weights`` wrote (or any safetensors file): float32, whole numbers as they are."""
    stored = load_file(path)
    out: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(SCALE):
            continue
        scale = stored.get(name + SCALE)
        if scale is not None:
            out[name] = value.float() * scale.view(-1, *[1] * (value.ndim - 1))
        else:
            out[name] = value.float() if value.is_floating_point() else value
    return out
