"""What the captioner learns from: pictures in several views, their tags and sentences, and batches of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.evaluation.datasets import LabelledPicture
from mmcore.evaluation.phrases import captions_for
from mmcore.families._reranking import Reranking, Weights
from mmcore.nets.vocabulary import BOS, EOS, PAD, Vocabulary


@dataclass(frozen=True)
class CaptionerRecipe:
    """Every number that shapes the training."""

    seed: int = 0
    batch: int = 32
    """Pictures a step; each comes with up to five captions."""
    labelled_a_epoch: int = 1200
    """Pictures with a label but no caption that are drawn each epoch."""
    epochs: int = 9
    decoder_rate: float = 7e-4
    top_rate: float = 1.5e-4
    warmup_steps: int = 300
    smoothing: float = 0.1
    average: float = 0.999
    """Decay of the exponential moving average of the weights."""
    reinforce_epochs: int = 8
    reinforce_rate: float = 4e-5
    reinforce_average: float = 0.99
    """Decay of the average in self-critical training, which takes fewer steps."""
    samples: int = 5
    """Captions drawn for each picture in self-critical training."""
    max_words: int = 20
    decoder: dict[str, int] = field(default_factory=dict)
    """Sizes of the decoder that differ from DecoderConfig's defaults."""
    confidence_threshold: float = 0.4
    """A caption is doubtful unless the tagger gives this much to a word that it uses. Set by hand, not fitted."""
    reranking: Reranking = field(
        default_factory=lambda: Reranking(5, 100, 24, Weights(1, 0, 0, 0.1, 0.3, 9), Weights(1, 9, 0, 0.1, 0.3, 9))
    )
    """How a caption is chosen among candidates; ``mmcore train reranking`` fits the weights to the finished model."""
    map_layers: tuple[int, ...] = (0, 1)
    """Decoder layers whose attention is shown."""


class CaptionDataset:
    """Pictures, tags and captions of the training, and batches of them."""

    def __init__(
        self, examples: Sequence[LabelledPicture], views: Sequence[np.ndarray], tags: Tensor, probabilities: Tensor,
        vocabulary: Vocabulary, recipe: CaptionerRecipe,
    ) -> None:  # fmt: skip
        self.examples, self.views, self.tags, self.probabilities = examples, views, tags, probabilities
        self.vocabulary, self.recipe = vocabulary, recipe
        draw = random.Random(recipe.seed)
        self.captions: dict[int, list[str]] = {}
        for row, example in enumerate(examples):
            if example.split == "train":
                self.captions[row] = list(example.captions) or captions_for(example.labels, draw)
        self.captioned = [row for row in self.captions if examples[row].captions]
        self.labelled = [row for row in self.captions if not examples[row].captions]

    @property
    def batches(self) -> int:
        """Steps an epoch."""
        labelled = min(self.recipe.labelled_a_epoch, len(self.labelled))
        return (len(self.captioned) + labelled) // self.recipe.batch

    def epoch(self, draw: random.Random) -> Iterator[list[int]]:
        """Shuffled batches of picture rows: all captioned pictures, some labelled ones."""
        rows = self.captioned + draw.sample(self.labelled, min(self.recipe.labelled_a_epoch, len(self.labelled)))
        draw.shuffle(rows)
        for start in range(0, len(rows) - self.recipe.batch + 1, self.recipe.batch):
            yield rows[start : start + self.recipe.batch]

    def pictures(self, rows: Sequence[int], views: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Trunk features and tags of these pictures in these views."""
        features = np.stack([self.views[view][row] for row, view in zip(rows, views, strict=True)])
        index = (torch.tensor(views), torch.tensor(rows))
        return torch.from_numpy(features).float(), self.tags[index], self.probabilities[index]

    def random_pictures(self, rows: Sequence[int], draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """As ``pictures``, in views drawn at random."""
        return self.pictures(rows, [draw.randrange(len(self.views)) for _ in rows])

    def targets(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Captions as (S, T) tokens with <bos> and <eos>, and the batch position of the picture of each."""
        encoded, owners = [], []
        for position, row in enumerate(rows):
            for caption in self.captions[row]:
                tokens = self.vocabulary.encode(caption)[: self.recipe.max_words]
                if tokens:
                    encoded.append(torch.tensor([BOS, *tokens, EOS]))
                    owners.append(position)
        return nn.utils.rnn.pad_sequence(encoded, True, PAD), torch.tensor(owners)
