"""Our own bundled tagger of sounds: ``nets/audio_tagger.py`` behind the SoundTagger protocol."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families import _audioset
from mmcore.families._mel_tagger import MelTagger
from mmcore.nets.audio_tagger import AudioTagger, TaggerConfig
from mmcore.nets.image_encoder import fuse_norms
from mmcore.nets.storage import load_weights


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> MelTagger:
    """Build the network that config.json describes and fill it with model.safetensors (stored as bytes or fp16).

    Labels that config.json does not call known are left out: it cannot tell when they sound, so they stay silent.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = AudioTagger(TaggerConfig.from_dict(config["network"]))
    network.load_state_dict(load_weights(folder / "model.safetensors"))
    names = config.get("labels") or _audioset.names()
    known = [place for place, fine in enumerate(config.get("known") or [True] * len(names)) if fine]
    network.keep_labels(known)
    fuse_norms(network)
    return MelTagger(checkpoint, network, [names[place] for place in known], device, dtype)
