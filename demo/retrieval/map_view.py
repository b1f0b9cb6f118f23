"""The map of a collection -> what the page shows: dots that show their picture when pointed at."""

from __future__ import annotations

from html import escape

from ..ui.colours import viridis
from ..ui.events import Failure, Step
from ..ui.html import empty, legend, problem, similarity
from ..ui.i18n import text
from .service import MAPPED, Dots
from .view import progress

BORDER = 3.0
"""Per cent of the map's sides that stay free, so that no dot is cut off."""


def panel(content: Dots | Failure | Step | None, language: str) -> str:
    """The map, progress, an error, or the hint that it will come."""
    if content is None:
        return empty(language, "text.retrieval.map_empty")
    if isinstance(content, Failure):
        return problem(content, language)
    if isinstance(content, Step):
        return f'<div class="mm-empty mm-wide">{progress(content, language)}</div>'
    dots = "".join(_dot(content, place, language) for place in range(len(content.called)))
    told = text(language, "text.retrieval.map_told")
    if content.pictures > MAPPED:
        told += " " + text(language, "text.retrieval.map_part", shown=len(content.called), total=content.pictures)
    colours = ""
    if content.scores is not None:
        coloured = escape(text(language, "text.retrieval.map_coloured", query=content.query))
        colours = f'<p class="mm-hint">{coloured}</p>{legend(language)}'
    label = escape(text(language, "text.retrieval.map"), quote=True)
    return (
        f'<section class="mm-answer mm-plane" aria-label="{label}"><div class="mm-map">{dots}'
        f'<figure class="mm-preview" hidden><img alt=""><figcaption></figcaption></figure></div>'
        f'<p class="mm-hint">{escape(told)}</p><div class="mm-colours">{colours}</div></section>'
    )


def _dot(content: Dots, place: int, language: str) -> str:
    x, y = (BORDER + float(value) * (100 - 2 * BORDER) for value in content.places[place])
    name = content.called[place][language]
    style = f"left:{x:.2f}%;top:{y:.2f}%"
    if content.scores is not None:
        score = content.scores[place]
        red, green, blue = (int(part) for part in viridis()[round(min(max(score, 0.0), 1.0) * 255)])
        style += f";background:#{red:02x}{green:02x}{blue:02x}"
        name = text(language, "text.retrieval.match", name=name, score=similarity(score))
    label = escape(name, quote=True)
    return (
        f'<button type="button" class="mm-dot" style="{style}" data-thumb="{content.thumbnails[place]}" '
        f'aria-label="{label}"></button>'
    )
