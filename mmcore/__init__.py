"""Multimodal models that work offline and explain their answers.

>>> from mmcore import CaptionOptions, ModelPool, Settings, caption  # doctest: +SKIP

Names are looked up when they are first used (PEP 562), so that ``import mmcore`` costs nothing: torch, transformers
and gradio are imported where they are needed, not before. ``__init__.pyi`` lists them.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    alias.name: node.module or ""
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""Public name -> its module."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
