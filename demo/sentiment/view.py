"""Sentiment result -> what the page shows. Pure functions, like render.py.

Negative is blue, neutral grey, positive orange, always in this order and with words or figures beside the colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from mmcore.results import (
    FUSIONS,
    SENTIMENTS,
    Explanation,
    SentimentResult,
    SentimentScores,
    SpokenPart,
    WordContribution,
)
from mmcore.results.ocr import one_line
from mmcore.types import Floats

from ..ui.colours import data_uri, shrink
from ..ui.events import Failure
from ..ui.html import empty, foot, percent, problem
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from .heat_maps import class_map, push_legend, push_map, word_map

STRONG = 0.25
"""A push of this size in valence gives a word or region its full colour, unless another of the same answer is stronger:
one scale for both, so that colours can be compared, and what hardly moved the answer stays pale."""


@dataclass(frozen=True)
class Judged:
    """A result with the post it is about, ready to be shown in any language."""

    result: SentimentResult
    picture: str
    """data: address of the picture, upright and small; "" without one."""
    size: tuple[int, int]
    """Width and height of that small picture in pixels."""
    head: str = ""
    """Title of the fusion of the visitor's own that gave the answer."""


def judged(result: SentimentResult, image: Image.Image | None, head: str = "") -> Judged:
    """Keep of a post what the panel needs."""
    if image is None:
        return Judged(result, "", (1, 1), head)
    small = shrink(image)
    return Judged(result, data_uri(small, "JPEG"), small.size, head)


def panel(content: Judged | Failure | None, language: str) -> str:
    """The right side of the tab: an answer, an error, or the hint that one will come."""
    if content is None:
        return empty(language, "text.sentiment.empty")
    if isinstance(content, Failure):
        return problem(content, language)
    result = content.result
    fusion = text(language, "text.sentiment.chip.fusion"), content.head or fusion_title(result.fusion, language)
    parts = (
        _verdict(result, language),
        _rows(content, language),
        _besides(result, language),
        _interaction(result, language),
        _gate(result, language),
        foot(result.model, result.device, result.seconds, result.to_dict(), "sentiment.json", language, [fusion]),
        _why(content, language),
        _fusions(content, language),
    )
    # answer.js finds what to copy, and the word whose map comes first, in what is called a caption.
    summary = escape(bar_text(result.scores, label_name(result.label, language), language), quote=True)
    return (
        f'<section class="mm-answer" aria-label="{_t(language, "text.sentiment.answer")}">'
        f'<div class="mm-caption mm-whole" data-text="{summary}">{"".join(parts)}</div></section>'
    )


def fusion_title(name: str, language: str) -> str:
    """The name of a fusion in that language; a name of one's own as it is."""
    return text(language, f"text.sentiment.fusion.{name}") if name in FUSIONS else name


def label_name(label: str, language: str) -> str:
    """ "negative" in that language."""
    return text(language, f"text.sentiment.label.{label}")


def interaction_key(result: SentimentResult) -> str:
    """The word for the interaction; "complement" has two: one for agreement, one for what is new together."""
    labels = {one.label for one in (result.text, result.image, result.scores) if one is not None}
    return "agreement" if result.interaction == "complement" and len(labels) == 1 else result.interaction or ""


def bar_text(scores: SentimentScores, row: str, language: str) -> str:
    """Three probabilities in words; ``row`` says of what."""
    shares = {name: percent(getattr(scores, name)) for name in SENTIMENTS}
    return text(language, "text.sentiment.bar", row=row, **shares)


def bar(scores: SentimentScores, row: str, language: str) -> str:
    """Three probabilities as one bar of three parts; ``row`` says of what."""
    shares = {name: getattr(scores, name) for name in SENTIMENTS}
    said = bar_text(scores, row, language)
    parts = "".join(
        f'<i class="mm-{name}" style="flex-grow:{share:.4f}">{percent(share) if share >= 0.12 else ""}</i>'
        for name, share in shares.items()
    )
    return f'<span class="mm-shares" role="img" title="{escape(said)}" aria-label="{escape(said)}">{parts}</span>'


def push_text(push: float) -> str:
    """0.213 -> "+0.21", with a real minus sign."""
    return f"{push:+.2f}".replace("-", "−")


def _verdict(result: SentimentResult, language: str) -> str:
    label = result.label
    sure = _t(language, "text.sentiment.sure", probability=percent(getattr(result.scores, label)))
    name = escape(label_name(label, language))
    return f'<p class="mm-verdict"><b class="mm-{label}">{name}</b> <span>{sure}</span></p>'


