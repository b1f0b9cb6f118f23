"""The retrieval tab: words or a picture in, the pictures that match out; and what pictures and words have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import chooser as choosing
from ..ui import examples, i18n
from ..ui import page as shell
from ..ui.html import credits_list
from ..ui.i18n import ui
from . import api, collections, map_tab, matching_tab, matrix_tab, search_tab, service, upload_tab
from .context import Common

if TYPE_CHECKING:
    from ..ui.page import Page

VIEWS = ("search", "uploads", "labels", "sentences", "matrix", "map")
"""The views inside the tab, in their order."""


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    shelf = collections.CollectionChooser(page.pool)
    visitor = gr.State(None, delete_callback=_leave)
    with gr.Row(equal_height=False, elem_classes="mm-bar-row"):
        with gr.Column(scale=3, min_width=260):
            choice = gr.Dropdown(
                _choices(shelf, None, "en"),
                value=collections.EXAMPLES,
                label=ui("retrieval.collection"),
                filterable=False,
                elem_id="mm-collection",
            )
        with gr.Column(scale=4, min_width=260):
            chooser = choosing.build(service.TASK, "mm-retrieval", page)
    welcomed = choosing.connect(chooser, service.TASK, "retrieval", page)
    common = Common(page, shelf, chooser.model, choice, visitor, welcomed)
    builders = {
        "search": search_tab.build,
        "uploads": upload_tab.build,
        "labels": matching_tab.build_labels,
        "sentences": matching_tab.build_sentences,
        "matrix": matrix_tab.build,
        "map": map_tab.build,
    }
    titles = []
    with gr.Tabs(elem_id="mm-retrieval-views", overflow_behavior="wrap"):
        for name in VIEWS:
            with gr.Tab(ui(f"retrieval.view.{name}"), id=name) as title:
                builders[name](common)
            titles.append(title)

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    names = [visitor, page.language]
    page.demo.load(
        lambda who, language: gr.update(choices=_choices(shelf, who, language)),
        names,
        choice,
        js=shell.with_language(1),
        api_name="retrieval_collections",
        **quiet,
    )
    page.translations.add(lambda who, language: gr.update(choices=_choices(shelf, who, language)), [visitor], [choice])
    # gradio translates everything in place but the titles of tabs that are not open.
    page.translations.add(
        lambda language: [gr.update(label=i18n.text(language, f"ui.retrieval.view.{name}")) for name in VIEWS],
        [],
        titles,
    )
    api.build(page, shelf)
    with gr.Accordion(ui("retrieval.credits"), open=False):
        gr.HTML(credits_list(examples.collection()))


def _choices(
    shelf: collections.CollectionChooser, visitor: collections.UploadSession | None, language: str
) -> list[tuple[str, str]]:
    return service.choices(shelf, visitor, language)


def _leave(visitor: collections.UploadSession | None) -> None:
    """The session is over: what the visitor brought along goes with it."""
    if visitor is not None:
        visitor.close()
