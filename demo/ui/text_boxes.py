"""The text that was read in a picture: its lines, and the picture with a box around each."""

from __future__ import annotations

from html import escape

from mmcore.results.ocr import OcrResult

from .html import percent
from .i18n import escaped as _t


def reading(result: OcrResult, picture: str, size: tuple[int, int], language: str) -> str:
    """HTML of what was read; ``picture`` is the address of the picture, shown in (width, height) ``size``."""
    title = f"<h3>{_t(language, 'text.reads')}</h3>"
    if not result.lines:
        return f'<div class="mm-reads">{title}<p class="mm-hint">{_t(language, "text.reads_none")}</p></div>'
    width, height = size
    boxes = "".join(
        f'<polygon points="{" ".join(f"{x * width:.1f},{y * height:.1f}" for x, y in line.box)}">'
        f"<title>{escape(line.text)}</title></polygon>"
        for line in result.lines
    )
    lines = "".join(f"<li>{escape(line.text)} <span>{percent(line.score)}</span></li>" for line in result.lines)
    alt = escape(result.text.replace("\n", " "), quote=True)
    return (
        f'<div class="mm-reads" data-text="{alt}">{title}<ol>{lines}</ol>'
        f'<figure class="mm-boxes"><img src="{picture}" alt="{alt}" width="{width}" height="{height}">'
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{boxes}</svg></figure></div>'
    )
