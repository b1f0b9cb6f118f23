"""Ways through the page: the address follows a visitor and brings everything back; a picture goes from tab to tab.

All of it happens in the browser (``web/ways.js``): the server only says which fields a tab's address names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .i18n import LANGUAGES, text
from .style import web_file

if TYPE_CHECKING:
    import gradio as gr

LONGEST = 300
"""Characters of a text that an address holds; a longer one is left out of it."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}


class Ways:
    """What the tabs tell while they are laid out; ``connect`` then makes the events."""

    def __init__(self) -> None:
        self._pictures: dict[str, tuple[gr.Image, gr.HTML]] = {}

    def follow(
        self,
        tab: str,
        fields: Mapping[str, gr.components.Component],
        own: Sequence[Callable[..., Any]] = (),
        after: Any = None,
        fleeting: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Let the address name these fields, by the names given, where they are not at their defaults.

        ``own`` are the events by which a visitor brings something along instead of an example. ``after`` is the last
        event of the page's start that sets one of the fields; then a link's values are put in and its example is
        pressed. Without it a link's values are the tab's own business. ``fleeting`` are values that no link could bring
        back, by the field's name: they last as long as a visit.
        """
        import gradio as gr

        told = json.dumps(
            [[name, {**_kind(field), "fleeting": fleeting.get(name)}, field.value] for name, field in fields.items()]
        )
        names = json.dumps(tab)
        watched: list[Any] = list(fields.values())
        gr.on(
            [field.change for field in watched],
            None,
            list(fields.values()),
            None,
            js=f"(...values) => {{ window.mmcore.ways.put({names}, {told}, values); }}",
            **QUIET,
        )
        if own:
            gr.on(list(own), None, None, None, js=f"() => {{ window.mmcore.ways.own({names}); }}", **QUIET)
        if after is not None:
            set_here = [field for name, field in fields.items() if name != "model"]
            kinds = json.dumps([one for one in json.loads(told) if one[0] != "model"])
            restore = f"() => window.mmcore.ways.restore({names}, {kinds})"
            act = f"(...values) => {{ window.mmcore.ways.act({names}, {told}, values); }}"
            for begin in (after.then, refill_button(tab).click):
                restored = begin(None, None, set_here, js=restore, **QUIET)
                restored.then(None, list(fields.values()), None, js=act, **QUIET)

    def carry(self, tab: str, picture: gr.Image) -> None:
        """Lay out the row that takes ``picture`` to other tabs; it shows while there is one."""
        import gradio as gr

        row = gr.HTML(
            carrying(tab),
            js_on_load=web_file("carry.js"),
            elem_id=f"mm-{tab}-carry",
            elem_classes="mm-carry",
        )
        self._pictures[tab] = (picture, row)

    def connect(self, tabs: gr.Tabs) -> None:
        """Make the events of what was told."""
        tabs.change(None, None, None, js="() => { window.mmcore.ways.moved(); }", **QUIET)
        order = json.dumps(list(self._pictures))
        pictures = [picture for picture, _ in self._pictures.values()]
        for picture, row in self._pictures.values():
            gone = row.select(
                None, picture, [*pictures, tabs], js=f"(picture) => window.mmcore.ways.carry(picture, {order})", **QUIET
            )
            gone.then(None, None, None, js="() => { window.mmcore.ways.carried(); }", **QUIET)


def refill_button(tab: str) -> gr.Button:
    """What the script presses to fill a tab by its address once more: the page was reloaded, and somebody goes back."""
    import gradio as gr

    return gr.Button(visible="hidden", elem_id=f"mm-{tab}-refill")


PLACES = ("captioning", "retrieval", "sentiment", "ask")
"""Tabs that a picture can be carried to, in the order of the buttons."""


def carrying(tab: str) -> str:
    """The buttons of a tab's row, named in every language; the style sheet shows the page's."""
    buttons = "".join(
        f'<button type="button" class="mm-action" data-carry="{place}">{both(f"text.carry.{place}")}</button>'
        for place in PLACES
        if place != tab
    )
    return f'<div class="mm-carries"><p>{both("text.carry")}</p>{buttons}</div>'


def both(key: str) -> str:
    """A text in every language, of which the style sheet shows the page's."""
    return "".join(f'<span lang="{code}">{escape(text(code, key))}</span>' for code in LANGUAGES)


def _kind(field: gr.components.Component) -> dict[str, Any]:
    """What values a field takes, for the script that reads them from an address."""
    choices = getattr(field, "choices", None)
    value = getattr(field, "value", None)
    if choices is not None:
        return {"choices": [value for _, value in choices], "many": isinstance(value, list)}
    if isinstance(value, bool):
        return {"flag": True}
    if isinstance(value, int | float):
        return {"least": getattr(field, "minimum", None), "most": getattr(field, "maximum", None)}
    return {"longest": LONGEST}
