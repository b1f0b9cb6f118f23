"""What was not read, as every answer and every row of a batch shows it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


def notice_lines(answer: Mapping[str, Any], language: str) -> list[str]:
    """The sentences of a result's ``to_dict()`` in the visitor's language, each once."""
    return list(dict.fromkeys(one["text"][language] for one in answer.get("notices", ())))


def notice_list(answer: Mapping[str, Any], language: str) -> str:
    """The same to stand under an answer: a line for each, nothing at all where there are none."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in notice_lines(answer, language))
    return f'<ul class="mm-notices" role="note">{lines}</ul>' if lines else ""
