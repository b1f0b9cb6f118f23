"""EfficientAT's published weights: one file by address, or a folder with the same weights as safetensors."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mmcore.checkpoints.locate import file_name
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError
from mmcore.families import _audioset
from mmcore.families._mel_tagger import MelTagger
from mmcore.nets.mobilenet_tagger import EfficientAT, fold_norms, width_of

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, SafetensorError, UnpicklingError),  # a broken file
    *(AttributeError, KeyError, TypeError, ValueError),  # one that holds something else
)


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> MelTagger:
    """The network in the width of the weights. Raises WeightsError where the file is not what it should be.

    The .pt file of the release is a pickle: it is read with ``weights_only=True``, so that it can hold nothing but
    tensors, and a download is kept only if its sha256 is right.
    """
    published = folder / file_name(checkpoint)
    try:
        weights: dict[str, Tensor]
        if published.is_file():
            weights = torch.load(published, map_location="cpu", weights_only=True)
        else:
            weights = load_file(folder / "model.safetensors")
        network = EfficientAT(width_of(weights), len(_audioset.names()))
        network.load_state_dict(weights)
        fold_norms(network)
    except UNREADABLE as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError("weights_incomplete", name=checkpoint.name, folder=folder, detail=detail) from error
    return MelTagger(checkpoint, network, _audioset.names(), device, dtype)
