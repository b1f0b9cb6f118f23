"""What the registry says of models, in the visitor's language. The registry itself is English."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).parent.parent / "locales"


@cache
def _chinese() -> Mapping[str, str]:
    """Titles, licences, metrics, protocols and sources that are more than names -> Chinese."""
    said: dict[str, str] = json.loads((_FOLDER / "models_zh.json").read_text(encoding="utf-8"))
    return MappingProxyType(said)


@cache
def gradio_words() -> Mapping[str, str]:
    """Words that gradio itself writes in English -> Chinese; {} stands for whatever comes there."""
    said: dict[str, str] = json.loads((_FOLDER / "gradio_zh.json").read_text(encoding="utf-8"))
    return MappingProxyType(said)


def in_language(language: str, said: str) -> str:
    """A title, licence, metric, protocol or source; names stay as they are."""
    return _chinese().get(said, said) if language == "zh" else said
