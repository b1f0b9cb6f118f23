"""Posts whose label is an exclusive or of text and picture, and the fusions that are trained on them while one watches.

A training is the same for everybody, so it is done once for a whole class, in the background; who asks gets what there
is by then.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args
from weakref import WeakKeyDictionary

import numpy as np

from mmcore.fusion import feature_sets
from mmcore.fusion.feature_sets import FeatureSet
from mmcore.fusion.labelled_posts import original_of
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.results import TrainingOptions
from mmcore.results.sentiment import Fusion

from ..ui import examples
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


@dataclass
class Course:
    """How far one training is."""

    accuracy: list[float] = field(default_factory=list)
    """On the posts held back, after each epoch."""
    words: list[str] = field(default_factory=list)
    looks: list[list[float]] = field(default_factory=list)
    """Attention of each word of one post held back over the 16 regions, where the fusion has it."""
    over: bool = False
    error: Exception | None = None

    def to_dict(self) -> dict[str, Any]:
        """What the page's script draws."""
        return {
            "accuracy": [round(value, 4) for value in self.accuracy],
            "words": self.words,
            "looks": self.looks,
            "over": self.over,
        }


class Courses:
    """The trainings on one pool of models."""

    def __init__(self) -> None:
        self.read = 0
        """Posts that the encoders have read, of ``POSTS``."""
        self._features: FeatureSet | None = None
        self._courses: dict[str, Course] = {}
        self._starting, self._working = threading.Lock(), threading.Lock()

    def of(self, pool: ModelPool, fusion: Fusion) -> Course:
        """The training of that fusion, begun with the first call. Raises what it met."""
        with self._starting:
            course = self._courses.get(fusion)
            if course is None:
                course = self._courses[fusion] = Course()
                threading.Thread(target=self._run, args=(pool, fusion, course), daemon=True).start()
        if course.error is not None:
            with self._starting:
                self._courses.pop(fusion, None)  # the next one may have more luck
            raise course.error
        return course

    def _run(self, pool: ModelPool, fusion: Fusion, course: Course) -> None:
        try:
            with self._working:  # one at a time: the machine has other visitors
                self._train(pool, fusion, course)
        except Exception as error:
            course.error = error

    def _train(self, pool: ModelPool, fusion: Fusion, course: Course) -> None:
        from mmcore.fusion.trainer import Training, attention_of

        if self._features is None:
            self._features = self._read(pool)
        features, self.read = self._features, POSTS
        options = TrainingOptions(
            fusion=fusion, learning_rate=2e-3, epochs=EPOCHS, patience=0, modality_dropout=0, seed=1
        )
        training = Training(features, options)
        for report in training.run():
            course.accuracy.append(report.dev.accuracy)
        row = training.dev_rows[:1]
        looks = attention_of(training.head, features, row)
        if looks is not None:
            text = features.texts[row[0]]
            course.words, course.looks = _words(pool, text), np.round(looks[0].astype(float), 4).tolist()
        course.over = True

    def _read(self, pool: ModelPool) -> FeatureSet:
        def progress(done: int, _total: int) -> None:
            self.read = done

        table = examples.assets() / "lab" / "taste.tsv"
        found = feature_sets.features_of(pool, table, progress, limit=ALL_ROWS, first=POSTS)
        # The looks of one picture belong together; words behind the longest text would only cost time.
        _, groups = np.unique([original_of(picture) for picture in found.pictures], return_inverse=True)
        words = found.words[:, : max(1, int(found.word_counts.max()))]
        return replace(found, groups=groups.astype(np.int64), words=words)


def _words(pool: ModelPool, text: str) -> list[str]:
    from mmcore.tasks.fusion_steps import pieces_of

    return pieces_of(pool, text)


_courses: WeakKeyDictionary[ModelPool, Courses] = WeakKeyDictionary()
_opening = threading.Lock()


def ask(setup: Setup, asked: str) -> Mapping[str, Any]:
    """How far the training of the fusion is whose name ``asked`` begins with; an unknown one is the first."""
    name = asked.split()[0] if asked.split() else ""
    fusion: Fusion = next((one for one in get_args(Fusion) if one == name and one in FUSIONS), FUSIONS[0])
    with _opening:
        courses = _courses.setdefault(setup.pool, Courses())
    return {"fusion": fusion, "done": courses.read, "of": POSTS, **courses.of(setup.pool, fusion).to_dict()}
