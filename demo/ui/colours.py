"""The colours of heat maps: viridis, perceptually even and readable for colour-blind people."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.types import Floats

_ANCHORS = (
    (0x44, 0x01, 0x54),
    (0x48, 0x28, 0x78),
    (0x3E, 0x49, 0x89),
    (0x31, 0x68, 0x8E),
    (0x26, 0x82, 0x8E),
    (0x1F, 0x9E, 0x89),
    (0x35, 0xB7, 0x79),
    (0x6E, 0xCE, 0x58),
    (0xB5, 0xDE, 0x2B),
    (0xFD, 0xE7, 0x25),
)
"""Ten even steps of viridis (S. van der Walt and N. Smith, 2015, CC0); in between we interpolate."""
OVERLAY_SIDE = 96
"""Longer side of an overlay in pixels. The page stretches it over the picture, so it can be small."""

EVEN_TIMES = 3.0


@cache
def viridis() -> npt.NDArray[np.uint8]:
    """The colour map as (256, 3) RGB bytes, dark for 0 and yellow for 255."""
    anchors = np.asarray(_ANCHORS, dtype=np.float64)
    positions = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(positions, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    table: npt.NDArray[np.uint8] = np.stack(channels, axis=1).round().astype(np.uint8)
    return table


def css_gradient() -> str:
    """The colour map as a CSS gradient, for the legend."""
    return "linear-gradient(to right, " + ", ".join("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in _ANCHORS) + ")"


def heat_image(evidence: Floats, width: int, height: int) -> Image.Image:
    """A map as a palette picture in the shape of the ``width`` x ``height`` picture that it belongs to.

    ``evidence`` is (rows, columns), >= 0, with the sum 1. Colours run from 0 to the map's maximum, or to EVEN_TIMES
    the even share where that is more: a map that says nothing then looks dull and not bright all over.
    """
    scale = OVERLAY_SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Bicubic overshoots a little, so the range is cut after the stretching and not before.
    smooth = np.asarray(Image.fromarray(evidence.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    smooth = np.clip(smooth, 0, None)
    highest = max(float(smooth.max()), EVEN_TIMES / evidence.size)
    levels = np.rint(smooth / highest * 255).astype(np.uint8)
    image = Image.fromarray(levels)
    image.putpalette(viridis().tobytes())
    image.info["transparency"] = _opacity()  # Pillow's name for the opacity of each colour of a palette
    return image


def _opacity() -> bytes:
    """Opacity of the 256 colours: the picture shows through everywhere, most where there is least evidence."""
    return bytes(np.rint(np.linspace(0.3, 0.75, 256) * 255).astype(np.uint8))


def data_uri(image: Image.Image, file_format: str) -> str:
    """The picture as a data: address, so that nothing is written to disk and nothing has to be served."""
    buffer = io.BytesIO()
    options = {"quality": 85} if file_format == "JPEG" else {"optimize": True}
    image.save(buffer, file_format, **options)
    return f"data:image/{file_format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def shrink(image: Image.Image, side: int = 720) -> Image.Image:
    """The picture with its longer side at most ``side`` pixels: what the page shows under the heat maps."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small
