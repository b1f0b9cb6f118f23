"""Models as tables: pure functions, like render.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint

from ..ui.html import device_name
from ..ui.i18n import text


@dataclass(frozen=True)
class ModelState:
    """What is known about one checkpoint on this machine."""

    checkpoint: Checkpoint
    folder: Path | None
    """Where its weights lie; None where they are not on this machine."""
    device: str | None = None
    """Where it is loaded; None where it is not."""
    memory: int = 0
    """Bytes that it takes there."""


def short_path(path: Path) -> str:
    """The path with the home folder as ~, so that a public page does not name its owner."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


COLUMNS = ("tier", "size", "licence", "quality", "place", "loaded")
"""Of the table of models, after the name."""


def models_table(states: Iterable[ModelState], language: str) -> str:
    """Every checkpoint: what it is, where it lies, what it takes."""
    head = "".join(
        f'<th scope="col">{escape(text(language, f"text.models.{name}"))}</th>' for name in ("model", *COLUMNS)
    )
    body = "".join(_model_row(state, language) for state in states)
    return f'<table class="mm-table mm-inventory"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _model_row(state: ModelState, language: str) -> str:
    checkpoint = state.checkpoint
    if checkpoint.source == "bundled":
        place = text(language, "text.models.bundled")
    elif state.folder is None:
        place = text(language, "text.models.absent")
    else:
        place = short_path(state.folder)
    loaded = text(language, "text.models.not_loaded")
    if state.device is not None:
        loaded = f"{device_name(state.device)}, {readable_size(state.memory)}"
    quality = "; ".join(f"{item.metric} {item.value:g}: {item.protocol} [{item.source}]" for item in checkpoint.quality)
    cells = [
        text(language, f"text.tier.{checkpoint.tier}"),
        readable_size(checkpoint.bytes),
        checkpoint.licence,
        quality or text(language, "text.quality_unknown"),
        place,
        loaded,
    ]
    name = f"{escape(checkpoint.title)}<br><code>{escape(checkpoint.name)}</code>"
    # A narrow page has no room for columns: every cell is a line then, with the column's name before it.
    row = "".join(
        f'<td class="mm-{column}" data-label="{escape(text(language, f"text.models.{column}"), quote=True)}">'
        f"{escape(cell)}</td>"
        for column, cell in zip(COLUMNS, cells, strict=True)
    )
    return f'<tr><th scope="row">{name}</th>{row}</tr>'
