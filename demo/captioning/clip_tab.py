"""The part of the captioning tab that takes a short video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, style
from ..ui.i18n import ui
from . import clip_service
from . import clip_view as render

if TYPE_CHECKING:
    from ..ui.page import Page


def build(page: Page, model: gr.components.Component, form: Mapping[str, gr.components.Component]) -> None:
    """Lay out the accordion; the model and the options are those of the tab."""
    kept, button = gr.State(None), gr.State(events.Stop())
    with gr.Accordion(ui("clip.title"), open=False, elem_id="mm-clip"):
        video = gr.File(
            file_count="single", file_types=["video"], label=ui("clip.file"), height=140, elem_id="mm-clip-file"
        )
        with gr.Row():
            run = gr.Button(ui("clip.run"), variant="primary", elem_id="mm-clip-run")
            stop = gr.Button(ui("stop"), variant="stop", interactive=False, elem_id="mm-clip-stop")
        answer = gr.HTML(
            render.panel(None, "en"),
            js_on_load=style.web_file("copying.js"),
            elem_id="mm-clip-answer",
            elem_classes="mm-panel",
        )

    def describe(payload: Mapping[str, Any] | None, model: str, *rest: Any) -> Iterator[tuple[Any, ...]]:
        *values, pressed, language = rest
        asked = {**dict(zip(form, values, strict=True)), "page_language": language}
        for item in clip_service.describe_clip(page.pool, payload, model, asked, pressed):
            going = isinstance(item, events.Step)
            yield render.panel(item, language), None if going else item, gr.update(interactive=going)

    run.click(
        describe,
        inputs=[video, model, *form.values(), button, page.language],
        outputs=[answer, kept, stop],
        preprocess=False,
        concurrency_id=events.MODELS,
        show_progress="hidden",
        api_name="captioning_clip",
        api_visibility="private",
    )
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    stop.click(events.Stop.press, button, None, api_name="captioning_clip_stop", **quiet)
    page.translations.add(render.panel, [kept], [answer])
