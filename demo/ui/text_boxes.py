"""Boxes on a picture: around the lines of text that were read in it, or around the things that a caption names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from mmcore.results import GroundedPhrase
from mmcore.results.ocr import Corner, TextLine, one_line

from .html import percent
from .i18n import escaped as _t


def reading(read: Sequence[TextLine], picture: str, size: tuple[int, int], language: str) -> str:
    """HTML of what was read; ``picture`` is the address of the picture, shown in (width, height) ``size``."""
    title = f"<h3>{_t(language, 'text.reads')}</h3>"
    if not read:
        return f'<div class="mm-reads">{title}<p class="mm-hint">{_t(language, "text.reads_none")}</p></div>'
    lines = "".join(f"<li>{escape(line.text)} <span>{percent(line.score)}</span></li>" for line in read)
    alt = escape(one_line(read), quote=True)
    return (
        f'<div class="mm-reads" data-text="{alt}">{title}<ol>{lines}</ol>'
        f"{_boxed(((line.text, line.box, '') for line in read), picture, size, alt)}</div>"
    )


def grounding(phrases: Sequence[GroundedPhrase], picture: str, size: tuple[int, int], language: str) -> str:
    """HTML of where the things are that a caption names: numbered phrases, and the same numbers on the picture."""
    title = f"<h3>{_t(language, 'text.phrases')}</h3>"
    if not phrases:
        return f'<div class="mm-reads">{title}<p class="mm-hint">{_t(language, "text.phrases_none")}</p></div>'
    shapes = [
        (phrase.text, ((left, top), (right, top), (right, bottom), (left, bottom)), str(number))
        for number, phrase in enumerate(phrases, start=1)
        for left, top, right, bottom in phrase.boxes
    ]
    lines = "".join(f'<li lang="en">{escape(phrase.text)}</li>' for phrase in phrases)
    alt = escape("; ".join(phrase.text for phrase in phrases), quote=True)
    return (
        f'<div class="mm-reads mm-phrases">{title}<p class="mm-hint">{_t(language, "text.phrases_hint")}</p>'
        f"<ol>{lines}</ol>{_boxed(shapes, picture, size, alt)}</div>"
    )


def _boxed(
    shapes: Iterable[tuple[str, Sequence[Corner], str]], picture: str, size: tuple[int, int], alternative: str
) -> str:
    """The picture with a shape for each (what it is, its corners, what is written beside it)."""
    width, height = size
    drawn = []
    for text, corners, mark in shapes:
        points = [(x * width, y * height) for x, y in corners]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(f'<polygon points="{joined}"><title>{escape(text)}</title></polygon>')
        if mark:
            x, y = points[0]
            drawn.append(f'<text x="{x + 4:.1f}" y="{y + height / 18:.1f}" font-size="{height / 18:.1f}">{mark}</text>')
    return (
        f'<figure class="mm-boxes"><img src="{picture}" alt="{alternative}" width="{width}" height="{height}">'
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{"".join(drawn)}</svg></figure>'
    )
