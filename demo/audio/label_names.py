"""Names of sounds in the visitor's language. Models speak AudioSet's English display names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mmcore.errors import InputError

_FILE = Path(__file__).parent.parent / "locales" / "audioset_zh.json"


@cache
def chinese() -> Mapping[str, str]:
    """Display name -> Chinese name, for all 527 labels of AudioSet."""
    names: dict[str, str] = json.loads(_FILE.read_text(encoding="utf-8"))
    return MappingProxyType(names)


@cache
def _english() -> Mapping[str, str]:
    return MappingProxyType({name: label for label, name in chinese().items()})


def label_text(language: str, label: str) -> str:
    """What the page calls a label; a person's own words stay as they are."""
    return chinese().get(label, label) if language == "zh" else label


def parse(value: Any) -> tuple[str, ...]:
    """Labels from a line with commas, or from a list; Chinese names become the ones that models know.

    A few names of AudioSet hold commas ("Walk, footsteps"): such a name is one label where it stands alone, or where
    labels are parted by semicolons or lines. Raises InputError for anything but text.
    """
    items = value if isinstance(value, list | tuple) else [value or ""]
    found: list[str] = []
    for item in items:
        if not isinstance(item, str):
            raise InputError("option_not_offered", model="mmcore", name="labels", value=item, offered="a, b, c")
        found.extend(_parted(item))
    return tuple(dict.fromkeys(_english().get(label, label) for label in found))


def _parted(line: str) -> list[str]:
    if line.strip() in _english() or line.strip() in chinese():
        return [line.strip()]
    parts = re.split(r"[;；\n]", line) if re.search(r"[;；\n]", line) else re.split(r"[,，、]", line)
    return [part.strip() for part in parts if part.strip()]
