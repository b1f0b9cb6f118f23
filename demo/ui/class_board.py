"""The board of a class: results of the Lab that teams sent. ``web/classroom.js`` fills it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape

from .i18n import escaped as _t


def board(names: Mapping[str, str], language: str) -> str:
    """An empty board, hidden until there is a result; ``names`` are the titles of sets and fusions by their names."""
    heads = "".join(
        f'<th scope="col">{_t(language, f"lessons.class.board.{one}")}</th>'
        for one in ("team", "data", "fusion", "accuracy")
    )
    titles = escape(json.dumps(dict(names), ensure_ascii=False), quote=True)
    return (
        f'<div class="mm-board mm-scroll" tabindex="0" hidden data-names="{titles}" '
        f'data-remove="{_t(language, "lessons.class.board.remove")}"><table class="mm-counts">'
        f"<caption>{_t(language, 'lessons.class.board')}</caption><thead><tr>{heads}<td></td></tr></thead>"
        f"<tbody></tbody></table></div>"
    )
