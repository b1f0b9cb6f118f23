"""Posts whose label is an exclusive or of text and picture, and the fusions that are trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from mmcore.fusion import feature_sets
from mmcore.fusion.feature_sets import FeatureSet
from mmcore.fusion.labelled_posts import original_of
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.results import TrainingOptions
from mmcore.results.sentiment import Fusion

from ..ui import examples
from .courses import Board, Course, Courses, named, told
from .plan import Setup

FUSIONS: tuple[Fusion, ...] = ("late", "weighted", "cross_attention", "concat")
"""In the order of the buttons."""
POSTS = 400
"""Of the Lab's table "taste"."""
EPOCHS = 12
EXAMPLES = (
    ("I love bright sunny weather.", "bright", "positive"),
    ("I love bright sunny weather.", "grey", "negative"),
    ("I love dark rainy weather.", "bright", "negative"),
    ("I love dark rainy weather.", "grey", "positive"),
)
"""The rule: what somebody loves, the look of the picture, the label."""

_board = Board()


def ask(setup: Setup, asked: str) -> Mapping[str, Any]:
    """How far the training of the fusion is whose name ``asked`` begins with; an unknown one is the first."""
    name = named(asked, FUSIONS)
    courses = _board.of(setup.pool)
    course = courses.of(name, lambda course: _train(setup.pool, cast(Fusion, name), courses, course))
    return told(name, course, {"done": courses.common.get("read", 0), "of": POSTS})


def _train(pool: ModelPool, fusion: Fusion, courses: Courses, course: Course) -> None:
    from mmcore.fusion.trainer import Training, attention_of  # brings torch
    from mmcore.tasks.fusion_steps import pieces_of

    if "features" not in courses.common:
        courses.common["features"] = _features(pool, courses)
    features: FeatureSet = courses.common["features"]
    courses.common["read"] = POSTS
    options = TrainingOptions(fusion=fusion, learning_rate=2e-3, epochs=EPOCHS, patience=0, modality_dropout=0, seed=1)
    training = Training(features, options)
    for report in training.run():
        course.accuracy.append(report.dev.accuracy)
    row = training.dev_rows[:1]
    looks = attention_of(training.head, features, row)
    if looks is not None:
        course.more = {
            "words": pieces_of(pool, features.texts[row[0]]),
            "looks": np.round(looks[0].astype(float), 4).tolist(),
        }


def _features(pool: ModelPool, courses: Courses) -> FeatureSet:
    def progress(done: int, _total: int) -> None:
        courses.common["read"] = done

    table = examples.assets() / "lab" / "taste.tsv"
    found = feature_sets.features_of(pool, table, progress, limit=ALL_ROWS, first=POSTS)
    # The looks of one picture belong together; words behind the longest text would only cost time.
    _, groups = np.unique([original_of(picture) for picture in found.pictures], return_inverse=True)
    words = found.words[:, : max(1, int(found.word_counts.max()))]
    return replace(found, groups=groups.astype(np.int64), words=words)
