"""The similarity matrix of a few pictures and sentences: the picture of contrastive learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, style
from ..ui.i18n import ui
from . import matching_service, matching_tab

if TYPE_CHECKING:
    from .context import Common

SENTENCES: Mapping[str, str] = {
    "en": "A cat.\nA path in the mountains.\nA man with a camera.\nTwo dogs at a door.\nDandelions in a meadow.",
    "zh": "一只猫。\n山里的小路。\n拿着相机的男人。\n门口的两只狗。\n草地上的花。",
}
"""Of the pictures of ``matching_service.MATRIX_EXAMPLES``, in their order."""


def build(common: Common) -> None:
    """Lay out the view and connect its events."""
    page = common.page
    content = gr.State(None)
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            gr.Markdown(ui("retrieval.matrix_intro"))
            files = gr.File(
                file_count="multiple",
                file_types=["image"],
                label=ui("retrieval.matrix_files"),
                height=170,
                elem_id="mm-matrix-files",
            )
            sentences = gr.Textbox(
                SENTENCES["en"],
                label=ui("retrieval.sentences"),
                info=ui("retrieval.sentences_info"),
                lines=5,
                elem_id="mm-matrix-sentences",
            )
            reading = gr.Radio(
                [(ui(f"retrieval.reading.{name}"), name) for name in matching_service.READINGS],
                value="cosine",
                label=ui("retrieval.reading"),
                elem_id="mm-matrix-reading",
            )
            temperature = gr.Slider(
                0.005,
                0.3,
                value=0.05,
                step=0.005,
                label=ui("retrieval.temperature"),
                info=ui("retrieval.temperature_info"),
                elem_id="mm-temperature",
            )
            run = gr.Button(ui("retrieval.matrix_run"), variant="primary", elem_id="mm-matrix-run")
        with gr.Column(scale=7, min_width=320):
            answer = gr.HTML(
                matching_service.matrix(None, "cosine", 0.05, "en"),
                js_on_load=style.web_file("copying.js"),
                elem_id="mm-matrix",
                elem_classes="mm-panel",
            )

    def compare(payload: Any, words: str, model: str, how: str, heat: float, language: str) -> tuple[Any, str]:
        result = matching_service.compare(page.pool, payload, words, model)
        return result, matching_service.matrix(result, how, heat, language)

    run.click(
        compare,
        [files, sentences, common.model, reading, temperature, page.language],
        [content, answer],
        preprocess=False,
        concurrency_id=events.MODELS,
        show_progress="minimal",
        show_progress_on=answer,
        api_name="retrieval_matrix",
        api_visibility="private",
    )
    page.translations.add(
        lambda words, language: matching_tab.of_page(words, language, SENTENCES), [sentences], [sentences]
    )
    page.translations.add(matching_service.matrix, [content, reading, temperature], [answer])
    # The cosines are there: another way to read them needs no model.
    gr.on(
        [reading.input, temperature.input],
        matching_service.matrix,
        [content, reading, temperature, page.language],
        answer,
        trigger_mode="always_last",
        show_progress="hidden",
        queue=False,
        api_name="retrieval_read_matrix",
        api_visibility="private",
    )
