"""Trunk features of every training picture, computed once: the frozen part of the encoder is its dearest part.

Each picture is seen in several views (whole, mirrored, random crops), so that training on stored features still
gets its augmentation. A view is one file, ``view<k>.npy`` of float16 (pictures, 112, 14, 14).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from PIL import Image, ImageEnhance
from torch import Tensor

from mmcore.nets.image_encoder import Trunk, normalize
from mmcore.nets.image_sizes import INPUT_SIZE

VIEWS = 6
"""View 0 is the whole picture, 1 its mirror image, the others are crops; odd ones are mirrored."""


def view_of(path: Path, view: int) -> np.ndarray:
    """uint8 (3, 224, 224) of one view; crops keep 55-95 % of the area, with a little colour change."""
    image = Image.open(path).convert("RGB")
    if view >= 2:
        draw = random.Random(f"{path.name} {view}")
        scale = draw.uniform(0.55, 0.95) ** 0.5
        aspect = draw.uniform(0.9, 1.1)
        width = min(int(image.width * scale * aspect), image.width)
        height = min(int(image.height * scale / aspect), image.height)
        left, upper = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
        image = image.crop((left, upper, left + width, upper + height))
        image = ImageEnhance.Brightness(image).enhance(draw.uniform(0.8, 1.2))
        image = ImageEnhance.Color(image).enhance(draw.uniform(0.7, 1.2))
    image = image.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BICUBIC)
    if view % 2:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image).transpose(2, 0, 1)


def pixels_of_view(paths: Sequence[Path], view: int, batch: int) -> Iterator[tuple[int, Tensor]]:
    """(place of the first, normalised pixels (B, 3, 224, 224)) of one view of all pictures, ``batch`` at a time."""
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), batch):
            pixels = np.stack(list(pool.map(lambda path: view_of(path, view), paths[start : start + batch])))
            yield start, normalize(torch.from_numpy(pixels))
            if start // batch % 20 == 0:
                print(f"view {view}: {start}/{len(paths)}", flush=True)


@torch.inference_mode()
def store_view(trunk: Trunk, paths: Sequence[Path], view: int, target: Path, batch: int = 32) -> None:
    """Write one view of all pictures; a finished file is left as it is."""
    if target.exists():
        return
    unfinished = target.with_suffix(".part.npy")
    out = open_memmap(unfinished, mode="w+", dtype=np.float16, shape=(len(paths), 112, 14, 14))
    for start, pixels in pixels_of_view(paths, view, batch):
        with torch.autocast("cpu", torch.bfloat16):
            features = trunk(pixels)
        out[start : start + len(features)] = features.float().numpy()
    out.flush()
    unfinished.rename(target)
