"""Pictures and texts as vectors of a retrieval checkpoint, in batches, and the background of their cosines."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from mmcore.checkpoints.registry import find
from mmcore.families.base import Calibration, Retriever
from mmcore.io.images import clean_text
from mmcore.pool import ModelPool
from mmcore.tasks.batching import BATCH
from mmcore.tasks.calibration import CosineBaseline, generic_texts
from mmcore.tasks.reading import read_as
from mmcore.types import Vectors

TASK = "retrieval"
TEXTS = 64
"""Texts that a model sees at once."""


class Traits(NamedTuple):
    """What a task asks of a loaded retriever beside vectors."""

    device: str
    scale: float
    templates: tuple[str, ...]
    calibration: Calibration | None
    generic: Vectors
    """(G, C): vectors of the generic texts in the checkpoint's language."""


_traits: WeakKeyDictionary[ModelPool, dict[str, Traits]] = WeakKeyDictionary()


def embed_images(pool: ModelPool, images: Sequence[Image.Image], model: str | None = None) -> Vectors:
    """RGB pictures -> (N, C) float32, each row of length 1. A collection takes this as its embedding function.

    Raises UnknownNameError, WeightsError and CapacityError.
    """
    name = pool.choose(TASK, model).name

    def work(retriever: Retriever, pictures: Sequence[Image.Image]) -> list[Vectors]:
        return list(retriever.image_vectors(pictures))

    return _together(
        [
            row
            for start in range(0, len(images), BATCH)
            for row in pool.run(name, work, images[start : start + BATCH], alike="pictures")
        ]
    )


def embed_texts(pool: ModelPool, texts: Sequence[str], model: str | None = None) -> Vectors:
    """Texts -> (N, C) float32, each row of length 1. Chinese may be read word by word (``reading.read_as``).

    Raises InputError for a text that is too long or in a script that the checkpoint cannot read, and what
    ``embed_images`` raises.
    """
    checkpoint = pool.choose(TASK, model)
    name = checkpoint.name
    clean = [read_as(checkpoint, clean_text(text, pool.settings)) for text in texts]

    def work(retriever: Retriever, batch: Sequence[str]) -> list[Vectors]:
        return list(retriever.text_vectors(batch))

    return _together(
        [
            row
            for start in range(0, len(clean), TEXTS)
            for row in pool.run(name, work, clean[start : start + TEXTS], alike="texts")
        ]
    )


def traits(pool: ModelPool, name: str) -> Traits:
    """What a checkpoint brings along; loaded and computed once for a pool."""
    known = _traits.setdefault(pool, {})
    if name not in known:
        language = "zh" if find(name).languages == ("zh",) else "en"
        generic = embed_texts(pool, generic_texts(language), name)
        retriever: Retriever = pool.get(name)
        known[name] = Traits(retriever.device, retriever.scale, retriever.templates, retriever.calibration, generic)
    return known[name]


def background(pool: ModelPool, name: str, pictures: Vectors) -> CosineBaseline:
    """The background of a checkpoint's cosines among these pictures (N, C)."""
    known = traits(pool, name)
    return CosineBaseline.of(known.generic, pictures, known.calibration)


class Stopwatch:
    """Seconds since it was made: made after the model is loaded, it measures the answer alone."""

    def __init__(self) -> None:
        self.start = perf_counter()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return perf_counter() - self.start


def unit(vector: Vectors) -> Vectors:
    """(..., C) scaled to length 1; zero stays zero."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    scaled: Vectors = (vector / np.maximum(length, 1e-12)).astype(np.float32)
    return scaled


def _together(rows: list[Vectors]) -> Vectors:
    return np.stack(rows).astype(np.float32, copy=False) if rows else np.zeros((0, 0), np.float32)
