"""Result -> what the page shows. Pure functions: plain values in, HTML out, nothing remembered.

Heat maps travel inside the HTML as small pictures, one a word, so that pointing at a word needs no answer from the
server; ``web/answer.js`` swaps them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from mmcore.checkpoints import registry
from mmcore.errors import UnknownNameError
from mmcore.results import Caption, CaptionResult, Tag

from ..ui.colours import css_gradient, data_uri, heat_image, shrink
from ..ui.events import Failure
from ..ui.examples import Example
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from ..ui.notices import notice_list

Facts: TypeAlias = "Iterable[tuple[str, str]]"
"""(what it is, what it says)."""

_LITTLE = """a an and are as at be by close for from has have his her in into is it its of on or over several some that
the their there through to top two up very while who with"""
FUNCTION_WORDS = frozenset(_LITTLE.split())
"""Words that hold a sentence together and name nothing that could be pointed at."""
TAGS_SHOWN = 4
"""How many recognised things are named beside a caption that the model doubts."""
TAG_FLOOR = 0.05
"""Things less probable than this are not named, unless nothing else is left."""


@dataclass(frozen=True)
class Answer:
    """A result and the picture it is about, ready to be shown in any language."""

    result: CaptionResult
    picture: str
    """data: address of the picture, upright and small."""
    size: tuple[int, int]
    """Width and height of that small picture in pixels."""


def answer_of(result: CaptionResult, image: Image.Image) -> Answer:
    """Keep of a picture what the panel needs."""
    small = shrink(image)
    return Answer(result, data_uri(small, "JPEG"), small.size)


def percent(share: float) -> str:
    """0.834 -> "83 %"; never "0 %" for something that is possible, nor "100 %" for what is not certain."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 < share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def empty(language: str, key: str) -> str:
    """Where an answer will be: the hint of that key."""
    return f'<div class="mm-empty">{escape(text(language, key))}</div>'


def problem(failure: Failure, language: str) -> str:
    """An error where the answer would be."""
    title = escape(text(language, "text.error_title"))
    return f'<div class="mm-error" role="alert"><strong>{title}</strong> {escape(failure.message(language))}</div>'


def panel(content: Answer | Failure | None, language: str) -> str:
    """The right side of the captioning tab: an answer, an error, or the hint that one will come."""
    if content is None:
        return empty(language, "text.answer_empty")
    if isinstance(content, Failure):
        return problem(content, language)
    result = content.result
    explained = any(caption.maps is not None for caption in result.captions)
    parts = [
        *(_caption(caption, index, content, language) for index, caption in enumerate(result.captions)),
        _doubt(result.tags, language) if not result.confident else "",
        foot(result.model, result.device, result.seconds, result.to_dict(), "caption.json", language),
        _why(content, language) if explained else "",
        _alternatives(result.captions, language) if len(result.captions) > 1 else "",
    ]
    return f'<section class="mm-answer" aria-label="{_t(language, "text.answer")}">{"".join(parts)}</section>'


def _caption(caption: Caption, index: int, answer: Answer, language: str) -> str:
    told = _most_telling(caption)
    words = "".join(
        _word(caption, position, position == told, answer, language) for position in range(len(caption.words))
    )
    hidden = " hidden" if index else ""
    faint = "" if answer.result.confident else " mm-faint"
    plain = escape(caption.text, quote=True)
    # Every model of this task writes English, whatever language the page has.
    return (
        f'<p class="mm-caption{faint}" lang="en" data-caption="{index}" data-text="{plain}"{hidden}>'
        f"{words or escape(caption.text)}</p>"
    )


def _word(caption: Caption, position: int, first: bool, answer: Answer, language: str) -> str:
    word = caption.words[position]
    shown = escape(word.text)
    if not any(letter.isalnum() for letter in word.text):
        return f"<span>{shown}</span>"
    space = " " if position else ""
    if caption.maps is None:
        title = _t(language, "text.word_probability", word=word.text, probability=percent(word.probability))
        return f'{space}<span class="mm-word" style="--p:{word.probability:.3f}" title="{title}">{shown}</span>'
    readout = _t(language, "text.word_readout", word=word.text, probability=percent(word.probability))
    overlay = data_uri(heat_image(caption.maps[position], *answer.size), "PNG")
    return (
        f'{space}<button type="button" class="mm-word" style="--p:{word.probability:.3f}" aria-pressed="false" '
        f'data-map="{overlay}" data-readout="{readout}"{" data-first" if first else ""}>{shown}</button>'
    )


def _most_telling(caption: Caption) -> int | None:
    """The word whose map is the most concentrated (lowest entropy), not counting "a", "of", "is": shown first."""
    if caption.maps is None or not caption.words:
        return None
    shares = caption.maps.reshape(len(caption.maps), -1)
    entropies = -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1)
    sayable = np.array([any(letter.isalnum() for letter in word.text) for word in caption.words])
    naming = sayable & np.array([word.text.lower() not in FUNCTION_WORDS for word in caption.words])
    return int(np.argmin(np.where(naming if naming.any() else sayable, entropies, np.inf)))


