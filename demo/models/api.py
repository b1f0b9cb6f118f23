"""What programs can ask about the models: a list as an MCP resource and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from mmcore.checkpoints import registry

from ..ui import programs

if TYPE_CHECKING:
    from ..ui.page import Page


def build(page: Page) -> None:
    """Offer the list."""

    def models() -> list[dict[str, Any]]:
        return [
            {
                **{key: getattr(one, key) for key in ("name", "task", "tier", "title", "licence")},
                "languages": list(one.languages),
                "here": page.pool.availability(one).ready,
            }
            for one in registry.CHECKPOINTS
        ]

    with gr.Group(visible=False):
        programs.resource(
            models,
            "models",
            "The models by task and tier, their languages and licences, and which are on this machine.",
        )
