"""A linear head for one's own classes, trained in about a second on features that were computed once.

Softmax regression with weight decay on features of length 1. How much decay is asked of the examples themselves: each
is left out in turn, or a part of them where there are many, and the decay that gives the others' truth the most
probability is taken. The accuracy that is reported is that of the examples while they are left out, each judged with
the decay that the *other* examples would have chosen, so that no example has a say in its own judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcore.checkpoints.class_heads import ClassHead
from mmcore.errors import InputError
from mmcore.results.few_shot import (
    LEAST_CLASSES,
    LEAST_EXAMPLES,
    LONGEST_NAME,
    MOST_CLASSES,
    MOST_EXAMPLES,
    FewShotReport,
    Kind,
)
from mmcore.tasks.few_shot import ENCODERS
from mmcore.types import Doubles, Floats, Rows

DECAYS = (1e-5, 1e-4, 1e-3, 1e-2)
"""Tried for the weight decay. Less changes no answer, and only lets the head be surer than few examples allow."""
LEAVE_ONE_OUT = 72
"""Examples up to which each is left out alone; more are cut into FOLDS parts."""
FOLDS = 20
STEPS = 300
CLOSE = 1e-3
"""The training is over where no logit moves more than this in a step."""
UNLIKE = 1.5
"""Standard deviations below the mean likeness to the own class at which something is called unlike all classes. Of
things of a class about one in ten is then called so, too."""


def softmax_regression(features: Doubles, targets: Doubles, weights: Doubles, decays: Doubles) -> Doubles:
    """Fit B heads at once: (N, D), (N, C) rows that sum to 1, (B, N) what each example counts, (B,) -> (B, N, C).

    A head b minimises ``sum_n weights[b, n] * cross_entropy + decays[b] / 2 * |W|^2``, where the weights of a head sum
    to 1. It comes back as coefficients A of the examples: ``W = features.T @ A``. Both are small: N * C numbers,
    whatever D is.

    Steps are those of Boehning's bound on the curvature, p (1 - p) <= 1/2 ("Multinomial logistic regression algorithm",
    Annals of the Institute of Statistical Mathematics 1992), taken along the principal axes of the features, with
    momentum that starts anew where it points uphill (O'Donoghue and Candes, Foundations of Computational Mathematics
    2015). The problem is strictly convex: there is one answer, and no seed.
    """
    x, y = torch.from_numpy(features), torch.from_numpy(targets)
    counts, decay = torch.from_numpy(weights).T[:, :, None], torch.from_numpy(decays)[:, None]  # (N, B, 1), (B, 1)
    sizes, axes = torch.linalg.eigh(x @ x.T)
    there = sizes > sizes[-1] * 1e-10
    sizes, axes = sizes[there], axes[:, there]
    points = axes * sizes.sqrt()  # (N, R): the examples along their principal axes

    def times(matrix: Tensor, heads: Tensor) -> Tensor:
        return (matrix @ heads.flatten(1)).unflatten(1, heads.shape[1:])

    step = 1 / (0.5 * sizes[:, None, None] * counts.amax(0) + decay)  # (R, B, 1)
    at = ahead = torch.zeros(len(sizes), len(weights), y.shape[1], dtype=torch.float64)
    pace = torch.ones(len(weights), 1, dtype=torch.float64)
    for _ in range(STEPS):
        error = (times(points, ahead).softmax(-1) - y[:, None]) * counts
        slope = times(points.T, error) + decay * ahead
        reached = ahead - step * slope
        moved = reached - at
        pace = torch.where((slope * moved).sum((0, 2))[:, None] > 0, 1.0, pace)
        faster = (1 + (1 + 4 * pace**2).sqrt()) / 2
        at, ahead, pace = reached, reached + (pace - 1) / faster * moved, faster
        if float(times(points, moved).abs().max()) < CLOSE:
            break
    coefficients: Doubles = times(axes / sizes.sqrt(), at).transpose(0, 1).contiguous().numpy()
    return coefficients


def check_classes(classes: Sequence[str], labels: Rows) -> None:
    """Raise InputError for too few or too many classes or examples, and for a name that is empty, long or there twice.

    ``labels`` (N,) are places in ``classes``.
    """
    if not LEAST_CLASSES <= len(classes) <= MOST_CLASSES:
        raise InputError("classes_count", count=len(classes), low=LEAST_CLASSES, high=MOST_CLASSES)
    for name in classes:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise InputError("class_name", name=name[:80], limit=LONGEST_NAME)
    folded = [name.casefold() for name in classes]
    for place, one in enumerate(folded):
        if one in folded[:place]:
            raise InputError("class_twice", name=classes[place])
    for name, count in zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True):
        if count < LEAST_EXAMPLES:
            raise InputError("class_few", name=name, count=count, least=LEAST_EXAMPLES)
    if len(labels) > MOST_EXAMPLES:
        raise InputError("class_many", count=len(labels), limit=MOST_EXAMPLES)


def train(
    kind: Kind, features: Floats, labels: Rows, classes: Sequence[str], fingerprint: str
) -> tuple[ClassHead, FewShotReport]:
    """A head for (N, D) features of length 1 with labels (N,), and what is to be said of it.

    Raises what ``check_classes`` raises.
    """
    check_classes(classes, labels)
    begin = perf_counter()
    rows, count = features.astype(np.float64), len(labels)
    with_bias = np.concatenate([rows, np.ones((count, 1))], 1)
    targets = np.eye(len(classes))[labels]
    even = (1 / np.bincount(labels))[labels]  # classes count alike, however many examples they have

    parts = _parts(labels)
    kept = parts[None] != np.arange(parts.max() + 1)[:, None]  # (folds, N)
    left_out = _left_out(with_bias, targets, even, parts, kept)
    losses = -np.log(np.maximum(left_out[:, np.arange(count), labels], 1e-12)) * even  # (decays, N)
    others = np.stack([losses[:, parts != part].sum(1) for part in range(parts.max() + 1)])  # (folds, decays)
    taken = left_out[others.argmin(1)[parts], np.arange(count)].argmax(1)
    decay = DECAYS[int(losses.sum(1).argmin())]
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, taken), 1)

    coefficients = softmax_regression(with_bias, targets, even[None] / even.sum(), np.array([decay]))[0]
    weight = coefficients.T @ with_bias
    own = _likeness(rows, labels)
    least = float(own.mean() - UNLIKE * own.std(ddof=1))
    means = np.stack([rows[labels == place].mean(0) for place in range(len(classes))])
    report = FewShotReport(
        kind=kind,
        classes=tuple(classes),
        counts=tuple(np.bincount(labels, minlength=len(classes)).tolist()),
        confusion=confusion,
        wrong=tuple((int(row), int(taken[row])) for row in np.flatnonzero(taken != labels)),
        folds=int(parts.max()) + 1,
        decay=decay,
        unlike=float((own < least).mean()),
        seconds=perf_counter() - begin,
    )
    head = ClassHead(
        kind=kind,
        encoder=ENCODERS[kind],
        fingerprint=fingerprint,
        classes=tuple(classes),
        weight=weight[:, :-1].astype(np.float32),
        bias=weight[:, -1].astype(np.float32),
        mean=rows.mean(0).astype(np.float32),
        prototypes=(means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32),
        least=least,
        about=report.to_dict(),
    )
    return head, report


def _parts(labels: Rows) -> Rows:
    """(N,): the part in which each example is left out; each alone, or every class spread evenly over FOLDS parts."""
    if len(labels) <= LEAVE_ONE_OUT:
        return np.arange(len(labels))
    order = np.argsort(labels, kind="stable")
    parts = np.empty(len(labels), np.int64)
    parts[order] = np.arange(len(labels)) % FOLDS
    return parts


def _left_out(features: Doubles, targets: Doubles, even: Doubles, parts: Rows, kept: npt.NDArray[np.bool_]) -> Doubles:
    """(decays, N, C): probabilities of each example by the heads that were trained without its part."""
    counts = kept * even
    counts = counts / counts.sum(1, keepdims=True)
    heads = softmax_regression(
        features, targets, np.tile(counts, (len(DECAYS), 1)), np.repeat(np.array(DECAYS), len(kept))
    )
    heads = heads.reshape(len(DECAYS), len(kept), *targets.shape)
    logits = np.zeros((len(DECAYS), *targets.shape))
    for part in range(len(kept)):
        rows = np.flatnonzero(parts == part)
        logits[:, rows] = (features[rows] @ features.T) @ heads[:, part]
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    shares: Doubles = powers / powers.sum(-1, keepdims=True)
    return shares


def _likeness(rows: Doubles, labels: Rows) -> Doubles:
    """(N,): the cosine of each example with the mean of the others of its class."""
    sums = np.stack([rows[labels == place].sum(0) for place in range(labels.max() + 1)])
    others = sums[labels] - rows
    likeness: Doubles = (rows * others).sum(1) / np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    return likeness
