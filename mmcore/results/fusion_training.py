"""Options and reports of training a fusion of text and image. No torch here: the page draws its form from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from mmcore.results.options import MAX_SEED, check, one_of, ranged
from mmcore.results.sentiment import FUSIONS, SENTIMENTS, Fusion

Optimiser = Literal["sgd", "momentum", "adam", "adamw"]
OPTIMISERS: tuple[Optimiser, ...] = ("sgd", "momentum", "adam", "adamw")


@dataclass(frozen=True)
class TrainingOptions:
    """How to train one fusion head. Raises InputError for a value out of range."""

    fusion: Fusion = one_of("concat", FUSIONS)
    optimiser: Optimiser = one_of("adamw", OPTIMISERS)
    """"momentum" is SGD with momentum 0.9; "adamw" is Adam with decoupled weight decay."""
    learning_rate: float = ranged(1e-3, 1e-6, 1.0)
    batch_size: int = ranged(64, 4, 1024)
    epochs: int = ranged(30, 1, 200)
    dropout: float = ranged(0.3, 0.0, 0.9)
    """Share of hidden values that are zeroed in training."""
    modality_dropout: float = ranged(0.2, 0.0, 0.9)
    """How often text or image is taken away from a training example, so that the head can do without."""
    weight_decay: float = ranged(0.05, 0.0, 1.0)
    """Only adamw uses it."""
    smoothing: float = ranged(0.1, 0.0, 0.5)
    """Label smoothing: this much of each label is spread over all classes."""
    balance: float = ranged(0.0, 0.0, 1.0)
    """0 weighs every example alike, 1 every class alike (weight = class frequency ** -balance)."""
    patience: int = ranged(8, 0, 200)
    """Epochs without a better dev loss after which training stops early; 0 never stops early."""
    width: int = ranged(128, 8, 512)
    """Size of the hidden layer."""
    seed: int = ranged(0, -MAX_SEED, MAX_SEED)

    def __post_init__(self) -> None:
        check(self)


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
