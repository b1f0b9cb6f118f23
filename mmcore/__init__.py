"""Multimodal models that work offline and explain their answers.

>>> from mmcore import CaptionOptions, ModelPool, Settings, caption  # doctest: +SKIP

Names are looked up when they are first used (PEP 562), so that ``import mmcore`` costs nothing: torch, transformers
and gradio are imported where they are needed, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmcore.checkpoints import CHECKPOINTS, Checkpoint, Quality
    from mmcore.errors import Cancelled, CapacityError, InputError, MMCoreError, UnknownNameError, WeightsError
    from mmcore.media import decode_image
    from mmcore.pool import LoadedModel, ModelPool
    from mmcore.results import Caption, CaptionOptions, CaptionResult, Tag, Word
    from mmcore.settings import Settings
    from mmcore.tasks.captioning import caption, caption_many

__version__ = "0.1.0"

__all__ = [
    "CHECKPOINTS",
    "Cancelled",
    "CapacityError",
    "Caption",
    "CaptionOptions",
    "CaptionResult",
    "Checkpoint",
    "InputError",
    "LoadedModel",
    "MMCoreError",
    "ModelPool",
    "Quality",
    "Settings",
    "Tag",
    "UnknownNameError",
    "WeightsError",
    "Word",
    "caption",
    "caption_many",
    "decode_image",
]

# tests/test_architecture.py compares this table, __all__ and the imports above.
_HOMES = {
    "mmcore.checkpoints": ("CHECKPOINTS", "Checkpoint", "Quality"),
    "mmcore.errors": ("Cancelled", "CapacityError", "InputError", "MMCoreError", "UnknownNameError", "WeightsError"),
    "mmcore.media": ("decode_image",),
    "mmcore.pool": ("LoadedModel", "ModelPool"),
    "mmcore.results": ("Caption", "CaptionOptions", "CaptionResult", "Tag", "Word"),
    "mmcore.settings": ("Settings",),
    "mmcore.tasks.captioning": ("caption", "caption_many"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
