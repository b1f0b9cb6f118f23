"""Heat maps over the picture of a post: what pushes the answer, and where a word looks."""

from __future__ import annotations

from html import escape

import numpy as np
from PIL import Image

from mmcore.types import Floats

from ..ui.colours import OVERLAY_SIDE, css_gradient, data_uri, heat_image
from ..ui.i18n import text

NEGATIVE = (0x2B, 0x6C, 0xB8)
NEUTRAL = (0xA3, 0xA8, 0xB2)
POSITIVE = (0xE8, 0x7A, 0x1A)
"""Blue, grey and orange are told apart with every kind of colour blindness. The style sheet has them too."""


def push_image(push: Floats, width: int, height: int, full: float) -> Image.Image:
    """A map of signed values as a picture with transparency: blue where it is below 0, orange where above.

    ``push`` is (rows, columns); a value of ``full`` or more gets the fullest colour.
    """
    scale = OVERLAY_SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = np.asarray(Image.fromarray(push.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    strength = np.clip(np.abs(smooth) / full, 0, 1)
    pixels = np.empty((*smooth.shape, 4), np.uint8)
    pixels[..., :3] = np.where((smooth > 0)[..., None], POSITIVE, NEGATIVE)
    pixels[..., 3] = np.rint(strength * 0.8 * 255)
    return Image.fromarray(pixels)


def push_map(push: Floats, size: tuple[int, int], full: float) -> str:
    """``push_image`` as a data: address."""
    return data_uri(push_image(push, *size, full), "PNG")


def class_map(raised: Floats, size: tuple[int, int]) -> str:
    """Where a probability is raised, (rows, columns), as a data: address; what lowers it stays dark."""
    above = np.clip(raised, 0, None)
    total = float(above.sum())
    shares = above / total if total > 0 else np.full_like(above, 1 / above.size)
    return data_uri(heat_image(shares.astype(np.float32), *size), "PNG")


def word_map(attention: Floats, size: tuple[int, int]) -> str:
    """Where a word looks, (rows, columns) with the sum 1, as a data: address."""
    return data_uri(heat_image(attention, *size), "PNG")


def push_legend(language: str) -> str:
    """What the colours mean: of pushes, and of the maps of one class or word. The one of the shown map is shown."""
    scale = ", ".join("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in (NEGATIVE, (0xF4, 0xF4, 0xF5), POSITIVE))
    words = [
        escape(text(language, f"text.{key}")) for key in ("sentiment.legend_negative", "sentiment.legend_positive")
    ]
    more = [escape(text(language, f"text.{key}")) for key in ("legend_low", "legend_high")]
    return (
        f'<div class="mm-legend mm-legend-push"><span>{words[0]}</span><span class="mm-bar" '
        f'style="background:linear-gradient(to right, {scale})"></span><span>{words[1]}</span></div>'
        f'<div class="mm-legend mm-legend-much"><span>{more[0]}</span><span class="mm-bar" '
        f'style="background:{css_gradient()}"></span><span>{more[1]}</span></div>'
    )