def _doubt(tags: tuple[Tag, ...], language: str) -> str:
    seen = [tag for tag in tags if tag.probability >= TAG_FLOOR][:TAGS_SHOWN] or list(tags[:1])
    if not seen:
        return f'<p class="mm-doubt">{_t(language, "text.unsure")}</p>'
    names = text(language, "text.list_separator").join(f"{tag.text} ({percent(tag.probability)})" for tag in seen)
    return f'<p class="mm-doubt">{_t(language, "text.unsure_recognise", things=names)}</p>'


def score_bar(score: float) -> str:
    """A score of 0-1 as the length of a bar."""
    return f'<span class="mm-score"><i style="width:{score * 100:.1f}%"></i></span>'


def chips(items: Facts) -> str:
    """A row of small facts: (what it is, for screen readers and on hover; what it says)."""
    cells = "".join(
        f'<li title="{escape(name, quote=True)}"><span class="mm-sr">{escape(name)}: </span>{escape(value)}</li>'
        for name, value in items
    )
    return f'<ul class="mm-chips">{cells}</ul>'


def device_name(device: str) -> str:
    """ "cpu" -> "CPU", "cuda:0" -> "GPU (cuda:0)"."""
    return "CPU" if device == "cpu" else f"GPU ({device})"


def seconds_text(seconds: float) -> str:
    """Two digits that mean something: "0.043 s", "1.2 s", "34 s"."""
    return f"{seconds:.3f} s" if seconds < 0.1 else f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def download_link(label: str, file_name: str, media_type: str, content: str) -> str:
    """A link that saves ``content`` as a file; it carries the content, so the server keeps no file."""
    data = base64.b64encode(content.encode("utf-8")).decode("ascii")
    address = f"data:{media_type};charset=utf-8;base64,{data}"
    return f'<a class="mm-action" download="{escape(file_name, quote=True)}" href="{address}">{escape(label)}</a>'


def foot(
    model_name: str, device: str, seconds: float, saved: dict[str, Any], file_name: str, language: str, more: Facts = ()
) -> str:
    """Under an answer: what was not read, chips with what made it (and ``more`` of them), copy and download.

    ``saved`` is the result's ``to_dict()``.
    """
    try:
        checkpoint = registry.find(model_name)
        model, tier = checkpoint.title, text(language, f"text.tier.{checkpoint.tier}")
    except UnknownNameError:  # a model that a developer put into the pool
        model, tier = model_name, ""
    facts = [
        (text(language, "text.chip.model"), model),
        (text(language, "text.chip.tier"), tier),
        (text(language, "text.chip.device"), device_name(device)),
        (text(language, "text.chip.time"), seconds_text(seconds)),
        *more,
    ]
    content = json.dumps(saved, ensure_ascii=False, indent=2)
    copied = _t(language, "text.copied")
    actions = (
        f'<button type="button" class="mm-action" data-copy data-done="{copied}">{_t(language, "text.copy")}</button>'
        + download_link(text(language, "text.download_json"), file_name, "application/json", content)
    )
    shown = chips(fact for fact in facts if fact[1])
    unread = notice_list(saved, language)
    return f'{unread}<div class="mm-foot">{shown}<div class="mm-actions">{actions}</div></div>'


def legend(language: str) -> str:
    """What the colours of a heat map mean."""
    low, high = _t(language, "text.legend_low"), _t(language, "text.legend_high")
    bar = f'<span class="mm-bar" style="background:{css_gradient()}"></span>'
    return f'<div class="mm-legend"><span>{low}</span>{bar}<span>{high}</span></div>'


def _why(answer: Answer, language: str) -> str:
    width, height = answer.size
    idle = _t(language, "text.readout_idle")
    best = escape(answer.result.captions[0].text, quote=True)
    return (
        f'<details class="mm-why" open><summary>{_t(language, "text.why")}</summary>'
        f'<p class="mm-hint">{_t(language, "text.why_hint")}</p>'
        f'<figure><div class="mm-stage" style="aspect-ratio:{width}/{height};--ratio:{width / height:.4f}">'
        f'<img src="{answer.picture}" alt="{best}" width="{width}" height="{height}">'
        f'<img class="mm-overlay" alt="" hidden></div>'
        f'<figcaption><p class="mm-readout" aria-live="polite" data-idle="{idle}">{idle}</p>'
        f"{legend(language)}</figcaption></figure></details>"
    )


def _alternatives(captions: tuple[Caption, ...], language: str) -> str:
    rows = "".join(
        f'<li><button type="button" data-show="{index}" aria-pressed="{str(index == 0).lower()}" lang="en">'
        f"{escape(caption.text)}</button>{score_bar(caption.score)}"
        f"<span>{percent(caption.score)}</span></li>"
        for index, caption in enumerate(captions)
    )
    title, hint = _t(language, "text.alternatives"), _t(language, "text.alternatives_hint")
    return f'<div class="mm-alternatives"><h3>{title}</h3><p class="mm-hint">{hint}</p><ol>{rows}</ol></div>'


def credits_list(pictures: Iterable[Example]) -> str:
    """Who made the example pictures, and under which licence we show them."""
    rows = "".join(
        f"<li><cite>{escape(item.title)}</cite>, {escape(item.author)}, {escape(item.licence)} "
        f"<span>({escape(item.source)})</span></li>"
        for item in pictures
    )
    return f'<ul class="mm-credits">{rows}</ul>'
