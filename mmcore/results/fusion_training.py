"""Options and reports of training a fusion of text and image. No torch here: the page draws its form from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from mmcore.errors import InputError
from mmcore.results.sentiment import FUSIONS, SENTIMENTS, Fusion

Optimiser = Literal["sgd", "momentum", "adam", "adamw"]
OPTIMISERS: tuple[Optimiser, ...] = ("sgd", "momentum", "adam", "adamw")

LIMITS: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-6, 1.0),
    "batch_size": (4, 1024),
    "epochs": (1, 200),
    "dropout": (0.0, 0.9),
    "modality_dropout": (0.0, 0.9),
    "weight_decay": (0.0, 1.0),
    "smoothing": (0.0, 0.5),
    "balance": (0.0, 1.0),
    "patience": (0, 200),
    "width": (8, 512),
}
"""Smallest and largest value that each option may have."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train one fusion head. Raises InputError for a value out of LIMITS."""

    fusion: Fusion = "concat"
    optimiser: Optimiser = "adamw"
    """"momentum" is SGD with momentum 0.9; "adamw" is Adam with decoupled weight decay."""
    learning_rate: float = 1e-3
    batch_size: int = 64
    epochs: int = 30
    dropout: float = 0.3
    """Share of hidden values that are zeroed in training."""
    modality_dropout: float = 0.2
    """How often text or image is taken away from a training example, so that the head can do without."""
    weight_decay: float = 0.05
    """Only adamw uses it."""
    smoothing: float = 0.1
    """Label smoothing: this much of each label is spread over all classes."""
    balance: float = 0.0
    """0 weighs every example alike, 1 every class alike (weight = class frequency ** -balance)."""
    patience: int = 8
    """Epochs without a better dev loss after which training stops early; 0 never stops early."""
    width: int = 128
    """Size of the hidden layer."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, offered in (("fusion", FUSIONS), ("optimiser", OPTIMISERS)):
            value = getattr(self, name)
            if value not in offered:
                raise InputError(
                    "option_not_offered", model="mmcore", name=name, value=value, offered=", ".join(offered)
                )
        for name in ("batch_size", "epochs", "patience", "width", "seed"):
            if not isinstance(getattr(self, name), int):
                raise InputError("option_not_whole", name=name, value=getattr(self, name))
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:  # also refuses nan
                raise InputError("option_out_of_range", name=name, value=getattr(self, name), low=low, high=high)


@dataclass(frozen=True)
class Scores:
    """How well predictions fit labels."""

    accuracy: float
    weighted_f1: float
    """Mean F1 of the classes, weighted by how often each occurs."""
    macro_f1: float
    """Mean F1 of the classes, each alike."""
    class_f1: tuple[float, ...]
    """In the order of SENTIMENTS."""
    calibration_error: float
    """Expected calibration error: mean gap between confidence and accuracy over ten equally wide bins, 0-1."""
    confusion: tuple[tuple[int, ...], ...]
    """``confusion[truth][prediction]`` counts, both in the order of SENTIMENTS."""

    @property
    def recalls(self) -> dict[str, float]:
        """Of each class that the labels hold, the share that was found."""
        return {
            name: row[place] / sum(row)
            for place, (name, row) in enumerate(zip(SENTIMENTS, self.confusion, strict=True))
            if sum(row)
        }

    @property
    def macro_recall(self) -> float:
        """Mean of ``recalls``: the usual figure where classes are unlike in number (SemEval-2017 task 4)."""
        return sum(self.recalls.values()) / len(self.recalls)

    def to_dict(self) -> dict[str, Any]:
        """The figures, without the confusion matrix."""
        return {
            "accuracy": round(self.accuracy, 4),
            "weighted_f1": round(self.weighted_f1, 4),
            "macro_f1": round(self.macro_f1, 4),
            "calibration_error": round(self.calibration_error, 4),
        }


@dataclass(frozen=True)
class EpochReport:
    """Where training stands after an epoch."""

    epoch: int
    """Begins with 1."""
    epochs: int
    """How many there are at most."""
    train_loss: float
    """Mean cross-entropy over the epoch, with dropout."""
    dev_loss: float
    train_accuracy: float
    """Over the epoch, with dropout."""
    dev: Scores
    best: bool
    """Whether this is the best dev loss so far; the head keeps the weights of the best epoch."""
    seconds: float
    """Since training began."""

    @property
    def finite(self) -> bool:
        """False once training has blown up: a learning rate that is too large does that."""
        return math.isfinite(self.train_loss) and math.isfinite(self.dev_loss)
