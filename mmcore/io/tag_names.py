"""Chinese names of what the captioner's tagger recognises. The model speaks English."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_FILE = resources.files("mmcore.io") / "tags_zh.json"


@cache
def chinese() -> Mapping[str, str]:
    """English word -> Chinese name, for the words of the compact captioner's tagger."""
    names: dict[str, str] = json.loads(_FILE.read_text(encoding="utf-8"))
    return MappingProxyType(names)


def tag_text(language: str, tag: str) -> str:
    """What a tag is called in that language; a word without a Chinese name stays as it is."""
    return chinese().get(tag, tag) if language == "zh" else tag
