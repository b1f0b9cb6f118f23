"""A collection as a map: vectors of many dimensions laid out on a square."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcore.types import Floats, Vectors

PART = 16_384
"""Vectors that are looked at in double precision at once."""


def place(vectors: Vectors) -> Floats:
    """(N, C) vectors -> (N, 2) places between 0 and 1; the same vectors give the same places.

    The axes are the two directions of greatest variance (Pearson, 1901).
    """
    if len(vectors) < 2:
        return np.full((len(vectors), 2), 0.5, np.float32)
    places = _pca(vectors)
    low, high = places.min(axis=0), places.max(axis=0)
    extent = float((high - low).max())
    if extent < 1e-9:
        return np.full((len(vectors), 2), 0.5, np.float32)
    # one scale for both axes, so that distances mean the same in both; the shorter one is centred
    return np.asarray((places - (low + high) / 2) / extent + 0.5, np.float32)


def _pca(vectors: Vectors) -> npt.NDArray[np.float64]:
    width = vectors.shape[1]
    mean = vectors.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((width, width))
    for first in range(0, len(vectors), PART):
        part = vectors[first : first + PART] - mean
        covariance += part.T @ part
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :2]
    # the sign of an eigenvector is arbitrary: its largest number is made positive
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    places = np.zeros((len(vectors), 2))
    for first in range(0, len(vectors), PART):
        places[first : first + PART, : axes.shape[1]] = (vectors[first : first + PART] - mean) @ axes
    return places
