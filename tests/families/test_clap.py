"""CLAP on a small random checkpoint through the real loader, compared with plain transformers calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    ClapAudioConfig,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapProcessor,
    ClapTextConfig,
    RobertaTokenizer,
)

from mmcore.errors import WeightsError
from tests.families import taggers

LABELS = ("a dog that barks", "rain", "somebody types")


def save(folder: Path) -> Path:
    torch.manual_seed(0)
    letters = [chr(code) for code in range(33, 127)] + ["Ġ"]
    words = {word: place for place, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters])}
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = RobertaTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))
    tokenizer.model_max_length = 60
    text = ClapTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=80,
        projection_dim=32,
    )
    audio = ClapAudioConfig(
        spec_size=128,
        num_mel_bins=64,
        patch_embeds_hidden_size=16,
        hidden_size=32,
        depths=[1, 1],
        num_attention_heads=[2, 4],
        window_size=4,
        projection_dim=32,
        patch_size=4,
        patch_stride=[4, 4],
    )
    network = ClapModel(ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=32))
    taggers.spread(network)
    network.save_pretrained(folder)
    extractor = ClapFeatureExtractor(feature_size=64, max_length_s=2, truncation="rand_trunc", padding="repeatpad")
    ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return taggers.load("clap", folder)


def test_it_does_what_every_tagger_does(model: Any):
    taggers.check(model)
    assert model.open_vocabulary
    assert len(model.names) == 527
    assert model.window_seconds == 2


@pytest.mark.parametrize("seconds", [1.1, 2.0])
def test_scores_equal_transformers(model: Any, folder: Path, seconds: float):
    network, processor = ClapModel.from_pretrained(folder).eval(), ClapProcessor.from_pretrained(folder)
    waveforms = taggers.sounds(model, seconds)
    texts = [f"This is a sound of {label}." for label in LABELS]
    inputs = processor(text=texts, audio=list(waveforms), sampling_rate=48000, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = network(**inputs).logits_per_audio.softmax(-1).numpy()
    found = model.scores(waveforms, LABELS)
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    assert np.ptp(found, axis=0).max() > 1e-3  # the sound matters
    assert np.ptp(found, axis=1).max() > 1e-3  # the words matter


def test_other_labels_are_not_answered_from_memory(model: Any):
    waveforms = taggers.sounds(model, 1.0)
    first = model.scores(waveforms, LABELS)
    model.scores(waveforms, ("wind", "waves", "a bell", "steps"))
    assert np.array_equal(model.scores(waveforms, LABELS), first)
    assert np.allclose(model.scores(waveforms, LABELS[::-1]), first[:, ::-1], atol=1e-5)


def test_evidence_of_open_vocabulary(model: Any):
    waveform = taggers.sounds(model, 2.0)[1]
    maps = [model.evidence(waveform, label, LABELS) for label in LABELS]
    assert maps[0].shape == (64, 200)
    assert not np.allclose(maps[0], maps[1])


@pytest.mark.parametrize("name", ["preprocessor_config.json", "tokenizer.json", "model.safetensors"])
def test_missing_files_are_an_error(tmp_path: Path, name: str):
    save(tmp_path)
    for path in tmp_path.glob(name.split(".")[0] + "*"):
        path.unlink()
    if name == "preprocessor_config.json":
        (tmp_path / "processor_config.json").unlink(missing_ok=True)
    if name == "tokenizer.json":
        (tmp_path / "vocab.json").unlink()
    with pytest.raises(WeightsError, match="incomplete"):
        taggers.load("clap", tmp_path)
