"""``/ask`` for programs: the HTTP API and the MCP tool. Its components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry
from mmcore.results import AskOptions

from ..ui import events, fields
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

ANSWER = {
    "answer": "text",
    "kind": "text",
    "refused": "yes/no",
    "parts": "list",
    "complete": "yes/no",
    "model": "text",
    "device": "text",
    "seconds": "number",
}


def build(page: Page) -> None:
    """Offer the endpoint."""
    names = [record.name for record in registry.of_task(service.TASK)]

    def ask(
        image: Mapping[str, Any],
        question: str,
        second_image: Mapping[str, Any] | None = None,  # the defaults tell gradio that they may be left out
        history: list[list[str]] | None = None,
        model: str = names[0],
        max_tokens: float = AskOptions.max_tokens,
        decoding: str = AskOptions.decoding,
        top_p: float = AskOptions.top_p,
        temperature: float = AskOptions.temperature,
        seed: float = AskOptions.seed,
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """Answer a question about a picture, or about two, in English or Chinese.

        Args:
            image: The picture: an uploaded file (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF). MCP
                tools take a data: address too.
            question: What you want to know: what is this, is there a dog, which of two things it is, what colour
                something has, where something is, what is written there.
            second_image: A second picture, to ask about both. Empty: there is one only.
            history: The conversation so far: a list of [question, answer], the oldest first (at most 20). Empty: none.
            model: Name of the model. "compact-answers" is always there: it puts an answer together from what it
                recognises and says what it cannot know. Others are language models that must be downloaded before.
            max_tokens: Longest answer of a language model in tokens (1-1024).
            decoding: "greedy" or "nucleus" (drawn from likely words), for language models.
            top_p: For nucleus decoding: the likely words have probabilities that sum to this (0.05-1).
            temperature: For nucleus decoding: below 1 plays safe, above 1 is bold (0.05-5).
            seed: For nucleus decoding: the same seed gives the same answer.

        Returns:
            "answer": in the language of the question. "kind": what kind of question was understood, "free" for a
                language model. "refused": true where the answer begins by saying that this cannot be known.
            "parts": the sentences of a composed answer: a list of {"code", "source", "text" in "en" and "zh",
                "values"}; source is "captioner", "tagger", "retriever", "colours", "reader" or "none".
            "complete": false where a language model was cut off at max_tokens.
            "model", "device", "seconds": what answered, and how long it took.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        with events.told(request):
            answer = service.answer_for_api(
                page.pool,
                [image, second_image],
                question,
                history,
                model,
                max_tokens=max_tokens,
                decoding=decoding,
                top_p=top_p,
                temperature=temperature,
                seed=seed,
            )
            return answer.to_dict()

    number = partial(fields.number, AskOptions)
    with gr.Group(visible=False):
        fields.offer(
            ask,
            "ask",
            ANSWER,
            image=gr.Image(type="filepath"),
            question=gr.Textbox(),
            second_image=gr.Image(None, type="filepath"),
            history=gr.JSON(None),
            model=fields.model(service.TASK),
            max_tokens=number("max_tokens"),
            decoding=fields.choice(AskOptions, "decoding"),
            top_p=number("top_p"),
            temperature=number("temperature"),
            seed=number("seed"),
        )
