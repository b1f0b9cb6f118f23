"""The compact tagger's family over a small random network of its layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmcore.nets.audio_tagger import AudioTagger, TaggerConfig
from mmcore.nets.log_mel import LogMel
from mmcore.recipes.audio.tagger_export import export
from tests.families import taggers

CONFIG = TaggerConfig(width=0.1, widening=1.0, hidden=32)


@pytest.fixture(scope="module")
def network() -> AudioTagger:
    torch.manual_seed(0)
    made = AudioTagger(CONFIG)
    taggers.spread(made)
    return made.eval()


@pytest.fixture(scope="module")
def model(network: AudioTagger, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("tagger")
    export(network, folder)
    return taggers.load("compact-tagger", folder)


def test_it_does_what_every_tagger_does(model: Any):
    taggers.check(model)
    assert len(model.names) == 527


def test_scores_are_the_networks_sigmoids(model: Any, network: AudioTagger):
    waveforms = taggers.sounds(model, 3.0)
    with torch.inference_mode():
        expected = network(LogMel()(torch.from_numpy(waveforms))).sigmoid().numpy()
    assert np.allclose(model.scores(waveforms), expected, atol=2e-2)  # stored in half precision
