"""One picture and the visitor's own words: zero-shot labels, and sentences ranked by how well they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, examples, slots, style
from ..ui.i18n import ui
from . import matching_service

if TYPE_CHECKING:
    from .context import Common

LABELS = "a cat, a dog, a cup of coffee, a rocket, a flower, people"
SENTENCES = (
    "A cup of coffee on a table.\nTwo dogs look out of a door.\nA rocket stands on its launch pad.\nA cat looks at you."
)


def build_labels(common: Common) -> None:
    """Zero-shot classification."""

    def form() -> list[gr.components.Component]:
        labels = gr.Textbox(
            LABELS, label=ui("retrieval.labels"), info=ui("retrieval.labels_info"), lines=2, elem_id="mm-labels"
        )
        with gr.Accordion(ui("more"), open=False):
            templates = gr.Textbox(
                "",
                label=ui("retrieval.templates"),
                info=ui("retrieval.templates_info"),
                lines=3,
                elem_id="mm-templates",
            )
        return [labels, templates]

    def classify(payload: Mapping[str, Any], model: str, labels: str, templates: str) -> Any:
        return matching_service.classify(common.page.pool, payload, labels, templates, model)

    _build(common, "labels", form, classify)


def build_sentences(common: Common) -> None:
    """Image to text."""

    def form() -> list[gr.components.Component]:
        return [
            gr.Textbox(
                SENTENCES,
                label=ui("retrieval.sentences"),
                info=ui("retrieval.sentences_info"),
                lines=5,
                elem_id="mm-sentences",
            )
        ]

    def rank(payload: Mapping[str, Any], model: str, sentences: str) -> Any:
        return matching_service.rank(common.page.pool, payload, sentences, model)

    _build(common, "sentences", form, rank)


def _build(
    common: Common, view: str, lay_out: Callable[[], list[gr.components.Component]], answer_of: Callable[..., Any]
) -> None:
    page, hint = common.page, f"text.retrieval.{view}_empty"
    content = gr.State(None)
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            picture = gr.Image(
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard", "webcam"],
                label=ui("picture"),
                placeholder=str(ui("picture_placeholder")),
                height=240,
                buttons=[],
                elem_id=f"mm-{view}-picture",
            )
            gr.Examples(
                [[str(example.path)] for example in examples.pictures()],
                inputs=[picture],
                label=ui("examples"),
                examples_per_page=32,
                elem_id=f"mm-{view}-examples",
            )
            form = lay_out()
            run = gr.Button(ui(f"retrieval.{view}_run"), variant="primary", elem_id=f"mm-{view}-run")
        with gr.Column(scale=7, min_width=320):
            answer = gr.HTML(
                matching_service.bars(None, "en", hint),
                js_on_load=style.web_file("copying.js"),
                elem_id=f"mm-{view}-answer",
                elem_classes="mm-panel",
            )

    def show(payload: Mapping[str, Any] | None, model: str, *rest: Any) -> tuple[Any, str]:
        *values, language = rest
        result = None if payload is None else answer_of(payload, model, *values)
        return result, matching_service.bars(result, language, hint)

    gr.on(
        [run.click, picture.change],
        show,
        [picture, common.model, *form, page.language],
        [content, answer],
        preprocess=False,
        trigger_mode="always_last",
        concurrency_id=events.MODELS,
        concurrency_limit=slots.at_once(),
        show_progress="minimal",
        show_progress_on=answer,
        api_name=f"retrieval_{view}",
        api_visibility="private",
    )
    page.language.change(
        lambda result, language: matching_service.bars(result, language, hint),
        [content, page.language],
        answer,
        show_progress="hidden",
        queue=False,
        api_name=f"retrieval_translate_{view}",
        api_visibility="private",
    )
