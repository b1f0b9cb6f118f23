"""One adapter a checkpoint family; see ``base`` for what a family must offer.

To add a family, write ``mmcore/families/<name>.py`` with ``load(checkpoint, folder, device, dtype) -> Model``
and add its name to FAMILIES.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import UnknownNameError, WeightsError

if TYPE_CHECKING:
    from mmcore.families.base import Model

FAMILIES = (
    "compact_captioner",
    "blip",
    "florence2",
    "qwen_vl",
    "compact_dual",
    "clip",
    "compact_audio",
    "efficientat",
    "ast",
    "ced",
    "clap",
    "compact_sentiment",
    "sequence_classifier",
)


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Model:
    """The model, ready to use, with the weights in ``folder``.

    ``device`` and ``dtype`` are as torch names them ("cuda:0", "float32"); the family itself gets the torch.dtype.
    Raises UnknownNameError for a family that does not exist, WeightsError where a package is missing.
    """
    if checkpoint.family not in FAMILIES:
        raise UnknownNameError("family", checkpoint.family, FAMILIES)
    for package in checkpoint.needs:
        if find_spec(package.replace("-", "_")) is None:
            raise WeightsError("weights_extra_missing", name=checkpoint.name, package=package)
    import torch

    module = import_module(f"mmcore.families.{checkpoint.family}")
    return cast("Model", module.load(checkpoint, folder, device, getattr(torch, dtype)))
