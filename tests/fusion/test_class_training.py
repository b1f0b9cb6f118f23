"""The head for one's own classes against scipy's optimiser, and its honesty about examples that were left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from mmcore.errors import InputError
from mmcore.fusion.class_training import DECAYS, FOLDS, check_classes, softmax_regression, train
from mmcore.types import Doubles, Floats, Rows


def examples(each: int, classes: int = 3, width: int = 40, apart: float = 1.0, seed: int = 0) -> tuple[Floats, Rows]:
    """Features of length 1 around a centre a class; with ``apart`` 0 nothing tells the classes apart."""
    draw = np.random.default_rng(seed)
    centres = 1 + apart * draw.standard_normal((classes, width))
    labels = np.repeat(np.arange(classes), each)
    rows = centres[labels] + 0.8 * draw.standard_normal((len(labels), width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def objective(flat: Doubles, x: Doubles, y: Doubles, counts: Doubles, decay: float) -> tuple[float, Doubles]:
    weight = flat.reshape(x.shape[1], y.shape[1])
    logits = x @ weight
    logits -= logits.max(1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    value = -(counts * (logs * y).sum(1)).sum() + decay / 2 * (weight**2).sum()
    return float(value), (x.T @ ((np.exp(logs) - y) * counts[:, None]) + decay * weight).ravel()


@pytest.mark.parametrize("decay", [1e-4, 1e-2])
def test_the_regression_is_the_one_that_scipy_finds(decay: float) -> None:
    features, labels = examples(6, apart=0.3)
    x, y = features.astype(np.float64), np.eye(3)[labels]
    counts = np.array([np.full(18, 1 / 18), np.where(np.arange(18) < 9, 0.1, 0.1 / 9)])
    counts /= counts.sum(1, keepdims=True)
    found = softmax_regression(x, y, counts, np.array([decay, decay]))
    for some, coefficients in zip(counts, found, strict=True):
        best = minimize(
            objective, np.zeros(40 * 3), (x, y, some, decay), "L-BFGS-B", True, options={"maxiter": 5000, "ftol": 1e-15}
        )
        expected = x @ best.x.reshape(40, 3)
        assert np.abs(x @ (x.T @ coefficients) - expected).max() < 0.1
        assert objective((x.T @ coefficients).ravel(), x, y, some, decay)[0] < best.fun * 1.0005


def test_each_example_is_judged_by_a_head_that_never_saw_it() -> None:
    features, labels = examples(5, apart=0.2, seed=3)
    _, report = train("picture", features, labels, ("a", "b", "c"), "x")
    assert report.leave_one_out
    x, y = np.concatenate([features, np.ones((15, 1))], 1).astype(np.float64), np.eye(3)[labels]

    def left_out(row: int, decay: float) -> Doubles:
        """Probabilities of one example by a fit on the others alone: its row is not even there."""
        rest = np.arange(15) != row
        even = np.full(14, 1 / 14)
        best = minimize(objective, np.zeros(41 * 3), (x[rest], y[rest], even, decay), "L-BFGS-B", True)
        logits = x[row] @ best.x.reshape(41, 3)
        powers: Doubles = np.exp(logits - logits.max())
        return powers / powers.sum()

    shares = np.array([[left_out(row, decay) for row in range(15)] for decay in DECAYS])
    losses = -np.log(shares[:, np.arange(15), labels])
    taken = [
        int(shares[np.delete(losses, row, 1).sum(1).argmin(), row].argmax()) for row in range(15)
    ]  # the others choose the decay
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (labels, taken), 1)
    assert report.confusion.tolist() == expected.tolist()
    assert 0 < len(report.wrong) < 15
    assert [row for row, _ in report.wrong] == [row for row in range(15) if taken[row] != labels[row]]
    assert report.decay == DECAYS[int(losses.sum(1).argmin())]


def test_what_nothing_tells_apart_is_not_learned() -> None:
    shares = []
    for seed in range(4):
        features, labels = examples(10, apart=0.0, seed=seed)
        head, report = train("picture", features, labels, ("a", "b", "c"), "x")
        shares.append(report.accuracy)
        if seed == 0:  # on what it was trained with, the same head may well be right
            logits = features @ head.weight.T + head.bias
            assert (logits.argmax(1) == labels).mean() > 0.6
    assert np.mean(shares) < 0.5


def test_many_examples_are_left_out_in_parts() -> None:
    features, labels = examples(30, apart=1.0)
    _, report = train("sound", features, labels, ("a", "b", "c"), "x")
    assert (report.folds, report.leave_one_out) == (FOLDS, False)
    assert report.accuracy > 0.95
    assert report.to_dict()["protocol"] == f"{FOLDS}-fold"


def test_a_class_with_many_examples_does_not_win_by_their_number() -> None:
    features, labels = examples(30, classes=2, apart=0.0, seed=1)
    kept = np.r_[0:30, 30:36]
    head, _ = train("picture", features[kept], labels[kept], ("many", "few"), "x")
    logits = examples(200, classes=1, apart=0.0, seed=9)[0] @ head.weight.T + head.bias
    assert 0.2 < (logits.argmax(1) == 0).mean() < 0.8


def test_weights_of_the_classes_cancel_and_prototypes_are_unit_means() -> None:
    features, labels = examples(6)
    head, report = train("picture", features, labels, ("a", "b", "c"), "print")
    assert np.abs(head.weight.sum(0)).max() < 1e-4
    mean = features[labels == 1].mean(0)
    assert np.allclose(head.prototypes[1], mean / np.linalg.norm(mean), atol=1e-6)
    own = []
    for row in range(18):
        others = features[(labels == labels[row]) & (np.arange(18) != row)].mean(0)
        own.append(float(features[row] @ others / np.linalg.norm(others)))
    assert head.least == pytest.approx(np.mean(own) - 1.5 * np.std(own, ddof=1), abs=1e-5)
    assert report.unlike == pytest.approx(np.mean(np.array(own) < head.least))
    assert head.fingerprint == "print"


@pytest.mark.parametrize(
    ("classes", "counts", "key"),
    [
        (("a",), (5,), "classes_count"),
        (tuple(f"c{n}" for n in range(51)), (3,) * 51, "classes_count"),
        (("a", "b"), (5, 2), "class_few"),
        (("a", "b", "c"), (5, 5, 0), "class_few"),
        (("a", "A"), (5, 5), "class_twice"),
        (("a", " "), (5, 5), "class_name"),
        (("a", "x" * 41), (5, 5), "class_name"),
        (("a", "b"), (600, 401), "class_many"),
    ],
)
def test_what_cannot_be_learned_is_said(classes: Any, counts: Any, key: str) -> None:
    with pytest.raises(InputError) as caught:
        check_classes(classes, np.repeat(np.arange(len(counts)), counts))
    assert caught.value.key == key
