"""Measure a tagger of sounds on a folder of clips: top-1 and mAP where classes are known, agreement with a teacher."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.errors import InputError, MMCoreError
from mmcore.evaluation.sound_scores import ESC10, SPEECH, class_scores, mean_average_precision
from mmcore.io.audio_files import SOUND_SUFFIXES
from mmcore.pool import ModelPool
from mmcore.results import MAX_LABELS_SHOWN, SILENCE, AudioOptions, AudioResult
from mmcore.tasks.audio import classify_audio_many
from mmcore.types import Progress

TEACHERS_BEST = 3
"""A model agrees with the teacher where its best label is among so many of the teacher's."""


@dataclass(frozen=True)
class Clip:
    """A sound, and the class that its table gives it (None without one)."""

    path: str
    label: str | None = None
    fold: int | None = None


def read_clips(folder: Path) -> list[Clip]:
    """The clips of ``labels.tsv`` (columns file and label, or digit; their files in audio/), or else every sound.

    Raises InputError for a folder without sounds.
    """
    table = folder / "labels.tsv"
    if not table.is_file():
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND_SUFFIXES)
        if not paths:
            raise InputError("folder_without_sounds", path=folder)
        return [Clip(str(path)) for path in paths]
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        Clip(
            str(folder / "audio" / row["file"]),
            "speech" if row.get("digit") else row["label"],
            int(row["fold"]) if row.get("fold") else None,
        )
        for row in rows
    ]


def scores_of(
    pool: ModelPool, paths: Sequence[str], model: str | None = None, progress: Progress | None = None
) -> list[AudioResult]:
    """All labels of each file, best first. Raises what a file meets."""
    options = AudioOptions(top=MAX_LABELS_SHOWN, timeline=False)
    found = []
    for outcome in classify_audio_many(pool, paths, options, model, progress, limit=len(paths)):
        if isinstance(outcome, MMCoreError):
            raise outcome
        found.append(outcome)
    return found


def run(
    pool: ModelPool,
    data: Path,
    model: str | None = None,
    teacher: str | None = None,
    fold: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a tagger on a folder, beside a teacher if one is named.

    On ESC-10's layout: ``top_1`` and ``map`` over its ten classes, and the accuracy of each class. On spoken digits:
    ``speech``, the share of clips whose best label is one of speech. With a teacher: ``agreement``, the share of clips
    whose best label is among the teacher's three best (silent clips are left out), ``same_best``, the share of those
    where it is the teacher's very best, and the teacher's own figures.
    ``fold`` measures one fold only. Raises InputError for a folder without clips.
    """
    clips = [clip for clip in read_clips(data) if fold is None or clip.fold == fold][:limit]
    if not clips:
        raise InputError("folder_without_sounds", path=data)
    paths = [clip.path for clip in clips]
    own = scores_of(pool, paths, model, progress)
    figures: dict[str, Any] = {
        "model": own[0].model,
        "clips": len(clips),
        "seconds": statistics.median(one.seconds for one in own),
        **_figures(clips, own),
    }
    if teacher is not None:
        others = scores_of(pool, paths, teacher, progress)
        figures["agreement"] = agreement(own, others)
        figures["same_best"] = agreement(own, others, best=1)
        figures["teacher"] = [{"model": others[0].model, **_figures(clips, others)}]
    return figures


def agreement(own: Sequence[AudioResult], teachers: Sequence[AudioResult], best: int = TEACHERS_BEST) -> float:
    """Share of the clips that are not silent whose best label is among the teacher's ``best``."""
    pairs = [(one, other) for one, other in zip(own, teachers, strict=True) if one.labels[0].label != SILENCE]
    agree = [one.labels[0].label in [label.label for label in other.labels[:best]] for one, other in pairs]
    return sum(agree) / max(len(agree), 1)


def _figures(clips: Sequence[Clip], results: Sequence[AudioResult]) -> dict[str, Any]:
    truth = [clip.label for clip in clips]
    if set(truth) == {"speech"}:
        return {"speech": sum(one.labels[0].label in SPEECH for one in results) / len(results)}
    if not set(truth) <= set(ESC10):
        return {}
    return esc10_figures([str(label) for label in truth], [_by_label(one) for one in results])


def esc10_figures(truth: Sequence[str], scores: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Top-1, mAP and the accuracy of each class, from the scores of all of AudioSet's labels for each clip."""
    rows = [class_scores(one, ESC10) for one in scores]
    guesses = [max(row, key=lambda name: row[name]) for row in rows]
    right = [guess == label for guess, label in zip(guesses, truth, strict=True)]
    table = np.array([[row[name] for name in ESC10] for row in rows])
    positive = np.array([[label == name for name in ESC10] for label in truth])
    each = {
        name: float(np.mean([good for good, label in zip(right, truth, strict=True) if label == name]))
        for name in ESC10
        if name in truth
    }
    return {"top_1": sum(right) / len(right), "map": mean_average_precision(table, positive), "classes": [each]}


def _by_label(result: AudioResult) -> dict[str, float]:
    return {one.label: one.score for one in result.labels}
