"""A conversation -> what the page shows: questions and answers, each part with its source and its map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from mmcore.results import AnswerPart, AskResult

from ..ui.colours import data_uri, heat_image, shrink
from ..ui.events import Failure
from ..ui.html import empty, foot, legend, notice, problem
from ..ui.i18n import escaped as _t
from ..ui.i18n import text

SIDE = 480
"""Pixels of the longer side of a picture under a map."""


@dataclass(frozen=True)
class Exchange:
    """A question with its answer, and of its pictures what maps are laid over."""

    result: AskResult
    pictures: tuple[str, ...]
    """data: addresses, small; none where there is no map."""
    sizes: tuple[tuple[int, int], ...]


def suggestions(keys: Sequence[str], language: str) -> str:
    """The example questions as buttons."""
    chips = "".join(
        f'<button type="button" data-index="{place}">{_t(language, f"text.ask.example.{key}")}</button>'
        for place, key in enumerate(keys)
    )
    return f'<div class="mm-examples">{chips}</div>'


def exchange_of(result: AskResult, images: Sequence[Image.Image]) -> Exchange:
    """Keep of the pictures what the panel needs."""
    if all(part.map is None for part in result.parts):
        return Exchange(result, (), ())
    small = [shrink(image, SIDE) for image in images]
    return Exchange(result, tuple(data_uri(one, "JPEG") for one in small), tuple(one.size for one in small))


def panel(
    exchanges: Sequence[Exchange],
    language: str,
    *,
    question: str = "",
    writing: str = "",
    failed: Failure | None = None,
) -> str:
    """The conversation, and at its end the question that is being answered, or what went wrong with it."""
    turns = [_turn(one, last=place == len(exchanges) - 1 and not question, language=language)
             for place, one in enumerate(exchanges)]  # fmt: skip
    if question:
        said = escape(writing) if writing else f'<span class="mm-waiting">{_t(language, "text.waiting")}</span>'
        if failed is not None:
            said = _failed(failed, language)
        turns.append(f'{_question(question, language)}<div class="mm-answered" role="status">{said}</div>')
    elif failed is not None:
        turns.append(_failed(failed, language))
    if not turns:
        return empty(language, "text.ask.empty")
    label = _t(language, "text.ask.conversation")
    return f'<section class="mm-answer mm-talk" aria-label="{label}" aria-live="polite">{"".join(turns)}</section>'


def _failed(failed: Failure, language: str) -> str:
    return notice(text(language, "text.ask.stopped")) if failed.stopped else problem(failed, language)


def _question(question: str, language: str) -> str:
    who = _t(language, "text.ask.you")
    return f'<p class="mm-asked"><span class="mm-sr">{who} </span>{escape(question)}</p>'


def _turn(exchange: Exchange, *, last: bool, language: str) -> str:
    result = exchange.result
    spoken = _spoken(result)
    if result.parts:
        said = "".join(_part(part, exchange, spoken, language) for part in result.parts)
        said = f'<ul class="mm-parts">{said}</ul>'
    else:
        said = f'<p class="mm-words">{escape(result.answer)}</p>'
        said += "" if result.complete else f'<p class="mm-hint">{_t(language, "text.ask.cut_off")}</p>'
    end = foot(result.model, result.device, result.seconds, result.to_dict(), "answer.json", language) if last else ""
    words = escape(result.answer, quote=True)
    return f'{_question(result.question, language)}<div class="mm-answered" data-text="{words}">{said}</div>{end}'


def _spoken(result: AskResult) -> str:
    """The language of a composed answer: that in which its parts give the answer."""
    return next((code for code in ("en", "zh") if result.answer.startswith(result.parts[0].text(code))), "en") \
        if result.parts else "en"  # fmt: skip


def _part(part: AnswerPart, exchange: Exchange, spoken: str, language: str) -> str:
    source = _t(language, f"text.ask.source.{part.source}")
    refusing = " mm-refusing" if part.refuses else ""
    chip = f'<span class="mm-origin">{source}</span>'
    said = f'<p lang="{spoken}">{escape(part.text(spoken))}</p>'
    return (
        f'<li class="mm-part{refusing}" data-source="{part.source}">{said}{chip}{_map(part, exchange, language)}</li>'
    )


def _map(part: AnswerPart, exchange: Exchange, language: str) -> str:
    if part.map is None:
        return ""
    place = max(part.picture - 1, 0)
    width, height = exchange.sizes[place]
    overlay = data_uri(heat_image(part.map, width, height), "PNG")
    alt = _t(language, "text.ask.map_alt")
    return (
        f'<details class="mm-where"><summary>{_t(language, "text.ask.where")}</summary>'
        f'<div class="mm-stage" style="aspect-ratio:{width}/{height};--ratio:{width / height:.4f}">'
        f'<img src="{exchange.pictures[place]}" alt="" width="{width}" height="{height}">'
        f'<img class="mm-overlay" src="{overlay}" alt="{alt}"></div>{legend(language)}</details>'
    )
