"""``/caption`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore import checkpoints
from mmcore.results import DECODINGS

from .. import captions, events, i18n

if TYPE_CHECKING:
    from ..shell import Shell


def build(page: Shell) -> None:
    """Offer the endpoint."""
    records = checkpoints.of_task(captions.TASK)

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
            image: The picture: JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF, at most 50 megapixels and 30 MB. It must be an uploaded file or a data: address; other addresses are not fetched.
            model: Name of the model. "compact-captioner" is always there; others must have been downloaded before.
            num_captions: How many captions to give, best first (1-10). Greedy decoding gives exactly one.
            decoding: "beam" (best of several candidates), "nucleus" (drawn from the likely words) or "greedy".
            num_beams: Width of the beam search (1-10).
            max_words: Longest caption, in words (1-60).
            detail: Level of detail, for models that have levels: "short", "detailed" or "very detailed". Empty: the model's own default.
            top_p: For nucleus decoding: draw from the smallest set of words whose probabilities sum to this (0.05-1).
            temperature: For nucleus decoding: below 1 plays safe, above 1 is bold (0.05-5).
            seed: For nucleus decoding: the same seed gives the same captions.

        Returns:
            A JSON object: "captions" is a list of {"text", "score"}, best first, where score (0-1) is how sure the model is of its words; "model", "device" and "seconds" say what made them; "confident" is false where the model doubts its caption, and "tags" then name what it recognises.
        """
        try:
            form = (detail or None, decoding, num_captions, num_beams, max_words, top_p, temperature, seed)
            return captions.describe_for_api(page.pool, image, model, *form).to_dict()
        except Exception as error:
            language = i18n.accepted_language(request.headers.get("accept-language"))
            raise events.shown(events.failure(error), language) from None

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
