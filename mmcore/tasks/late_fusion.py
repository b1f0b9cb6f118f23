"""Late fusion of two models that never met: a classifier of texts, and a retrieval model for the picture.

The picture is judged without training (zero-shot): it is compared with sentences such as "a happy picture", as CLIP's
authors did for other classes (Radford et al., 2021). Then p = (1 - w) p_text + w p_image, with w = IMAGE_WEIGHT; with
one modality, its answer stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families.base import Retriever, SentimentJudge
from mmcore.pool import ModelPool
from mmcore.results.sentiment import SENTIMENTS, Post, SentimentPrediction, SentimentScores
from mmcore.types import Floats

IMAGE_WEIGHT = 0.3
"""w: texts say more about sentiment than pictures do (text alone against image alone in the compact model's card)."""

PROMPTS: dict[str, tuple[str, ...]] = {
    "negative": (
        "a sad picture",
        "a picture of suffering, anger or fear",
        "an ugly or disgusting picture",
        "a photo of an accident, a disaster or violence",
    ),
    "neutral": (
        "a plain picture of an everyday thing",
        "a screenshot or a document",
        "a picture that shows no feeling",
        "a photo of an object",
    ),
    "positive": (
        "a happy picture",
        "a picture of smiling people who enjoy themselves",
        "a beautiful picture",
        "a cute or funny picture",
    ),
}
"""Sentences for each class; the mean of their vectors stands for it."""

SIDE = 3
"""Rows and columns of regions: each altered picture costs a pass of the retrieval model."""


class LateJudge:
    """SentimentJudge over a classifier of texts and the retrieval model of the same tier."""

    fusions: tuple[str, ...] = ("late",)
    regions = (SIDE, SIDE)
    cheap_regions = False

    def __init__(self, pool: ModelPool, reader: SentimentJudge) -> None:
        self.pool, self.reader = pool, reader
        self.checkpoint: Checkpoint = reader.checkpoint
        self.device = reader.device

    def memory(self) -> int:
        """Bytes of the classifier's weights; the retrieval model counts for itself."""
        return self.reader.memory()

    def judge(self, posts: Sequence[Post], fusion: str | Path = "") -> list[SentimentPrediction]:
        """See ``SentimentJudge.judge``."""
        texts = iter(self._read([post.text for post in posts if post.text]))
        images = iter(self._see([post.image for post in posts if post.image is not None]))
        return [
            _judgement(next(texts) if post.text else None, next(images) if post.image is not None else None)
            for post in posts
        ]

    def with_texts(self, post: Post, texts: Sequence[str | None], fusion: str | Path = "") -> Floats:
        """See ``SentimentJudge.with_texts``."""
        image = None if post.image is None else self._see([post.image])[0]
        read = iter(self._read([text for text in texts if text is not None]))
        return np.stack([_together(None if text is None else next(read), image) for text in texts])

    def with_regions(self, post: Post, kept: npt.NDArray[np.bool_], fusion: str | Path = "") -> Floats:
        """See ``SentimentJudge.with_regions``: what is not kept becomes the picture's mean colour."""
        text = self._read([post.text])[0] if post.text else None
        assert post.image is not None
        return np.stack([_together(text, seen) for seen in self._see([painted(post.image, mask) for mask in kept])])

    def word_attention(self, post: Post, spans: Sequence[tuple[int, int]], fusion: str | Path = "") -> Floats | None:
        """None: the two models do not look at each other."""
        return None

    def _read(self, texts: Sequence[str]) -> Floats:
        return self.reader.with_texts(Post(), texts) if texts else np.zeros((0, len(SENTIMENTS)), np.float32)

    def _see(self, images: Sequence[Image.Image]) -> Floats:
        """(N, 3) probabilities of pictures."""
        if not images:
            return np.zeros((0, len(SENTIMENTS)), np.float32)

        def work(model: Retriever, pictures: Sequence[Image.Image]) -> list[Floats]:
            classes = []
            for name in SENTIMENTS:
                mean = model.text_vectors(PROMPTS[name]).mean(0)
                classes.append(mean / np.linalg.norm(mean))
            logits = model.scale * model.image_vectors(pictures) @ np.stack(classes).T
            raised = np.exp(logits - logits.max(1, keepdims=True))
            return list((raised / raised.sum(1, keepdims=True)).astype(np.float32))

        name = self.pool.choose("retrieval", tier=self.checkpoint.tier).name
        found: list[Floats] = self.pool.run(name, work, list(images))
        return np.stack(found)


def painted(image: Image.Image, kept: npt.NDArray[np.bool_]) -> Image.Image:
    """The picture with the regions that are not kept (rows, columns) painted in its mean colour."""
    pixels = np.asarray(image)
    rows, columns = (
        (np.arange(size) * parts // size) for size, parts in zip(pixels.shape[:2], kept.shape, strict=True)
    )
    colour = pixels.reshape(-1, 3).mean(0).round().astype(np.uint8)
    return Image.fromarray(np.where(kept[rows[:, None], columns][..., None], pixels, colour))


def _together(text: Floats | None, image: Floats | None) -> Floats:
    if text is None or image is None:
        one = image if text is None else text
        assert one is not None
        return one
    mixed: Floats = (1 - IMAGE_WEIGHT) * text + IMAGE_WEIGHT * image
    return mixed


def _judgement(text: Floats | None, image: Floats | None) -> SentimentPrediction:
    weight = IMAGE_WEIGHT if text is not None and image is not None else float(text is None)
    return SentimentPrediction(
        text=None if text is None else SentimentScores(*text.tolist()),
        image=None if image is None else SentimentScores(*image.tolist()),
        fusions=(("late", SentimentScores(*_together(text, image).tolist())),),
        gates=(("late", (1 - weight, weight)),),
    )
