"""Result -> what the page shows. Pure functions: plain values in, HTML out, nothing remembered.

Heat maps travel inside the HTML as small pictures, one a word, so that pointing at a word needs no answer from the
server; ``web/answer.js`` swaps them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from PIL import Image

from mmcore.io.tag_names import tag_text
from mmcore.results import Caption, CaptionResult, Tag

from ..ui import text_boxes
from ..ui.colours import data_uri, heat_image, shrink
from ..ui.events import Failure
from ..ui.html import empty, foot, legend, percent, problem, score_bar
from ..ui.i18n import escaped as _t
from ..ui.i18n import text

_LITTLE = """a an and are as at be by close for from has have his her in into is it its of on or over several some that
the their there through to top two up very while who with"""
_LITTLE_CHINESE = "的 了 着 在 正 正在 和 有 是 把 被 上 下 里 中 一 一个 一只 一名 一位 两个 两只 几个 个 只 名 一群"
FUNCTION_WORDS = frozenset((*_LITTLE.split(), *_LITTLE_CHINESE.split()))
"""Words that hold a sentence together and name nothing that could be pointed at."""
TAGS_SHOWN = 4
"""How many recognised things are named beside a caption that the model doubts."""
UNRANKED = "unranked"
"""Beside the decodings: beam search whose candidates are not put in order by the picture's own encoder and tagger."""
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
    decoding: str = ""
    """How it was decoded, where that is not as usual."""


def answer_of(result: CaptionResult, image: Image.Image) -> Answer:
    """Keep of a picture what the panel needs."""
    small = shrink(image)
    return Answer(result, data_uri(small, "JPEG"), small.size)


def panel(content: Answer | Failure | None, language: str) -> str:
    """The right side of the captioning tab: an answer, an error, or the hint that one will come."""
    if content is None:
        return empty(language, "text.answer_empty")
    if isinstance(content, Failure):
        return problem(content, language)
    result = content.result
    # Drawing may draw one sentence several times; it is shown once, where it stood first.
    first: dict[str, Caption] = {}
    for one in result.captions:
        first.setdefault(one.text, one)
    captions = tuple(first.values())
    decoded: tuple[tuple[str, str], ...] = ()
    if content.decoding:
        decoded = ((text(language, "ui.decoding"), decoding_title(content.decoding, language)),)
    explained = any(caption.maps is not None for caption in result.captions)
    parts = [
        *(_caption(caption, index, content, language) for index, caption in enumerate(captions)),
        _doubt(result.tags, language) if not result.confident else "",
        foot(result.model, result.device, result.seconds, result.to_dict(), "caption.json", language, decoded),
        "" if result.reads is None else text_boxes.reading(result.reads.lines, content.picture, content.size, language),
        "" if result.phrases is None else text_boxes.grounding(result.phrases, content.picture, content.size, language),
        _why(content, language) if explained else "",
        _alternatives(captions, language) if len(captions) > 1 else "",
    ]
    return f'<section class="mm-answer" aria-label="{_t(language, "text.answer")}">{"".join(parts)}</section>'


def decoding_title(way: str, language: str) -> str:
    """What a way of decoding is called."""
    return text(language, f"text.compare.{UNRANKED}" if way == UNRANKED else f"ui.decoding.{way}")


def first_view(content: Answer | None, language: str) -> str:
    """What stands under the hint while nothing is chosen: a finished answer, called an example."""
    if content is None:
        return ""
    return f'<p class="mm-hint mm-first-hint">{_t(language, "text.first")}</p>{panel(content, language)}'


def _caption(caption: Caption, index: int, answer: Answer, language: str) -> str:
    told = _most_telling(caption)
    words = "".join(
        _word(caption, position, position == told, answer, language) for position in range(len(caption.words))
    )
    hidden = " hidden" if index else ""
    faint = "" if answer.result.confident else " mm-faint"
    plain = escape(caption.text, quote=True)
    # Its own language, whatever the page's is.
    return (
        f'<p class="mm-caption{faint}" lang="{caption.language}" data-caption="{index}" data-text="{plain}"{hidden}>'
        f"{words or escape(caption.text)}</p>"
    )


def _word(caption: Caption, position: int, first: bool, answer: Answer, language: str) -> str:
    word = caption.words[position]
    shown = escape(word.text)
    if not any(letter.isalnum() for letter in word.text):
        return f"<span>{shown}</span>"
    space = " " if position and caption.language != "zh" else ""
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
    names = text(language, "text.list_separator").join(
        f"{tag_text(language, tag.text)} ({percent(tag.probability)})" for tag in seen
    )
    return f'<p class="mm-doubt">{_t(language, "text.unsure_recognise", things=names)}</p>'


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


def _fit(caption: Caption, best: float | None, language: str) -> str:
    """The figure that decides the order, as a part of the first one's; a model's own sureness where that does."""
    if best is None or caption.rank is None:
        return score_bar(caption.score)
    share = math.exp(min(caption.rank - best, 0.0))
    said = _t(language, "text.alternatives_fit", share=f"{share:.2f}")
    return f'<span class="mm-fit" title="{said}">{score_bar(share)}<small>{share:.2f}</small></span>'


def _alternatives(captions: tuple[Caption, ...], language: str) -> str:
    best = captions[0].rank
    falling = all(one.score >= two.score for one, two in pairwise(captions))
    rows = "".join(
        f'<li><button type="button" data-show="{index}" aria-pressed="{str(index == 0).lower()}" '
        f'lang="{caption.language}">{escape(caption.text)}</button>{_fit(caption, best, language)}'
        f'<span title="{_t(language, "text.alternatives_sure")}">{percent(caption.score)}</span></li>'
        for index, caption in enumerate(captions)
    )
    by_score = "text.alternatives_score" if falling else "text.alternatives_search"
    key = by_score if best is None else "text.alternatives_hint"
    title, hint = _t(language, "text.alternatives"), _t(language, key)
    return f'<div class="mm-alternatives"><h3>{title}</h3><p class="mm-hint">{hint}</p><ol>{rows}</ol></div>'
