"""How well scores of sounds fit their classes, and how a class of ESC-10 is read off AudioSet's labels.

A tagger that was trained on AudioSet knows no class "sea_waves"; a class scores as the best of its AudioSet names does
(the table below), and the highest of the ten wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

ESC10: Mapping[str, tuple[str, ...]] = {
    "chainsaw": ("Chainsaw",),
    "clock_tick": ("Tick", "Tick-tock", "Clock"),
    "crackling_fire": ("Fire", "Crackle"),
    "crying_baby": ("Baby cry, infant cry", "Crying, sobbing"),
    "dog": ("Dog", "Bark", "Yip", "Howl", "Bow-wow", "Growling", "Whimper (dog)"),
    "helicopter": ("Helicopter",),
    "rain": ("Rain", "Raindrop", "Rain on surface"),
    "rooster": ("Chicken, rooster", "Crowing, cock-a-doodle-doo"),
    "sea_waves": ("Waves, surf", "Ocean"),
    "sneezing": ("Sneeze",),
}
"""Class of ESC-10 (Piczak, ACM MM 2015) -> AudioSet's display names for it."""

SPEECH = (
    "Speech",
    "Male speech, man speaking",
    "Female speech, woman speaking",
    "Child speech, kid speaking",
    "Conversation",
    "Narration, monologue",
    "Speech synthesizer",
)
"""Names that are right for a spoken digit."""


def class_scores(scores: Mapping[str, float], classes: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Scores of labels -> of classes: each the best of its names; a name without a score counts 0."""
    return {name: max(scores.get(label, 0.0) for label in labels) for name, labels in classes.items()}


def average_precision(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Area under precision over recall of scores (N,) for truth (N,), as scikit-learn's ``average_precision_score``.

    Clips with the same score are found together. NaN where nothing is positive.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if not truth.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # the last clip of each score
    found = np.cumsum(truth)[last]
    precision, recall = found / (last + 1), found / truth.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def mean_average_precision(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Mean over the classes of (N, classes) that have a positive clip."""
    values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    each = [average_precision(values[:, column], truth[:, column]) for column in range(values.shape[1])]
    return float(np.nanmean(each))
