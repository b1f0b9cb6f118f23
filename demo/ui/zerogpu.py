"""A ZeroGPU Space: a GPU for seconds at a time, in a process that is forked for it.

Models of the standard tier that are on the disk at start, which ``preload_from_hub`` sees to, are placed on the GPU
once, in this process; Hugging Face's package ``spaces`` plays the GPU here and moves them there when a request gets
one. Each request that needs one of them is packed and goes through ``on_gpu``, the one function that asks for a GPU.
Everything else, the compact models first of all, stays on the processor and uses up nobody's quota.

``spaces`` must be imported before torch is, so ``demo/app.py`` imports this module first.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import spaces

from mmcore import families, remote_work
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint
from mmcore.errors import CapacityError, MMCoreError
from mmcore.pool import ModelPool
from mmcore.settings import Settings

logger = logging.getLogger(__name__)

DEVICE, DTYPE = "cuda", "bfloat16"
"""Of the models placed: ZeroGPU's cards compute in bfloat16."""
SECONDS = {"captioning": 20, "retrieval": 15, "sentiment": 15, "audio": 15, "ask": 45, "transcribe": 45}
"""What a request for a model of each task may take on the GPU, the moving of its weights included. A visitor with less
quota left is refused, so that more than needed costs visitors."""
ELSE = 30

_placed: dict[str, Any] = {}
"""By name; filled before the page is up. A forked process finds them on its GPU."""
_settings = Settings()


class ZeroGPU:
    """The client of ``on_gpu``; see ``remote_work.Workers``."""

    def takes(self, checkpoint: Checkpoint) -> bool:
        """Whether the model was placed."""
        return checkpoint.name in _placed

    def run(self, checkpoint: Checkpoint, parcel: bytes) -> bytes:
        """What came back from the GPU. Raises CapacityError where ZeroGPU gives none, with its reason."""
        try:
            return on_gpu(checkpoint.task, parcel)
        except gr.Error as error:
            raise CapacityError("gpu_refused", name=checkpoint.name, detail=error.message) from error


def _seconds(task: str, parcel: bytes) -> int:
    return SECONDS.get(task, ELSE)


def _on_gpu(task: str, parcel: bytes) -> bytes:
    """Runs in the forked process: bytes in, bytes out."""
    return remote_work.worked_off(parcel, _there(os.getpid()))


on_gpu: Callable[[str, bytes], bytes] = spaces.GPU(duration=_seconds)(_on_gpu)
"""``_on_gpu`` in a process that has a GPU for as long as it runs."""


@functools.cache
def _there(process: int) -> ModelPool:
    """The pool of the forked process: the models placed, under locks that no thread of the parent held."""
    return ModelPool(replace(_settings, device=DEVICE), loader=_as_placed, locate=_nowhere)


def _as_placed(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Any:
    return _placed[checkpoint.name]


def _nowhere(checkpoint: Checkpoint, settings: Settings, **_: Any) -> Path:
    return Path()


def place(settings: Settings, load: Callable[..., Any] = families.load) -> ZeroGPU:
    """Place what is on the disk of the standard tier; a model that cannot be loaded is left out, and the log says why.

    To be called by the main thread, whose torch ``spaces`` has changed, before the page is launched.
    """
    global _settings
    _settings = settings
    for checkpoint in CHECKPOINTS:
        if checkpoint.tier != "standard" or checkpoint.uses or not locate.is_cached(checkpoint, settings):
            continue
        try:
            _placed[checkpoint.name] = load(checkpoint, locate.locate(checkpoint, settings), DEVICE, DTYPE)
        except MMCoreError as error:
            logger.warning("%s is not placed on the GPU: %s", checkpoint.name, error)
    logger.info("placed on the GPU: %s", ", ".join(_placed) or "nothing")
    return ZeroGPU()
