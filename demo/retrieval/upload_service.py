"""A visitor's upload: taken into a collection of the session, and told of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from mmcore.types import IsCancelled, Progress

from ..ui.events import Failure, Step, Stop, in_background
from ..ui.html import empty, notice, problem, progress_bar
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from .collections import Added, CollectionChooser, UploadSession
from .service import guarded

LISTED = 50
"""Broken files and copies that are listed at most."""


def take(
    shelf: CollectionChooser,
    visitor: UploadSession,
    payload: Sequence[Mapping[str, Any]] | None,
    model: str,
    button: Stop | None = None,
) -> Iterator[Step | Added | Failure]:
    """Add what was uploaded. Pressing ``button`` ends it with a ``stopped`` Failure; what was added by then stays."""

    def work(progress: Progress, cancelled: IsCancelled) -> Added:
        return shelf.add(visitor, payload, model, progress, cancelled)

    return guarded(in_background(work, button))


def panel(content: Added | Failure | Step | None, language: str) -> str:
    """What became of the upload, how far it is, an error, or what will stand here."""
    if content is None:
        return empty(language, "text.retrieval.uploads_empty")
    if isinstance(content, Failure):
        return problem(content, language)
    if isinstance(content, Step):
        # Every file is counted when it is read and when it is embedded.
        label = text(language, "text.retrieval.adding", done=content.done // 2, total=content.total // 2)
        return f'<div class="mm-empty mm-wide">{progress_bar(content.done, content.total, label)}</div>'
    parts = [
        f'<p class="mm-query">{_t(language, "text.retrieval.added", new=content.new, pictures=content.pictures)}</p>',
        f'<p class="mm-hint">{_t(language, "text.retrieval.clips", clips=content.clips, frames=content.frames)}</p>'
        if content.clips
        else "",
        notice(text(language, "text.retrieval.add_stopped")) if content.stopped else "",
        f'<p class="mm-hint">{_t(language, "text.retrieval.known", known=content.known)}</p>' if content.known else "",
        _listed(
            language,
            "text.retrieval.broken",
            [(name, failure.message(language)) for name, failure in content.broken],
        ),
        _listed(
            language,
            "text.retrieval.copies",
            [(name, text(language, "text.retrieval.copy_of", name=of)) for name, of in content.copies],
        ),
        f'<p class="mm-hint">{_t(language, "text.retrieval.private")}</p>',
    ]
    return f'<section class="mm-answer" role="status">{"".join(parts)}</section>'


def stopped(visitor: UploadSession | None, language: str) -> str:
    """What stands there after Stop."""
    pictures = len(visitor.collection) if visitor is not None else 0
    return notice(text(language, "text.retrieval.stopped_with", pictures=pictures))


def _listed(language: str, key: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    items = "".join(f"<li><strong>{escape(name)}</strong> {escape(said)}</li>" for name, said in rows[:LISTED])
    more = f"<li>{_t(language, 'text.retrieval.and_more', count=len(rows) - LISTED)}</li>" if len(rows) > LISTED else ""
    title = _t(language, key, count=len(rows))
    return (
        f'<details class="mm-below" open><summary>{title}</summary><ul class="mm-report">{items}{more}</ul></details>'
    )
