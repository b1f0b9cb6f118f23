"""One picture and the visitor's own words: zero-shot labels, and sentences ranked by how well they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, examples, slots, style
from ..ui.i18n import ui
from . import matching_service

if TYPE_CHECKING:
    from .context import Common

LABELS: Mapping[str, str] = {
    "en": "a cat, a dog, a bird, a cup of coffee, a flower, mountains, a person with a camera, a car, a building, food",
    "zh": "猫, 狗, 鸟, 一杯咖啡, 花, 山, 拿相机的人, 汽车, 建筑, 食物",
}
LABEL_EXAMPLES = (
    "cat",
    "dog",
    "owl",
    "coffee",
    "dandelion",
    "mountain-path",
    "photographer",
    "car",
    "storefront",
    "sushi",
)
"""Pictures, each of the label in its place."""
SENTENCES: Mapping[str, str] = {
    "en": "A cat looks at the camera.\nTwo dogs look out of a door.\nA cup of coffee on a table.\n"
    "Dandelions in a meadow.\nA path in the mountains.\nA man with a camera.\nA bird sits on a branch.",
    "zh": "一只猫看着镜头。\n两只狗从门里往外看。\n桌上有一杯咖啡。\n草地上的花。\n"
    "山里的一条小路。\n拿着相机的男人。\n一只鸟站在树枝上。",
}
SENTENCE_EXAMPLES = ("cat", "two-dogs", "coffee", "dandelion", "mountain-path", "photographer", "perched-osprey")
"""Pictures, each of the sentence in its place."""


def build_labels(common: Common) -> None:
    """Zero-shot classification."""

    def form() -> list[gr.components.Component]:
        labels = gr.Textbox(
            LABELS["en"], label=ui("retrieval.labels"), info=ui("retrieval.labels_info"), lines=2, elem_id="mm-labels"
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

    _build(common, "labels", LABEL_EXAMPLES, LABELS, form, classify)


def build_sentences(common: Common) -> None:
    """Image to text."""

    def form() -> list[gr.components.Component]:
        return [
            gr.Textbox(
                SENTENCES["en"],
                label=ui("retrieval.sentences"),
                info=ui("retrieval.sentences_info"),
                lines=5,
                elem_id="mm-sentences",
            )
        ]

    def rank(payload: Mapping[str, Any], model: str, sentences: str) -> Any:
        return matching_service.rank(common.page.pool, payload, sentences, model)

    _build(common, "sentences", SENTENCE_EXAMPLES, SENTENCES, form, rank)


def of_page(words: str, language: str, given: Mapping[str, str]) -> Any:
    """The example words in the language of the page, where the visitor has not written others."""
    return given[language] if words in given.values() else gr.skip()


def _build(
    common: Common,
    view: str,
    pictures: Sequence[str],
    words: Mapping[str, str],
    lay_out: Callable[[], list[gr.components.Component]],
    answer_of: Callable[..., Any],
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
                [[str(examples.named(name).path)] for name in pictures],
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
    page.translations.add(lambda result, language: matching_service.bars(result, language, hint), [content], [answer])
    page.translations.add(lambda said, language: of_page(said, language, words), [form[0]], [form[0]])
