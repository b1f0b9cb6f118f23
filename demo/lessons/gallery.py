"""Thirty-two pictures of the example collection, and how near the bundled retriever puts words to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from mmcore.pool import ModelPool
from mmcore.tasks import embedding
from mmcore.types import Doubles, Vectors

from ..ui import examples
from ..ui.colours import data_uri, shrink
from ..ui.examples import Example
from .captions import open_example
from .plan import Setup

MODEL = "compact-retriever"
NAMES = (
    *("perched-osprey", "owl", "canyon-wren", "parrot", "nuthatch", "blue-periwinkle", "sunflower", "dahlia"),
    *("dandelion", "pancakes", "sushi", "fig", "drawn-hedgehog", "drawn-cow", "drawn-frog", "drawn-giraffe"),
    *("drawn-dolphin", "drawn-snail", "moose", "dragonfly", "light-bulb", "brushes", "books", "raccoon", "cat"),
    *("coffee", "two-dogs", "mountain-path", "storefront", "rocket", "car", "sunset"),
)
RELEVANT: Mapping[str, tuple[int, ...]] = {
    "a bird": (0, 1, 2, 3, 4),
    "a flower": (5, 6, 7, 8),
    "food": (9, 10, 11),
    "a drawing": (12, 13, 14, 15, 16, 17),
}
"""Query -> places in NAMES of the pictures that it is right for, as a person who looks at them says."""
DRAWINGS = RELEVANT["a drawing"]
SIDE = 112

_small: list[str] = []
_vectors: WeakKeyDictionary[ModelPool, Vectors] = WeakKeyDictionary()
_cosines: WeakKeyDictionary[ModelPool, tuple[Doubles, Doubles]] = WeakKeyDictionary()


@cache
def shown() -> tuple[Example, ...]:
    """The pictures in the order of NAMES."""
    known = {item.path.stem: item for item in examples.collection()}
    return tuple(known[name] for name in NAMES)


def pictures(setup: Setup) -> tuple[Image.Image, ...]:
    """The pictures themselves."""
    return tuple(open_example(item, setup.settings) for item in shown())


def thumbnails(setup: Setup) -> list[str]:
    """data: addresses of the pictures, small; made once."""
    if not _small:
        _small.extend(data_uri(shrink(image, SIDE), "JPEG") for image in pictures(setup))
    return _small


def vectors(setup: Setup) -> Vectors:
    """(32, C): the pictures in the retriever's space; computed once a pool."""
    if setup.pool not in _vectors:
        _vectors[setup.pool] = embedding.embed_images(setup.pool, pictures(setup), MODEL)
    return _vectors[setup.pool]


def cosines(setup: Setup) -> tuple[Doubles, Doubles]:
    """(32, 32) of the pictures' own sentences by pictures, and (4, 32) of the queries by pictures."""
    if setup.pool not in _cosines:
        texts = [item.alt["en"] for item in shown()] + list(RELEVANT)
        found = (embedding.embed_texts(setup.pool, texts, MODEL) @ vectors(setup).T).astype(np.float64)
        _cosines[setup.pool] = found[: len(NAMES)], found[len(NAMES) :]
    return _cosines[setup.pool]
