"""What Python has filled in is filled in anew when the visitor switches the language: all tabs' parts by one request.

A request for each part would cost the browser more than the translation: gradio's page looks through all of its parts
for every event that begins or ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import gradio as gr

logger = logging.getLogger(__name__)


class _Part(NamedTuple):
    """Some components, and how they are filled."""

    function: Callable[..., Any]
    inputs: Sequence[gr.components.Component]
    outputs: Sequence[gr.blocks.Block]


class Translations:
    """What the tabs tell while they are laid out; ``connect`` then makes the event."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def add(
        self,
        function: Callable[..., Any],
        inputs: Sequence[gr.components.Component],
        outputs: Sequence[gr.blocks.Block],
    ) -> None:
        """Let a switch of the language put ``function(*values of inputs, language)`` into ``outputs``.

        For what is there already and needs no model: everything waits for it. The values are as the browser sends
        them, not preprocessed. Only what depends on the language should be put in: while the request is under way the
        visitor may choose another value, which then must stay (``fields.still_offering``).
        Raises ValueError for an output that another function fills.
        """
        if twice := set(outputs).intersection(self.outputs):
            raise ValueError(f"{twice} are translated twice")
        self._parts.append(_Part(function, inputs, outputs))

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What the functions take, each once."""
        return list(dict.fromkeys(one for part in self._parts for one in part.inputs))

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """What they fill."""
        return [output for part in self._parts for output in part.outputs]

    def fill(self, *values: Any) -> list[Any]:
        """The values of ``outputs``, from those of ``inputs`` and the language."""
        given, language = dict(zip(self.inputs, values[:-1], strict=True)), str(values[-1])
        return [value for part in self._parts for value in _filled(part, given, language)]

    def connect(self, language: gr.Radio) -> None:
        """Make the event of what was told."""
        language.change(
            self.fill,
            [*self.inputs, language],
            self.outputs,
            preprocess=False,  # a value that is offered no more must not stop the others
            show_progress="hidden",
            queue=False,
            api_name="translate",
            api_visibility="private",
        )


def _filled(part: _Part, given: dict[gr.components.Component, Any], language: str) -> Sequence[Any]:
    """The values of the part's outputs; where its function fails they stay as they are, and the other parts do not."""
    import gradio as gr

    try:
        value = part.function(*(given[one] for one in part.inputs), language)
    except Exception:
        logger.exception("%s was not translated", [getattr(one, "elem_id", None) or one for one in part.outputs])
        return [gr.skip() for _ in part.outputs]
    values = [value] if len(part.outputs) == 1 else list(value)
    if len(values) != len(part.outputs):
        raise ValueError(f"{part.function} gives {len(values)} values for {len(part.outputs)} components")
    return values
