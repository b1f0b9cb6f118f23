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


ANSWERS: dict[str, dict[str, Any]] = {}
"""Name of a tool -> JSON schema of its answer, which ``described`` has written down."""

KINDS = {"text": "string", "number": "number", "yes/no": "boolean", "list": "array", "object": "object"}


def described(name: str, **keys: str) -> None:
    """Say of a tool what its answer always has: key -> one of KINDS; "text?" may be null. Others may come beside."""
    properties = {}
    for key, kind in keys.items():
        plain = KINDS[kind.removesuffix("?")]
        properties[key] = {"type": [plain, "null"] if kind.endswith("?") else plain}
    ANSWERS[name] = {"type": "object", "properties": properties, "required": list(keys)}


@functools.cache
def answers_have_schemas() -> None:
    """List the schema of each tool's answer, and give the answer as structured content too: gradio does neither."""
    create = mcp.GradioMCPServer.create_mcp_server

    def creating(self: Any) -> Any:
        server: Any = create(self)
        types = self.types
        lists, calls = (server.request_handlers[kind] for kind in (types.ListToolsRequest, types.CallToolRequest))

        async def listing(request: Any) -> Any:
            found = await lists(request)
            for tool in found.root.tools:
                tool.outputSchema = ANSWERS.get(tool.name)
                tool.inputSchema = _without_empty_types(tool.inputSchema)
            return found

        async def calling(request: Any) -> Any:
            done = await calls(request)
            if request.params.name in ANSWERS and not done.root.isError:
                done.root.structuredContent = json.loads(done.root.content[0].text)
            return done

        server.request_handlers |= {types.ListToolsRequest: listing, types.CallToolRequest: calling}
        return server

    mcp.GradioMCPServer.create_mcp_server = creating  # type: ignore[method-assign]


def _without_empty_types(schema: Any) -> Any:
    """The schema without the ``"type": {}`` that gradio writes for JSON inputs: no client takes that."""
    if isinstance(schema, dict):
        return {key: _without_empty_types(one) for key, one in schema.items() if not (key == "type" and one == {})}
    return [_without_empty_types(one) for one in schema] if isinstance(schema, list) else schema


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
