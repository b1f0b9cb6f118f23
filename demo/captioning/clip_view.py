"""What is seen and heard in a video -> what the page shows: key frames with their times, and sounds with theirs."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from mmcore.results import ClipResult, Moment, SoundEvent

from ..audio.label_names import label_text
from ..audio.spectrogram_picture import clock
from ..ui.colours import data_uri, shrink
from ..ui.events import Failure, Step
from ..ui.html import empty, foot, notice, percent, problem, progress_bar
from ..ui.i18n import escaped as _t
from ..ui.i18n import text

SIDE = 360
"""Pixels of the longer side of a key frame."""
MOST_EVENTS = 12
"""Sounds that are listed, the surest first."""


@dataclass(frozen=True)
class ClipAnswer:
    """A result and its key frames, ready to be shown in any language."""

    result: ClipResult
    pictures: tuple[str, ...]
    """data: addresses."""


def answer_of(result: ClipResult) -> ClipAnswer:
    """Keep of the key frames what the panel needs."""
    frames = (moment.picture for moment in result.moments)
    return ClipAnswer(result, tuple("" if one is None else data_uri(shrink(one, SIDE), "JPEG") for one in frames))


def panel(content: ClipAnswer | Failure | Step | None, language: str) -> str:
    """The answer, how far it has come, an error, or the hint that one will come."""
    if content is None:
        return empty(language, "text.clip.empty")
    if isinstance(content, Step):
        label = text(language, "text.clip.progress", done=content.done, total=content.total)
        return progress_bar(content.done, content.total, label)
    if isinstance(content, Failure):
        return notice(text(language, "text.clip.stopped")) if content.stopped else problem(content, language)
    result = content.result
    best = result.best.seen.captions[0]
    frames = "".join(
        _frame(moment, picture, language) for moment, picture in zip(result.moments, content.pictures, strict=True)
    )
    facts = [(text(language, "text.clip.duration"), clock(result.duration, 0.1))]
    end = foot(result.model, result.device, result.seconds, result.to_dict(), "clip.json", language, facts)
    return (
        f'<section class="mm-answer" aria-label="{_t(language, "text.clip.answer")}">'
        f'<p class="mm-caption" lang="{best.language}" data-text="{escape(best.text, quote=True)}">'
        f"{escape(best.text)}</p>"
        f'<ol class="mm-frames">{frames}</ol>{_sounds(result.events, language)}{end}</section>'
    )


def _frame(moment: Moment, picture: str, language: str) -> str:
    best = moment.seen.captions[0]
    doubt = "" if moment.seen.confident else f' <small class="mm-hint">{_t(language, "text.clip.unsure")}</small>'
    shown = f'<img src="{picture}" alt="{escape(best.text, quote=True)}">' if picture else ""
    return (
        f'<li>{shown}<div><span class="mm-span">{_span(moment.start, moment.end)}</span>'
        f'<p lang="{best.language}">{escape(best.text)}{doubt}</p></div></li>'
    )


def _sounds(events: tuple[SoundEvent, ...], language: str) -> str:
    if not events:
        return ""
    surest = sorted(events, key=lambda event: -event.score)[:MOST_EVENTS]
    rows = "".join(
        f'<li><span class="mm-span">{_span(event.start, event.end)}</span> '
        f"{escape(label_text(language, event.label))} <small>{percent(event.score)}</small></li>"
        for event in sorted(surest, key=lambda event: event.start)
    )
    return f'<div class="mm-clip-sounds"><h3>{_t(language, "text.clip.sounds")}</h3><ul>{rows}</ul></div>'


def _span(start: float, end: float) -> str:
    return f"{clock(start, 0.1)} – {clock(end, 0.1)}"
