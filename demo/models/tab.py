"""The Models tab: what is on this machine, what is loaded, what a download costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints.registry import CHECKPOINTS

from ..ui import events
from ..ui import page as shell
from ..ui.i18n import ui
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    gr.Markdown(ui("models_intro"))
    table = gr.HTML("", elem_id="mm-models-table", min_height=240)
    names = [(record.title, record.name) for record in CHECKPOINTS]
    with gr.Row(equal_height=False, elem_classes="mm-buttons"):
        pick = gr.Dropdown(
            names, value=names[0][1], label=ui("models_pick"), filterable=False, scale=3, elem_id="mm-download-pick"
        )
        download = gr.Button(ui("download"), variant="primary", elem_id="mm-download", min_width=120)
        stop = gr.Button(ui("stop"), variant="stop", interactive=False, min_width=120)
        unload = gr.Button(ui("unload"), elem_id="mm-unload", min_width=120)
        refresh = gr.Button(ui("refresh"), min_width=120)
    message = gr.HTML("", elem_id="mm-models-message")
    button = gr.State(events.Stop())

    @events.reported
    def show(language: str) -> str:
        return service.table(page.pool, language)

    @events.reported
    def release(name: str, language: str) -> tuple[str, str]:
        return service.unload(page.pool, name, language), service.table(page.pool, language)

    def fetch(name: str, pressed: events.Stop, language: str) -> Iterator[tuple[Any, ...]]:
        yield gr.skip(), gr.skip(), gr.update(interactive=True)
        try:
            for line in service.download(page.pool, name, language, pressed):
                yield line, gr.skip(), gr.skip()
        except Exception as error:
            problem = events.failure(error)
            # Of a stopped download, what has arrived is kept, and the bar shows how much that is.
            said = gr.skip() if problem.stopped else service.problem(problem, language)
            yield said, gr.skip(), gr.update(interactive=False)
        else:
            yield gr.skip(), service.table(page.pool, language), gr.update(interactive=False)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    download.click(
        fetch,
        [pick, button, page.language],
        [message, table, stop],
        api_name="models_download",
        concurrency_limit=2,
        **quiet,
    )
    stop.click(events.Stop.press, button, None, queue=False, api_name="models_stop", **quiet)
    unload.click(release, [pick, page.language], [message, table], api_name="models_unload", **quiet)
    refresh.click(show, page.language, table, api_name="models_refresh", **quiet)
    page.language.change(show, page.language, table, api_name="models_translate", **quiet)
    page.demo.load(show, page.language, table, js=shell.with_language(0), api_name="models_load", **quiet)
