"""The Ask tab: a picture or two, a conversation about them, and for every part of an answer what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.results import ASK_DECODINGS, AskOptions

from ..ui import chooser as choosing
from ..ui import events, examples, extras, fields, slots, style
from ..ui.html import credits_list
from ..ui.i18n import LANGUAGES, text, ui
from . import api, service, view

if TYPE_CHECKING:
    from ..ui.page import Page


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    talk, button = gr.State([]), gr.State(events.Stop())
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            picture = _picture("picture", "mm-ask-picture", 300)
            page.ways.carry("ask", picture)
            gr.Examples(
                [[str(example.path)] for example in examples.captioned()],
                inputs=[picture],
                label=ui("examples"),
                examples_per_page=32,
                elem_id="mm-ask-examples",
            )
            with gr.Accordion(ui("ask.second"), open=False, elem_id="mm-ask-second"):
                second = _picture("ask.second_picture", "mm-ask-picture-2", 220)
            chooser = choosing.build(service.TASK, "mm-ask", page)
            form = _options()
        with gr.Column(scale=7, min_width=320), gr.Column(elem_classes="mm-answers"):
            question = gr.Textbox(
                "",
                label=ui("ask.question"),
                placeholder=str(ui("ask.placeholder")),
                lines=1,
                max_lines=4,
                elem_id="mm-ask-question",
            )
            extras.microphone(page, question, "ask")
            suggestions = gr.HTML(
                view.suggestions(service.SUGGESTED, "en"),
                js_on_load=style.web_file("chips.js"),
                elem_id="mm-ask-suggestions",
            )
            with gr.Row(elem_classes="mm-buttons"):
                run = gr.Button(ui("ask.run"), variant="primary", min_width=110, elem_id="mm-ask-run")
                stop = gr.Button(ui("stop"), variant="stop", interactive=False, min_width=90, elem_id="mm-ask-stop")
                clear = gr.Button(ui("ask.clear"), min_width=110, elem_id="mm-ask-clear")
            panel = gr.HTML(
                view.panel((), "en"),
                js_on_load=style.web_file("ask.js"),
                elem_id="mm-ask-answer",
                elem_classes="mm-panel",
            )

    def answer(
        first: Mapping[str, Any] | None, other: Mapping[str, Any] | None, asked: str, said: Any, model: str, *rest: Any
    ) -> Iterator[tuple[Any, ...]]:
        *values, pressed, language = rest
        before = list(said or [])
        yield view.panel(before, language, question=asked), before, gr.skip(), gr.update(interactive=True)
        chosen = dict(zip(form, values, strict=True))
        for item in service.answer(page.pool, [first, other], asked, before, model, chosen, pressed):
            if isinstance(item, service.Writing):
                shown = view.panel(before, language, question=asked, writing=item.text)
                yield shown, before, gr.skip(), gr.skip()
            elif isinstance(item, events.Failure):
                shown = view.panel(before, language, question=asked, failed=item)
                yield shown, before, gr.skip(), gr.update(interactive=False)
            else:
                after = [*before, item]
                yield view.panel(after, language), after, "", gr.update(interactive=False)

    gr.on(
        [run.click, question.submit],
        answer,
        inputs=[picture, second, question, talk, chooser.model, *form.values(), button, page.language],
        outputs=[panel, talk, question, stop],
        preprocess=False,  # the raw upload, because gradio's own reading answers a broken picture before we can
        trigger_mode="once",
        concurrency_id=events.MODELS,
        concurrency_limit=slots.at_once(),
        show_progress="hidden",
        api_name="ask_answer",
        api_visibility="private",
    )
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    stop.click(events.Stop.press, button, None, api_name="ask_stop", **quiet)
    # Another picture is another conversation.
    gr.on(
        [clear.click, picture.change, second.change],
        lambda language: (view.panel((), language), []),
        [page.language],
        [panel, talk],
        api_name="ask_clear",
        **quiet,
    )
    suggestions.select(_suggested, [page.language], question, api_name="ask_suggest", **quiet)
    page.translations.add(
        lambda said, language: (view.panel(said or [], language), view.suggestions(service.SUGGESTED, language)),
        [talk],
        [panel, suggestions],
    )
    tier = (page.tier, lambda record: {"value": record.tier})
    welcomed = choosing.connect(chooser, service.TASK, "ask", page, followers=[tier])
    page.ways.follow("ask", {"model": chooser.model, "text": question, **form}, [picture.input], welcomed)
    api.build(page)
    with gr.Accordion(ui("credits"), open=False):
        gr.HTML(credits_list(examples.captioned()))


def _picture(label: str, name: str, height: int) -> gr.Image:
    return gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        label=ui(label),
        placeholder=str(ui("picture_placeholder")),
        height=height,
        buttons=["fullscreen"],
        elem_id=name,
    )


def _suggested(language: str, event: gr.EventData) -> str:
    key = service.SUGGESTED[int(event.index)]
    return text(language if language in LANGUAGES else "en", f"text.ask.example.{key}")


def _options() -> dict[str, gr.components.Component]:
    """The closed accordion: the options by name."""
    slider = partial(fields.slider, AskOptions)
    with gr.Accordion(ui("ask.more"), open=False, elem_id="mm-ask-options"):
        longest = slider("max_tokens", step=1, label=ui("ask.max_tokens"))
        decoding = gr.Radio(
            [(ui(f"decoding.{name}"), name) for name in ASK_DECODINGS],
            value=AskOptions.decoding,
            label=ui("decoding"),
            info=ui("ask.decoding_info"),
        )
        with gr.Row():
            top_p = slider("top_p", step=0.05, label=ui("top_p"), info=ui("top_p_info"))
            heat = slider("temperature", step=0.05, label=ui("temperature"), info=ui("temperature_info"))
        seed = gr.Number(AskOptions.seed, precision=0, minimum=0, label=ui("seed"), info=ui("ask.seed_info"))
    return {"max_tokens": longest, "decoding": decoding, "top_p": top_p, "temperature": heat, "seed": seed}
