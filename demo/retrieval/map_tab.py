"""The map of a collection: pictures that are alike lie close together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, slots, style
from ..ui.i18n import ui
from . import map_view, service

if TYPE_CHECKING:
    from .context import Common


def build(common: Common) -> None:
    """Lay out the view and connect its events."""
    page = common.page
    content = gr.State(None)
    with gr.Row(equal_height=False, elem_classes="mm-buttons"):
        words = gr.Textbox(
            "", label=ui("retrieval.map_words"), info=ui("retrieval.map_words_info"), scale=4, elem_id="mm-map-words"
        )
        run = gr.Button(ui("retrieval.map_run"), variant="primary", min_width=140, elem_id="mm-map-run")
    answer = gr.HTML(
        map_view.panel(None, "en"),
        js_on_load=style.web_file("plane.js"),
        elem_id="mm-map",
        elem_classes="mm-panel",
    )

    def draw(choice: str, model: str, visitor: Any, query: str, language: str) -> Iterator[tuple[Any, str]]:
        for item in service.draw(page.pool, common.shelf, visitor, choice, model, query):
            kept = None if isinstance(item, events.Step) else item
            yield kept, map_view.panel(item, language)

    gr.on(
        [run.click, words.submit],
        draw,
        [common.choice, common.model, common.visitor, words, page.language],
        [content, answer],
        trigger_mode="always_last",
        concurrency_id=events.MODELS,
        concurrency_limit=slots.at_once(),
        show_progress="minimal",
        show_progress_on=answer,
        api_name="retrieval_map",
        api_visibility="private",
    )
    page.translations.add(map_view.panel, [content], [answer])
