"""Scores of windows -> what sounds from when to when. Plain numpy, so that it can be read and tried without a model.

``cell_scores`` turns overlapping windows into cells, ``silent_spans`` levels into silence, ``find_events`` both into
events, and ``leading_labels`` says which of these are the best of some moment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mmcore.results import SILENCE, SoundEvent
from mmcore.types import Floats

Spans = list[tuple[int, int]]
"""Half-open ranges of indices."""

GO_ON = 0.5
"""An event begins at the threshold and goes on down to this part of it: so it does not flicker (hysteresis)."""
SILENCE_SECONDS = 0.5
"""Shorter silences are pauses within a sound."""


def cell_scores(scores: Floats, starts: npt.ArrayLike, seconds: float, hop: float, duration: float) -> Floats:
    """Scores of overlapping windows (windows, labels) -> of cells of ``hop`` seconds (cells, labels).

    A cell gets the geometric mean of the windows that cover its middle: a sound is where all windows that cover the
    place hear it, not wherever one window reaches.
    """
    cells = max(1, math.ceil(round(duration / hop, 6)))
    made = np.zeros((cells, scores.shape[1]), np.float32)
    begin = np.asarray(starts)
    for cell in range(cells):
        middle = min((cell + 0.5) * hop, (cell * hop + duration) / 2)  # the last cell may be cut off by the end
        covering = (begin <= middle) & (middle <= begin + seconds)
        if covering.any():
            made[cell] = np.exp(np.log(np.maximum(scores[covering], 1e-9)).mean(0))
    return made


def spans(mask: npt.NDArray[np.bool_]) -> Spans:
    """The runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def silent_spans(levels: Floats, limit: float, step: float) -> Spans:
    """Runs of pieces (of ``step`` seconds) below ``limit`` dBFS that last long enough, or fill the whole sound."""
    least = min(round(SILENCE_SECONDS / step), len(levels))
    return [(start, end) for start, end in spans(levels < limit) if end - start >= least]


def label_spans(scores: Floats, threshold: float, least: int) -> Spans:
    """Where one label's scores (steps,) reach the threshold, with hysteresis.

    Gaps of fewer than ``least`` steps are closed, then events of fewer are left out; 0 is silence, which stays.
    """
    found = [(start, end) for start, end in spans(scores >= threshold * GO_ON) if scores[start:end].max() >= threshold]
    joined: Spans = []
    for start, end in found:
        if joined and start - joined[-1][1] < least and scores[joined[-1][1] : start].min() > 0:  # 0 is silence
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(start, end) for start, end in joined if end - start >= min(least, len(scores))]


def find_events(
    cells: Floats,
    labels: Sequence[str],
    hop: float,
    levels: Floats,
    step: float,
    duration: float,
    threshold: float,
    least_seconds: float,
    silence_level: float,
) -> tuple[SoundEvent, ...]:
    """Events of every label that reaches the threshold, and the silences.

    ``cells`` (cells, labels) are of ``hop`` seconds, ``levels`` (steps,) in dBFS of ``step`` seconds. An event ends
    where a silence begins, so its edges are as fine as ``step`` there. Sorted by start, then by falling score.
    """
    silences = silent_spans(levels, silence_level, step)
    silent = np.zeros(len(levels), bool)
    for start, end in silences:
        silent[start:end] = True
    cell_of = np.minimum(((np.arange(len(levels)) + 0.5) * step / hop).astype(int), len(cells) - 1)
    least = max(1, round(least_seconds / step))
    events = [SoundEvent(SILENCE, start * step, min(end * step, duration), 1.0) for start, end in silences]
    for column in map(int, np.flatnonzero(cells.max(axis=0) >= threshold)):
        scores = np.where(silent, 0, cells[cell_of, column])
        for start, end in label_spans(scores, threshold, least):
            end_seconds = min(end * step, duration)
            events.append(SoundEvent(labels[column], start * step, end_seconds, float(scores[start:end].max())))
    return tuple(sorted(events, key=lambda event: (event.start, -event.score, event.label)))


def leading_labels(
    events: Sequence[SoundEvent], cells: Floats, labels: Sequence[str], hop: float, without: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """The labels that some cell's best event has, those that lead longest first.

    ``cells`` (cells, labels) are of ``hop`` seconds, ``events`` what ``find_events`` made of them. A label of
    ``without`` leads no cell in which one of its other labels has an event.
    """
    if not labels:
        return ()
    column = {label: place for place, label in enumerate(labels)}
    sounding = np.zeros(cells.shape, bool)
    for event in events:
        if event.label in column:  # not silence
            sounding[int(event.start / hop) : math.ceil(round(event.end / hop, 6)), column[event.label]] = True
    heard = sounding.copy()
    for label, others in without.items():
        over = [column[other] for other in others if other in column]
        if label in column and over:
            sounding[:, column[label]] &= ~heard[:, over].any(axis=1)
    best = np.where(sounding, cells, -1.0).argmax(axis=1)[sounding.any(axis=1)]
    counts = np.bincount(best, minlength=len(labels))
    return tuple(labels[place] for place in np.argsort(-counts, kind="stable") if counts[place])
