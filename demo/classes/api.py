"""``/classify_own`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, fields
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

ANSWER = {
    "label": "text",
    "sure": "yes/no",
    "doubt": "text?",
    "labels": "list",
    "model": "text",
    "seconds": "number",
}


def build(page: Page) -> None:
    """Offer the endpoint."""

    def classify_own(file: Mapping[str, Any], head: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
        """Say which of one's own classes a picture or a sound belongs to, with a head that was trained before.

        Args:
            file: The picture (JPEG, PNG, WebP...) or the sound (WAV, MP3, Ogg...; at most 30 seconds), as the head has
                been taught pictures or sounds. MCP tools take a data: address too.
            head: The .safetensors file that the tab "Your classes" or `mmcore train fewshot` wrote.

        Returns:
            "label": the most probable class. "sure": false where the answer should not be relied on. "doubt": "unlike"
            (it resembles nothing that was taught), "between" (two classes are about as probable) or null.
            "labels": every class with its probability as "score", most probable first. "likeness": cosine with the
            nearest class's mean; below "least_likeness" it is unlike all. "model", "seconds": what made the answer,
            and how long it took. "notices": only where a part was not read: a list of {"code", "text" in "en" and
            "zh", "values"}.
        """
        with events.told(request):
            return service.classify_for_api(page.pool, file, head).to_dict()

    with gr.Group(visible=False):
        fields.offer(
            classify_own,
            "classify_own",
            ANSWER,
            file=gr.File(None, type="filepath"),
            head=gr.File(None, type="filepath"),
        )
