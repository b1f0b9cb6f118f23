"""Two languages, two ways to show them, one key set.

Texts whose key begins with ``ui.`` are fixed when the page is built: gradio translates them in the browser. All others
are filled in Python, in the language that the visitor chose in the header.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mmcore.errors import Cancelled, MMCoreError, Phrase

if TYPE_CHECKING:
    import gradio as gr
    from gradio.i18n import I18nData

logger = logging.getLogger(__name__)

OURS = ("mmcore.", "mmcore_demo.", "demo.")
"""Beginnings of the names of our own modules."""

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "zh": "中文"})
"""Code -> name in the language itself, the default first."""
DEFAULT_LANGUAGE = "en"
BROWSER_LOCALES: Mapping[str, tuple[str, ...]] = MappingProxyType({"en": ("en",), "zh": ("zh-CN", "zh-TW")})
"""Code -> the locales of gradio's own texts that go with it (head.js chooses one of them)."""

_FOLDER = Path(__file__).parent.parent / "locales"


@cache
def texts(language: str) -> Mapping[str, str]:
    """Every text of a language; those of the default language for a code that is not known."""
    code = language if language in LANGUAGES else DEFAULT_LANGUAGE
    merged: dict[str, str] = {}
    for file in sorted((_FOLDER / code).rglob("*.json")):
        part: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        if twice := merged.keys() & part.keys():
            raise ValueError(f"{file} holds keys of another file: {sorted(twice)}")
        merged |= part
    return MappingProxyType(merged)


def text(language: str, key: str, /, **values: object) -> str:
    """The text of that key with its fields filled. Raises KeyError for a key that no locale file has."""
    return texts(language)[key].format(**values)


def escaped(language: str, key: str, /, **values: object) -> str:
    """The same for HTML, also inside an attribute: file names and words of visitors may be among the values."""
    return escape(text(language, key, **values), quote=True)


def error_text(language: str, error: MMCoreError) -> str:
    """The message of an error in that language; values that are words themselves ("a PDF document") are translated."""
    table = texts(language)
    values: dict[str, Any] = {
        name: table[f"phrase.{value.key}"] if isinstance(value, Phrase) else value
        for name, value in error.values.items()
    }
    return table[f"error.{error.key}"].format(**values)


def accepted_language(header: str | None) -> str:
    """The best of our languages for an Accept-Language header: ``"zh-CN,zh;q=0.9,en;q=0.8"`` gives ``"zh"``."""
    wanted: list[tuple[float, str]] = []
    for item in (header or "").split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        wanted.append((weight, tag.split("-")[0].lower()))
    known = [item for item in wanted if item[1] in LANGUAGES and item[0] > 0]
    return max(known, key=lambda item: item[0])[1] if known else DEFAULT_LANGUAGE


def answers_have_words() -> None:
    """Give errors that gradio itself raises (a path that no upload made, inputs that are missing) a sentence.

    gradio sends ``{"error": null}`` for them. Whose language it should be is not known there, so it is in all.
    """
    from gradio import queueing as module

    queueing: Any = module
    original = queueing.error_payload
    if getattr(original, "has_words", False):
        return

    def payload(error: BaseException | None, show_error: bool) -> dict[str, bool | str | float | None]:
        content: dict[str, bool | str | float | None] = original(error, show_error)
        if content.get("error") is None:
            key = "text.refused.path" if type(error).__name__ == "InvalidPathError" else "text.refused.inputs"
            said = " / ".join(text(language, key) for language in LANGUAGES)
            content = {**content, "error": said, "visible": True, "duration": 12}
        return content

    payload.has_words = True  # type: ignore[attr-defined]
    queueing.error_payload = payload
    queueing.traceback = _OneLine()


class _OneLine:
    """Stands for ``traceback`` in gradio's queue: what gradio refuses by itself is a line of the log, not forty."""

    @staticmethod
    def print_exc() -> None:
        error = sys.exc_info()[1]
        frames = traceback.walk_tb(error.__traceback__ if error is not None else None)
        if isinstance(error, Cancelled):  # who left while waiting for a slot gets no answer, and is no fault
            logger.info("a visitor left before the answer was begun")
        elif any(str(frame.f_globals.get("__name__", "")).startswith(OURS) for frame, _ in frames):
            logger.error("unexpected error in a handler", exc_info=error)
        else:
            logger.warning("gradio refused a request: %s", type(error).__name__)


def ui(key: str) -> I18nData:
    """A text of the page itself, translated by the browser: ``ui("run")`` is the key ``ui.run``.

    Raises KeyError for a key that no locale file has.
    """
    from gradio.i18n import I18nData

    full = f"ui.{key}"
    texts(DEFAULT_LANGUAGE)[full]
    return I18nData(full)


def browser_texts() -> gr.I18n:
    """What gradio needs to translate the page in the browser."""
    import gradio as gr

    tables = {}
    for language, locales in BROWSER_LOCALES.items():
        fixed = {key: value for key, value in texts(language).items() if key.startswith("ui.")}
        tables.update(dict.fromkeys(locales, fixed))
    return gr.I18n(**tables)
