"""How well probabilities of classes fit labels: accuracy, F1 and calibration, and the temperature that calibrates.

Plain numpy. F1 is as in scikit-learn (a class that is neither there nor predicted counts 0).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcore.results.fusion_training import Scores
from mmcore.types import Doubles

BINS = 10
"""Of the expected calibration error."""


def confusion_matrix(labels: npt.ArrayLike, predictions: npt.ArrayLike, classes: int = 3) -> npt.NDArray[np.int64]:
    """Counts (truth, prediction) of labels (N,) and predictions (N,)."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    return counts


def calibration_error(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error of (N, C) and (N,): mean gap between confidence and accuracy, weighted by bin size.

    Guo et al., "On calibration of modern neural networks", ICML 2017: equally wide bins of the largest probability.
    """
    values = np.asarray(probabilities, np.float64)
    confidence, right = values.max(1), values.argmax(1) == np.asarray(labels)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(confidence[place == index].sum() - right[place == index].sum()))
        for index in range(bins)
        if (place == index).any()
    ]
    return sum(gaps) / len(values)


def score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Scores:
    """All figures of probabilities (N, C) against labels (N,), N > 0."""
    values, truth = np.asarray(probabilities, np.float64), np.asarray(labels)
    matrix = confusion_matrix(truth, values.argmax(1), values.shape[1])
    right = np.diag(matrix)
    support, predicted = matrix.sum(1), matrix.sum(0)
    f1 = 2 * right / np.maximum(support + predicted, 1)
    return Scores(
        accuracy=float(right.sum() / len(truth)),
        weighted_f1=float(f1 @ support / len(truth)),
        macro_f1=float(f1[support + predicted > 0].mean()),  # a class that never comes up is no failure
        class_f1=tuple(f1.tolist()),
        calibration_error=calibration_error(values, truth),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
    )


def temper(logits: npt.ArrayLike, temperature: float) -> Doubles:
    """softmax(logits / temperature) of (N, C)."""
    scaled = np.asarray(logits, np.float64) / temperature
    raised = np.exp(scaled - scaled.max(1, keepdims=True))
    probabilities: Doubles = raised / raised.sum(1, keepdims=True)
    return probabilities


def best_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike, low: float = 0.2, high: float = 5.0) -> float:
    """The temperature that makes labels (N,) likeliest, searched on 200 values between ``low`` and ``high``.

    Temperature scaling (Guo et al., 2017): one number, so that few posts are enough and no answer changes.
    """
    truth = np.asarray(labels)
    rows = np.arange(len(truth))

    def loss(temperature: float) -> float:
        return -float(np.log(np.maximum(temper(logits, temperature)[rows, truth], 1e-12)).mean())

    return float(min(np.geomspace(low, high, 200), key=loss))
