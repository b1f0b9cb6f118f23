"""One adapter a checkpoint family; see ``base`` for what a family must offer.

To add a family, write ``mmcore/families/<name>.py`` with ``load(checkpoint, folder, device, dtype) -> Model``
and add its name to FAMILIES.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mmcore.checkpoints.locate import extra_missing
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import UnknownNameError

if TYPE_CHECKING:
    from mmcore.families.base import Model

FAMILIES = (
    "compact_captioner",
    "compact_answers",
    "vlm",
    "blip",
    "florence2",
    "qwen_vl",
    "compact_dual",
    "clip",
    "tips",
    "compact_audio",
    "efficientat",
    "ast",
    "ced",
    "clap",
    "compact_sentiment",
    "sequence_classifier",
    "faster_whisper",
    "whisper",
    "rapidocr",
)


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Model:
    """The model, ready to use, with the weights in ``folder``.

    ``device`` and ``dtype`` are as torch names them ("cuda:0", "float32"); the family itself gets the torch.dtype.
    Raises UnknownNameError for a family that does not exist, WeightsError where a package is missing.
    """
    if checkpoint.family not in FAMILIES:
        raise UnknownNameError("family", checkpoint.family, FAMILIES)
    missing = extra_missing(checkpoint)
    if missing is not None:
        raise missing
    import torch

    module = import_module(f"mmcore.families.{checkpoint.family}")
    return cast("Model", module.load(checkpoint, folder, device, getattr(torch, dtype)))
