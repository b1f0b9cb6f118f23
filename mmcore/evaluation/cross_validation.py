"""The table of the model card: five fusions, text alone and image alone, by cross-validation over several seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcore.fusion.feature_sets import FeatureSet, features_of, stratified_folds
from mmcore.fusion.labelled_posts import read_posts
from mmcore.fusion.metrics import score
from mmcore.fusion.trainer import Training, inputs_of, probabilities_of
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.results.fusion_training import TrainingOptions
from mmcore.types import Progress

FOLDS = 5
DEV = 0.15
"""Share of the training part that early stopping and calibration are measured on."""
FIGURES = ("accuracy", "weighted_f1", "macro_f1", "calibration_error")

OPTIONS = TrainingOptions(
    batch_size=128, learning_rate=4e-4, dropout=0.6, weight_decay=0.3, epochs=40, patience=6, balance=0.2
)
"""The recipe of the bundled heads. ``balance``: a little, so that neutral, a tenth of the posts, is not forgotten."""

BASELINES = ("text only", "image only")
"""A head that never sees the other modality, in training or after."""


def held_back(labels: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(N,) true for the posts that the bundled heads are not trained on, when these posts are their data."""
    return stratified_folds(labels, groups, round(1 / DEV), OPTIONS.seed) == 0


def of_one_modality(features: FeatureSet, name: str) -> FeatureSet:
    """The set without pictures ("text only") or without texts ("image only")."""
    if name == "text only":
        return replace(features, has_image=np.zeros_like(features.has_image))
    return replace(features, word_counts=np.zeros_like(features.word_counts))


def fold_figures(
    features: FeatureSet, options: TrainingOptions, fold: npt.NDArray[np.int64], number: int
) -> dict[str, list[float]]:
    """Train without one fold and measure on it: FIGURES of both together, and of text and image alone."""
    test = np.flatnonzero(fold == number)
    training = Training(features, options, features.split(DEV, options.seed, np.flatnonzero(fold != number)))
    for _ in training.run():
        pass
    head = training.best()
    inputs = inputs_of(features, test, parts=head.reads_parts)
    found = {}
    for view, shown in (("both", inputs), ("text", inputs.only(image=False)), ("image", inputs.only(text=False))):
        there = (shown.has_text | shown.has_image).numpy()
        if there.any():
            scores = score(probabilities_of(head, shown)[there], features.labels[test][there])
            found[view] = [getattr(scores, name) for name in FIGURES]
    return found


def cross_validate(
    features: FeatureSet,
    names: Sequence[str],
    seeds: int,
    options: TrainingOptions = OPTIONS,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """A row for each name (a fusion or one of BASELINES): mean over folds and seeds, and spread over seeds.

    Every seed draws folds, first values and batches anew; of each seed the mean over its folds is taken, so that the
    spread (standard deviation) is that of the figure which a whole cross-validation gives.
    """
    total, done = len(names) * seeds * FOLDS, 0
    rows = []
    for name in names:
        shown = of_one_modality(features, name) if name in BASELINES else features
        chosen = replace(options, fusion="concat" if name in BASELINES else name)  # type: ignore[arg-type]
        means: dict[str, list[npt.NDArray[np.float64]]] = {}
        for seed in range(seeds):
            fold = features.folds(FOLDS, seed)
            found = []
            for number in range(FOLDS):
                found.append(fold_figures(shown, replace(chosen, seed=seed), fold, number))
                done += 1
                if progress is not None:
                    progress(done, total)
            for view in found[0]:
                means.setdefault(view, []).append(np.mean([one[view] for one in found], 0))
        row: dict[str, Any] = {"head": name}
        for view, values in means.items():
            if name in BASELINES and view != "both":
                continue
            for place, figure in enumerate(FIGURES):
                numbers = [float(value[place]) for value in values]
                row[f"{view}_{figure}"] = round(float(np.mean(numbers)), 4)
                row[f"{view}_{figure}_spread"] = round(float(np.std(numbers, ddof=1)), 4) if seeds > 1 else 0.0
        say(
            f"{name}: accuracy {row['both_accuracy']} ± {row['both_accuracy_spread']}, weighted F1 "
            f"{row['both_weighted_f1']}, macro F1 {row['both_macro_f1']}, calibration error "
            f"{row['both_calibration_error']}"
        )
        rows.append(row)
    return rows


def cross_validation(
    pool: ModelPool,
    data: Path,
    names: Sequence[str],
    seeds: int,
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
    *,
    listed_only: bool = False,
) -> dict[str, Any]:
    """The whole table for a data folder; ``listed_only`` keeps together only the duplicates that the data lists.

    Raises what ``features_of`` raises.
    """
    features = features_of(pool, data, progress, limit=ALL_ROWS)
    if listed_only:
        groups = read_posts(data, pool.settings, ALL_ROWS, listed_only=True).groups
        features = replace(features, groups=groups)
    rows = cross_validate(features, [*names, *BASELINES], seeds, progress=progress, say=say)
    return {"posts": len(features), "folds": FOLDS, "seeds": seeds, "table": rows}
