"""What a model made of its last pictures, so that asking about the same ones again costs no second look."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PIL import Image

Made = TypeVar("Made")


class EncoderCache(Generic[Made]):
    """Remembers one batch: captions, maps and tags of a picture all begin from the same encoder states.

    The pictures are held weakly: they are not kept alive, and a new picture is never taken for an old one. A model runs
    for one request at a time (the pool sees to it), so there is no other batch in between.
    """

    def __init__(self) -> None:
        self._pictures: list[weakref.ref[Image.Image]] = []
        self._key: object = None
        self._made: Made | None = None

    def batch(self, images: Sequence[Image.Image], make: Callable[[], Made], key: object = None) -> Made:
        """What ``make()`` gives for these pictures, remembered; ``key`` is what else it depends on."""
        self._made = None  # let the last one go before the next is made
        made = make()
        self._pictures, self._key, self._made = [weakref.ref(image) for image in images], key, made
        return made

    def row(self, image: Image.Image, make: Callable[[], Made], key: object = None) -> tuple[Made, int]:
        """What was made of the batch that holds this picture, and its row; made anew if that was another batch."""
        if self._made is not None and self._key == key:
            for row, picture in enumerate(self._pictures):
                if picture() is image:
                    return self._made, row
        return self.batch([image], make, key), 0