def _rows(content: Judged, language: str) -> str:
    result = content.result
    rows = []
    for name, scores in (("text", result.text), ("image", result.image), ("together", result.scores)):
        title = text(language, f"text.sentiment.row.{name}")
        if scores is not None:
            shown = bar(scores, title, language)
            said = label_name(scores.label, language)
        else:
            unread = name == "image" and bool(content.picture)
            why = "text.sentiment.unread.image" if unread else f"text.sentiment.missing.{name}"
            shown, said = f'<span class="mm-hint">{_t(language, why)}</span>', ""
        strong = " class=mm-together" if name == "together" else ""
        rows.append(f"<tr{strong}><th scope=row>{escape(title)}</th><td>{shown}</td><td>{escape(said)}</td></tr>")
    return f'<table class="mm-sentiments"><tbody>{"".join(rows)}</tbody></table>'


def _besides(result: SentimentResult, language: str) -> str:
    """What was judged beside the typed text: what stands in the picture, what is said; and how it is said."""
    rows = []
    if result.reads is not None:
        read = (
            f"<q>{escape(one_line(result.reads.lines))}</q>" if result.reads.lines else _t(language, "text.reads_none")
        )
        rows.append((_t(language, "text.reads"), read))
    if result.spoken is not None:
        said = f"<q>{escape(result.spoken.transcript.text)}</q>"
        rows.append((_t(language, "text.sentiment.spoken"), said))
        rows.append((_t(language, "text.sentiment.voice"), _voice(result.spoken, language)))
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<dl class="mm-besides">{told}</dl>' if rows else ""


def _voice(spoken: SpokenPart, language: str) -> str:
    voice, rate = spoken.voice, spoken.words_a_minute
    facts = [_t(language, "text.sentiment.voice.level", level=f"{voice.level:.0f}", range=f"{voice.level_range:.0f}")]
    if voice.pitch is not None and voice.semitones is not None:
        low, middle, high = (f"{one:.0f}" for one in voice.pitch)
        facts.append(
            _t(
                language,
                "text.sentiment.voice.pitch",
                **{"low": low, "middle": middle, "high": high, "semitones": f"{voice.semitones:.0f}"},
            )
        )
    if rate is not None:
        facts.append(_t(language, "text.sentiment.voice.rate", rate=f"{rate:.0f}"))
    not_judged = f'<span class="mm-hint">{_t(language, "text.sentiment.voice.not_judged")}</span>'
    return "; ".join(facts).replace("-", "\u2212") + ". " + not_judged


def _interaction(result: SentimentResult, language: str) -> str:
    if result.interaction is None:
        return ""
    key = interaction_key(result)
    name, means = (_t(language, f"text.sentiment.{part}.{key}") for part in ("interaction", "meaning"))
    follows = _t(language, f"text.sentiment.dominant.{result.dominant}") if result.dominant else ""
    return f'<p class="mm-interaction"><b>{name}</b> <span>{means} {follows}</span></p>'


def _gate(result: SentimentResult, language: str) -> str:
    if result.gate is None:
        return ""
    weights = {name: percent(weight) for name, weight in result.gate}
    said = _t(language, "text.sentiment.gate_bar", text=weights.get("text", "0 %"), image=weights.get("image", "0 %"))
    parts = "".join(f'<i class="mm-gate-{name}" style="flex-grow:{weight:.4f}"></i>' for name, weight in result.gate)
    return (
        f'<p class="mm-gate" title="{_t(language, "text.sentiment.gate_hint")}">'
        f"<b>{_t(language, 'text.sentiment.gate')}"
        f'</b> <span class="mm-shares" aria-hidden="true">{parts}</span> <span>{said}</span></p>'
    )


def _why(content: Judged, language: str) -> str:
    explained = content.result.explanation
    if explained is None or (not explained.words and explained.regions is None):
        return ""
    parts = [f'<details class="mm-why" open><summary>{_t(language, "text.sentiment.why")}</summary>']
    if explained.words:
        parts.append(f'<p class="mm-hint">{_t(language, "text.sentiment.why_words")}</p>')
    if explained.regions is not None:
        parts.append(f'<p class="mm-hint">{_t(language, "text.sentiment.why_regions")}</p>')
    parts.append('<div class="mm-post">')
    if explained.words:
        parts.append(f'<p class="mm-said">{_words(content, language)}</p>')
    if explained.regions is not None:
        parts.append(_map_buttons(content, language))
    parts.append("</div>")
    if content.picture and (explained.regions is not None or explained.attention is not None):
        parts.append(_stage(content, language))
    if explained.words:
        total = push_text(sum(word.valence for word in explained.words))
        parts.append(f'<p class="mm-hint">{_t(language, "text.sentiment.why_sum", words=total)}</p>')
    return "".join(parts) + "</details>"


def _pushes(regions: Floats) -> Floats:
    """What each region does to the valence: (rows, columns) of (rows, columns, 3)."""
    return regions[..., SENTIMENTS.index("positive")] - regions[..., SENTIMENTS.index("negative")]


def _full(explained: Explanation) -> float:
    """The push that gets the fullest colour, among words and regions alike."""
    regions = [] if explained.regions is None else [float(np.abs(_pushes(explained.regions)).max())]
    return max([abs(word.valence) for word in explained.words] + regions + [STRONG])


