"""Example pictures changed in the ways that lesson 1 shows, and what the bundled retriever makes of each."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from mmcore.nets.image_sizes import INPUT_SIZE
from mmcore.pool import ModelPool
from mmcore.tasks import embedding
from mmcore.types import Doubles

from . import lesson_03_one_space as space
from . import live
from .captions import open_example
from .plan import Setup

SQUARE = (INPUT_SIZE, INPUT_SIZE)
GREY = (127, 127, 127)
PLACES = 5
"""Positions of the square that is cut out."""
SIDES = (224, 112, 56, 28, 14, 7)


@dataclass(frozen=True, eq=False)
class Measured:
    """Variants of one picture, 224 x 224 each."""

    images: tuple[Image.Image, ...]
    cosines: Doubles
    """(variants, 4): with the sentences of ``space.PAIRS``."""
    shares: Doubles
    """(variants, 4): their softmax at the retriever's temperature."""
    near: Doubles
    """(variants,): cosine with the first variant."""


_measured: WeakKeyDictionary[ModelPool, dict[tuple[str, str], Measured]] = WeakKeyDictionary()


def chosen(setup: Setup) -> int:
    """Place in ``space.PAIRS`` of the chosen picture; the two dogs unless another is chosen."""
    names = [name for name, _ in space.PAIRS]
    return names.index(setup.picture) if setup.picture in names else 2


def picture(setup: Setup) -> Image.Image:
    """The chosen picture in its own shape."""
    return open_example(space.offered()[chosen(setup)], setup.settings)


def squeezed(image: Image.Image) -> Image.Image:
    """The whole picture in the square, as the bundled models see it."""
    return image.resize(SQUARE, Image.Resampling.BICUBIC)


def fitted(image: Image.Image) -> list[Image.Image]:
    """Squeezed; whole with grey bars; and PLACES squares cut out along the longer side."""
    side = min(image.size)
    spare = (image.width - side, image.height - side)
    cuts = []
    for place in range(PLACES):
        left, top = (round(space * place / (PLACES - 1)) for space in spare)
        cuts.append(image.crop((left, top, left + side, top + side)))
    return [squeezed(image), ImageOps.pad(image, SQUARE, color=GREY), *(squeezed(cut) for cut in cuts)]


def augmented(image: Image.Image) -> list[Image.Image]:
    """Squeezed, then changed: not at all, mirrored, brighter, cut closer, turned, grey, blurred, noisy, upside down."""
    small = squeezed(image)
    edge = INPUT_SIZE // 8
    close = small.crop((edge, edge, INPUT_SIZE - edge, INPUT_SIZE - edge))
    noise = np.random.default_rng(0).normal(0, 40, (*SQUARE, 3))
    return [
        small,
        ImageOps.mirror(small),
        ImageEnhance.Brightness(small).enhance(1.6),
        squeezed(close),
        small.rotate(15, Image.Resampling.BICUBIC, fillcolor=GREY),
        ImageOps.grayscale(small).convert("RGB"),
        small.filter(ImageFilter.GaussianBlur(4)),
        Image.fromarray(np.clip(np.asarray(small) + noise, 0, 255).round().astype(np.uint8)),
        ImageOps.flip(small),
    ]


def coarser(image: Image.Image) -> list[Image.Image]:
    """Squeezed to each of SIDES by averaging, then enlarged smoothly: what is lost stays lost."""
    small = squeezed(image)
    return [squeezed(small.resize((side, side), Image.Resampling.BOX)) for side in SIDES]


WAYS = {"fit": fitted, "augment": augmented, "lost": coarser}


def measure(setup: Setup, way: str) -> Measured:
    """The chosen picture changed in one of WAYS, with what the retriever makes of it; kept."""
    kept = _measured.setdefault(setup.pool, {})
    name = space.PAIRS[chosen(setup)][0]
    if (way, name) not in kept:
        images = WAYS[way](picture(setup))
        vectors = embedding.embed_images(setup.pool, images, space.MODEL)
        texts = embedding.embed_texts(setup.pool, [sentence for _, sentence in space.PAIRS], space.MODEL)
        cosines = (vectors @ texts.T).astype(np.float64)
        near = (vectors @ vectors[0]).astype(np.float64)
        kept[way, name] = Measured(tuple(images), cosines, live.softmax(cosines, space.TAU), near)
    return kept[way, name]
