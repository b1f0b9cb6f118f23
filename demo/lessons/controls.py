"""Pieces that the views of several steps are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from ..ui.examples import Example
from ..ui.i18n import escaped as _t


def live(kind: str, data: dict[str, Any], inside: str) -> str:
    """A view that the page's script computes: which kind, with which numbers."""
    packed = escape(json.dumps(data, ensure_ascii=False, separators=(",", ":")), quote=True)
    return f'<div class="mm-live" data-kind="{kind}" data-data="{packed}">{inside}</div>'


def buttons(name: str, labels: Sequence[str], chosen: int, title: str) -> str:
    """A row of buttons of which one is pressed; the script finds them by ``data-<name>``."""
    row = "".join(
        f'<button type="button" class="mm-action" data-{name}="{place}" aria-pressed="{str(place == chosen).lower()}">'
        f"{escape(label)}</button>"
        for place, label in enumerate(labels)
    )
    return f'<div class="mm-row" role="group" aria-label="{escape(title, quote=True)}">{row}</div>'


def slider(name: str, label: str, low: float, high: float, step: float, value: float) -> str:
    """A slider with its value beside it."""
    return (
        f'<label class="mm-slider">{escape(label)} <input type="range" data-input="{name}" min="{low}" max="{high}" '
        f'step="{step}" value="{value}"> <output data-output="{name}">{value:g}</output></label>'
    )


def pictures(offered: Sequence[Example], chosen: str, language: str) -> str:
    """Buttons with the pictures that the step offers."""
    row = "".join(
        f'<button type="button" class="mm-action" data-picture="{item.path.name}" '
        f'aria-pressed="{str(item.path.name == chosen).lower()}">{escape(item.alt[language])}</button>'
        for item in offered
    )
    return f'<div class="mm-row" role="group" aria-label="{_t(language, "lessons.picture")}">{row}</div>'


def choices(offered: Sequence[tuple[str, str]], chosen: str, title: str) -> str:
    """Buttons (value, label) that ask the server for the step with another ``Setup.choice``."""
    row = "".join(
        f'<button type="button" class="mm-action" data-choose="{escape(value, quote=True)}" '
        f'aria-pressed="{str(value == chosen).lower()}">{escape(label)}</button>'
        for value, label in offered
    )
    return f'<div class="mm-row" role="group" aria-label="{escape(title, quote=True)}">{row}</div>'


def grid(name: str, picture: str, ratio: float, label: str) -> str:
    """A picture (data: address) under 7 x 7 cells, which the script colours and whose numbers it says."""
    return (
        f'<figure class="mm-grid" data-grid="{name}"><div class="mm-cells" style="aspect-ratio:{ratio:.4f}">'
        f'<img src="{picture}" alt="{escape(label, quote=True)}">{"<i></i>" * 49}</div>'
        f"<figcaption>{escape(label)}</figcaption></figure>"
    )


def picks(name: str, labels: Sequence[str], chosen: int, title: str) -> str:
    """As ``buttons``, for any name: the script reads which is pressed by ``picked(name)``."""
    row = "".join(
        f'<button type="button" class="mm-action" data-pick="{name}" data-value="{place}" '
        f'aria-pressed="{str(place == chosen).lower()}">{escape(label)}</button>'
        for place, label in enumerate(labels)
    )
    return f'<div class="mm-row" role="group" aria-label="{escape(title, quote=True)}">{row}</div>'


def thumbs(addresses: Sequence[str], names: Sequence[str]) -> str:
    """Small pictures in a row that wraps; the script orders and marks them by ``data-thumb``."""
    each = "".join(
        f'<figure data-thumb="{place}"><img src="{address}" alt="{escape(name, quote=True)}"><figcaption></figcaption>'
        f"</figure>"
        for place, (address, name) in enumerate(zip(addresses, names, strict=True))
    )
    return f'<div class="mm-thumbs">{each}</div>'


def output(name: str, value: str = "") -> str:
    """A number that the script fills in; also in formulas, as ``filled``."""
    return f'<output data-out="{name}">{value}</output>'


def filled(name: str, value: str = "") -> str:
    """The same number inside a formula."""
    return f'<mn data-out="{name}">{value}</mn>'
