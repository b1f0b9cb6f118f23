"""Batches and models as tables: pure functions, like render.py."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mmcore.checkpoints import Checkpoint
from mmcore.results import CaptionResult

from .events import Failure
from .i18n import text
from .render import device_name, download_link, seconds_text

CSV_COLUMNS = ("file", "caption", "score", "model", "seconds", "error")


@dataclass(frozen=True)
class BatchRow:
    """One file of a batch and what became of it."""

    file: str
    outcome: CaptionResult | Failure


def batch_headers(language: str) -> list[str]:
    """Column titles of the batch table."""
    return [text(language, f"text.batch.{name}") for name in ("file", "caption", "score", "time")]


def batch_table(rows: Iterable[BatchRow], language: str) -> list[list[str]]:
    """Cells of the batch table; a file that failed shows its message in place of a caption."""
    table = []
    for row in rows:
        if isinstance(row.outcome, Failure):
            table.append([row.file, row.outcome.message(language), "", ""])
        else:
            best = row.outcome.captions[0]
            table.append([row.file, best.text, f"{best.score:.2f}", seconds_text(row.outcome.seconds)])
    return table


def _safe_cell(value: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; a file name can be anybody's."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def batch_csv(rows: Iterable[BatchRow]) -> str:
    """The batch as CSV with the columns CSV_COLUMNS. Messages are English, as in the command line's JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        if isinstance(row.outcome, Failure):
            writer.writerow([_safe_cell(row.file), "", "", "", "", row.outcome.message("en")])
        else:
            result, best = row.outcome, row.outcome.captions[0]
            cells = [best.text, f"{best.score:.4f}", result.model, f"{result.seconds:.4f}", ""]
            writer.writerow([_safe_cell(row.file), *cells])
    return buffer.getvalue()


def batch_jsonl(rows: Iterable[BatchRow]) -> str:
    """The batch as JSON lines, each as ``mmcore caption --json`` writes it."""
    lines = []
    for row in rows:
        record: dict[str, object] = {"path": row.file}
        if isinstance(row.outcome, Failure):
            error = row.outcome.error
            hidden = {"type": "InternalError", "message": row.outcome.message("en")}
            record["error"] = hidden if error is None else error.to_dict()
        else:
            record.update(row.outcome.to_dict())
        lines.append(json.dumps(record, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def batch_downloads(rows: Sequence[BatchRow], language: str) -> str:
    """The two download links, or nothing before the first row."""
    if not rows:
        return ""
    # Excel takes a CSV file for UTF-8 only with a byte-order mark.
    as_csv = download_link(text(language, "text.download_csv"), "captions.csv", "text/csv", "\ufeff" + batch_csv(rows))
    as_lines = download_link(
        text(language, "text.download_jsonl"), "captions.jsonl", "application/x-ndjson", batch_jsonl(rows)
    )
    return f'<div class="mm-actions">{as_csv}{as_lines}</div>'


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


def models_table(states: Iterable[ModelState], language: str) -> str:
    """Every checkpoint: what it is, where it lies, what it takes."""
    columns = ("model", "tier", "size", "licence", "quality", "place", "loaded")
    head = "".join(f'<th scope="col">{escape(text(language, f"text.models.{name}"))}</th>' for name in columns)
    body = "".join(_model_row(state, language) for state in states)
    table = f'<table class="mm-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="mm-scroll">{table}</div>'


def _model_row(state: ModelState, language: str) -> str:
    checkpoint = state.checkpoint
    if checkpoint.source == "bundled":
        place = text(language, "text.models.bundled")
    elif state.folder is None:
        place = text(language, "text.download_costs", size=size_text(checkpoint.bytes))
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
    tight = (0, 1)
    row = "".join(
        f"<td{' class=mm-tight' if place in tight else ''}>{escape(cell)}</td>" for place, cell in enumerate(cells)
    )
    return f'<tr><th scope="row">{name}</th>{row}</tr>'
