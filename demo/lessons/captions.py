"""What the bundled captioner wrote about an example picture, and what it looked at while it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from PIL import Image

from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import Caption, CaptionOptions
from mmcore.settings import Settings
from mmcore.tasks import captioning
from mmcore.types import Floats

from ..ui import examples
from ..ui.colours import data_uri, shrink
from ..ui.examples import Example
from .plan import Setup

NAMES = ("two-dogs.jpg", "coffee.jpg", "astronaut.jpg")
"""Pictures that the lessons offer, the first one unless another is chosen."""
SIDE = 420


class Small(NamedTuple):
    """An example picture as a page shows it."""

    address: str
    """data: address."""
    ratio: float
    """Width over height of the picture itself."""


@dataclass(frozen=True, eq=False)
class Looked:
    """A caption with its attention."""

    name: str
    image: Image.Image
    caption: Caption
    attention: Floats
    """(words, layers, heads, 7, 7), raw."""
    maps: Floats
    """(words, 7, 7), as the Captions tab shows them."""

    @property
    def words(self) -> list[str]:
        """The caption's words."""
        return [word.text for word in self.caption.words]

    @cached_property
    def address(self) -> str:
        """data: address of the picture, small."""
        return data_uri(shrink(self.image, SIDE), "JPEG")

    @property
    def ratio(self) -> float:
        """Width over height."""
        return self.image.width / self.image.height


_small: dict[tuple[Path, int], Small] = {}
_looked: WeakKeyDictionary[ModelPool, dict[str, Looked]] = WeakKeyDictionary()
_lost: WeakKeyDictionary[ModelPool, dict[str, Floats]] = WeakKeyDictionary()


@cache
def offered() -> tuple[Example, ...]:
    """The pictures in the order of NAMES."""
    known = {item.path.name: item for item in examples.pictures()}
    return tuple(known[name] for name in NAMES)


def open_example(item: Example, settings: Settings) -> Image.Image:
    """The picture of an example, upright."""
    return decode_image(item.path, settings)


def small(item: Example, side: int, settings: Settings) -> Small:
    """An example picture with its longer side at most ``side`` pixels; made once."""
    if (item.path, side) not in _small:
        image = open_example(item, settings)
        _small[item.path, side] = Small(data_uri(shrink(image, side), "JPEG"), image.width / image.height)
    return _small[item.path, side]


def look(setup: Setup) -> Looked:
    """The caption of the chosen picture; kept, because nothing about it changes."""
    name = setup.picture if setup.picture in NAMES else NAMES[0]
    kept = _looked.setdefault(setup.pool, {})
    if name not in kept:
        image = open_example(offered()[NAMES.index(name)], setup.settings)
        best = captioning.caption(setup.pool, image, CaptionOptions(explain=True), captioning.OPEN).captions[0]
        if best.maps is None:
            raise ValueError("the bundled captioner gave no maps")
        kept[name] = Looked(name, image, best, captioning.word_attention(setup.pool, image, best), best.maps)
    return kept[name]


def lost(setup: Setup, looked: Looked, compute: bool) -> Floats | None:
    """What covering each place costs each word (words, 7, 7); None where that was not measured and ``compute`` not."""
    kept = _lost.setdefault(setup.pool, {})
    if looked.name not in kept and compute:
        kept[looked.name] = captioning.word_occlusion(setup.pool, looked.image, looked.caption)
    return kept.get(looked.name)
