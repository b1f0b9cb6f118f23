"""Many files at once, for any task: a table that grows row by row, to be stopped at any time and downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import gradio as gr

from . import batch_rows, events, html
from .i18n import text, ui

if TYPE_CHECKING:
    from .page import Page

Work = Callable[..., Iterator[tuple[list[batch_rows.BatchRow[Any]], int]]]
"""Called with raw files, model, values of the form by name, ``button=``: yields all rows so far and how many files."""


@dataclass(frozen=True)
class Layout:
    """What differs from tab to tab."""

    tab: str
    """Begins the names of its events."""
    prefix: str
    """Begins the ids of its elements."""
    kind: batch_rows.BatchKind[Any]
    file_types: list[str]
    title: str
    """Key of the accordion's title, without ``ui.``."""
    files: str
    run: str
    table: str
    widths: list[str]
    """Of the columns of the table."""


def build(
    page: Page,
    model: gr.components.Component,
    form: Mapping[str, gr.components.Component],
    layout: Layout,
    work: Work,
) -> None:
    """Lay out the accordion. Beside the files ``work`` gets the model's name and the values of ``form`` by name."""
    prefix, kind = layout.prefix, layout.kind
    with gr.Accordion(ui(layout.title), open=False, elem_id=prefix, elem_classes="mm-batch"):
        files = gr.File(
            file_count="multiple",
            file_types=layout.file_types,
            label=ui(layout.files),
            height=160,
            elem_id=f"{prefix}-files",
        )
        with gr.Row():
            run = gr.Button(ui(layout.run), variant="primary", elem_id=f"{prefix}-run")
            stop = gr.Button(ui("stop"), variant="stop", interactive=False, elem_id=f"{prefix}-stop")
        progress = gr.HTML("", elem_id=f"{prefix}-progress")
        table = gr.Dataframe(
            value={"headers": batch_rows.headers(kind, "en"), "data": []},
            label=ui(layout.table),
            interactive=False,
            datatype=cast(Any, ["html", *["str"] * (len(layout.widths) - 1)]) if kind.pictures else "str",
            wrap=True,
            max_height=420,
            column_widths=[*layout.widths],
            elem_id=f"{prefix}-table",
        )
        downloads = gr.HTML("", elem_id=f"{prefix}-downloads")
    rows_kept, button = gr.State([]), gr.State(events.Stop())

    def shown(rows: list[batch_rows.BatchRow[Any]], total: int, language: str) -> tuple[Any, ...]:
        """Values of the progress bar, the table and the links."""
        data = {"headers": batch_rows.headers(kind, language), "data": batch_rows.table(kind, rows, language)}
        if not total:
            return "", data, ""
        failed = sum(isinstance(row.outcome, events.Failure) for row in rows)
        if len(rows) == total:
            label = text(language, kind.finished, done=len(rows), failed=failed)
        else:
            label = text(language, kind.progress, done=len(rows), total=total)
        return html.progress_bar(len(rows), total, label), data, batch_rows.downloads(kind, rows, language)

    def run_all(payload: Any, model: str, *rest: Any) -> Iterator[tuple[Any, ...]]:
        *values, pressed, language = rest
        try:
            for rows, total in work(payload, model, dict(zip(form, values, strict=True)), button=pressed):
                finished = len(rows) == total
                yield (*shown(rows, total, language), rows, gr.update(interactive=not finished))
        except Exception as error:
            problem = events.failure(error)
            if not problem.stopped:
                raise events.shown(problem, language) from None
            said = html.notice(problem.message(language))  # the rows so far stay
            yield said, gr.skip(), gr.skip(), gr.skip(), gr.update(interactive=False)

    run.click(
        run_all,
        inputs=[files, model, *form.values(), button, page.language],
        outputs=[progress, table, downloads, rows_kept, stop],
        preprocess=False,
        concurrency_id=events.MODELS,
        show_progress="hidden",
        api_name=f"{layout.tab}_batch",
        api_visibility="private",
    )
    stop.click(
        events.Stop.press, button, None, queue=False, api_name=f"{layout.tab}_batch_stop", api_visibility="private"
    )
    page.translations.add(
        lambda rows, language: shown(rows, len(rows), language), [rows_kept], [progress, table, downloads]
    )
