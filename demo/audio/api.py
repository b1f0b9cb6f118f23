"""``/classify_audio`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.results import AudioOptions, TranscribeOptions

from ..ui import events, fields, programs
from . import label_names, service

if TYPE_CHECKING:
    from ..ui.page import Page

CLASSIFY_AUDIO_ANSWER = {
    "labels": "list",
    "events": "list",
    "duration": "number",
    "sample_rate": "number",
    "model": "text",
    "device": "text",
    "seconds": "number",
}
TRANSCRIBE_ANSWER = {
    "text": "text",
    "language": "text",
    "words": "list",
    "passages": "list",
    "duration": "number",
    "model": "text",
    "device": "text",
    "seconds": "number",
}


def build(page: Page) -> None:
    """Offer the endpoint."""

    def classify_audio(
        audio: Mapping[str, Any],
        model: str,
        top: float,
        threshold: float,
        labels: str,
        pooling: str,
        event_threshold: float,
        event_seconds: float,
        request: gr.Request,
    ) -> dict[str, Any]:
        """Tell what sounds in a recording, and when: speech, music, animals, machines, weather, silence.

        Args:
            audio: The sound: an uploaded file (WAV, FLAC, Ogg, MP3, M4A, WebM; at most 30 minutes).
                MCP tools take a data: address too.
            model: Name of the model. The compact tagger is always there; others must be downloaded before.
            top: How many labels to give, best first (1-1000).
            threshold: Labels with a lower score are left out (0-1).
            labels: Only these, parted by commas. CLAP takes any words; other models AudioSet's names. Empty: all.
            pooling: Score of the whole sound: "max" (does it sound anywhere?) or "mean" (how much of the sound is it?).
            event_threshold: An event begins where a label reaches this score (0.01-1).
            event_seconds: Shorter events are left out, and shorter gaps are closed (0-60).

        Returns:
            "labels": a list of {"label", "score"}, best first, with scores 0-1; of a silent file it is "Silence" alone.
            "events": a list of {"label", "start", "end", "score"} in seconds from the beginning; they may overlap.
            "model", "device", "seconds": what heard them, and how long it took.
            "duration", "sample_rate", "channels": of the sound, in seconds and Hz.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        with events.told(request):
            answer = service.listen_for_api(
                page.pool,
                audio,
                model,
                top=top,
                threshold=threshold,
                labels=labels,
                pooling=pooling,
                event_threshold=event_threshold,
                event_seconds=event_seconds,
            )
            return answer.to_dict()

    def transcribe(
        audio: Mapping[str, Any], model: str, language: str, beams: float, request: gr.Request
    ) -> dict[str, Any]:
        """Write down what is said in a recording, with the time of every word. Needs the server's extra "speech".

        Args:
            audio: The sound: an uploaded file (WAV, FLAC, Ogg, MP3, M4A, WebM; at most 30 minutes).
                MCP tools take a data: address too.
            model: Name of the model. Empty: the one that the server has.
            language: "en", "zh", or "auto" to let the model tell.
            beams: Width of the beam search (1-10): 1 is quickest.

        Returns:
            "text": all of it, empty where no speech was heard. "language": in two letters, "language_score": 0-1.
            "words": a list of {"text", "start", "end", "score"}, in seconds from the beginning.
            "passages": a list of {"text", "start", "end"}, about a sentence each.
            "duration", "model", "device", "seconds": of the sound, what heard it, and how long that took.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        with events.told(request):
            answer = service.transcribe_for_api(page.pool, audio, model, language=language, beams=beams)
            return answer.to_dict()

    number = partial(fields.number, AudioOptions)
    with gr.Group(visible=False):
        programs.resource(
            lambda: [{"en": name, "zh": chinese} for name, chinese in label_names.chinese().items()],
            "labels",
            "The 527 kinds of sounds (AudioSet) that the audio models know, with their Chinese names.",
        )
        fields.offer(
            classify_audio,
            "classify_audio",
            CLASSIFY_AUDIO_ANSWER,
            audio=gr.Audio(type="filepath"),
            model=fields.model(service.TASK),
            top=number("top"),
            threshold=gr.Number(0),
            labels=gr.Textbox(""),
            pooling=fields.choice(AudioOptions, "pooling"),
            event_threshold=number("event_threshold"),
            event_seconds=number("event_seconds"),
        )
        fields.offer(
            transcribe,
            "transcribe",
            TRANSCRIBE_ANSWER,
            audio=gr.Audio(type="filepath"),
            model=gr.Textbox(""),
            language=fields.choice(TranscribeOptions, "language"),
            beams=fields.number(TranscribeOptions, "beams"),
        )
