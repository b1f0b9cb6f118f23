"""What a picture's numbers look like: embedded colour profiles, and what shines through where it is transparent."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from mmcore.results.notices import Notice

SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Pillow's mode -> the space that a profile for it describes."""
SAME = 2
"""A profile that moves no colour by more steps than these is sRGB under another name: nothing is computed."""
USUAL_GAMMA, NEAR_GAMMA, GAMMAS = 1 / 2.2, 0.03, (0.1, 4.0)
"""What sRGB is taken for, what is as good as that, and what is no damaged number."""
FAINT = 24
"""A drawing whose marks are all this near to the white below them would vanish."""
SEEN = 16
"""Least opacity of a mark."""
DARK = (0, 0, 0)


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def in_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[Notice]]:
    """An RGB, L or CMYK picture -> RGB as its profile says. A profile that cannot be used is left out and told of."""
    if not profile or image.mode not in SPACES:
        return image.convert("RGB"), []
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        if own.profile.xcolor_space != SPACES[image.mode]:
            raise ValueError(own.profile.xcolor_space)
        transform = ImageCms.buildTransform(
            own,
            _srgb(),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode != "CMYK":
            probe = _probe(image.mode)
            plain, moved = np.asarray(probe.convert("RGB"), int), np.asarray(transform.apply(probe), int)
            if np.abs(plain - moved).max() <= SAME:
                return image.convert("RGB"), []
        return transform.apply(image), []
    except Exception:  # littleCMS raises what it likes for hostile bytes
        return image.convert("RGB"), [Notice.of("image_profile")]


def by_gamma(image: Image.Image, gamma: float) -> Image.Image:
    """An RGB picture whose values are light ** gamma (gAMA of a PNG; 1 in what renderers write) -> sRGB."""
    if not GAMMAS[0] <= gamma <= GAMMAS[1] or abs(gamma - USUAL_GAMMA) < NEAR_GAMMA:
        return image
    light = (np.arange(256) / 255) ** (1 / gamma)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return image.point(np.round(255 * shown).astype(int).tolist() * 3)


@lru_cache(maxsize=2)
def _probe(mode: str) -> Image.Image:
    """Colours all over the space."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3))


def on_background(image: Image.Image, alpha: Image.Image) -> tuple[Image.Image, list[Notice]]:
    """An RGB picture laid on white; on black where nothing of it would be seen on white."""
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=alpha)
    marks = np.asarray(alpha) >= SEEN
    if not marks.any() or marks.all() or (255 - np.asarray(ground)[marks].min(axis=1)).max() > FAINT:
        return ground, []
    dark = Image.new("RGB", image.size, DARK)
    dark.paste(image, mask=alpha)
    return dark, [Notice.of("image_background")]
