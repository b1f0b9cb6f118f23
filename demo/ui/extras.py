"""Fields that work with an extra, in every tab that has them: text inside pictures, and a microphone for what is typed.

Where the extra is not installed the field is greyed and says the one command that brings it; visitors of a public page,
who can install nothing, are told no commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks import ocr, transcribe

from . import events, slots, uploads
from .i18n import ui

if TYPE_CHECKING:
    from .page import Page

BEHIND = "(typed, said) => [said ? `${typed ?? ''} ${said}`.trim() : typed, '']"
"""In the browser, and when it is heard: what was typed while that took is kept, too."""


def can_read(settings: Settings) -> bool:
    """Whether the extra that reads the text in pictures is here."""
    return ocr.unavailable(settings) is None


def can_transcribe(settings: Settings) -> bool:
    """Whether the extra that writes down speech is here."""
    return transcribe.unavailable(settings) is None


def missing(settings: Settings, key: str) -> Any:
    """What stands beside a field that is greyed."""
    return ui("extra_absent" if settings.public else key)


def reading_switch(settings: Settings, name: str, info: str = "read_text_info") -> gr.Checkbox:
    """Whether to read the text in the picture, too."""
    here = can_read(settings)
    told = ui(info) if here else missing(settings, "read_text_missing")
    return gr.Checkbox(False, label=ui("read_text"), info=told, interactive=here, elem_id=name)


def reading_box(settings: Settings) -> gr.Textbox:
    """What text to find inside the pictures of a collection."""
    here = can_read(settings)
    told = ui("retrieval.letters_info") if here else missing(settings, "read_text_missing")
    return gr.Textbox("", label=ui("retrieval.letters"), info=told, interactive=here, elem_id="mm-reading")


def spoken_input(settings: Settings, tab: str) -> gr.Audio:
    """A recording, or a file, that is part of what is given; in a closed row."""
    here = can_transcribe(settings)
    with gr.Accordion(ui("speak"), open=False, elem_id=f"mm-{tab}-speak", elem_classes="mm-speak"):
        return gr.Audio(
            type="filepath",
            sources=["microphone", "upload"],
            buttons=[],
            label=ui("speak_part") if here else missing(settings, "speak_missing"),
            interactive=here,
            elem_id=f"mm-{tab}-microphone",
        )


def microphone(page: Page, field: gr.Textbox, tab: str) -> gr.Audio:
    """A microphone in a closed row: what is said goes into ``field``, behind what stands there by then."""
    here = can_transcribe(page.settings)
    with gr.Accordion(ui("speak"), open=False, elem_id=f"mm-{tab}-speak", elem_classes="mm-speak"):
        recorder = gr.Audio(
            type="filepath",
            sources=["microphone"],
            buttons=[],
            label=ui("speak_label") if here else missing(page.settings, "speak_missing"),
            interactive=here,
            elem_id=f"mm-{tab}-microphone",
        )
        heard = gr.Textbox("", visible="hidden")

    @events.reported
    def listen(payload: Mapping[str, Any] | None, language: str) -> tuple[Any, Any]:
        if payload is None:  # it was emptied, below
            return "", gr.skip()
        said, told = spoken(page.pool, payload, language)
        if told:
            gr.Warning(told)
        return said, None

    recorder.change(
        listen,
        [recorder, page.language],
        [heard, recorder],
        preprocess=False,
        trigger_mode="once",
        concurrency_id=events.MODELS,
        concurrency_limit=slots.at_once(),
        show_progress="minimal",
        show_progress_on=field,
        api_name=f"{tab}_speak",
        api_visibility="private",
    ).success(None, [field, heard], [field, heard], js=BEHIND, show_progress="hidden", api_visibility="private")
    return recorder


def spoken(pool: ModelPool, payload: Mapping[str, Any] | None, language: str) -> tuple[str, str]:
    """What a recording says, in one line, and what the visitor should know of it, in the language of the page.

    Raises InputError for a recording that cannot be read, and WeightsError where the extra is missing.
    """
    said, answer = transcribe.spoken_text(pool, uploads.path_of(payload), model=transcribe.default_model(pool))
    return said, " ".join(notice.text(language) for notice in answer.notices)
