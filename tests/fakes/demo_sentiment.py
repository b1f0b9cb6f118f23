"""A sentiment model that needs no weights: it counts words, and takes bright pictures for good news."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._languages import require_latin
from mmcore.results import FUSIONS, Post, SentimentScores
from mmcore.results.posts import EncodedPosts
from mmcore.results.sentiment import SentimentPrediction

GOOD = {"lovely", "happy", "wonderful", "love", "best"}
BAD = {"awful", "sad", "terrible", "hate", "worst"}
SUN = {"sun", "sunny", "sunshine", "bright", "light", "colourful"}
RAIN = {"rain", "rainy", "dark", "grey", "fog"}
REGIONS = (2, 2)
WORDS = 12
SLOW = "slow"
"""A file of this name in MMCORE_HOME makes every answer take its time, so that Stop can come in between."""


def valence_of(text: str | None) -> float:
    words = re.findall(r"\w+", (text or "").lower())
    return float(sum(word in GOOD for word in words) - sum(word in BAD for word in words))


def light_of(image: Image.Image) -> npt.NDArray[np.float64]:
    """(2, 2), from -1 for black to 1 for white."""
    return np.asarray(image.convert("L").resize(REGIONS, Image.Resampling.BOX), np.float64) / 127.5 - 1


def shares(valence: float) -> npt.NDArray[np.float64]:
    """Probabilities of negative, neutral, positive."""
    values = np.exp([-2 * valence, 0.5, 2 * valence])
    return values / values.sum()


class FakeJudge:
    """Adds up the modalities; "late" halves the picture's part, so that the fusions differ."""

    fusions = FUSIONS
    regions = REGIONS
    cheap_regions = True
    fingerprint = "fake"

    def __init__(self, checkpoint: Checkpoint, device: str, log: Path) -> None:
        self.checkpoint, self.device = checkpoint, device
        self._log = log

    def memory(self) -> int:
        return 7_000_000

    def judge(self, posts: Sequence[Post], fusion: str | Path = "") -> list[SentimentPrediction]:
        if (self._log.parent / SLOW).exists():
            time.sleep(0.5)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"model": self.checkpoint.name, "posts": len(posts), "fusion": str(fusion)}) + "\n")
        return [self._one(post, fusion) for post in posts]

    def _one(self, post: Post, fusion: str | Path) -> SentimentPrediction:
        require_latin(self.checkpoint, [post.text or ""])
        said, light = valence_of(post.text), float(light_of(post.image).mean()) if post.image else 0.0
        names = [*FUSIONS, *([fusion.name] if isinstance(fusion, Path) else [])]
        parts = {name: said + light * (0.5 if name == "late" else 1.0) for name in names}
        return SentimentPrediction(
            text=SentimentScores(*shares(said)) if post.text else None,
            image=SentimentScores(*shares(light)) if post.image else None,
            fusions=tuple((name, SentimentScores(*shares(valence))) for name, valence in parts.items()),
            gates=(("weighted", (0.75, 0.25)),),
        )

    def with_texts(self, post: Post, texts: Sequence[str | None], fusion: str | Path = "") -> npt.NDArray[np.float32]:
        light = float(light_of(post.image).mean()) if post.image else 0.0
        return np.stack([shares(valence_of(text) + light) for text in texts]).astype(np.float32)

    def with_regions(self, post: Post, kept: npt.NDArray[np.bool_], fusion: str | Path = "") -> npt.NDArray[np.float32]:
        assert post.image is not None
        light, said = light_of(post.image), valence_of(post.text)
        return np.stack([shares(said + float((light * one).mean())) for one in kept]).astype(np.float32)

    def word_attention(
        self, post: Post, spans: Sequence[tuple[int, int]], fusion: str | Path = ""
    ) -> npt.NDArray[np.float32] | None:
        if fusion != "cross_attention":
            return None
        maps = np.full((len(spans), *REGIONS), 0.1, np.float32)
        maps[:, 0, 0] = 0.7
        return maps

    def encode(self, posts: Sequence[Post]) -> EncodedPosts:
        """What the Lab trains on."""
        require_latin(self.checkpoint, [post.text or "" for post in posts])
        words = np.zeros((len(posts), WORDS, 4), np.float16)
        counts = np.zeros(len(posts), np.int64)
        for row, post in enumerate(posts):
            said = re.findall(r"\w+", (post.text or "").lower())[:WORDS]
            counts[row] = len(said)
            for place, word in enumerate(said):
                words[row, place] = [word in group for group in (GOOD, BAD, SUN, RAIN)]
        there = np.array([post.image is not None for post in posts])
        light = np.stack([light_of(post.image).reshape(-1) if post.image else np.zeros(4) for post in posts])
        return EncodedPosts(
            words=words,
            word_counts=counts,
            text=words.max(1),
            regions=np.stack([light, light**2], -1).astype(np.float16),
            image=np.stack([light.mean(1), light.std(1)], -1).astype(np.float16),
            has_image=there,
        )
