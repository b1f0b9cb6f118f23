"""``/caption`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry
from mmcore.results import DECODINGS

from ..ui import events
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page


def build(page: Page) -> None:
    """Offer the endpoint."""
    records = registry.of_task(service.TASK)

    def caption(
        image: Mapping[str, Any],
        model: str,
        num_captions: float,
        decoding: str,
        num_beams: float,
        max_words: float,
        detail: str,
        top_p: float,
        temperature: float,
        seed: float,
        request: gr.Request,
    ) -> dict[str, Any]:
        """Describe a picture in a sentence of English, or in several.

        Args:
            image: The picture: an uploaded file (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF). MCP
                tools take a data: address too.
            model: Name of the model. "compact-captioner" is always there; others must be downloaded before.
            num_captions: How many captions to give, best first (1-10). Greedy decoding gives exactly one.
            decoding: "beam" (best of several candidates), "nucleus" (drawn from likely words) or "greedy".
            num_beams: Width of the beam search (1-10).
            max_words: Longest caption, in words (1-60).
            detail: "short", "detailed" or "very detailed" for models with such levels. Empty: their default.
            top_p: For nucleus decoding: the likely words have probabilities that sum to this (0.05-1).
            temperature: For nucleus decoding: below 1 plays safe, above 1 is bold (0.05-5).
            seed: For nucleus decoding: the same seed gives the same captions.

        Returns:
            "captions": a list of {"text", "score"}, best first; score (0-1) says how sure the model is of its words.
            "model", "device", "seconds": what made them, and how long it took.
            "confident": false where the model doubts its caption; "tags" then name what it recognises.
        """
        with events.told(request):
            form = (detail or None, decoding, num_captions, num_beams, max_words, top_p, temperature, seed)
            return service.describe_for_api(page.pool, image, model, *form).to_dict()

    with gr.Group(visible=False):
        inputs: list[gr.components.Component] = [
            gr.Image(type="filepath", label="image"),
            gr.Dropdown([record.name for record in records], value=records[0].name, label="model"),
            gr.Number(1, label="num_captions"),
            gr.Dropdown(list(DECODINGS), value="beam", label="decoding"),
            gr.Number(3, label="num_beams"),
            gr.Number(30, label="max_words"),
            gr.Textbox("", label="detail"),
            gr.Number(0.9, label="top_p"),
            gr.Number(1.0, label="temperature"),
            gr.Number(0, label="seed"),
        ]
        output = gr.JSON(label="result")
        trigger = gr.Button()
    trigger.click(
        caption,
        inputs=inputs,
        outputs=output,
        preprocess=False,
        concurrency_id=events.MODELS,
        api_name="caption",
        api_visibility="public",
    )
