"""What a picture looks like in 64 bits, so that copies are found which were resized or compressed again.

The perceptual hash "pHash" (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010): the
signs, against their median, of the 64 lowest frequencies of a cosine transform of the grey picture at 32 x 32.
Copies differ in a few bits. Two hashes that differ in at most BITS bits agree in at least one of BITS + 1 bands, so
that a catalogue finds all of them by looking up bands (Manku, Jain and Sarma, "Detecting near-duplicates", 2007).
"""

from __future__ import annotations

from functools import cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

BITS = 4
"""Bits in which the hashes of two copies may differ."""
COSINE = 0.9
"""And their vectors must be as alike as this, since pictures with little in them are alike in their hashes."""
SIDE = 32
PLAIN = 2.0
"""A picture whose frequencies are all below this (grey levels) shows nothing to be recognised by."""
THUMBNAIL = 256
"""Pixels of a thumbnail's longer side, at most."""
_BANDS = (13, 13, 13, 13, 12)
"""Bits of each of the BITS + 1 bands."""


def small(picture: Image.Image) -> Image.Image:
    """The picture at thumbnail size."""
    copy = picture.copy()
    copy.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return copy


def jpeg(picture: Image.Image) -> bytes:
    """The picture as a JPEG file."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


def look(picture: Image.Image) -> int | None:
    """The perceptual hash, as a signed 64-bit number (SQLite has no other); None for a plain picture.

    A copy at thumbnail size gives nearly the same as the picture itself.
    """
    grey = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    transform = _cosines()
    frequencies = (transform @ np.asarray(grey, np.float64) @ transform.T)[:8, :8].ravel()
    others = frequencies[1:]  # the first is the mean brightness
    if np.abs(others).max() < PLAIN:
        return None
    bits = np.concatenate(([False], others > np.median(others)))
    return int(np.packbits(bits).view(">i8")[0])


@cache
def _cosines() -> npt.NDArray[np.float64]:
    """(8, 32): the lowest frequencies of the orthonormal cosine transform (DCT-II), scaled to grey levels."""
    position = np.arange(SIDE)
    rows = np.cos(np.pi * (2 * position[None] + 1) * np.arange(8)[:, None] / (2 * SIDE)) * np.sqrt(2 / SIDE)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows / np.sqrt(SIDE) * 2)


def bands(hash_: int) -> list[int]:
    """Keys under which a hash is filed: equal keys mean that one band is equal."""
    rest, keys = hash_ & (1 << 64) - 1, []
    for number, bits in enumerate(_BANDS):
        keys.append(number << 16 | rest & (1 << bits) - 1)
        rest >>= bits
    return keys


def distance(one: int, other: int) -> int:
    """Bits in which two hashes differ."""
    return bin((one ^ other) & (1 << 64) - 1).count("1")
