"""Small pictures, and an embedding that takes no model: the picture at 6 x 6 pixels, mixed by a fixed matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmcore.types import Vectors

MADE_BY = "fake-retriever"
WIDTH = 32
SIDE = 6
_MIX = np.random.default_rng(7).standard_normal((SIDE * SIDE * 3, WIDTH)).astype(np.float32)


def embed(pictures: Sequence[Image.Image]) -> Vectors:
    small = [picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for picture in pictures]
    values = np.stack([np.asarray(one, np.float32).ravel() / 127.5 - 1 for one in small]) @ _MIX
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def other_embed(pictures: Sequence[Image.Image]) -> Vectors:
    """Another model: half as many numbers, which mean something else."""
    values = embed(pictures)[:, ::-2].copy()
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def picture(seed: int, size: int = 48) -> Image.Image:
    """Patches of colour, different for each seed, smooth enough to survive compression."""
    colours = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((size, size), Image.Resampling.BICUBIC)


def paint(folder: Path, seeds: Sequence[int], size: int = 48) -> list[Path]:
    """A PNG file of each seed."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{seed:06d}.png" for seed in seeds]
    for file, seed in zip(files, seeds, strict=True):
        picture(seed, size).save(file, compress_level=1)
    return files


def vector_of(file: Path) -> Vectors:
    with Image.open(file) as image:
        return embed([image])[0]
