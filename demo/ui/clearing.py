"""No old answer beside a new question: panels are emptied in the browser, before the server knows of anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .html import waiting
from .i18n import LANGUAGES

if TYPE_CHECKING:
    import gradio as gr

    from .page import Page


def at_once(page: Page, triggers: Sequence[Callable[..., Any]], panel: gr.HTML, *more: gr.HTML) -> None:
    """Let the events put a sign of waiting into ``panel``, and nothing into ``more``, until their answer comes."""
    import gradio as gr

    signs = json.dumps({language: waiting(language) for language in LANGUAGES}, ensure_ascii=False)
    values = [f"({signs})[language]", *["''"] * len(more)]
    gr.on(
        list(triggers),
        None,
        inputs=page.language,
        outputs=[panel, *more],
        js=f"(language) => {values[0] if len(values) == 1 else '[' + ', '.join(values) + ']'}",
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
