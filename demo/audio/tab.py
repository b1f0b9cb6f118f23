"""The audio tab: a sound in; what sounds in it, when, and what in its spectrogram says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from mmcore.results import POOLINGS, SPOKEN, AudioOptions, TranscribeOptions

from ..ui import batch, clearing, events, examples, extras, fields, slots, style
from ..ui import chooser as choosing
from ..ui.html import credits_list
from ..ui.i18n import ui
from . import api, service, transcript
from . import view as sound_render

if TYPE_CHECKING:
    from ..ui.page import Page

View = tuple[Any, Any, Any]
"""(answer, evidence, request): what the panels show, kept to be shown in another language and to be asked further."""

BATCH = batch.Layout(
    tab="audio",
    prefix="mm-sound-batch",
    kind=service.SOUNDS,
    file_types=["audio", "video"],
    title="sounds.batch",
    files="sounds.batch_files",
    run="sounds.batch_run",
    table="sounds.batch_table",
    widths=["20%", "35%", "35%", "10%"],
)
"""Many sounds at once."""


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    view, button = gr.State((None, None, None)), gr.State(events.Stop())
    spoken_view = gr.State(None)
    with gr.Row(equal_height=False, elem_classes="mm-columns"):
        with gr.Column(scale=5, min_width=320):
            sound = gr.Audio(
                type="filepath",
                sources=["upload", "microphone"],
                label=ui("sounds.sound"),
                elem_id="mm-sound",
                elem_classes="mm-first",
                buttons=[],
                waveform_options=gr.WaveformOptions(
                    waveform_color="#a1a1aa", waveform_progress_color="#1d4ed8", trim_region_color="#1d4ed8"
                ),
            )
            chips = gr.HTML(
                sound_render.example_chips(examples.sounds()),
                js_on_load=style.web_file("sound_input.js"),
                elem_id="mm-sound-examples",
                elem_classes="mm-second",
            )
            chooser = choosing.build(service.TASK, "mm-sound", page)
            with gr.Row():
                run = gr.Button(ui("sounds.run"), variant="primary", elem_id="mm-sound-run")
                stop = gr.Button(ui("stop"), variant="stop", interactive=False, elem_id="mm-sound-stop")
            speech = _speech(page)
            form = _options()
        with gr.Column(scale=7, min_width=320), gr.Column(elem_classes="mm-answers"):
            answer = gr.HTML(
                sound_render.panel(None, "en"),
                js_on_load=style.web_file("audio.js"),
                elem_id="mm-sound-answer",
                elem_classes="mm-panel",
            )
            said = gr.HTML("", elem_id="mm-sound-said")
            why = gr.HTML("", js_on_load=style.web_file("sound_why.js"), elem_id="mm-sound-why")

    def listen(payload: Mapping[str, Any] | None, model: str, *rest: Any) -> Iterator[tuple[Any, ...]]:
        *values, pressed, language = rest
        if payload is None:
            yield *_shown((None, None, None), language), gr.update(interactive=False)
            return
        shown = None
        for item in service.listen(page.pool, payload, model, dict(zip(form, values, strict=True)), pressed):
            if isinstance(item, events.Step):
                yield sound_render.panel(item, language), "", (None, None, None), gr.update(interactive=True)
            else:
                contents = item if isinstance(item, tuple) else (item, None, None)
                answered, *below = _shown(contents, language)
                # The evidence comes below an answer that stays as it is; until then it can be stopped.
                going = gr.update(interactive=isinstance(item, tuple) and shown is None)
                yield gr.skip() if contents[0] is shown else answered, *below, going
                shown = contents[0]
        yield *(gr.skip() for _ in range(3)), gr.update(interactive=False)  # gradio sends what came last once more

    def explain(contents: View, language: str, event: gr.EventData) -> tuple[str, View]:
        answered, evidence, request = contents
        if request is not None:
            evidence = service.explain(page.pool, request, event.label, event.start, event.length)
        return sound_render.evidence_panel(evidence, language), (answered, evidence, request)

    def write_down(
        payload: Mapping[str, Any] | None, spoken: str, pressed: events.Stop, language: str
    ) -> Iterator[tuple[Any, ...]]:
        for item in service.transcribe_upload(page.pool, payload, spoken, pressed):
            going = isinstance(item, events.Step)
            yield transcript.panel(item, language), None if going else item, gr.update(interactive=going)

    clearing.at_once(page, [run.click], answer, why)
    clearing.at_once(page, [sound.change], answer, why, said)
    clearing.at_once(page, [speech.run.click], said)
    speech.run.click(
        write_down,
        [sound, speech.language, button, page.language],
        [said, spoken_view, stop],
        preprocess=False,
        trigger_mode="once",
        concurrency_id=events.MODELS,
        show_progress="minimal",
        show_progress_on=said,
        api_name="audio_transcribe",
        api_visibility="private",
    )
    sound.change(
        lambda: None,
        None,
        spoken_view,
        show_progress="hidden",
        queue=False,
        api_name="audio_transcript_forget",
        api_visibility="private",
    )
    page.translations.add(transcript.panel, [spoken_view], [said])
    # preprocess=False: the raw upload, because gradio's own reading answers a broken sound before we can.
    gr.on(
        [run.click, sound.change],
        listen,
        inputs=[sound, chooser.model, *form.values(), button, page.language],
        outputs=[answer, why, view, stop],
        preprocess=False,
        trigger_mode="always_last",
        concurrency_id=events.MODELS,
        concurrency_limit=slots.at_once(),
        show_progress="minimal",
        show_progress_on=answer,
        api_name="audio_listen",
        api_visibility="private",
    )
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    stop.click(events.Stop.press, button, None, api_name="audio_stop", **quiet)
    answer.select(
        explain,
        [view, page.language],
        [why, view],
        trigger_mode="always_last",
        concurrency_id=events.MODELS,
        show_progress="minimal",
        show_progress_on=why,
        api_name="audio_explain",
        api_visibility="private",
    )
    # Events are played by the answer's own script, from the file that the visitor brought.
    sound.change(None, sound, None, js="(sound) => { window.mmcore.sound = sound?.url ?? null; }", **quiet)
    chips.select(_example, None, sound, api_name="audio_example", **quiet)
    page.translations.add(lambda contents, language: _shown(contents, language)[:2], [view], [answer, why])
    welcomed = choosing.connect(chooser, service.TASK, "audio", page)
    page.ways.follow("audio", {"model": chooser.model, **form}, [sound.input], welcomed)
    batch.build(page, chooser.model, form, BATCH, partial(service.describe_many, page.pool))
    api.build(page)
    with gr.Accordion(ui("sounds.credits"), open=False):
        gr.HTML(credits_list(examples.sounds()))


class Speech(NamedTuple):
    """What asks for a transcript."""

    run: gr.Button
    language: gr.Radio


def _speech(page: Page) -> Speech:
    """The button and the language; greyed, with the command that brings it, where the extra is not installed."""
    here = extras.can_transcribe(page.settings)
    with gr.Row(elem_classes="mm-speech"):
        run = gr.Button(ui("sounds.transcribe"), interactive=here, elem_id="mm-sound-transcribe")
        language = gr.Radio(
            [(ui(f"sounds.spoken.{name}"), name) for name in SPOKEN],
            value=TranscribeOptions.language,
            label=ui("sounds.spoken"),
            info=None if here else extras.missing(page.settings, "speak_missing"),
            interactive=here,
            elem_id="mm-sound-spoken",
        )
    return Speech(run, language)


def _example(event: gr.EventData) -> str:
    return service.example_file(int(event.index))


def _shown(contents: View, language: str) -> tuple[Any, ...]:
    """Values of the two panels and of the state behind them."""
    answered, evidence, _ = contents
    return sound_render.panel(answered, language), sound_render.evidence_panel(evidence, language), contents


def _options() -> dict[str, gr.components.Component]:
    """The options by name."""
    slider = partial(fields.slider, AudioOptions)
    with gr.Row():
        top = slider("top", maximum=20, step=1, label=ui("sounds.top"), min_width=200, elem_id="mm-sound-top")
        threshold = slider(
            "threshold",
            value=0.05,
            step=0.01,
            label=ui("sounds.threshold"),
            min_width=200,
            elem_id="mm-sound-threshold",
        )
    with gr.Accordion(ui("more"), open=False, elem_id="mm-sound-options"):
        words = gr.Textbox(
            "", label=ui("sounds.labels"), info=ui("sounds.labels_info"), lines=1, elem_id="mm-sound-labels"
        )
        pooling = gr.Radio(
            [(ui(f"sounds.pooling.{name}"), name) for name in POOLINGS],
            value=AudioOptions.pooling,
            label=ui("sounds.pooling"),
            info=ui("sounds.pooling_info"),
        )
        with gr.Row():
            event_threshold = slider(
                "event_threshold",
                step=0.01,
                label=ui("sounds.event_threshold"),
                info=ui("sounds.event_threshold_info"),
                min_width=240,
            )
            event_seconds = slider(
                "event_seconds",
                maximum=10,
                step=0.1,
                label=ui("sounds.event_seconds"),
                info=ui("sounds.event_seconds_info"),
                min_width=240,
            )
    return {
        "top": top,
        "threshold": threshold,
        "labels": words,
        "pooling": pooling,
        "event_threshold": event_threshold,
        "event_seconds": event_seconds,
    }