def _words(content: Judged, language: str) -> str:
    """The text with its words coloured by their push."""
    explained = content.result.explanation
    assert explained is not None
    scale = _full(explained)
    parts, end = [], 0
    for place, word in enumerate(explained.words):
        parts.append(escape(explained.text[end : word.start]))
        parts.append(_word(content, place, word, scale, language))
        end = word.end
    return "".join([*parts, escape(explained.text[end:])])


def _word(content: Judged, place: int, word: WordContribution, scale: float, language: str) -> str:
    explained = content.result.explanation
    assert explained is not None
    side = "positive" if word.valence > 0 else "negative"
    if abs(word.valence) < 0.005:
        told = text(language, "text.sentiment.word_even", word=word.text)
    else:
        direction = text(language, f"text.sentiment.direction.{side}")
        told = text(language, "text.sentiment.word", word=word.text, push=push_text(word.valence), direction=direction)
    pushes = {name: push_text(getattr(word, name)) for name in SENTIMENTS}
    detail = text(language, "text.sentiment.word_detail", word=word.text, **pushes)
    colour = f'style="--p:{min(abs(word.valence) / scale, 1):.3f}" title="{escape(told, quote=True)}"'
    shown = f"{escape(word.text)}<sub>{push_text(word.valence) if abs(word.valence) >= 0.05 else ''}</sub>"
    if explained.attention is None or not content.picture:
        return f'<span class="mm-push mm-{side}" {colour}>{shown}</span>'
    overlay = word_map(explained.attention[place], content.size)
    looks = text(language, "text.sentiment.word_attention", word=word.text)
    readout = escape(f"{looks} {detail}", quote=True)
    return (
        f'<button type="button" class="mm-word mm-push mm-{side}" {colour} aria-pressed="false" '
        f'data-map="{overlay}" data-readout="{readout}">{shown}</button>'
    )


def _map_buttons(content: Judged, language: str) -> str:
    """What the picture can show: the push of every region, or what speaks for one class."""
    explained = content.result.explanation
    assert explained is not None
    assert explained.regions is not None
    regions = explained.regions
    push = _pushes(regions)
    strongest = push_text(float(push.flat[int(np.abs(push).argmax())]))
    buttons = [
        (
            text(language, "text.sentiment.map.push"),
            push_map(push, content.size, _full(explained)),
            text(language, "text.sentiment.map.push_readout", push=strongest),
        )
    ]
    for place, label in enumerate(SENTIMENTS):
        name = label_name(label, language)
        most = push_text(max(float(regions[..., place].max()), 0.0))
        readout = text(language, "text.sentiment.map.class_readout", label=name, push=most)
        buttons.append((name, class_map(regions[..., place], content.size), readout))
    cells = "".join(
        f'<button type="button" class="mm-word mm-map-button" aria-pressed="false" data-map="{overlay}" '
        f'data-readout="{escape(readout, quote=True)}"{" data-first" if place == 0 else ""}>{escape(name)}</button>'
        for place, (name, overlay, readout) in enumerate(buttons)
    )
    return f'<p class="mm-map-buttons">{cells}</p>'


def _stage(content: Judged, language: str) -> str:
    width, height = content.size
    idle = _t(language, "text.sentiment.readout_idle")
    return (
        f'<figure><div class="mm-stage" style="aspect-ratio:{width}/{height};--ratio:{width / height:.4f}">'
        f'<img src="{content.picture}" alt="" width="{width}" height="{height}">'
        f'<img class="mm-overlay" alt="" hidden></div>'
        f'<figcaption><p class="mm-readout" aria-live="polite" data-idle="{idle}">{idle}</p>'
        f"{push_legend(language)}</figcaption></figure>"
    )


def _fusions(content: Judged, language: str) -> str:
    fusions = content.result.fusions
    if len(fusions) < 2:
        return ""
    if content.result.image is None and len({scores for _, scores in fusions}) == 1:
        return f'<p class="mm-hint">{_t(language, "text.sentiment.fusions_bare")}</p>'
    rows = []
    for name, scores in fusions:
        title = fusion_title(name, language)
        formula = f"<small>{_t(language, f'text.sentiment.formula.{name}')}</small>" if name in FUSIONS else ""
        current = ' aria-current="true"' if name == content.result.fusion else ""
        rows.append(
            f"<tr{current}><th scope=row>{escape(title)}{formula}</th><td>{bar(scores, title, language)}</td>"
            f"<td>{escape(label_name(scores.label, language))}</td></tr>"
        )
    title, hint = _t(language, "text.sentiment.fusions"), _t(language, "text.sentiment.fusions_hint")
    return (
        f'<div class="mm-alternatives"><h3>{title}</h3><p class="mm-hint">{hint}</p>'
        f'<table class="mm-sentiments mm-fusions"><tbody>{"".join(rows)}</tbody></table></div>'
    )
