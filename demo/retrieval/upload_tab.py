"""A visitor's own pictures and short videos: uploaded, embedded, private to the session, gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events
from ..ui.i18n import ui
from . import collections, service, upload_service

if TYPE_CHECKING:
    from .context import Common


def build(common: Common) -> None:
    """Lay out the view and connect its events."""
    page = common.page
    report, button = gr.State(None), gr.State(events.Stop())
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            gr.Markdown(ui("retrieval.uploads_intro"))
            files = gr.File(
                file_count="multiple",
                file_types=["image", "video", ".zip"],
                label=ui("retrieval.files"),
                height=180,
                elem_id="mm-uploads",
            )
            with gr.Row():
                run = gr.Button(ui("retrieval.add"), variant="primary", elem_id="mm-uploads-add")
                stop = gr.Button(ui("stop"), variant="stop", interactive=False, elem_id="mm-uploads-stop")
                clear = gr.Button(ui("retrieval.clear"), elem_id="mm-uploads-clear")
        with gr.Column(scale=7, min_width=320):
            answer = gr.HTML(upload_service.panel(None, "en"), elem_id="mm-uploads-report", elem_classes="mm-panel")

    def add(payload: Any, model: str, visitor: Any, pressed: events.Stop, language: str) -> Iterator[tuple[Any, ...]]:
        visitor = visitor or common.shelf.visitor(model)
        yield visitor, gr.skip(), gr.update(interactive=True), gr.skip(), gr.skip(), gr.skip()
        for item in upload_service.take(common.shelf, visitor, payload, model, pressed):
            # The visitor is given once: "Remove my pictures" may have put another in its place since.
            if isinstance(item, events.Failure) and item.stopped:
                yield gr.skip(), *stopped(visitor, language), gr.skip()
                return
            shown = upload_service.panel(item, language)
            if isinstance(item, events.Step):
                yield gr.skip(), shown, gr.skip(), gr.skip(), gr.skip(), gr.skip()
                continue
            choices = gr.update(choices=service.choices(common.shelf, visitor, language))
            if isinstance(item, collections.Added) and item.pictures:
                choices["value"] = collections.UPLOADS
            left = None if isinstance(item, collections.Added) else gr.skip()
            yield gr.skip(), shown, gr.update(interactive=False), item, choices, left

    def stopped(visitor: Any, language: str) -> tuple[Any, ...]:
        """Values of the panel, the button, the report and the choice where an upload was stopped."""
        if visitor.closed:  # by "Remove my pictures", which stops as well
            return emptied(language)
        choices = gr.update(choices=service.choices(common.shelf, visitor, language))
        return upload_service.stopped(visitor, language), gr.update(interactive=False), None, choices

    def emptied(language: str) -> tuple[Any, ...]:
        """The same where nothing is uploaded."""
        choices = gr.update(choices=service.choices(common.shelf, None, language), value=collections.EXAMPLES)
        return upload_service.panel(None, language), gr.update(interactive=False), None, choices

    def forget(visitor: Any, pressed: events.Stop, language: str) -> tuple[Any, ...]:
        pressed.press()
        if visitor is not None:
            visitor.close()
        return None, *emptied(language), None

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    outputs = [common.visitor, answer, stop, report, common.choice, files]
    run.click(
        add,
        [files, common.model, common.visitor, button, page.language],
        outputs,
        preprocess=False,
        concurrency_id=events.MODELS,
        show_progress="hidden",
        api_name="retrieval_upload",
        api_visibility="private",
    )
    stop.click(events.Stop.press, button, None, api_name="retrieval_upload_stop", **quiet)
    clear.click(forget, [common.visitor, button, page.language], outputs, api_name="retrieval_forget", **quiet)
    page.translations.add(upload_service.panel, [report], [answer])
