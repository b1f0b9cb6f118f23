"""AST on a small random checkpoint through the real loader, compared with plain transformers calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from mmcore.errors import WeightsError
from tests.families import taggers

# Said of AST's own front end, which the published weights were trained with.
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

LABELS = ("Speech", "Dog", "Rain", "Music", "Silence", "Bell", "Cat", "Wind")


def save(folder: Path) -> Path:
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_length=256,
        id2label=dict(enumerate(LABELS)),
    )
    network = ASTForAudioClassification(config)
    taggers.spread(network)
    network.save_pretrained(folder)
    ASTFeatureExtractor(max_length=256).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("ast"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return taggers.load("ast", folder)


def test_it_does_what_every_tagger_does(model: Any):
    taggers.check(model)
    assert model.names == LABELS
    assert model.sample_rate == 16000
    assert model.timeline_seconds == model.window_seconds  # shorter ones cost as much


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_scores_equal_transformers(model: Any, folder: Path, share: float):
    network = ASTForAudioClassification.from_pretrained(folder).eval()
    extractor = ASTFeatureExtractor.from_pretrained(folder)
    waveforms = taggers.sounds(model, share * model.window_seconds)
    inputs = extractor(list(waveforms), sampling_rate=16000, return_tensors="pt")
    with torch.inference_mode():
        expected = network(**inputs).logits.sigmoid().numpy()
    assert np.allclose(model.scores(waveforms), expected, atol=1e-5)


def test_a_window_fills_the_input_and_no_more(model: Any):
    samples = round(model.window_seconds * model.sample_rate)
    assert 1 + (samples - 400) // 160 == 256
    assert model.evidence(np.zeros(samples, np.float32), "Dog").shape == (128, 256)


def test_silence_is_the_start_of_the_evidence(model: Any):
    """Digital silence looks to the network as the constant that the gradients start from."""
    seen = model._see(np.zeros((1, 8000), np.float32))[0, :40]
    constant = (np.log(1.192092955078125e-07) - model.extractor.mean) / (2 * model.extractor.std)
    assert torch.allclose(seen, torch.full_like(seen, constant), atol=1e-4)


@pytest.mark.parametrize("name", ["preprocessor_config.json", "model.safetensors", "config.json"])
def test_missing_files_are_an_error(tmp_path: Path, name: str):
    (save(tmp_path) / name).unlink()
    with pytest.raises(WeightsError, match="incomplete"):
        taggers.load("ast", tmp_path)


@pytest.mark.filterwarnings("error")
def test_loading_says_nothing(folder: Path):
    assert taggers.load("ast", folder).names == LABELS
