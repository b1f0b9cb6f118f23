"""Small random checkpoints of taggers, and what every one of them must do."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from mmcore.families.base import SoundTagger
from mmcore.pool import ModelPool
from mmcore.settings import Settings, local_variable
from tests.sounds import noise, tone


def load(name: str, folder: Path) -> Any:
    """The checkpoint with its weights from ``folder``, by the pool's own way to weights."""
    local = MappingProxyType({local_variable(name): folder})
    model = ModelPool(Settings(home=folder, device="cpu", offline=True, local=local)).get(name)
    assert isinstance(model, SoundTagger)
    return model


def sounds(model: Any, seconds: float, count: int = 3) -> Any:
    """Different sounds of one length at the model's rate, (count, samples)."""
    rate = model.sample_rate
    made = [tone(seconds, 200.0 * 3**index, rate) + noise(seconds, rate, 0.01, index) for index in range(count)]
    return np.stack(made).astype(np.float32)


def spread(network: torch.nn.Module, seed: int = 0, scale: float = 1.5) -> None:
    """Draw every matrix anew, wide enough that different sounds get different scores."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim >= 2:
                inputs = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale / inputs**0.5)


def check(model: Any) -> None:
    """Shapes, ranges, batches, short sounds, evidence."""
    assert model.memory() > 0
    assert (np.diff(model.mel_frequencies) > 0).all()
    assert 0 < model.mel_frequencies[0] < model.mel_frequencies[-1] < model.sample_rate / 2
    for seconds in (0.02, 1.0, model.timeline_seconds, model.window_seconds):
        waveforms = sounds(model, seconds)
        scores = model.scores(waveforms)
        assert scores.shape == (3, len(model.names))
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        assert (scores <= 1).all()
        for row, waveform in zip(scores, waveforms, strict=True):
            assert np.allclose(model.scores(waveform[None])[0], row, atol=1e-4)
    assert np.abs(scores[0] - scores[1]).max() > 1e-4  # it hears a difference
    for seconds in (0.02, 2.0):
        waveform = sounds(model, seconds)[0]
        found = model.evidence(waveform, model.names[3])
        assert found.shape[0] == len(model.mel_frequencies)
        assert found.dtype == np.float32
        assert (found >= 0).all()
        if seconds == 2.0:
            assert found.sum() > 0
            assert found.shape[1] == round(100 * seconds, -1) or abs(found.shape[1] - 100 * seconds) < 5
        assert not np.array_equal(found, model.evidence(waveform, model.names[7]))
    assert all(parameter.grad is None for parameter in model.network.parameters())
