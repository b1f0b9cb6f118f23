"""Search: words, a picture, what must not be there; a gallery with scores; one match large, with its heat map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.errors import InputError
from mmcore.results import DEFAULT_CUTOFF

from ..ui import clearing, events, extras, slots, style
from ..ui.i18n import ui
from . import collections, service, view

if TYPE_CHECKING:
    from .context import Common

QUERIES: tuple[Mapping[str, str], ...] = (
    {"en": "a dog", "zh": "一只狗"},
    {"en": "something to eat", "zh": "吃的东西"},
    {"en": "a bird", "zh": "一只鸟"},
    {"en": "a white car", "zh": "白色的汽车"},
    {"en": "snowy mountains", "zh": "雪山"},
    {"en": "a yellow flower", "zh": "黄色的花"},
)
"""Examples, one click away, in the language of the page."""


def build(common: Common) -> None:
    """Lay out the view and connect its events."""
    page = common.page
    found, large, like = gr.State(None), gr.State(None), gr.State("")
    button = gr.State(events.Stop())
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            words = gr.Textbox(
                "", label=ui("retrieval.text"), placeholder=str(ui("retrieval.text_placeholder")), elem_id="mm-query"
            )
            extras.microphone(page, words, "search")
            chips = gr.HTML(
                view.query_chips(QUERIES, "en"), js_on_load=style.web_file("chips.js"), elem_id="mm-queries"
            )
            picture = gr.Image(
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard"],
                label=ui("retrieval.picture"),
                placeholder=str(ui("picture_placeholder")),
                height=170,
                buttons=[],
                elem_id="mm-query-picture",
            )
            page.ways.carry("retrieval", picture)
            without = gr.Textbox("", label=ui("retrieval.without"), elem_id="mm-without")
            reading = extras.reading_box(page.settings)
            cutoff = gr.Slider(
                0,
                1,
                value=DEFAULT_CUTOFF,
                step=0.01,
                label=ui("retrieval.cutoff"),
                info=ui("retrieval.cutoff_info"),
                elem_id="mm-cutoff",
            )
            with gr.Row():
                run = gr.Button(ui("retrieval.run"), variant="primary", elem_id="mm-search")
                stop = gr.Button(ui("stop"), variant="stop", interactive=False, elem_id="mm-search-stop")
            with gr.Accordion(ui("more"), open=False, elem_id="mm-search-options"):
                with gr.Row():
                    picture_weight = gr.Slider(0.1, 3, value=1, step=0.1, label=ui("retrieval.picture_weight"))
                    without_weight = gr.Slider(0.1, 3, value=1, step=0.1, label=ui("retrieval.without_weight"))
                    reading_weight = gr.Slider(0.1, 3, value=1, step=0.1, label=ui("retrieval.reading_weight"))
                top = gr.Slider(1, 100, value=service.SHOWN, step=1, label=ui("retrieval.top"))
                name = gr.Textbox("", label=ui("retrieval.name"), info=ui("retrieval.name_info"), elem_id="mm-name")
        with gr.Column(scale=7, min_width=320), gr.Column(elem_classes="mm-answers"):
            answer = gr.HTML(
                view.panel(None, "en"),
                js_on_load=style.web_file("gallery.js"),
                elem_id="mm-found",
                elem_classes="mm-panel",
            )
            why = gr.HTML("", js_on_load=style.web_file("closeup.js"), elem_id="mm-closeup")

    def search(choice: str, model: str, visitor: Any, *rest: Any) -> Iterator[tuple[Any, ...]]:
        *values, pressed, language = rest
        asked = service.SearchForm(choice, model, **dict(zip(form, values, strict=True)))
        if asked.nothing:
            yield _shown(None, None, language)
            return
        for item in service.find(page.pool, common.shelf, visitor, asked, pressed):
            yield _shown(item, None, language)

    def judge(content: Any, limit: float, language: str) -> tuple[Any, str]:
        judged = service.judged(content, limit)
        return judged, view.panel(judged, language)

    def look(content: Any, visitor: Any, language: str, event: gr.EventData) -> tuple[Any, str]:
        seen = service.look(page.pool, common.shelf, visitor, content, int(event.index))
        return seen, view.close_up(seen, language)

    @events.reported
    def search_from(seen: Any, visitor: Any, language: str) -> tuple[Any, str, str, str]:
        if seen is None:  # nothing was opened
            raise InputError("nothing_given")
        image = service.picture_to_search_from(page.pool, common.shelf, visitor, seen)
        return image, "", "", seen.shown.called[language]

    form: dict[str, Any] = {
        "text": words,
        "picture": picture,
        "without": without,
        "picture_weight": picture_weight,
        "without_weight": without_weight,
        "reading": reading,
        "reading_weight": reading_weight,
        "top": top,
        "name": name,
        "picture_called": like,
        "cutoff": cutoff,
    }
    asked_with = [common.choice, common.model, common.visitor, *form.values(), button, page.language]
    outputs = [answer, why, found, large, stop]
    models: dict[str, Any] = {
        "concurrency_id": events.MODELS,
        "concurrency_limit": slots.at_once(),
        "show_progress": "minimal",
        "api_visibility": "private",
    }
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    triggers = [
        run.click,
        words.submit,
        without.submit,
        reading.submit,
        name.submit,
        picture.change,
        common.choice.input,
    ]
    clearing.at_once(page, [*triggers, chips.select], answer, why)
    # preprocess=False: the raw upload, because gradio's own reading answers a broken picture before we can.
    gr.on(
        triggers,
        search,
        asked_with,
        outputs,
        preprocess=False,
        trigger_mode="always_last",
        show_progress_on=answer,
        api_name="retrieval_search",
        **models,
    )
    stop.click(events.Stop.press, button, None, api_name="retrieval_stop", **quiet)
    # The chip fills the box in the browser, then the search reads the box.
    chips.select(_words, page.language, words, api_name="retrieval_example", **quiet).then(
        search,
        asked_with,
        outputs,
        preprocess=False,
        show_progress_on=answer,
        api_name="retrieval_search_example",
        **models,
    )
    cutoff.release(judge, [found, cutoff, page.language], [found, answer], api_name="retrieval_judge", **quiet)
    answer.select(
        look,
        [found, common.visitor, page.language],
        [large, why],
        trigger_mode="always_last",
        show_progress_on=why,
        api_name="retrieval_look",
        **models,
    )
    # The picture's change starts the search.
    why.select(
        search_from,
        [large, common.visitor, page.language],
        [picture, words, without, like],
        api_name="retrieval_search_from",
        **quiet,
    )
    followed = {
        "model": common.model,
        "collection": common.choice,
        "text": words,
        "without": without,
        "cutoff": cutoff,
        "picture_weight": picture_weight,
        "without_weight": without_weight,
        "top": top,
        "name": name,
    }
    page.ways.follow(
        "retrieval", followed, [picture.input], common.welcomed, fleeting={"collection": collections.UPLOADS}
    )
    page.translations.add(
        lambda content, seen, language: (*_shown(content, seen, language)[:2], view.query_chips(QUERIES, language)),
        [found, large],
        [answer, why, chips],
    )


def _words(language: str, event: gr.EventData) -> str:
    return QUERIES[int(event.index)][language]


def _shown(content: Any, seen: Any, language: str) -> tuple[Any, ...]:
    """Values of the gallery, the close-up, the states behind them, and whether there is something to stop."""
    working = isinstance(content, events.Step)
    return (
        view.panel(content, language),
        view.close_up(seen, language),
        None if working else content,
        seen,
        gr.update(interactive=working),
    )
