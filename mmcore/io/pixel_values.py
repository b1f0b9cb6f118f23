"""Grey values of more than 8 bits -> 8 bits. What one odd pixel holds decides nothing.

16 bits often hold the 10, 12 or 14 of a camera, floats hold 0-1, 0-255 or metres, and missing places are marked by a
number far from all others.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import numpy.typing as npt

ODD = 0.5
"""Per cent of the pixels at either end that may be anything."""
DEPTHS = (255, 1023, 4095, 16383)
"""Highest values of fewer bits than 16."""
LEVELS = 32
"""A picture that uses fewer steps of a scale is uniform, or as dark as it says."""
SLACK = 0.05
"""Floats that leave 0-1 by so much still mean 0-1."""
FEW = 32.0
"""Floats that end here are not the values of 8 bits."""
NODATA = 42113
"""TIFF tag of GDAL with the value, in letters, that marks what is missing."""
PHOTOMETRIC = 262

Values = npt.NDArray[Any]


def to_bytes(values: Values, tags: Any) -> tuple[npt.NDArray[np.uint8], bool]:
    """(rows, columns) of any numbers -> uint8, and whether they were stretched to be seen. ``tags``: a TIFF's."""
    with np.errstate(over="ignore"):  # what is too large counts as missing
        levels = values.astype(np.float32)
    known = np.isfinite(levels) & ~_missing(levels, tags)
    if not known.any():
        return np.zeros(values.shape, np.uint8), False
    low, high = (float(np.percentile(levels[known], share, method="nearest")) for share in (ODD, 100 - ODD))
    bottom, top = _scale(values, levels[known], low, high)
    shown = np.where(known, levels.astype(np.float64), bottom)  # the ends of float32 are further apart than it reaches
    scaled = np.clip((shown - bottom) * (255 / (top - bottom)), 0, 255)
    made = np.round(scaled).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == 0:  # white is zero; Pillow minds it up to 8 bits
        made = np.where(known, 255 - made, 0).astype(np.uint8)
    return made, (bottom, top) not in ((0.0, 65535.0), (0.0, 255.0), (0.0, 1.0))


def _scale(values: Values, known: Values, low: float, high: float) -> tuple[float, float]:
    """What becomes black and what becomes white."""
    if values.dtype.kind == "f":
        if low >= -SLACK and high <= 1 + SLACK:
            return 0.0, 1.0
        if low >= 0 and high <= 255 and (high > FEW or high == low):
            return 0.0, 255.0
        return (low, high) if high > low else (low, low + max(1.0, abs(low)))
    if values.dtype.kind == "u" or (low >= 0 and 255 < float(known.max()) <= 65535):
        for depth in DEPTHS:
            if high <= depth:
                return 0.0, float(depth) if high - low >= LEVELS else 65535.0
        return 0.0, 65535.0
    if low >= 0 and high <= 255:
        return 0.0, 255.0
    return (low, high) if high > low else (low, low + max(1.0, abs(low)))


def _missing(levels: Values, tags: Any) -> npt.NDArray[np.bool_]:
    """Where a number stands for nothing: the one that the file names, or one that is far from all others."""
    missing = np.zeros(levels.shape, bool)
    with contextlib.suppress(ValueError):
        missing |= levels == np.float32(str(tags.get(NODATA, "")).strip("\0 "))
    for end in (np.min, np.max):
        rest = levels[np.isfinite(levels) & ~missing]
        if not rest.size:
            break
        value = end(rest)
        others = rest[rest != value]
        if len(others) and len(rest) - len(others) > 1:
            low, high = float(others.min()), float(others.max())
            away = low - float(value) if end is np.min else float(value) - high
            if away > 3 * max(high - low, 1e-6) and away > 0.5 * max(abs(low), abs(high)):
                missing |= levels == value
    return missing
