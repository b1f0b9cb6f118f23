"""Where a picture matches, found without looking inside the model: cover a place, and see what the match loses.

Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from PIL import Image

from mmcore.types import Vectors

CELLS = 7
"""Rows and columns of places that are covered, one after the other."""
SIDE = 448
"""Pictures are shrunk to this longest side first: no checkpoint sees more, and 49 copies are made."""
BATCH = 7


def occlusion_map(
    embed: Callable[[Sequence[Image.Image]], Vectors], image: Image.Image, vector: Vectors, cells: int = CELLS
) -> Vectors:
    """(cells, cells), signed: cosine with ``vector`` (C,) less the cosine where the cell has the picture's mean colour.

    ``embed`` gives unit vectors (N, C) of N pictures; it is called with the whole picture and its covered copies.
    """
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    copies = covered(small, cells)
    rows = []
    while batch := list(islice(copies, BATCH)):
        rows.append(embed(batch) @ vector)
    cosines = np.concatenate(rows)
    whole = float((embed([small]) @ vector)[0])
    heat: Vectors = (whole - cosines).reshape(cells, cells).astype(np.float32)
    return heat


def covered(image: Image.Image, cells: int = CELLS) -> Iterator[Image.Image]:
    """Copies of the picture, row by row, each with one of cells x cells places in the picture's mean colour."""
    colour = tuple(round(value) for value in np.asarray(image).reshape(-1, 3).mean(0))
    down = np.linspace(0, image.height, cells + 1).round().astype(int)
    across = np.linspace(0, image.width, cells + 1).round().astype(int)
    for row in range(cells):
        for column in range(cells):
            copy = image.copy()
            box = (int(across[column]), int(down[row]), int(across[column + 1]), int(down[row + 1]))
            copy.paste(colour, box)
            yield copy
