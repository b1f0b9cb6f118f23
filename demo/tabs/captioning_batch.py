"""Many pictures at once: a table that grows row by row, to be stopped at any time and downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from .. import captions, events, tables
from ..i18n import text, ui

if TYPE_CHECKING:
    from ..shell import Shell


def build(page: Shell, form: Sequence[gr.components.Component]) -> None:
    """Lay out the accordion. ``form`` is the model, the detail level and the options of the tab."""
    with gr.Accordion(ui("batch"), open=False, elem_id="mm-batch"):
        files = gr.File(
            file_count="multiple", file_types=["image"], label=ui("batch_files"), height=160, elem_id="mm-batch-files"
        )
        with gr.Row():
            run = gr.Button(ui("batch_run"), variant="primary", elem_id="mm-batch-run")
            stop = gr.Button(ui("stop"), variant="stop", interactive=False, elem_id="mm-batch-stop")
        progress = gr.HTML("", elem_id="mm-batch-progress")
        table = gr.Dataframe(
            value={"headers": tables.batch_headers("en"), "data": []},
            label=ui("batch_table"),
            interactive=False,
            wrap=True,
            max_height=420,
            column_widths=["25%", "55%", "10%", "10%"],
            elem_id="mm-batch-table",
        )
        downloads = gr.HTML("", elem_id="mm-batch-downloads")
    rows_kept = gr.State([])

    def describe_all(payload: Any, model: str, *rest: Any) -> Iterator[tuple[Any, ...]]:
        *values, language = rest
        try:
            for rows, total in captions.describe_many(page.pool, payload, model, *values):
                finished = len(rows) == total
                yield (*_shown(rows, total, language), rows, gr.update(interactive=not finished))
        except Exception as error:
            raise events.shown(events.failure(error), language) from None

    running = run.click(
        describe_all,
        inputs=[files, *form, page.language],
        outputs=[progress, table, downloads, rows_kept, stop],
        preprocess=False,
        concurrency_id=events.MODELS,
        show_progress="hidden",
        api_name="captioning_describe_all",
        api_visibility="private",
    )
    stop.click(
        lambda: gr.update(interactive=False),
        outputs=stop,
        cancels=[running],
        queue=False,
        api_name="captioning_stop",
        api_visibility="private",
    )
    page.language.change(
        lambda rows, language: _shown(rows, len(rows), language),
        inputs=[rows_kept, page.language],
        outputs=[progress, table, downloads],
        show_progress="hidden",
        queue=False,
        api_name="captioning_translate_batch",
        api_visibility="private",
    )


def _shown(rows: list[tables.BatchRow], total: int, language: str) -> tuple[Any, ...]:
    """Values of the progress bar, the table and the links."""
    data = {"headers": tables.batch_headers(language), "data": tables.batch_table(rows, language)}
    if not total:
        return "", data, ""
    failed = sum(isinstance(row.outcome, events.Failure) for row in rows)
    if len(rows) == total:
        label = text(language, "text.batch.finished", done=len(rows), failed=failed)
    else:
        label = text(language, "text.batch.progress", done=len(rows), total=total)
    return tables.progress_bar(len(rows), total, label), data, tables.batch_downloads(rows, language)
