"""What a family must offer: one small protocol a task. Tensors live behind it, plain types in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints import Checkpoint
from mmcore.results import Caption, CaptionOptions, Tag


@runtime_checkable
class Model(Protocol):
    """A loaded checkpoint."""

    checkpoint: Checkpoint
    device: str
    """As torch names it: "cpu", "cuda:0"."""

    def memory(self) -> int:
        """Bytes that the weights take."""
        ...


@runtime_checkable
class Captioner(Model, Protocol):
    """Pictures in, captions out."""

    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """``options.num_captions`` captions of each RGB picture, best first, without maps. Pictures are one batch."""
        ...

    def word_maps(self, image: Image.Image, caption: Caption) -> npt.NDArray[np.float32]:
        """(words, rows, columns): where each word of ``caption.words`` looks; each map is >= 0 and sums to 1."""
        ...

    def confident(self, image: Image.Image, caption: Caption) -> bool:
        """Whether the model itself stands by this caption; True where it has no way to tell."""
        ...

    def tags(self, image: Image.Image) -> tuple[Tag, ...]:
        """What a recognition head sees, most probable first; empty where there is none."""
        ...
