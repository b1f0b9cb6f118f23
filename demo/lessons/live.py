"""The small calculations of the lessons, in numpy: what the browser computes again while somebody moves a control."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def softmax(scores: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Shares of the last axis that sum to 1: exp(score / temperature) over their sum. ``temperature`` > 0."""
    scaled = np.asarray(scores, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def attention(query: npt.ArrayLike, keys: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Scaled scores (N,), weights (N,) and output (C,) of one query (d,) over N keys (N, d) and values (N, C)."""
    k = np.asarray(keys, np.float64)
    scores: Floats = k @ np.asarray(query, np.float64) / np.sqrt(k.shape[1])
    weights = softmax(scores)
    output: Floats = weights @ np.asarray(values, np.float64)
    return scores, weights, output


def entropy(shares: npt.ArrayLike) -> float:
    """-sum p ln p of shares that sum to 1, in nats; exp of it is the number of equal places that would be as even."""
    p = np.asarray(shares, np.float64).ravel()
    return float(-(p * np.log(np.where(p > 0, p, 1))).sum())


def correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Pearson's r of two maps of one shape; 0 where one of them is even."""
    a, b = (np.asarray(one, np.float64).ravel() for one in (first, second))
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else 0.0


def cosine(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The cosine of the angle between two vectors; 0 where one has no length."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0


def info_nce(cosines: npt.ArrayLike, temperature: float) -> float:
    """Contrastive loss of a matrix (N, N) whose diagonal holds the pairs: mean over rows and over columns, halved."""
    matrix = np.asarray(cosines, np.float64)
    by_row, by_column = softmax(matrix, temperature), softmax(matrix.T, temperature)
    return float(-(np.log(np.diag(by_row)).mean() + np.log(np.diag(by_column)).mean()) / 2)
