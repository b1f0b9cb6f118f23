"""Pictures as our own networks see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from mmcore.nets.image_sizes import INPUT_SIZE


def pixels_of(images: Sequence[Image.Image]) -> torch.Tensor:
    """RGB pictures -> uint8 (B, 3, 224, 224); the whole picture is squeezed into the square, nothing is cut off."""
    size = (INPUT_SIZE, INPUT_SIZE)
    arrays = [np.asarray(image.resize(size, Image.Resampling.BICUBIC)) for image in images]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)
