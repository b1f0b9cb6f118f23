"""Our own bundled tagger of sounds: ``nets/audio_tagger.py`` behind the SoundTagger protocol."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families import _audioset
from mmcore.families._fingerprint import weights_fingerprint
from mmcore.families._mel_tagger import MelTagger
from mmcore.nets.audio_tagger import AudioTagger, TaggerConfig
from mmcore.nets.mobilenet_tagger import fold_norms
from mmcore.nets.storage import load_weights
from mmcore.types import Floats

COLUMN = 32
"""Columns of the spectrogram under a cell of the network's grid."""


class CompactTagger(MelTagger):
    """SoundTagger and CellEncoder over ``nets/audio_tagger.py``."""

    network: AudioTagger
    folder: Path

    @property
    def features(self) -> int:
        """See ``CellEncoder.features``."""
        return self.network.config.features

    @cached_property
    def fingerprint(self) -> str:
        """See ``CellEncoder.fingerprint``."""
        return weights_fingerprint(self.folder)

    @torch.inference_mode()
    def cells(self, item: Image.Image | Floats) -> Floats:
        """See ``CellEncoder.cells``: (4, columns of 320 ms, features), without those of the padding."""
        assert isinstance(item, np.ndarray)
        grid = self.network.grid(self._see(item[None]).to(self.dtype))[0]
        columns = max(1, round(len(item) / self.hop_length / COLUMN))
        found: Floats = grid[:, :, :columns].permute(1, 2, 0).float().cpu().numpy()
        return found


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> CompactTagger:
    """Build the network that config.json describes and fill it with model.safetensors.

    The stored weights are those of the network after ``fold_norms``.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = AudioTagger(TaggerConfig.from_dict(config["network"])).eval()
    fold_norms(network)
    network.load_state_dict(load_weights(folder / "model.safetensors"))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tagger = CompactTagger(checkpoint, network, _audioset.names(), device, dtype)
    tagger.folder = folder
    return tagger
