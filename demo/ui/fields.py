"""Fields of forms, made from the options that they set: names, defaults and ranges are those of the dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from mmcore.checkpoints import registry
from mmcore.results.options import limits, offered

from . import events, programs


def slider(options: type, name: str, **properties: Any) -> gr.Slider:
    """A slider over the range of an option; ``properties`` are gradio's."""
    low, high = limits(options, name)
    return gr.Slider(**{"minimum": low, "maximum": high, "value": getattr(options, name), **properties})


def number(options: type, name: str) -> gr.Number:
    """An option that is a number, for programs."""
    return gr.Number(getattr(options, name))


def choice(options: type, name: str) -> gr.Dropdown:
    """An option that is one of several words, for programs."""
    return gr.Dropdown(list(offered(options, name)), value=getattr(options, name))


def model(task: str) -> gr.Dropdown:
    """The model, for programs."""
    names = [record.name for record in registry.of_task(task)]
    return gr.Dropdown(names, value=names[0])


def still_offering(choices: Sequence[tuple[str, str]], value: Any, default: str = "") -> dict[str, Any]:
    """New choices of a dropdown, and the default where its value is none of them.

    Else the value is the browser's: what was sent from there may be older than what has been chosen by now.
    """
    if value in [name for _, name in choices]:
        return gr.update(choices=choices)
    return gr.update(choices=choices, value=default)


def offer(
    function: Callable[..., Any], api_name: str, answer: Mapping[str, str], **inputs: gr.components.Component
) -> None:
    """Offer an endpoint for programs, inside a hidden group: each input goes to the parameter of its name.

    ``answer`` says what its answer always has, as ``programs.described`` takes it.
    Raises ValueError where the names are not the parameters of ``function`` (beside ``request``).
    """
    names = [name for name in inspect.signature(function).parameters if name != "request"]
    if set(names) != set(inputs):
        raise ValueError(f"{api_name} takes {names}, not {list(inputs)}")
    for name, component in inputs.items():
        component.label = name
    programs.described(api_name, **answer)
    gr.Button().click(
        function,
        [inputs[name] for name in names],
        gr.JSON(label="result"),
        preprocess=False,  # the raw upload, because gradio's own reading answers a broken file before we can
        concurrency_id=events.MODELS,
        api_name=api_name,
        api_visibility="public",
    )
