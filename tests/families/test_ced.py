"""CED: our network against PyTorch's own transformer and transformers' own mel filters, through the real loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers.audio_utils import mel_filter_bank

from mmcore.errors import WeightsError
from mmcore.families import _audioset
from mmcore.nets.audio_transformer import N_FFT, CedNetwork, MelDecibels, mel_filters
from tests.families import taggers

NAME = "ced-tiny"
WIDTH, DEPTH, HEADS = 32, 2, 2


def network(labels: int = 527) -> CedNetwork:
    torch.manual_seed(0)
    made = CedNetwork(labels, WIDTH, DEPTH, HEADS)
    taggers.spread(made)
    with torch.no_grad():
        norm = made.encoder.init_bn
        norm.running_mean.copy_(torch.linspace(-40, -60, norm.num_features))
        norm.running_var.copy_(torch.linspace(200, 500, norm.num_features))
        made.encoder.time_pos_embed.normal_(std=0.3)
    return made.eval()


def save(folder: Path, labels: int = 527, **entries: object) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(network(labels).state_dict(), folder / "model.safetensors")
    config = {
        "model_type": "ced",
        "architectures": ["CedForAudioClassification"],
        "auto_map": {"AutoModelForAudioClassification": "modeling_ced.CedForAudioClassification"},
        "num_heads": HEADS,
        "id2label": {"0": "Speech", "1": "Male speech"},
        **entries,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("ced"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return taggers.load(NAME, folder)


def test_it_does_what_every_tagger_does(model: Any):
    taggers.check(model)
    assert model.names == _audioset.names()  # whole, not those of config.json, which end at their first comma
    assert model.sample_rate == 16000
    assert not model.open_vocabulary


def reference(waveform: np.ndarray) -> np.ndarray:
    """The published steps, one sound at a time, with the blocks and filters of other libraries."""
    ours = network()
    filters = torch.from_numpy(mel_filter_bank(N_FFT // 2 + 1, 64, 0.0, 8000.0, 16000, None, "htk")).float()
    spectrum = torch.stft(
        torch.from_numpy(waveform), N_FFT, 160, window=torch.hann_window(N_FFT), pad_mode="reflect", return_complex=True
    )
    decibels = 10 * torch.log10((spectrum.abs().square().T @ filters).T.clamp_min(1e-10))
    decibels = decibels.clamp_min(float(decibels.max()) - 120)
    encoder = ours.encoder
    seen = (decibels - encoder.init_bn.running_mean[:, None]) / (encoder.init_bn.running_var[:, None] + 1e-5).sqrt()
    patches = nn.functional.conv2d(seen[None, None], encoder.patch_embed.proj.weight, encoder.patch_embed.proj.bias, 16)
    places = encoder.time_pos_embed[..., : patches.shape[-1]] + encoder.freq_pos_embed
    states = (patches + places).flatten(2).transpose(1, 2)
    for block in encoder.blocks:
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
        ).eval()
        layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias = block.attn.qkv.weight, block.attn.qkv.bias
        layer.self_attn.out_proj, layer.linear1, layer.linear2 = block.attn.proj, block.mlp.fc1, block.mlp.fc2
        layer.norm1, layer.norm2 = block.norm1, block.norm2
        states = layer(states)
    scores = ours.outputlayer(encoder.norm(states).mean(1)).sigmoid()
    return scores[0].detach().numpy()


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("seconds", [2.0, 10.0])
def test_scores_equal_the_published_steps(model: Any, count: int, seconds: float):
    waveforms = taggers.sounds(model, seconds, count) * np.logspace(-3, 0, count, dtype=np.float32)[:, None]
    expected = np.stack([reference(waveform) for waveform in waveforms])
    assert np.allclose(model.scores(waveforms), expected, atol=2e-4)


def test_the_filters_are_those_of_the_field():
    expected = mel_filter_bank(N_FFT // 2 + 1, 64, 0.0, 8000.0, 16000, None, "htk").T
    assert np.allclose(mel_filters(64).numpy(), expected, atol=1e-5)


def test_silence_and_a_loud_neighbour():
    front = MelDecibels(64)
    quiet, loud = torch.zeros(1, 16000), torch.rand(1, 16000) * 2 - 1
    assert torch.allclose(front(quiet), torch.full((1, 64, 101), -100.0))
    assert torch.equal(front(torch.cat([quiet, loud]))[:1], front(quiet))


def test_ten_seconds_have_a_place(model: Any):
    samples = round(model.window_seconds * model.sample_rate)
    columns = (samples // 160 + 1) // 16
    assert columns <= network().columns


def test_labels_of_ones_own(tmp_path: Path):
    model = taggers.load(NAME, save(tmp_path, labels=3, id2label={"0": "bee", "1": "wasp", "2": "fly"}))
    assert model.names == ("bee", "wasp", "fly")


def test_half_precision(folder: Path, model: Any):
    from mmcore.families import ced

    half = ced.load(model.checkpoint, folder, "cpu", torch.bfloat16)
    waveforms = taggers.sounds(model, 2.0)
    assert np.abs(half.scores(waveforms) - model.scores(waveforms)).max() < 0.15


@pytest.mark.parametrize("entries", [{"pooling": "token"}, {"num_heads": 5}])
def test_another_network_is_refused(tmp_path: Path, entries: dict[str, object]):
    with pytest.raises(WeightsError):
        taggers.load(NAME, save(tmp_path, **entries))
