"""Sizes of the picture encoder: its input, its output and its blocks, for those who need no network."""

from __future__ import annotations

import math

INPUT_SIZE = 224
"""Side of the square input in pixels; pictures are resized to it without cropping."""

GRID_SIZE = 7
"""The feature grid has GRID_SIZE x GRID_SIZE cells, each of 32 x 32 input pixels."""

# (expansion, channels, repeats, stride, kernel) of each stage, Lite0 = EfficientNet-B0 without SE.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM = (3, 2)
"""Kernel and stride of the first convolution."""
LITE0, LITE1 = 1.0, 1.1
"""Depths: a stage has so many times its repeats, but for the first and the last."""


def repeats_of(stage: int, depth: float) -> int:
    """Blocks of a stage, 0..6, in a network of that depth."""
    own = STAGES[stage][2]
    return own if stage in (0, len(STAGES) - 1) else math.ceil(own * depth)
