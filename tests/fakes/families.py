"""Models without weights, behind the real protocol and the real pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.pool import Loader, ModelPool
from mmcore.results import Caption, CaptionOptions, GroundedPhrase, Tag, Word
from mmcore.settings import Settings


class FakeCaptioner:
    """Says what it is given: "a picture 6 by 4" for one of 6 x 4 pixels, so that mixed-up answers are noticed.

    In Chinese "图片6乘4".
    """

    confidence_threshold = 0.5

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", score: float = 0.9, size: int = 1000) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.score, self.size = score, size
        self.batches: list[int] = []
        """How many pictures each call was given."""
        self.fails_on: Callable[[Image.Image], Exception | None] = lambda image: None

    def memory(self) -> int:
        return self.size

    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        self.batches.append(len(images))
        for image in images:
            error = self.fails_on(image)
            if error is not None:
                raise error
        count = 1 if options.decoding == "greedy" else options.num_captions
        return [tuple(self._caption(image, rank, options.language) for rank in range(count)) for image in images]

    def _caption(self, image: Image.Image, rank: int, language: str) -> Caption:
        sizes = str(image.width), str(image.height)
        texts = ["a", "picture", sizes[0], "by", sizes[1], *["again"] * rank]
        if language == "zh":
            texts = ["图片", sizes[0], "乘", sizes[1], *["又"] * rank]
        text = ("" if language == "zh" else " ").join(texts)
        return Caption(text, self.score / (rank + 1), tuple(Word(one, self.score) for one in texts), language=language)

    def word_maps(self, image: Image.Image, caption: Caption) -> npt.NDArray[np.float32]:
        return np.full((len(caption.words), 2, 2), 0.25, dtype=np.float32)

    def confident(self, image: Image.Image, caption: Caption) -> bool:
        return caption.score >= self.confidence_threshold

    def tags(self, image: Image.Image, language: str = "en") -> tuple[Tag, ...]:
        return (Tag({"en": "picture", "zh": "图片"}[language], 0.8),)

    def ground(self, image: Image.Image, caption: Caption) -> tuple[GroundedPhrase, ...]:
        return (GroundedPhrase(caption.text, ((0.0, 0.25, 0.5, 0.75),)),)


def fake_loader(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> FakeCaptioner:
    """Has the signature of ``families.load``."""
    return FakeCaptioner(checkpoint, device)


def fake_pool(settings: Settings | None = None, loader: Loader = fake_loader, **options: Any) -> ModelPool:
    """A real pool on the processor that serves fakes: neither weights nor torch are needed."""
    settings = replace(settings or Settings(offline=True), device="cpu")
    options.setdefault("locate", lambda checkpoint, settings, **_: Path("unused"))
    return ModelPool(settings, loader=loader, **options)
