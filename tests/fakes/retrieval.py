"""A retriever without weights that knows colours, behind the real protocol, the real pool and the real collections."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families.base import Calibration
from mmcore.index import Collection, Library
from mmcore.pool import ModelPool
from mmcore.results import MapMethod
from mmcore.settings import Settings
from mmcore.tasks.retrieval import embed_images
from tests.fakes.families import fake_loader, fake_pool

NAME = "compact-retriever"
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "purple": (1, 0, 1), "yellow": (1, 1, 0)}
OTHER_WORDS = 12
"""Dimensions for words that are no colours: none of them is in any picture."""

Vectors = npt.NDArray[np.float32]


class FakeRetriever:
    """A picture is its mean colour; a text is the colours that it names, each other word a direction of its own."""

    templates = ("a photo of {}", "{}")
    bias = 0.0
    map_method: MapMethod = "exact"

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self.checkpoint, self.device = checkpoint, device
        self.width = 3 + OTHER_WORDS
        self.scale = 10.0
        self.calibration: Calibration | None = Calibration(0.0, 0.15, 0.3, 0.2)
        self.batches: list[int] = []
        """How many pictures or texts each call was given."""
        self.fails_on: Callable[[Any], Exception | None] = lambda item: None

    def memory(self) -> int:
        return 1000

    def _note(self, items: Sequence[Any]) -> None:
        self.batches.append(len(items))
        for item in items:
            error = self.fails_on(item)
            if error is not None:
                raise error

    def image_vectors(self, images: Sequence[Image.Image]) -> Vectors:
        self._note(images)
        found = np.zeros((len(images), self.width), np.float32)
        for row, image in zip(found, images, strict=True):
            row[:3] = np.asarray(image).reshape(-1, 3).mean(0) / 255 + 1e-3
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        self._note(texts)
        found = np.full((len(texts), self.width), 1e-3, np.float32)
        for row, text in zip(found, texts, strict=True):
            for word in text.lower().split():
                if word in COLOURS:
                    row[:3] += COLOURS[word]
                elif word not in ("a", "photo", "of", "picture"):
                    row[3 + zlib.crc32(word.encode()) % OTHER_WORDS] += 1
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def image_map(self, image: Image.Image, vector: Vectors) -> Vectors:
        """The left and the right half of the picture."""
        halves = [image.crop((0, 0, image.width // 2, image.height)), image.crop((image.width // 2, 0, *image.size))]
        cells = np.stack([np.asarray(half).reshape(-1, 3).mean(0) / 255 for half in halves]) @ vector[:3]
        return cells[None].astype(np.float32)


def retrieval_loader(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Any:
    """Has the signature of ``families.load``."""
    if checkpoint.task == "retrieval":
        return FakeRetriever(checkpoint, device)
    return fake_loader(checkpoint, folder, device, dtype)


def retrieval_pool(settings: Settings | None = None, **options: Any) -> ModelPool:
    return fake_pool(settings, loader=retrieval_loader, **options)


def colour(name: str, size: tuple[int, int] = (8, 6)) -> Image.Image:
    return Image.new("RGB", size, tuple(255 * part for part in COLOURS[name]))


def colour_collection(pool: ModelPool, folder: Path, name: str = "colours", model: str = NAME) -> Collection:
    """A collection of one picture of each colour, ``<colour>.png`` in ``folder``."""
    folder.mkdir(exist_ok=True)
    for shade in COLOURS:
        colour(shade).save(folder / f"{shade}.png")
    collection = Library(pool.settings).open_or_create(name, model)
    collection.add([folder], lambda images: embed_images(pool, images, model), checkpoint=model)
    return collection
