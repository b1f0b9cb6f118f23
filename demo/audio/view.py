"""Audio result -> what the page shows: labels as bars, the timeline of events, waveform and spectrogram, evidence.

Pure functions. ``web/audio.js`` marks the label that is looked at and asks the server for its evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from mmcore.results import SILENCE, AudioResult, SoundEvent, SoundEvidence, SoundLabel

from ..ui.events import Failure, Step
from ..ui.examples import Example
from ..ui.html import empty, foot, legend, percent, problem, progress_bar, score_bar
from ..ui.i18n import LANGUAGES, text
from ..ui.i18n import escaped as _t
from .label_names import label_text
from .spectrogram_picture import (
    clock,
    curve_path,
    evidence_picture,
    grey_picture,
    hertz_marks,
    spectrogram_picture,
    time_marks,
    waveform_path,
)

ROWS = 8
"""Lanes of the timeline at most, unless more labels lead at some moment; the file to download has all."""
NEAREST = 0.002
"""Events of a row with a gap below this part of the width are drawn as one: about a pixel."""


@dataclass(frozen=True)
class AudioView:
    """A result ready to be shown in any language."""

    result: AudioResult
    picture: str
    """data: address of the spectrogram of the whole file."""


@dataclass(frozen=True)
class Explained:
    """The evidence of a label, ready to be shown in any language."""

    evidence: SoundEvidence
    picture: str
    """data: address of the spectrogram of the window, in greys."""
    overlay: str


def heard(result: AudioResult) -> AudioView:
    """Draw what the panel needs of a result."""
    return AudioView(result, spectrogram_picture(result.spectrogram))


def explained(evidence: SoundEvidence) -> Explained:
    """Draw what the panel needs of an evidence."""
    return Explained(evidence, grey_picture(evidence.spectrogram), evidence_picture(evidence.values))


def panel(content: AudioView | Failure | Step | None, language: str) -> str:
    """The right side of the tab: an answer, an error, how far a long file is, or the hint that an answer will come."""
    if content is None:
        return empty(language, "text.sounds.empty")
    if isinstance(content, Failure):
        return empty(language, "text.sounds.stopped") if content.stopped else problem(content, language)
    if isinstance(content, Step):
        return f'<div class="mm-empty mm-wide">{_progress(content, language)}</div>'
    result = content.result
    facts = _facts(result, language)
    parts = [
        _labels(result, language),
        foot(result.model, result.device, result.seconds, result.to_dict(), "sounds.json", language, facts),
        _timeline(content, language),
    ]
    ordered = [result.labels[place] for place in result.reading_order]
    said = "; ".join(f"{label_text(language, one.label)} {percent(one.score)}" for one in ordered)
    return (
        f'<section class="mm-answer mm-heard" aria-label="{_t(language, "text.sounds.answer")}" '
        f'data-text="{escape(said, quote=True)}">{"".join(parts)}</section>'
    )


def _progress(step: Step, language: str) -> str:
    done = clock(step.done)
    if not step.total:
        return progress_bar(0, 1, text(language, "text.sounds.progress_open", done=done))
    label = text(language, "text.sounds.progress", done=done, total=clock(step.total))
    return progress_bar(step.done, step.total, label)


def _facts(result: AudioResult, language: str) -> list[tuple[str, str]]:
    rate = f"{result.sample_rate / 1000:g} kHz"
    channels = text(language, "text.sounds.mono" if result.channels == 1 else "text.sounds.channels", n=result.channels)
    return [
        (text(language, "text.sounds.duration"), clock(result.duration, 0.1)),
        (text(language, "text.sounds.format"), f"{result.format}, {rate}, {channels}"),
    ]


def _labels(result: AudioResult, language: str) -> str:
    if result.silent:
        hint = _t(language, "text.sounds.silent_hint")
        return f'<p class="mm-caption">{escape(label_text(language, SILENCE))}</p><p class="mm-hint">{hint}</p>'
    if not result.labels:
        return f'<p class="mm-doubt">{_t(language, "text.sounds.nothing")}</p>'
    windows = result.windows or (None,) * len(result.labels)
    rows = "".join(
        _label(result.labels[place], windows[place], index == 0, language)
        for index, place in enumerate(result.reading_order)
    )
    doubts = "".join(
        f'<p class="mm-hint">{_t(language, "text.sounds.doubted", kind=kind, parent=parent)}</p>'
        for kind, parent in (
            (label_text(language, kind), label_text(language, above)) for kind, above in result.doubted.items()
        )
    )
    return f'<ol class="mm-labels">{rows}</ol>{doubts}'


def _label(one: SoundLabel, window: tuple[float, float] | None, first: bool, language: str) -> str:
    shown = label_text(language, one.label)
    original = f' <span class="mm-original" lang="en">{escape(one.label)}</span>' if shown != one.label else ""
    # Where to look for its evidence, so that a click does not hear the whole file again.
    where = "" if window is None else f' data-start="{window[0]:.6f}" data-length="{window[1]!r}"'
    return (
        f'<li><button type="button" data-label="{escape(one.label, quote=True)}"{where} '
        f'aria-pressed="{str(first).lower()}">'
        f"{escape(shown)}{original}</button>{score_bar(one.score)}"
        f"<span>{percent(one.score)}</span></li>"
    )


def _timeline(content: AudioView, language: str) -> str:
    """Rows of events, the waveform and the spectrogram over one time axis."""
    result = content.result
    names = _rows(result)
    rows = "".join(_row(name, result, language) for name in names)
    hidden = len({event.label for event in result.events}) - len(names)
    more = f'<p class="mm-hint">{_t(language, "text.sounds.more_rows", count=hidden)}</p>' if hidden > 0 else ""
    said = "text.sounds.events_hint" if names else "text.sounds.no_events"
    hint = f'<p class="mm-hint">{_t(language, said)}</p>'
    bands = "".join(_band(event, result.duration) for name in names for event in _drawn(name, result))
    wave = (
        f'<svg viewBox="0 -1 1000 2" preserveAspectRatio="none" role="img" '
        f'aria-label="{_t(language, "text.sounds.waveform")}"><path d="{waveform_path(result.envelope)}"/></svg>'
    )
    return (
        f'<div class="mm-when"><h3>{_t(language, "text.sounds.when")}</h3>{hint}'
        f'<div class="mm-tracks">{rows}'
        f'<span class="mm-track-name">{_t(language, "text.sounds.waveform")}</span>'
        f'<div class="mm-track mm-wave">{bands}{wave}</div>'
        f'<span class="mm-track-name mm-plot-name">{_t(language, "text.sounds.spectrogram")}</span>'
        f"{_plot(content.picture, '', result.spectrogram.frequencies.tolist(), language)}"
        f"<span></span>{_time_axis(0.0, result.duration)}</div>{more}</div>"
    )


def _rows(result: AudioResult) -> list[str]:
    """The lanes, from what sounds first to what sounds last, silence below them.

    Each label that leads at some moment has one, and the headline; listed ones fill up to ROWS in their order, then
    those of the best events. What begins together stands best first, a doubted kind below what it is a kind of.
    """
    best: dict[str, float] = {}
    start: dict[str, float] = {}
    for event in result.events:
        best[event.label] = max(event.score, best.get(event.label, 0.0))
        start[event.label] = min(event.start, start.get(event.label, event.start))
    needed = [name for name in dict.fromkeys([*result.timeline.leading, result.headline]) if name in best]
    listed = [one.label for one in result.labels if one.label in best]
    ranked = dict.fromkeys([*needed, *listed, *sorted(best, key=lambda name: -best[name])])
    shown = [name for name in ranked if name != SILENCE][: max(ROWS - 1, len(needed))]

    def place(name: str) -> tuple[float, float, bool]:
        above = result.doubted.get(name, name)
        above = above if above in shown else name
        return start[above], -best[above], above != name

    lanes = sorted(shown, key=place)
    return [*lanes, SILENCE] if SILENCE in best else lanes


def _row(name: str, result: AudioResult, language: str) -> str:
    shown = label_text(language, name)
    timeline = result.timeline
    curve = ""
    if name in timeline.labels and result.duration > 0:
        path = curve_path(timeline.scores[:, timeline.labels.index(name)])
        # The last cell may reach beyond the end of the sound.
        width = timeline.hop * len(timeline.scores) / result.duration * 100
        curve = (
            f'<svg class="mm-curve" viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true" '
            f'style="width:{width:.2f}%"><path d="{path}"/></svg>'
        )
    bars = "".join(_event(event, shown, result.duration, language) for event in _drawn(name, result))
    kind = " mm-silence" if name == SILENCE else ""
    return (
        f'<span class="mm-track-name" title="{escape(name, quote=True)}">{escape(shown)}</span>'
        f'<div class="mm-track{kind}" data-row="{escape(name, quote=True)}">{curve}{bars}</div>'
    )


def _drawn(name: str, result: AudioResult) -> list[SoundEvent]:
    """The events of a row; those that nearly touch are one, so that a long file stays drawable."""
    drawn: list[SoundEvent] = []
    for event in result.events:
        if event.label != name:
            continue
        if drawn and event.start - drawn[-1].end < NEAREST * result.duration:
            last = drawn.pop()
            event = SoundEvent(name, last.start, max(last.end, event.end), max(last.score, event.score))
        drawn.append(event)
    return drawn


def _place(event: SoundEvent, duration: float) -> str:
    left = event.start / duration * 100
    return f"left:{left:.3f}%;width:{min(event.end / duration * 100, 100) - left:.3f}%"


def _event(event: SoundEvent, shown: str, duration: float, language: str) -> str:
    title = _t(
        language,
        "text.sounds.event",
        label=shown,
        start=clock(event.start, 0.1),
        end=clock(event.end, 0.1),
        score=percent(event.score),
    )
    style = f"{_place(event, duration)};--p:{event.score:.3f}"
    if event.label == SILENCE:
        return f'<span class="mm-event" style="{style}" title="{title}" role="img" aria-label="{title}"></span>'
    return (
        f'<button type="button" class="mm-event" style="{style}" title="{title}" aria-label="{title}" '
        f'data-label="{escape(event.label, quote=True)}" data-start="{event.start:.3f}" data-end="{event.end:.3f}" '
        f'data-duration="{duration:.3f}"></button>'
    )


def _band(event: SoundEvent, duration: float) -> str:
    return f'<i class="mm-band" data-band="{escape(event.label, quote=True)}" style="{_place(event, duration)}"></i>'


def _plot(picture: str, overlay: str, frequencies: list[float], language: str) -> str:
    marks = "".join(
        f'<span style="bottom:{share * 100:.1f}%">{name}</span>' for name, share in hertz_marks(frequencies)
    )
    over = f'<img class="mm-overlay" src="{overlay}" alt="">' if overlay else ""
    return (
        f'<div class="mm-plot"><div class="mm-hertz" aria-hidden="true">{marks}<b>Hz</b></div>'
        f'<img src="{picture}" alt="{_t(language, "text.sounds.spectrogram_alt")}">{over}</div>'
    )


def _time_axis(start: float, end: float) -> str:
    marks = "".join(
        f'<span{" class=mm-edge" if share > 0.97 else ""} style="left:{share * 100:.2f}%">{name}</span>'
        for name, share in time_marks(start, end)
    )
    return f'<div class="mm-seconds" aria-hidden="true">{marks}</div>'


def evidence_panel(content: Explained | Failure | None, language: str) -> str:
    """Below the answer: the spectrogram of one window, and in it what speaks for one label."""
    if content is None:
        return ""
    summary = f"<summary>{_t(language, 'text.why')}</summary>"
    if isinstance(content, Failure):
        return f'<details class="mm-why" open>{summary}{problem(content, language)}</details>'
    evidence = content.evidence
    said = _t(
        language,
        "text.sounds.evidence",
        label=label_text(language, evidence.label),
        score=percent(evidence.score),
        start=clock(evidence.start, 0.1),
        end=clock(evidence.end, 0.1),
    )
    return (
        f'<details class="mm-why mm-heard-why" open data-evidence="{escape(evidence.label, quote=True)}">{summary}'
        f'<p class="mm-hint">{_t(language, "text.sounds.why_hint")}</p>'
        f'<div class="mm-tracks mm-single">'
        f"{_plot(content.picture, content.overlay, evidence.spectrogram.frequencies.tolist(), language)}"
        f"{_time_axis(evidence.start, evidence.end)}</div>"
        f'<div class="mm-told"><p class="mm-readout" aria-live="polite">{said}</p>{legend(language)}</div></details>'
    )


def example_chips(examples: Iterable[Example]) -> str:
    """The example sounds as buttons named in every language; the style sheet shows the page's.

    Those that the bundled model is known to mishear stand apart, with the reason.
    """

    def row(key: str, right: bool) -> str:
        title = _both({code: text(code, key) for code in LANGUAGES})
        chips = "".join(
            f'<button type="button" data-example="{place}" data-file="{item.path.stem}">{_both(item.alt)}</button>'
            for place, item in enumerate(listed)
            if bool(item.names) is right
        )
        return f'<p class="mm-chips-title">{title}</p><div class="mm-examples">{chips}</div>'

    listed = list(examples)
    return row("text.sounds.examples", True) + row("text.sounds.failures", False)


def _both(names: Mapping[str, str]) -> str:
    return "".join(f'<span lang="{code}">{escape(name)}</span>' for code, name in names.items())
