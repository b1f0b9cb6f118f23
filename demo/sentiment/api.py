"""``/sentiment`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry

from ..ui import events, fields
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

ANSWER = {
    "label": "text",
    "scores": "object",
    "modalities": "object",
    "interaction": "text?",
    "model": "text",
    "fusion": "text",
    "device": "text",
    "seconds": "number",
}


def build(page: Page) -> None:
    """Offer the endpoint."""

    def sentiment(  # its name is the MCP tool's
        text: str = "",
        image: Mapping[str, Any] | None = None,  # the default tells gradio that it may be left out
        model: str = registry.of_task(service.TASK)[0].name,
        fusion: str = "",
        sound: Mapping[str, Any] | None = None,
        read_text: bool = False,
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """Say whether a post is negative, neutral or positive: its text, its picture, or both together.

        Args:
            text: What was written; the compact model reads English, and Chinese word by word. May be empty where
                there is a picture.
            image: The picture: an uploaded file (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF). MCP
                tools take a data: address too, and may leave it out where there is a text.
            model: Name of the model. "compact-sentiment" is always there; others must be downloaded before.
            fusion: How text and picture are brought together: "concat", "weighted" (a learned gate),
                "cross_attention", "late" (two opinions averaged) or "multitask". Empty: the model's own choice.
            sound: What is said in the post: an uploaded recording; its words are judged with the text. Needs the extra
                "speech" on the server. May be left out.
            read_text: Whether the text in the picture is part of the post, as in memes. Needs the extra "ocr".

        Returns:
            "label": the answer. "scores": the probabilities of "negative", "neutral" and "positive".
            "modalities": the same for "text" alone and "image" alone, null for one that was not given.
            "interaction": "conflict" (they say opposite things), "dominance" (they differ, and one has its way),
            "complement" (they agree, or together say what neither says alone), or null with one of them only.
            "fusions": the scores of every fusion. "gate": the weight of each modality, where the fusion has one.
            "reads": the lines of text in the picture, where that was asked for. "spoken": where there is a sound, what
            is said, and how (level, pitch, words a minute), which is measured and not judged.
            "model", "fusion", "device", "seconds": what made the answer, and how long it took.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        with events.told(request):
            return service.describe_for_api(page.pool, text, image, model, fusion, sound, read_text).to_dict()

    with gr.Group(visible=False):
        fields.offer(
            sentiment,
            "sentiment",
            ANSWER,
            text=gr.Textbox(""),
            image=gr.Image(None, type="filepath"),
            model=fields.model(service.TASK),
            fusion=gr.Textbox(""),
            sound=gr.Audio(None, type="filepath"),
            read_text=gr.Checkbox(False),
        )
