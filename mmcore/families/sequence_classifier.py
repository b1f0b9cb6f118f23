"""Classifiers of texts of the transformers library whose classes are negative, neutral and positive.

For example lxyuan/distilbert-base-multilingual-cased-sentiments-student (DistilBERT, Sanh et al., 2019, distilled
from a zero-shot classifier). They see no pictures: the task adds those by late fusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import WeightsError
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families.base import SentimentJudge
from mmcore.results.sentiment import SENTIMENTS, Post, SentimentPrediction, SentimentScores
from mmcore.types import Floats

CHUNK = 16
"""Texts that are read at once."""


class SequenceClassifier:
    """SentimentJudge protocol over a text classifier."""

    fusions: tuple[str, ...] = ()
    regions = (0, 0)
    cheap_regions = False

    def __init__(self, checkpoint: Checkpoint, network: Any, tokenizer: Any, order: Sequence[int], device: str) -> None:
        self.checkpoint, self.network, self.tokenizer, self.device = checkpoint, network, tokenizer, device
        self.order = list(order)
        """Where each of SENTIMENTS stands in the network's answer."""
        self.most_tokens = int(network.config.max_position_embeddings)

    def memory(self) -> int:
        """Bytes of the weights."""
        return int(self.network.get_memory_footprint())

    def judge(self, posts: Sequence[Post], fusion: str | Path = "") -> list[SentimentPrediction]:
        """Each post's text alone; the picture is not looked at."""
        answers = iter(self.with_texts(Post(), [post.text for post in posts if post.text]))
        return [
            SentimentPrediction(
                text=SentimentScores(*next(answers).tolist()) if post.text else None, image=None, fusions=()
            )
            for post in posts
        ]

    @torch.inference_mode()
    def with_texts(self, post: Post, texts: Sequence[str | None], fusion: str | Path = "") -> Floats:
        """(K, 3): softmax over the three classes; a missing text is read as an empty one."""
        answers = [np.zeros((0, len(SENTIMENTS)), np.float32)]
        for start in range(0, len(texts), CHUNK):
            batch = [text or "" for text in texts[start : start + CHUNK]]
            tokens = self.tokenizer(
                batch, padding=True, truncation=True, max_length=self.most_tokens, return_tensors="pt"
            )
            logits = self.network(**tokens.to(self.device)).logits.float()
            answers.append(logits.softmax(-1)[:, self.order].cpu().numpy())
        return np.concatenate(answers)

    def with_regions(self, post: Post, kept: npt.NDArray[np.bool_], fusion: str | Path = "") -> Floats:
        """The text's answer, whatever is kept of the picture."""
        return np.repeat(self.with_texts(post, [post.text]), len(kept), 0)

    def word_attention(self, post: Post, spans: Sequence[tuple[int, int]], fusion: str | Path = "") -> Floats | None:
        """None: there is no picture to look at."""
        return None


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> SentimentJudge:
    """A classifier from a local folder. Raises WeightsError where something is missing or has other classes."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.txt", "sentencepiece.bpe.model")
    network = load_network(AutoModelForSequenceClassification, checkpoint, folder, dtype)
    places = {str(label).lower(): int(place) for place, label in network.config.id2label.items()}
    missing = [name for name in SENTIMENTS if name not in places]
    if missing:
        raise WeightsError(
            "weights_incomplete", name=checkpoint.name, folder=folder, detail=f"there is no class {', '.join(missing)}"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    network.eval().to(device)
    return SequenceClassifier(checkpoint, network, tokenizer, [places[name] for name in SENTIMENTS], device)
