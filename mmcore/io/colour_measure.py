"""Which of the eleven basic colours a picture has, measured from its pixels.

A pixel has the name of the nearest prototype in CIELAB (D65), where distances are about those that people see.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.io.questions import COLOURS
from mmcore.types import Doubles, Floats

SIDE = 112
"""Pixels of the longer side at which a picture is measured."""
PROTOTYPES: dict[str, tuple[str, ...]] = {
    "black": ("000000", "1a1a1a", "201a18", "14181f"),
    "white": ("ffffff", "f0f0f0", "f3efe6", "e6ebf0"),
    "grey": ("808080", "505050", "a8a8a8", "c4c4c4", "8a8580", "7a828a"),
    "red": ("ff0000", "c01818", "8b0000", "d84040"),
    "orange": ("ff8c00", "f57c20", "e07020"),
    "yellow": ("ffff00", "f0d020", "e8d860", "d8b820"),
    "green": ("00ff00", "008000", "205020", "6b8e23", "80b060", "4a5a30", "98c878"),
    "blue": ("0000ff", "1040a0", "4682c8", "87b8e0", "203060", "00a0d0"),
    "purple": ("800080", "8a50c0", "502070", "b090d0"),
    "pink": ("ffc0cb", "ff69b4", "e890a8", "f0a0c0"),
    "brown": ("8b4513", "603818", "a07048", "c09868", "402818", "70584a"),
}
"""sRGB values that people call by that name, several where the name covers a wide range."""


def colour_shares(image: Image.Image, weights: Floats | None = None) -> dict[str, float]:
    """Name of each basic colour -> its share of the picture, the largest first; all sum to 1.

    ``weights`` (rows, columns), >= 0, say how much each place counts; None: all the same.
    """
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    names = _nearest(np.asarray(small.convert("RGB"), np.float64).reshape(-1, 3) / 255)
    counted = np.ones(len(names))
    if weights is not None and float(weights.sum()) > 0:
        spread = Image.fromarray(weights.astype(np.float32)).resize(small.size, Image.Resampling.BILINEAR)
        counted = np.clip(np.asarray(spread, np.float64).reshape(-1), 0, None)
    totals = np.bincount(names, counted, len(COLOURS))
    shares = dict(zip(COLOURS, (totals / totals.sum()).tolist(), strict=True))
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _nearest(pixels: Doubles) -> npt.NDArray[np.intp]:
    """sRGB pixels (N, 3) in 0-1 -> the number of each one's colour in COLOURS."""
    places, owners = _prototypes()
    distances = ((_lab(pixels)[:, None] - places) ** 2).sum(-1)
    named: npt.NDArray[np.intp] = owners[distances.argmin(1)]
    return named


@cache
def _prototypes() -> tuple[Doubles, npt.NDArray[np.intp]]:
    """Their places in CIELAB (P, 3), and the number of the colour that each stands for."""
    listed = [(code, number) for number, name in enumerate(COLOURS) for code in PROTOTYPES[name]]
    values = np.array([[int(code[at : at + 2], 16) / 255 for at in (0, 2, 4)] for code, _ in listed])
    return _lab(values), np.array([number for _, number in listed])


def _lab(pixels: Doubles) -> Doubles:
    """sRGB (N, 3) in 0-1 -> CIELAB (N, 3): IEC 61966-2-1 and CIE 15, white point D65."""
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    x, y, z = (xyz / np.array([0.9505, 1.0, 1.089])).T
    fx, fy, fz = (np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116) for t in (x, y, z))
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], 1)
