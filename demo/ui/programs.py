"""What MCP clients get beside the tools: lists as resources, prompts; and answers that parse as JSON.

gradio makes a tool of every public endpoint; one whose function is marked becomes a resource or a prompt instead.
Over HTTP they are plain endpoints.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio import mcp

from . import events

LISTS = "lists"
"""``concurrency_id`` of the endpoints here: they run no model and wait for none."""


@functools.cache
def answers_are_json() -> None:
    """Let MCP tools answer in JSON: gradio writes a result as Python does, with None and single quotes."""
    written = mcp.GradioMCPServer.postprocess_output_data

    def as_json(self: Any, data: Any, root_url: str) -> Any:
        texts = [json.dumps(one, ensure_ascii=False) if _is_answer(one) else one for one in data]
        return written(self, texts, root_url)

    mcp.GradioMCPServer.postprocess_output_data = as_json  # type: ignore[method-assign]


def _is_answer(output: Any) -> bool:
    return isinstance(output, list) or (isinstance(output, dict) and "meta" not in output)


def resource(found: Callable[[], Any], name: str, about: str) -> None:
    """Offer ``mmcore://<name>`` with the JSON of ``found()``, and ``/list_<name>`` over HTTP."""

    def read() -> str:  # any argument, the request too, would make gradio list a template
        with events.told(None):
            return json.dumps(found(), ensure_ascii=False)

    read.__name__, read.__doc__ = f"list_{name}", about
    _offer(gr.mcp.resource(f"mmcore://{name}", mime_type="text/json")(read), [])


def prompt(written: Callable[..., str], *inputs: gr.components.Component) -> None:
    """Offer a prompt: its arguments are those of ``written``, which returns the text; over HTTP it has its name too."""
    _offer(gr.mcp.prompt(written.__name__)(written), list(inputs))


def _offer(function: Callable[..., str], inputs: list[gr.components.Component]) -> None:
    gr.Button().click(
        function,
        inputs,
        gr.Textbox(),
        concurrency_id=LISTS,
        concurrency_limit=4,
        show_progress="hidden",
        api_name=function.__name__,
        api_visibility="public",
    )
