"""The Lessons tab: one view, whose place is in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from ..ui import events, style
from . import service

if TYPE_CHECKING:
    from ..ui.page import Page

HAND_OVER = """watch("value", () => {
  document.dispatchEvent(new CustomEvent("mm-lesson-reply", { detail: props.value }));
});"""
"""An answer goes to the lesson's script, which writes it where it belongs."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build(page: Page) -> None:
    """Lay out the tab and connect its events."""
    address = gr.Textbox("", visible=False)
    content = gr.HTML("", js_on_load=style.lessons_script(), elem_id="mm-lesson", elem_classes="mm-panel")

    reply = gr.HTML("", html_template="", js_on_load=HAND_OVER, visible="hidden")

    def shown(where: service.Place, language: str) -> str:
        return service.page(page.pool, page.settings, where, language)

    def go(language: str, event: gr.EventData) -> tuple[Any, str]:
        where = service.asked(event._data)
        drawn = shown(where, language)
        service.look_ahead(page.pool, page.settings, where)
        return (gr.update(selected=where.tab) if where.classes else gr.skip()), drawn

    def arrive(query: str, language: str) -> tuple[Any, str]:
        where = service.place_of(query)
        if where is None:
            return gr.skip(), shown(service.Place(), language)
        drawn = shown(where, language)
        service.look_ahead(page.pool, page.settings, where)
        return gr.update(selected=where.tab), drawn

    def translate(where: str, language: str) -> str:
        return shown(service.told(where), language)

    def answer(language: str, event: gr.EventData) -> str:
        return service.answer(page.pool, page.settings, event._data, language)

    content.submit(
        answer, [page.language], [reply], concurrency_id=events.MODELS, trigger_mode="multiple",
        api_name="lesson_ask", **QUIET,
    )  # fmt: skip
    content.select(
        go, page.language, [page.tabs, content], concurrency_id=events.MODELS, trigger_mode="always_last",
        api_name="lesson_go", **QUIET,
    )  # fmt: skip
    page.language.change(
        translate, [address, page.language], [content], concurrency_id=events.MODELS, api_name="lesson_translate",
        js="(_address, language) => [window.mmcore.lessonPlace?.() || location.search, language]", **QUIET,
    )  # fmt: skip
    missing: dict[str, Any] = {"queue": False, "js": "() => { window.mmcore.lessonMissing(); }", **QUIET}
    page.demo.load(
        arrive, [address, page.language], [page.tabs, content], concurrency_id=events.MODELS,
        js="(_address, _language) => [location.search, window.mmcore.language()]", api_name="lesson_arrive", **QUIET,
    ).failure(None, None, None, **missing)  # fmt: skip
