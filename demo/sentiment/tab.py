"""The sentiment tab: a text, a picture or both in; negative, neutral or positive out, and which part said what."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.results import FUSIONS

from ..ui import batch, clearing, events, extras, fields, slots, style
from ..ui import chooser as choosing
from ..ui.html import credits_list
from ..ui.i18n import DEFAULT_LANGUAGE, LANGUAGES, text, ui
from . import api, sample_posts, service
from . import view as sentiment_render

if TYPE_CHECKING:
    from gradio.helpers import Examples

    from ..ui.page import Page

BATCH = batch.Layout(
    tab="sentiment",
    prefix="mm-sentiment-batch",
    kind=service.POSTS,
    file_types=[".csv", ".tsv", ".xlsx", ".zip"],
    title="sentiment.batch",
    files="sentiment.batch_file",
    run="sentiment.batch_run",
    table="sentiment.batch_table",
    widths=["14%", "30%", "14%", "9%", "7%", "7%", "7%", "7%", "5%"],
)
"""Many posts at once: a table, alone or in a ZIP with its pictures."""


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    view = gr.State(None)  # what the panel shows, to be shown again in another language
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            words = gr.Textbox(
                "",
                label=ui("sentiment.text"),
                placeholder=str(ui("sentiment.text_placeholder")),
                lines=3,
                max_lines=8,
                elem_id="mm-sentiment-text",
            )
            picture = gr.Image(
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard", "webcam"],
                label=ui("sentiment.picture"),
                placeholder=str(ui("picture_placeholder")),
                height=260,
                buttons=["fullscreen"],
                elem_id="mm-sentiment-picture",
            )
            page.ways.carry("sentiment", picture)
            reading = extras.reading_switch(page.settings, "mm-sentiment-read-text", "sentiment.read_text_info")
            sound = extras.spoken_input(page.settings, "sentiment")
            run = gr.Button(ui("sentiment.run"), variant="primary", elem_id="mm-sentiment-run")
            shown = _examples(page, [words, picture])
            chooser = choosing.build(service.TASK, "mm-sentiment", page)
            fusion = gr.Dropdown(
                [
                    (ui("sentiment.fusion.default"), ""),
                    *((ui(f"sentiment.fusion.{name}"), name) for name in FUSIONS),
                ],
                value="",
                label=ui("sentiment.fusion"),
                info=ui("sentiment.fusion_info"),
                elem_id="mm-sentiment-fusion",
                filterable=False,
            )
        with gr.Column(scale=7, min_width=320), gr.Column(elem_classes="mm-answers"):
            answer = gr.HTML(
                sentiment_render.panel(None, "en"),
                js_on_load=style.web_file("answer.js"),
                elem_id="mm-sentiment-answer",
                elem_classes="mm-panel",
            )

    def describe(
        words: str, payload: Any, spoken: Any, read: Any, model: str, fusion: str, heads: Any, language: str
    ) -> Iterator[tuple[str, Any]]:
        for content in service.describe(page.pool, words, payload, model, fusion, heads, spoken, read):
            yield sentiment_render.panel(content, language), content
        yield gr.skip(), gr.skip()  # gradio sends what came last once more

    # preprocess=False: the raw upload, because gradio's own reading answers a broken picture before we can.
    asked: dict[str, Any] = {
        "inputs": [words, picture, sound, reading, chooser.model, fusion, page.heads, page.language],
        "outputs": [answer, view],
        "preprocess": False,
        "trigger_mode": "always_last",
        "concurrency_id": events.MODELS,
        "concurrency_limit": slots.at_once(),
        "show_progress": "minimal",
        "show_progress_on": answer,
        "api_visibility": "private",
    }
    triggers = [run.click, words.submit, picture.input, picture.clear, sound.change, reading.change, fusion.change]
    clearing.at_once(page, [*triggers, *(one.dataset.click for one in shown)], answer)
    gr.on(triggers, describe, api_name="sentiment_describe", **asked)
    for number, one in enumerate(shown):
        one.load_input_event.then(describe, api_name=f"sentiment_describe_example_{number}", **asked)
    page.translations.add(sentiment_render.panel, [view], [answer])
    welcomed = _connect_heads(page, fusion, choosing.connect(chooser, service.TASK, "sentiment", page))
    followed = {"model": chooser.model, "text": words, "fusion": fusion}
    page.ways.follow("sentiment", followed, [words.input, picture.input], welcomed)
    batch.build(page, chooser.model, {"fusion": fusion}, BATCH, partial(service.describe_many, page.pool))
    api.build(page)
    with gr.Accordion(ui("credits"), open=False):
        gr.HTML(credits_list(sample_posts.pictures()))


def _examples(page: Page, inputs: list[gr.components.Component]) -> list[Examples]:
    """The example posts and the known failures, in the language of the page: the others are hidden."""
    shown: list[Examples] = []
    columns: list[gr.Column] = []

    def listed(kept: tuple[sample_posts.ExamplePost, ...], name: str) -> None:
        for language in LANGUAGES:
            with gr.Column(visible=language == DEFAULT_LANGUAGE, elem_classes="mm-posts") as column:
                made = gr.Examples(
                    [post.values(language) for post in kept],
                    inputs=inputs,
                    label=ui(f"sentiment.{name}"),
                    examples_per_page=len(kept),
                    elem_id=f"mm-sentiment-{name}{'' if language == DEFAULT_LANGUAGE else f'-{language}'}",
                )
                made.dataset.headers = [text(language, f"ui.sentiment.{name}") for name in ("text", "picture")]
            shown.append(made)
            columns.append(column)

    listed(sample_posts.POSTS, "examples")
    with gr.Accordion(ui("sentiment.failures_open"), open=False, elem_classes="mm-failing"):
        listed(sample_posts.FAILURES, "failures")
        gr.Markdown(ui("sentiment.failures_why"))
    page.translations.add(
        lambda chosen: [gr.update(visible=language == chosen) for language in (*LANGUAGES, *LANGUAGES)], [], columns
    )
    return shown


def _connect_heads(page: Page, fusion: gr.Dropdown, welcomed: Any) -> Any:
    """The visitor's own fusions are in the chooser; one that was just kept is chosen.

    Returns the last event of the page's start.
    """
    known = gr.State(None)

    def listed(heads: Any, value: str, language: str) -> Any:
        return fields.still_offering(service.choices(FUSIONS, heads, language), value)

    def restored(heads: Any, value: str, language: str) -> tuple[Any, ...]:
        there = service.still_there(page.pool, heads)
        return listed(there, value, language), [name for _, name in there]

    def changed(heads: Any, known: list[str] | None, value: str, language: str) -> tuple[Any, ...]:
        names = [name for _, name in service.titles(heads)]
        new = [name for name in names if name not in known] if known is not None else []
        shown = listed(heads, value, language)
        return ({**shown, "value": service.HEAD + new[-1]} if new else shown), names

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    listed_once = welcomed.then(
        restored, [page.heads, fusion, page.language], [fusion, known], api_name="sentiment_heads", **quiet
    )
    page.heads.change(
        changed,
        [page.heads, known, fusion, page.language],
        [fusion, known],
        api_name="sentiment_heads_changed",
        **quiet,
    )
    page.translations.add(listed, [page.heads, fusion], [fusion])
    return listed_once
