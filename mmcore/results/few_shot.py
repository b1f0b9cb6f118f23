"""What comes of teaching a model one's own classes: how well it learned them, and its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mmcore.results.matching import LabelScore
from mmcore.results.notices import Notice, as_json
from mmcore.types import Floats, Rows

Kind = Literal["picture", "sound"]
KINDS: tuple[Kind, ...] = ("picture", "sound")
Doubt = Literal["", "unlike", "between"]
DOUBTS: tuple[Doubt, ...] = ("", "unlike", "between")

LEAST_CLASSES, MOST_CLASSES = 2, 50
LEAST_EXAMPLES = 3
"""Of each class: with two, leaving one out leaves a single one."""
MOST_EXAMPLES = 1000
"""Of all classes together."""
LONGEST_NAME = 40
"""Characters of the name of a class."""
MOST_SECONDS = 30.0
"""Of a sound: a longer one is a recording of many things, and an example should be of one."""


@dataclass(frozen=True, eq=False)
class FewShotReport:
    """How well classes were learned, by examples that were left out."""

    kind: Kind
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """Examples of each class."""
    confusion: Rows
    """(C, C): examples of the class of the row that were taken for the class of the column while they were left out."""
    wrong: tuple[tuple[int, int], ...]
    """(place of the example, place of the class that it was taken for)."""
    folds: int
    """Into how many parts the examples were cut, of which one at a time was left out; as many as there are examples
    where each was left out alone."""
    decay: float
    """The weight decay of the head, of those that were tried."""
    unlike: float
    """Share of the examples that, left out, would be said to be unlike all classes."""
    seconds: float
    """Of learning, without looking at the examples."""
    reading: float = 0.0
    """Seconds that the encoder took to look at, or listen to, all examples."""

    @property
    def accuracy(self) -> float:
        """Share of the examples that are right while they are left out."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def leave_one_out(self) -> bool:
        """Whether each example was left out alone."""
        return self.folds == sum(self.counts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "classes": [{"name": name, "examples": n} for name, n in zip(self.classes, self.counts, strict=True)],
            "accuracy": round(self.accuracy, 4),
            "protocol": "leave-one-out" if self.leave_one_out else f"{self.folds}-fold",
            "confusion": self.confusion.tolist(),
            "unlike": round(self.unlike, 4),
            "decay": self.decay,
            "seconds": round(self.seconds, 3),
            "reading": round(self.reading, 3),
        }


@dataclass(frozen=True, eq=False)
class ClassAnswer:
    """Which of one's own classes a picture or a sound belongs to."""

    labels: tuple[LabelScore, ...]
    """All classes, most probable first; ``cosine`` is the likeness to the mean of the class's examples."""
    doubt: Doubt
    """Why the answer is "not sure": "unlike" all that was shown, "between" two classes, "" where it is sure."""
    likeness: float
    """The largest of the cosines."""
    least: float
    """The least likeness that what belongs to a class has, as a rule."""
    cells: Floats
    """(C, rows, columns), in the order of ``labels``: what each place of the picture (or of the spectrogram: pitch
    upwards in rows, time in columns) adds to the logit of the class, compared with the mean of all examples. A map's
    sum is the logit less that of the mean example: nothing of the answer is left out."""
    model: str
    device: str
    seconds: float
    duration: float = 0.0
    """Of a sound, in seconds."""
    notices: tuple[Notice, ...] = ()

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.labels[0].label

    @property
    def sure(self) -> bool:
        """Whether the answer may be relied on."""
        return not self.doubt

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        return {
            "label": self.label,
            "sure": self.sure,
            "doubt": self.doubt or None,
            "labels": [{"label": one.label, "score": round(one.score, 4)} for one in self.labels],
            "likeness": round(self.likeness, 4),
            "least_likeness": round(self.least, 4),
            "model": self.model,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }
