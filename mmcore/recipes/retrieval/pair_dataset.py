"""What the dual encoder learns from: pictures with their sentences, in batches, and what the teachers say of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmcore.evaluation.datasets import LabelledPicture
from mmcore.evaluation.phrases import IMAGENET_WORDS, with_article
from mmcore.recipes.retrieval.contrastive_recipe import ContrastiveRecipe


def photo_of(word: str) -> str:
    """The sentence about a thing: "a photo of a dog"."""
    return f"a photo of {with_article(word)}"


THINGS = tuple(photo_of(word) for word in IMAGENET_WORDS)
"""A sentence for each of ImageNet's thousand classes."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B pictures, N sentences of theirs, and what the teachers say."""

    features: Tensor
    """Trunk features (B, 112, 14, 14)."""
    texts: list[str]
    owners: Tensor
    """(N,): the picture of each sentence."""
    others: list[str]
    """Posts and labels, whose vectors should stay where they are."""
    taught: Tensor
    """(N + others, C): the teacher's vectors."""
    things: list[str]
    taught_things: Tensor
    known: Tensor
    """(B, things): how the untouched encoder's probabilities are spread over those things."""


class PairDataset:
    """The training pictures with their sentences; ``pooled[view]`` (N, 1280) and the classifier know ImageNet."""

    def __init__(
        self, examples: Sequence[LabelledPicture], views: Sequence[np.ndarray], pooled: Sequence[Tensor],
        classifier: tuple[Tensor, Tensor], others: Sequence[str], labels: Sequence[str],
    ) -> None:  # fmt: skip
        self.views, self.pooled, self.classifier = views, pooled, classifier
        self.posts, self.labels = list(others), list(labels)
        self.sentences = {
            row: list(example.captions) or [photo_of(label) for label in example.labels]
            for row, example in enumerate(examples)
            if example.split == "train"
        }
        self.captioned = [row for row in self.sentences if examples[row].captions]
        self.labelled = [row for row in self.sentences if not examples[row].captions]
        self.taught: dict[str, Tensor] = {}

    def texts(self) -> list[str]:
        """Every text that the teacher must say a vector for."""
        own = [text for sentences in self.sentences.values() for text in sentences]
        return list(dict.fromkeys([*own, *self.posts, *self.labels, *THINGS]))

    def batches(self, recipe: ContrastiveRecipe) -> int:
        """Steps an epoch."""
        return (len(self.captioned) + min(recipe.labelled_a_epoch, len(self.labelled))) // recipe.batch

    def epoch(self, recipe: ContrastiveRecipe, draw: random.Random) -> Iterator[Batch]:
        """Shuffled batches: every captioned picture with one of its captions, some labelled ones."""
        rows = self.captioned + draw.sample(self.labelled, min(recipe.labelled_a_epoch, len(self.labelled)))
        draw.shuffle(rows)
        for start in range(0, len(rows) - recipe.batch + 1, recipe.batch):
            yield self._batch(rows[start : start + recipe.batch], recipe, draw)

    def _batch(self, rows: Sequence[int], recipe: ContrastiveRecipe, draw: random.Random) -> Batch:
        seen = [draw.randrange(len(self.views)) for _ in rows]
        features = np.stack([self.views[view][row] for row, view in zip(rows, seen, strict=True)])
        texts = [draw.choice(self.sentences[row]) for row in rows]
        others = draw.choices(self.posts, k=recipe.others) if self.posts else []
        others += draw.choices(self.labels, k=recipe.others)
        classes = draw.sample(range(len(THINGS)), recipe.things)
        weight, bias = self.classifier
        pooled = torch.stack([self.pooled[view][row] for row, view in zip(rows, seen, strict=True)]).float()
        return Batch(
            features=torch.from_numpy(features).float(),
            texts=texts,
            owners=torch.arange(len(rows)),
            others=others,
            taught=torch.stack([self.taught[text] for text in [*texts, *others]]),
            things=[THINGS[number] for number in classes],
            taught_things=torch.stack([self.taught[THINGS[number]] for number in classes]),
            known=(pooled @ weight.T + bias)[:, classes].softmax(1),
        )
