"""Models as tables: pure functions, like render.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mmcore.checkpoints.registry import Checkpoint

from ..captioning.view import device_name
from ..ui.i18n import text


def progress_bar(done: int, total: int, label: str) -> str:
    """A progress bar with its label."""
    share = done / total if total else 0.0
    name = escape(label, quote=True)
    bar = f'<progress max="1" value="{share:.4f}" aria-label="{name}"></progress>'
    return f'<div class="mm-progress">{bar}<span>{escape(label)}</span></div>'


def size_text(count: int) -> str:
    """990_000_000 -> "990 MB"; decimal units, as hubs and disks state them."""
    if count >= 1_000_000_000:
        return f"{count / 1_000_000_000:.1f} GB"
    return f"{max(count, 0) / 1_000_000:.0f} MB" if count >= 1_000_000 else f"{max(count, 0) / 1_000:.0f} kB"


def quality_text(checkpoint: Checkpoint) -> str:
    """ "CIDEr 133.5 (COCO Karpathy test, ...)", one a figure, or "" where none is known."""
    return "; ".join(f"{item.metric} {item.value:g} ({item.protocol})" for item in checkpoint.quality)


def model_line(checkpoint: Checkpoint, language: str, *, cached: bool) -> str:
    """One line under the model chooser: size, licence, quality, and whether it is here or what the download costs."""
    size = size_text(checkpoint.bytes)
    quality = quality_text(checkpoint) or text(language, "text.quality_unknown")
    facts = [checkpoint.title, size, checkpoint.licence, quality]
    if cached:
        facts.append(text(language, "text.here"))
    elif checkpoint.source != "bundled":
        facts.append(text(language, "text.download_costs", size=size))
    return '<p class="mm-line">' + " · ".join(f"<span>{escape(fact)}</span>" for fact in facts) + "</p>"


def notice(message: str) -> str:
    """A remark that asks for attention without being an error."""
    return f'<p class="mm-notice" role="status">{escape(message)}</p>'


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
        loaded = f"{device_name(state.device)}, {size_text(state.memory)}"
    quality = "; ".join(f"{item.metric} {item.value:g}: {item.protocol} [{item.source}]" for item in checkpoint.quality)
    cells = [
        text(language, f"text.tier.{checkpoint.tier}"),
        size_text(checkpoint.bytes),
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
