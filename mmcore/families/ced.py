"""CED's published weights (mispeech/ced-tiny, -mini, -small, -base) behind the SoundTagger protocol.

Their repositories name a class that comes as code of its own; here our network reads the weights instead, and that
code is never run.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families import _audioset
from mmcore.families._loading import incomplete, require_one_of
from mmcore.families._mel_tagger import MelTagger
from mmcore.nets.audio_transformer import (
    HOP_LENGTH,
    SAMPLE_RATE,
    SILENT_DECIBELS,
    CedNetwork,
    MelDecibels,
    mel_points,
    network_for,
)


class Ced(MelTagger):
    """CED. It reads windows of any length up to ten seconds, so the timeline has finer ones."""

    sample_rate = SAMPLE_RATE
    hop_length = HOP_LENGTH
    silence = SILENT_DECIBELS

    def __init__(
        self, checkpoint: Checkpoint, network: CedNetwork, names: tuple[str, ...], device: str, dtype: torch.dtype
    ) -> None:
        frequencies = mel_points(network.bands)[1:-1].tolist()
        super().__init__(checkpoint, network, names, device, dtype, MelDecibels(network.bands), frequencies)


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> Ced:
    """CED from a local folder. Raises WeightsError where something is missing or of another network."""
    require_one_of(checkpoint, folder, "config.json")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = network_for(load_file(folder / "model.safetensors"), config.get("num_heads"))
    except (OSError, SafetensorError, AttributeError, KeyError, RuntimeError, ValueError) as error:
        raise incomplete(checkpoint, folder, str(error) or type(error).__name__) from error
    if config.get("pooling", "mean") != "mean":
        raise incomplete(checkpoint, folder, f"its pooling is {config['pooling']!r}, which no published CED has")
    labels = network.outputlayer[1].out_features
    # The labels in its config.json end at their first comma ("Accelerating" for "Accelerating, revving, vroom").
    named = {int(place): str(label) for place, label in (config.get("id2label") or {}).items()}
    names = (
        _audioset.names() if labels == len(_audioset.names()) else tuple(named.get(n, str(n)) for n in range(labels))
    )
    return Ced(checkpoint, network, names, device, dtype)
