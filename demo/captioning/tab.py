"""The captioning tab: a picture in, a sentence out, and for every word where in the picture it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry
from mmcore.results import DECODINGS, CaptionOptions

from ..ui import batch, batch_rows, clearing, events, examples, extras, fields, slots, style
from ..ui import chooser as choosing
from ..ui import page as shell
from ..ui.html import credits_list
from ..ui.i18n import DEFAULT_LANGUAGE, LANGUAGES, ui
from . import api, clip_tab, service
from . import view as render

if TYPE_CHECKING:
    from ..ui.page import Page

View = tuple[render.Answer | events.Failure | None, ...]
"""What the answer panels show, the second model's after the first's; kept to be shown again in another language."""

BATCH = batch.Layout(
    tab="captioning",
    prefix="mm-batch",
    kind=batch_rows.CAPTIONS,
    file_types=["image"],
    title="batch",
    files="batch_files",
    run="batch_run",
    table="batch_table",
    widths=["25%", "55%", "10%", "10%"],
)
"""Many pictures at once."""


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    start = shell.best_of_tier(service.TASK, "compact", page.settings)
    view = gr.State(())
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            picture = gr.Image(
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard", "webcam"],
                label=ui("picture"),
                placeholder=str(ui("picture_placeholder")),
                height=340,
                buttons=["fullscreen"],
                elem_id="mm-picture",
            )
            page.ways.carry("captioning", picture)
            gr.Examples(
                [[str(example.path)] for example in examples.captioned()],
                inputs=[picture],
                label=ui("examples"),
                examples_per_page=32,
                elem_id="mm-examples",
            )
            with gr.Accordion(ui("captioning.failures"), open=False, elem_id="mm-known-failures"):
                gr.Examples(
                    [[str(example.path)] for example in examples.failures()],
                    inputs=[picture],
                    label=ui("captioning.failures_try"),
                    elem_id="mm-failures",
                )
                gr.Markdown(ui("captioning.failures_why"))
            with gr.Row():
                model = choosing.models(service.TASK, "mm", page)
                detail = gr.Dropdown(label=ui("detail"), elem_id="mm-detail", filterable=False, **_levels(start))
            chooser = choosing.with_facts(model, "mm")
            written = gr.Dropdown(
                [(ui("caption_language.page"), ""), *((name, code) for code, name in LANGUAGES.items())],
                value="",
                label=ui("caption_language"),
                info=ui("caption_language_info"),
                elem_id="mm-caption-language",
                filterable=False,
            )
            run = gr.Button(ui("run"), variant="primary", elem_id="mm-run")
            boxes = gr.Checkbox(
                False, label=ui("ground"), info=ui("ground_info"), elem_id="mm-ground", **_grounds(start)
            )
            form = {
                "detail": detail,
                "ground": boxes,
                "read_text": extras.reading_switch(page.settings, "mm-read-text"),
                "language": written,
                "page_language": page.language,
                **_options(),
            }
            with gr.Accordion(ui("compare"), open=False, elem_id="mm-compare"):
                second = gr.Dropdown(
                    service.others(start.name, CaptionOptions.decoding, choosing.names(service.TASK), DEFAULT_LANGUAGE),
                    value="",
                    label=ui("compare_model"),
                    info=ui("compare_info"),
                    elem_id="mm-second",
                    filterable=False,
                )
        with gr.Column(scale=7, min_width=320), gr.Row(equal_height=False, elem_classes="mm-answers"):
            answers = [_panel(place) for place in range(2)]

    def describe(payload: Mapping[str, Any] | None, model: str, *rest: Any) -> tuple[Any, ...]:
        *values, second_model, language = rest
        if payload is None:
            return _shown((None,), language)
        asked = dict(zip(form, values, strict=True))
        wanted = [(model, asked), *([service.beside(model, second_model, asked)] if second_model else [])]
        return _shown(tuple(service.describe(page.pool, payload, *one) for one in wanted), language)

    clearing.at_once(page, [run.click, picture.change], *answers)
    # preprocess=False: the raw upload, because gradio's own reading answers a broken picture before we can.
    gr.on(
        [run.click, picture.change],
        describe,
        inputs=[picture, model, *form.values(), second, page.language],
        outputs=[*answers, view],
        preprocess=False,
        trigger_mode="always_last",
        concurrency_id=events.MODELS,
        concurrency_limit=slots.at_once(),
        show_progress="minimal",
        show_progress_on=answers[0],
        api_name="captioning_describe",
        api_visibility="private",
    )
    page.translations.add(lambda contents, language: _shown(contents, language)[:2], [view], answers)
    welcomed = choosing.connect(
        chooser,
        service.TASK,
        "captioning",
        page,
        followers=[(page.tier, lambda record: {"value": record.tier}), (detail, _levels), (boxes, _grounds)],
        on_start=partial(service.warm_up, page.pool),
    )

    def offered(model: str, decoding: str, chosen: str, language: str) -> Any:
        listed = service.others(model, decoding, choosing.names(service.TASK, language), language)
        return fields.still_offering(listed, chosen)

    gr.on(
        [model.change, form["decoding"].change, page.language.change],  # type: ignore[attr-defined]  # a gr.Radio
        offered,
        [model, form["decoding"], second, page.language],
        second,
        preprocess=False,  # what is offered here changes with the model
        show_progress="hidden",
        queue=False,
        api_name="captioning_offer",
        api_visibility="private",
    )
    options = {name: field for name, field in form.items() if name not in ("detail", "page_language")}
    followed = {"model": model, **options, "second": second}
    page.ways.follow("captioning", followed, [picture.input], welcomed)
    gr.on(
        [page.demo.load, page.language.change],
        lambda language: gr.update(first=render.first_view(service.first_answer(page.pool, language), language)),
        page.language,
        answers[0],
        concurrency_id=events.MODELS,
        js="(_language) => window.mmcore.language()",
        show_progress="hidden",
        api_name="captioning_first",
        api_visibility="private",
    )
    clip_tab.build(page, model, form)
    batch.build(page, model, form, BATCH, partial(service.describe_many, page.pool))
    api.build(page)
    with gr.Accordion(ui("credits"), open=False):
        gr.HTML(credits_list((*examples.captioned(), *examples.failures())))


EMPTY = '${value}${value.startsWith("<div class=\\"mm-empty\\">") ? first : ""}'
"""Of the first panel: while there is no answer, a finished one of an example stands under the hint."""


def _panel(place: int) -> gr.HTML:
    return gr.HTML(
        render.panel(None, "en") if place == 0 else "",
        html_template=EMPTY,
        first="",
        js_on_load=style.web_file("answer.js"),
        elem_id=f"mm-answer-{place + 1}",
        elem_classes="mm-panel",
        visible=place == 0,
        min_width=280,
    )


def _shown(contents: View, language: str) -> tuple[Any, ...]:
    """Values of the two panels and of the state behind them."""
    first, *more = contents or (None,)
    beside = gr.update(value=render.panel(more[0], language) if more else "", visible=bool(more))
    return render.panel(first, language), beside, contents


def _options() -> dict[str, gr.components.Component]:
    """The closed accordion: the options by name."""
    slider = partial(fields.slider, CaptionOptions)
    with gr.Accordion(ui("more"), open=False, elem_id="mm-options"):
        decoding = gr.Radio(
            [(ui(f"decoding.{name}"), name) for name in DECODINGS],
            value=CaptionOptions.decoding,
            label=ui("decoding"),
            info=ui("decoding_info"),
        )
        with gr.Row():
            num = slider("num_captions", value=3, step=1, label=ui("num_captions"))
            longest = slider("max_words", step=1, label=ui("max_words"))
        beams = slider("num_beams", step=1, label=ui("num_beams"), info=ui("num_beams_info"))
        with gr.Row():
            top_p = slider("top_p", step=0.05, label=ui("top_p"), info=ui("top_p_info"))
            heat = slider("temperature", step=0.05, label=ui("temperature"), info=ui("temperature_info"))
        seed = gr.Number(CaptionOptions.seed, precision=0, minimum=0, label=ui("seed"), info=ui("seed_info"))
    return {
        "decoding": decoding,
        "num_captions": num,
        "num_beams": beams,
        "max_words": longest,
        "top_p": top_p,
        "temperature": heat,
        "seed": seed,
    }


def _levels(checkpoint: registry.Checkpoint) -> dict[str, Any]:
    """Properties of the chooser of the detail level: hidden where the model has one level only."""
    levels = [(ui(f"detail.{level}"), level) for level in checkpoint.details]
    return {"choices": levels, "value": next(iter(checkpoint.details), None), "visible": bool(levels)}


def _grounds(checkpoint: registry.Checkpoint) -> dict[str, Any]:
    """Properties of the choice of boxes: hidden where the model finds none."""
    return {"visible": checkpoint.grounds}
