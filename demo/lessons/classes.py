"""What a class adds to a lesson: a place for its code, the bars of its votes, the board. ``web/classroom.js`` asks."""

from __future__ import annotations

from html import escape

from ..lab import view
from ..ui import class_board
from ..ui.i18n import escaped as _t
from ..ui.i18n import texts
from ..ui.rooms import HIDEABLE, LENGTH

TYPED = 2 * LENGTH
"""Characters that the field of a code takes: people write hyphens and spaces."""


def _pattern(language: str, name: str) -> str:
    """A text whose fields the script fills in."""
    return escape(texts(language)[f"lessons.class.{name}"], quote=True)


def panel(language: str) -> str:
    """Join a class by its code, or what holds in the class that was joined."""
    return (
        f'<form class="mm-room" data-class="out"><label>{_t(language, "lessons.class.code")} '
        f'<input class="mm-typed" data-class-code maxlength="{TYPED}" autocomplete="off" autocapitalize="characters" '
        f'spellcheck="false" size="{LENGTH + 2}"></label> '
        f'<button type="submit" class="mm-action">{_t(language, "lessons.class.join")}</button></form>'
        f'<p class="mm-room" data-class="in" hidden><span data-class-said="{_pattern(language, "in")}" '
        f'data-class-alone="{_pattern(language, "mine")}"></span> '
        f'<button type="button" class="mm-action" data-class-leave>{_t(language, "lessons.class.leave")}</button></p>'
        f'<p class="mm-class-problem" role="status" data-class-problem></p>'
    )


def tally(language: str) -> str:
    """The bar inside a choice, seen in a class only."""
    return f'<span class="mm-tally" hidden data-words="{_pattern(language, "votes")}"><i></i><b></b></span>'


def voted(kind: str, language: str) -> str:
    """How many have voted; who opened the class may see the bars before the answer."""
    said = _pattern(language, "voted")
    return (
        f'<p class="mm-voted" hidden data-voted="{kind}"><span data-words="{said}"></span> '
        f'<button type="button" class="mm-action" data-bars="{kind}" aria-pressed="false" hidden>'
        f"{_t(language, 'lessons.class.bars')}</button></p>"
    )


def opening(language: str) -> str:
    """On the page for teachers: open a class, choose what it hides, end it."""
    boxes = "".join(
        f'<label class="mm-check-line"><input type="checkbox" data-hide="{name}"> '
        f"{_t(language, f'lessons.class.hide.{name}')}</label>"
        for name in HIDEABLE
    )
    return (
        f'<section class="mm-opening"><h3>{_t(language, "lessons.class.title")}</h3>'
        f"<p>{_t(language, 'lessons.class.about')}</p>"
        f"<fieldset><legend>{_t(language, 'lessons.class.hides')}</legend>{boxes}</fieldset>"
        f'<p class="mm-row"><button type="button" class="mm-action" data-class-open>'
        f"{_t(language, 'lessons.class.open')}</button></p>"
        f'<div data-class-mine hidden><p class="mm-class-big"><output data-class-big></output></p>'
        f"<p>{_t(language, 'lessons.class.address')} <code data-class-link></code></p>"
        f'<p data-class-left="{_pattern(language, "left")}"></p><p class="mm-row">'
        f'<button type="button" class="mm-action" data-class-clear="votes">'
        f"{_t(language, 'lessons.class.clear')}</button>"
        f'<button type="button" class="mm-action" data-class-clear="board">'
        f"{_t(language, 'lessons.class.clear_board')}</button>"
        f'<button type="button" class="mm-action" data-class-close>{_t(language, "lessons.class.close")}</button></p>'
        f"</div>{class_board.board(view.board_names(language), language)}"
        f"<p>{_t(language, 'lessons.class.kept')}</p></section>"
    )
