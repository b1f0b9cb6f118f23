"""A retriever that needs no weights: it knows colours, in pictures and in words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families.base import Calibration
from mmcore.results import MapMethod

COLOURS = ("red", "green", "blue", "dark")
GRID = 7
SLOW = (85, 63)
"""Size of pictures that take until the file SLOW_RELEASE is in MMCORE_HOME."""
SLOW_RELEASE = "release-slow"


class FakeRetriever:
    """Vectors of six numbers: how red, green, blue, dark and plain a picture is; words that are no colour stand apart.

    A query's heat map shows where the picture has its colour.
    """

    fingerprint = "fake"
    width = 6
    templates = ("a photo of something {}",)
    scale = 20.0
    bias = 0.0
    map_method: MapMethod = "exact"
    calibration = Calibration(0.0, 0.2, 0.3, 0.17)

    def __init__(self, checkpoint: Checkpoint, device: str, log: Path) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self._home = log.parent

    def memory(self) -> int:
        return 10_000_000

    def image_vectors(self, images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
        while any(image.size == SLOW for image in images) and not (self._home / SLOW_RELEASE).exists():
            time.sleep(0.05)
        return np.stack([_unit(_cells(image).mean((0, 1))) for image in images])

    def text_vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.stack([_unit(self._words(text)) for text in texts])

    def image_map(self, image: Image.Image, vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        heat: npt.NDArray[np.float32] = (_cells(image) @ vector / GRID**2).astype(np.float32)
        return heat

    def _words(self, text: str) -> npt.NDArray[np.float32]:
        vector = np.array([colour in text.lower() for colour in COLOURS] + [0, 0], np.float32)
        if not vector.any():
            vector[5] = 1
        return vector


def _cells(image: Image.Image) -> npt.NDArray[np.float32]:
    """(7, 7, 6): what each place of the picture adds."""
    small = np.asarray(image.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX), np.float32) / 255
    others = np.stack([np.delete(small, channel, 2).max(2) for channel in range(3)], 2)
    colours = np.clip(small - others, 0, None)
    dark = np.clip(0.3 - small.max(2), 0, None)
    plain = np.full_like(dark, 0.05)
    return np.concatenate([colours, dark[..., None], plain[..., None], np.zeros_like(dark)[..., None]], 2)


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    scaled: npt.NDArray[np.float32] = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
    return scaled
