"""``/search`` and ``/zero_shot`` for programs: the HTTP API and MCP tools. Their components are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry
from mmcore.results import SearchOptions

from ..ui import events, fields, programs
from . import collections, matching_service, service

if TYPE_CHECKING:
    from ..ui.page import Page

FIND = """Find pictures that fit this wish: {wish}

1. Read the resource mmcore://collections, and choose a collection.
2. Call the tool search with what should be seen as `text`, in a short English sentence, and what must not be seen as
   `without`. Call it again with other words where "good_matches" is 0.
3. Give the file names of the good matches, best first, with their scores. Say so where there is none, and repeat what
   the "notices" say."""

SEARCH_ANSWER = {
    "matches": "list",
    "good_matches": "number",
    "cutoff": "number",
    "collection": "text",
    "model": "text",
    "device": "text",
    "seconds": "number",
}
ZERO_SHOT_ANSWER = {
    "labels": "list",
    "model": "text",
    "device": "text",
    "seconds": "number",
}


def build(page: Page, shelf: collections.CollectionChooser) -> None:
    """Offer the endpoints."""
    names = [record.name for record in registry.of_task(service.TASK)]

    def search(
        text: str = "",
        image: Mapping[str, Any] | None = None,  # the default tells gradio that it may be left out
        without: str = "",
        collection: str = collections.EXAMPLES,
        model: str = names[0],
        top: float = SearchOptions.top,
        cutoff: float = SearchOptions.cutoff,
        name: str = "",
        image_weight: float = 1,
        without_weight: float = 1,
        reading: str = "",
        reading_weight: float = 1,
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """Find the pictures of a collection that match words, a picture, or both.

        Args:
            text: What to look for, in words. The compact model reads English, and Chinese word by word. May be empty
                where a picture is given.
            image: A picture to find similar ones to: an uploaded file; MCP tools take a data: address too. May
                be left out.
            without: What must not be in the pictures, in words. Empty: nothing.
            collection: "examples", or "shared:NAME" for one that the owner shares by `mmcore index share NAME`.
            model: Name of the model for the examples; a shared collection keeps the one that it was made with.
            top: How many matches to give, best first (1-1000).
            cutoff: Least score (0-1) of a good match; the others are given too, but marked as not good.
            name: Only pictures whose file name contains this; with * or ? a pattern for the whole name. Empty: all.
            image_weight: How much the picture counts beside the words (0.1-5).
            without_weight: How much counts what must not be there (0.1-5).
            reading: Text to find inside the pictures, on signs or packages (English, Chinese); some letters may differ.
                Needs the extra "ocr" on the server, or a collection whose text was read before. Empty: nothing.
            reading_weight: How much that text counts beside words and picture (0.1-5).

        Returns:
            "matches": a list of {"file", "score", "cosine", "good"}, best first, with "reading", the text in the
            picture, where such was looked for; "file" is a name, "cosine" null where nothing else was looked for.
            Scores are 0-1, calibrated to mean the same for every model; where none is good there is no good match.
            "moment" is the second of a video. "present" is false where the file is gone, "copies" names files with the
            same content.
            "query", "good_matches", "cutoff", "collection", "model", "device", "seconds": what was asked, how many
            reach the cut-off, and what answered how fast.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        asked = service.SearchForm(
            choice=collection,
            model=model,
            text=text,
            picture=image,
            without=without,
            picture_weight=image_weight,
            without_weight=without_weight,
            reading=reading,
            reading_weight=reading_weight,
            top=top,
            name=name,
            cutoff=cutoff,
        )
        with events.told(request):
            return service.search_for_api(page.pool, shelf, asked)

    def zero_shot(
        image: Mapping[str, Any], labels: str, templates: str, model: str, request: gr.Request
    ) -> dict[str, Any]:
        """Tell which of some labels, in any words, fits a picture best (zero-shot classification).

        Args:
            image: The picture: an uploaded file (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF). MCP
                tools take a data: address too.
            labels: The labels to choose from, parted by commas: "a cat, a dog, a cup of coffee".
            templates: Sentences that the labels are put into at {}, one a line, whose vectors are averaged. Empty: the
                model's own.
            model: Name of the model. "compact-retriever" is always there; others must be downloaded before.

        Returns:
            "labels": a list of {"label", "score", "cosine"}, most probable first; the scores sum to 1.
            "model", "device", "seconds": what judged them, and how long it took.
            "notices": only where a part was not read or something was assumed: a list of {"code", "text" in "en" and
                "zh", "values"}.
        """
        with events.told(request):
            return matching_service.classify_for_api(page.pool, image, labels, templates, model).to_dict()

    def find_pictures(wish: str) -> str:
        """Find pictures for a wish in plain words, with several searches where one is not enough.

        Args:
            wish: What kind of picture is wanted, in any words.
        """
        return FIND.format(wish=wish)

    with gr.Group(visible=False):
        programs.resource(
            lambda: [collections.EXAMPLES, *(f"{collections.SHARED}{name}" for name in shelf.shared())],
            "collections",
            "The collections of pictures that the tool search can look through.",
        )
        programs.prompt(find_pictures, gr.Textbox(label="wish"))
        fields.offer(
            search,
            "search",
            SEARCH_ANSWER,
            text=gr.Textbox(""),
            image=gr.Image(None, type="filepath"),
            without=gr.Textbox(""),
            collection=gr.Textbox(collections.EXAMPLES),
            model=fields.model(service.TASK),
            top=fields.number(SearchOptions, "top"),
            cutoff=fields.number(SearchOptions, "cutoff"),
            name=gr.Textbox(""),
            image_weight=gr.Number(1),
            without_weight=gr.Number(1),
            reading=gr.Textbox(""),
            reading_weight=gr.Number(1),
        )
        fields.offer(
            zero_shot,
            "zero_shot",
            ZERO_SHOT_ANSWER,
            image=gr.Image(type="filepath"),
            labels=gr.Textbox(),
            templates=gr.Textbox(""),
            model=fields.model(service.TASK),
        )
