"""``/caption`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.results import CaptionOptions

from ..ui import events, fields, programs
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

ALTERNATIVE_TEXT = """Write an alternative text for the picture, at most 125 characters. It is for: {purpose}

1. Call the tool caption with the picture and num_captions 3.
2. Where "confident" is false do not trust the sentences: build the text from the "tags" alone, and call it a guess.
3. Leave out what no caption and no tag says. Begin with the main thing, not with "picture of"."""

ANSWER = {
    "captions": "list",
    "language": "text",
    "model": "text",
    "device": "text",
    "seconds": "number",
    "confident": "yes/no",
}


def build(page: Page) -> None:
    """Offer the endpoint."""

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
        read_text: bool,
        language: str,
        ground: bool,
        request: gr.Request,
    ) -> dict[str, Any]:
        """Describe a picture in a sentence of English, or in several; or in Chinese phrases.

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
            read_text: Also read the text in the picture (English, Chinese), where the server has the extra "ocr".
            language: Of captions and tags: "en", or "zh" ("compact-captioner" and "qwen3-vl-2b" write it).
            ground: Also find the things that the first caption names, with models that can ("florence-2-base").

        Returns:
            "captions": a list of {"text", "score"}, best first; score (0-1) says how sure the model is of its words.
            "language": "en" or "zh".
            "model", "device", "seconds": what made them, and how long it took.
            "confident": false where the model doubts its caption; "tags" then name what it recognises.
            "reads": only where asked for: {"text", "lines": a list of {"text", "score", "box"}}; a box has four
                corners, each x and y as shares (0-1) of the picture's width and height.
            "phrases": only where asked for: a list of {"text", "boxes"}; a box is left, top, right and bottom as shares
                (0-1) of the picture's width and height.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        with events.told(request):
            answer = service.describe_for_api(
                page.pool,
                image,
                model,
                num_captions=num_captions,
                decoding=decoding,
                num_beams=num_beams,
                max_words=max_words,
                detail=detail,
                top_p=top_p,
                temperature=temperature,
                seed=seed,
                read_text=read_text,
                language=language,
                ground=ground,
            )
            return answer.to_dict()

    def alternative_text(purpose: str) -> str:
        """Write an alternative text for a picture that you are shown, for people who cannot see it.

        Args:
            purpose: Where the picture stands and what it is for: "a shop's page about mugs".
        """
        return ALTERNATIVE_TEXT.format(purpose=purpose)

    number = partial(fields.number, CaptionOptions)
    with gr.Group(visible=False):
        programs.prompt(alternative_text, gr.Textbox(label="purpose"))
        fields.offer(
            caption,
            "caption",
            ANSWER,
            image=gr.Image(type="filepath"),
            model=fields.model(service.TASK),
            num_captions=number("num_captions"),
            decoding=fields.choice(CaptionOptions, "decoding"),
            num_beams=number("num_beams"),
            max_words=number("max_words"),
            detail=gr.Textbox(""),
            top_p=number("top_p"),
            temperature=number("temperature"),
            seed=number("seed"),
            read_text=gr.Checkbox(False),
            language=fields.choice(CaptionOptions, "language"),
            ground=gr.Checkbox(False),
        )
