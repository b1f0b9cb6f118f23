"""Pieces of HTML that every tab's answers are made of: pure functions, plain values in, HTML out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from html import escape
from typing import Any, TypeAlias

from mmcore.checkpoints import registry
from mmcore.checkpoints.download import readable_size
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import UnknownNameError

from .colours import css_gradient
from .events import Failure
from .examples import Example
from .facts import in_language
from .i18n import escaped as _t
from .i18n import text
from .notice_html import notice_list

Facts: TypeAlias = "Iterable[tuple[str, str]]"
"""(what it is, what it says)."""


def percent(share: float) -> str:
    """0.834 -> "83 %"; never "0 %" for something that is possible, nor "100 %" for what is not certain."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 < share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def similarity(score: float) -> str:
    """0.834 -> "0.83": how alike two things are, which is no probability and so no percentage."""
    return f"{score:.2f}"


def seconds_text(seconds: float) -> str:
    """Two digits that mean something: "0.043 s", "1.2 s", "34 s"."""
    return f"{seconds:.3f} s" if seconds < 0.1 else f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def device_name(device: str) -> str:
    """ "cpu" -> "CPU", "cuda:0" -> "GPU (cuda:0)"."""
    return "CPU" if device == "cpu" else f"GPU ({device})"


def quality_text(checkpoint: Checkpoint, language: str) -> str:
    """ "CIDEr 133.5 (COCO Karpathy test, ...)", one a figure, or "" where none is known."""
    return "; ".join(
        f"{in_language(language, item.metric)} {item.value:g} ({in_language(language, item.protocol)})"
        for item in checkpoint.quality
    )


def empty(language: str, key: str) -> str:
    """Where an answer will be: the hint of that key."""
    return f'<div class="mm-empty">{escape(text(language, key))}</div>'


def waiting(language: str) -> str:
    """Where an answer will be in a moment."""
    return f'<div class="mm-empty mm-waiting" role="status">{escape(text(language, "text.waiting"))}</div>'


def problem(failure: Failure, language: str) -> str:
    """An error where the answer would be."""
    title = escape(text(language, "text.error_title"))
    return f'<div class="mm-error" role="alert"><strong>{title}</strong> {escape(failure.message(language))}</div>'


def notice(message: str) -> str:
    """A remark that asks for attention without being an error."""
    return f'<p class="mm-notice" role="status">{escape(message)}</p>'


def progress_bar(done: int, total: int, label: str) -> str:
    """A progress bar with its label."""
    share = done / total if total else 0.0
    name = escape(label, quote=True)
    bar = f'<progress max="1" value="{share:.4f}" aria-label="{name}"></progress>'
    return f'<div class="mm-progress">{bar}<span>{escape(label)}</span></div>'


def score_bar(score: float) -> str:
    """A score of 0-1 as the length of a bar."""
    return f'<span class="mm-score"><i style="width:{score * 100:.1f}%"></i></span>'


def legend(language: str) -> str:
    """What the colours of a heat map mean."""
    low, high = _t(language, "text.legend_low"), _t(language, "text.legend_high")
    bar = f'<span class="mm-bar" style="background:{css_gradient()}"></span>'
    return f'<div class="mm-legend"><span>{low}</span>{bar}<span>{high}</span></div>'


def chips(items: Facts, named: bool = False) -> str:
    """A row of small facts: (what it is, for screen readers and on hover, and ``named`` for all; what it says)."""
    hidden = "" if named else ' class="mm-sr"'
    cells = "".join(
        f'<li title="{escape(name, quote=True)}"><span{hidden}>{escape(name)}: </span>{escape(value)}</li>'
        for name, value in items
    )
    return f'<ul class="mm-chips">{cells}</ul>'


def download_link(label: str, file_name: str, media_type: str, content: str) -> str:
    """A link that saves ``content`` as a file; it carries the content, so the server keeps no file."""
    data = base64.b64encode(content.encode("utf-8")).decode("ascii")
    address = f"data:{media_type};charset=utf-8;base64,{data}"
    return f'<a class="mm-action" download="{escape(file_name, quote=True)}" href="{address}">{escape(label)}</a>'


def foot(
    model_name: str, device: str, seconds: float, saved: dict[str, Any], file_name: str, language: str, more: Facts = ()
) -> str:
    """Under an answer: what was not read, chips with what made it (and ``more`` of them), actions."""
    try:
        checkpoint = registry.find(model_name)
        model, tier = in_language(language, checkpoint.title), text(language, f"text.tier.{checkpoint.tier}")
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
        + f'<button type="button" class="mm-action" data-save>{_t(language, "text.save_picture")}</button>'
        + f'<button type="button" class="mm-action" data-keep>{_t(language, "text.keep")}</button>'
    )
    shown = chips(fact for fact in facts if fact[1])
    unread = notice_list(saved, language)
    return f'{unread}<div class="mm-foot">{shown}<div class="mm-actions">{actions}</div></div>'


def model_line(checkpoint: Checkpoint, language: str, *, cached: bool) -> str:
    """One line under the model chooser: size, licence, quality, and whether it is here or what the download costs."""
    size = readable_size(checkpoint.bytes)
    quality = quality_text(checkpoint, language) or text(language, "text.quality_unknown")
    facts = [in_language(language, checkpoint.title), size, in_language(language, checkpoint.licence), quality]
    if cached:
        facts.append(text(language, "text.here"))
    elif checkpoint.source != "bundled":
        facts.append(text(language, "text.download_costs", size=size))
    return '<p class="mm-line">' + " · ".join(f"<span>{escape(fact)}</span>" for fact in facts) + "</p>"


def credits_list(pictures: Iterable[Example]) -> str:
    """Who made the example pictures, and under which licence we show them."""
    rows = "".join(
        f"<li><cite>{escape(item.title)}</cite>, {escape(item.author)}, {escape(item.licence)} "
        f"<span>({escape(item.source)})</span></li>"
        for item in pictures
    )
    return f'<ul class="mm-credits" lang="en" translate="no">{rows}</ul>'
