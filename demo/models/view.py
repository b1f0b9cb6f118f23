"""Models as tables: pure functions, like render.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint

from ..ui.facts import in_language
from ..ui.html import device_name, progress_bar
from ..ui.i18n import text

if TYPE_CHECKING:
    from ..ui.events import Failure
    from .jobs import Job


TASKS = ("captioning", "retrieval", "sentiment", "audio", "ask", "transcribe", "ocr")
"""In the order of the page's tabs."""


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
    job: Job | None = None
    """Its download that runs."""
    partial: int = 0
    """Bytes of it that an earlier download has brought."""
    problem: Failure | None = None
    """What is wrong with it, or with its last download."""
    removable: bool = False
    """Whether its files are a download of ours."""


def short_path(path: Path) -> str:
    """The path with the home folder as ~, so that a public page does not name its owner."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


COLUMNS = ("size", "licence", "quality", "place", "loaded")
"""Of the table of models, after the name."""


def models_table(states: Iterable[ModelState], language: str, buttons: bool = True) -> str:
    """Every checkpoint, a table a task: what it is, where it lies, what it takes, and what can be done with it."""
    tables = []
    for task, group in groupby(states, key=lambda state: state.checkpoint.task):
        title = escape(text(language, f"ui.tab.{task}"))
        names = ("model", *COLUMNS, *(("actions",) if buttons else ()))
        head = "".join(f'<th scope="col">{escape(text(language, f"text.models.{name}"))}</th>' for name in names)
        body = "".join(_model_row(state, language, buttons) for state in group)
        tables.append(
            f'<section class="mm-models"><h3>{title}</h3><table class="mm-table mm-inventory">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
        )
    return "".join(tables)


def _model_row(state: ModelState, language: str, buttons: bool) -> str:
    checkpoint = state.checkpoint
    loaded = text(language, "text.models.not_loaded")
    if state.device is not None:
        loaded = f"{device_name(state.device)}, {readable_size(state.memory)}"
    said = partial(in_language, language)
    figures = "; ".join(
        f"{said(item.metric)} {item.value:g}: {said(item.protocol)} [{said(item.source)}]"
        for item in checkpoint.quality
    )
    cells = {
        "size": escape(readable_size(checkpoint.bytes)),
        "licence": escape(in_language(language, checkpoint.licence)),
        "quality": escape(figures or text(language, "text.quality_unknown")),
        "place": _place(state, language),
        "loaded": escape(loaded),
    }
    if buttons:
        cells["actions"] = _buttons(state, language)
    tier = text(language, f"text.tier.{checkpoint.tier}")
    title = escape(in_language(language, checkpoint.title))
    name = f"{title} <small>{escape(tier)}</small><br><code>{escape(checkpoint.name)}</code>"
    # A narrow page has no room for columns: every cell is a line then, with the column's name before it.
    row = "".join(
        f'<td class="mm-{column}" data-label="{escape(_word(language, column), quote=True)}">{cell}</td>'
        for column, cell in cells.items()
    )
    return f'<tr><th scope="row">{name}</th>{row}</tr>'


def _word(language: str, name: str) -> str:
    return text(language, f"text.models.{name}")


def _place(state: ModelState, language: str) -> str:
    """Where it is, or how far its download has come, as HTML."""
    if state.job is not None:
        return _progress(state.job, language)
    if state.folder is not None:
        bundled = state.checkpoint.source == "bundled"
        if bundled:
            return escape(text(language, "text.models.bundled"))
        return f"<code>{escape(short_path(state.folder))}</code>"
    said = text(language, "text.models.absent")
    if state.partial:
        said = text(
            language,
            "text.models.partly",
            done=readable_size(min(state.partial, state.checkpoint.bytes)),
            total=readable_size(state.checkpoint.bytes),
        )
    wrong = f'<p class="mm-error">{escape(state.problem.message(language))}</p>' if state.problem is not None else ""
    return escape(said) + wrong


def _progress(job: Job, language: str) -> str:
    done, total = readable_size(job.done), readable_size(job.total)
    if not job.done:
        label = text(language, "text.models.asking")
    elif job.seconds_left is None:
        label = text(language, "text.models.arriving", done=done, total=total)
    else:
        label = text(
            language,
            "text.models.arriving_at",
            done=done,
            total=total,
            speed=readable_size(round(job.speed)),
            left=time_text(job.seconds_left),
        )
    return progress_bar(job.done, job.total, label)


def time_text(seconds: float) -> str:
    """A length of time as a clock shows it: 95 -> "1:35"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _buttons(state: ModelState, language: str) -> str:
    """What can be done with it now."""
    offered = []
    if state.job is not None:
        offered.append("stop")
    elif state.folder is None and state.checkpoint.source in ("hub", "url"):
        offered.append("download")
    if state.device is not None:
        offered.append("unload")
    if state.removable or (state.partial and state.job is None):
        offered.append("remove")
    name = escape(state.checkpoint.name, quote=True)
    made = []
    for action in offered:
        word = "resume" if action == "download" and state.partial else action
        said = escape(text(language, f"text.models.{word}"))
        title = escape(
            f"{text(language, f'text.models.{word}')}: {in_language(language, state.checkpoint.title)}", quote=True
        )
        made.append(
            f'<button type="button" class="mm-action" data-action="{action}" data-name="{name}" aria-label="{title}">'
            f"{said}</button>"
        )
    return " ".join(made)
