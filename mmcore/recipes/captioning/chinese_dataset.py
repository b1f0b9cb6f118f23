"""What the Chinese decoder learns from: stored pictures, their tags and Chinese captions, and batches of them.

Captions of Flickr8k pictures are those that Chinese speakers wrote (Flickr8K-CN): short phrases, seven signs or so. For
labelled pictures phrases are made of the label's Chinese name (``chinese_patterns.json``), in the same manner.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.evaluation.datasets import LabelledPicture
from mmcore.evaluation.phrases import kind_of
from mmcore.io.chinese import english_of, segment
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.vocabulary import BOS, EOS, PAD, SPECIAL, UNKNOWN, Vocabulary

RUNS = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+")
"""Chinese characters in a row, or a Latin word or number; everything else is left out."""
PATTERNS: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "chinese_patterns.json").read_text(encoding="utf-8")
)
"""Kind of thing -> phrases with {w} for the name."""
LONGEST_JOINED = 4
"""Words of the dictionary that one name of a tag joins at most."""


@dataclass(frozen=True)
class ChineseRecipe:
    """Every number that shapes the training."""

    seed: int = 0
    batch: int = 32
    """Pictures a step, each with its captions."""
    labelled_a_epoch: int = 600
    """Pictures with a label but no caption that are drawn each epoch."""
    epochs: int = 3
    rate: float = 6e-4
    words_rate: float = 1.2e-3
    """Of the embeddings, which are new."""
    warmup_steps: int = 60
    smoothing: float = 0.1
    average: float = 0.99
    """Decay of the exponential moving average of the weights."""
    min_count: int = 3
    """A word or sign is in the vocabulary if the training captions have it this often."""
    max_words: int = 12
    """Longer captions are left out of the training: they would fill its batches with padding."""
    length_groups: int = 3
    """Parts of a batch, by the length of the captions, for the same reason."""
    length_powers: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9, 1.2)
    """How much longer captions may be helped; the best on the dev pictures is kept."""
    confidence_threshold: float = 0.4
    """As for English: a caption is doubtful unless the tagger gives this much to a thing that it names."""
    decoder: dict[str, int] = field(default_factory=dict)
    """Sizes of the decoder that differ from the English one's."""


def read_captions(data: Path) -> dict[str, tuple[str, ...]]:
    """File name of a Flickr8k picture -> what Chinese speakers wrote. Raises FileNotFoundError."""
    lines = (data / "flickr8k_cn" / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["image"]: tuple(row["human"]) for row in map(json.loads, lines)}


def words_of(text: str, known: Mapping[str, int] | None = None) -> list[str]:
    """The words of a Chinese text. With a vocabulary: names of several words joined, unknown words in single signs."""
    found: list[str] = []
    for run in RUNS.findall(text.lower()):
        parts = segment(run) if not run.isascii() else [run]
        if known is None:
            found += parts
            continue
        at = 0
        while at < len(parts):
            for count in range(min(LONGEST_JOINED, len(parts) - at), 0, -1):
                joined = "".join(parts[at : at + count])
                if joined in known:
                    found.append(joined)
                    break
            else:
                count = 1
                found += parts[at]
            at += count
    return found


def build_vocabulary(captions: Sequence[str], names: Sequence[str], least: int) -> Vocabulary:
    """Words and signs of the training captions that are common enough, and every name as one token."""
    words = Counter(word for text in captions for word in words_of(text))
    signs = Counter(sign for text in captions for word in words_of(text) for sign in word if not sign.isascii())
    kept = {word for counts in (words, signs) for word, count in counts.items() if count >= least}
    return Vocabulary([*SPECIAL, *sorted(kept | set(names))])


def gloss_words(word: str) -> list[str]:
    """The English words that the dictionary has for a Chinese word."""
    return re.findall(r"[a-z]+", english_of(word).lower())


def mirrored(grid: Tensor) -> Tensor:
    """Cells (B, 49, D) with left and right exchanged: nearly those of the mirrored picture."""
    return grid.unflatten(1, (GRID_SIZE, GRID_SIZE)).flip(2).flatten(1, 2)


class ChineseDataset:
    """Pictures, tags and captions of the training, and batches of them."""

    def __init__(
        self, examples: Sequence[LabelledPicture], captions: Mapping[str, tuple[str, ...]], names: Mapping[str, str],
        recipe: ChineseRecipe,
    ) -> None:  # fmt: skip
        self.examples, self.recipe = examples, recipe
        draw = random.Random(recipe.seed)
        self.captions: dict[int, tuple[str, ...]] = {}
        self.references: dict[int, tuple[str, ...]] = {}
        """Of the dev pictures."""
        for row, example in enumerate(examples):
            if example.source == "flickr8k":
                target = self.captions if example.split == "train" else self.references
                target[row] = captions[example.image.name]
            elif example.split == "train":
                self.captions[row] = self._phrases(example.labels, names, draw)
        self.captioned = [row for row in self.captions if examples[row].source == "flickr8k"]
        self.labelled = [row for row, texts in self.captions.items() if texts and examples[row].source != "flickr8k"]
        written = [text for row in self.captioned for text in self.captions[row]]
        patterns = [text.replace("{w}", "") for texts in PATTERNS.values() for text in texts] * recipe.min_count
        self.vocabulary = build_vocabulary([*written, *patterns], list(names.values()), recipe.min_count)

    @staticmethod
    def _phrases(labels: Sequence[str], names: Mapping[str, str], draw: random.Random) -> tuple[str, ...]:
        known = [label for label in labels if label in names]
        things = [label for label in known if label != "person"] or known
        phrases = [pattern.format(w=names[label]) for label in things for pattern in PATTERNS[kind_of(label)]]
        return tuple(draw.sample(phrases, min(3, len(phrases))))

    def encode(self, text: str) -> list[int]:
        """Tokens without <bos> and <eos>; what the vocabulary lacks becomes <unk>."""
        index = self.vocabulary.index
        return [index.get(word, UNKNOWN) for word in words_of(text, index)]

    @property
    def batches(self) -> int:
        """Steps an epoch."""
        labelled = min(self.recipe.labelled_a_epoch, len(self.labelled))
        return (len(self.captioned) + labelled) // self.recipe.batch

    def epoch(self, number: int) -> Iterator[tuple[list[int], random.Random]]:
        """Shuffled batches of picture rows, the same for the same number."""
        draw = random.Random(f"{self.recipe.seed} {number}")
        rows = self.captioned + draw.sample(self.labelled, min(self.recipe.labelled_a_epoch, len(self.labelled)))
        draw.shuffle(rows)
        for start in range(0, len(rows) - self.recipe.batch + 1, self.recipe.batch):
            yield rows[start : start + self.recipe.batch], draw

    def targets(self, rows: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Captions as (S, T) tokens with <bos> and <eos> and the batch position of the picture of each, by length."""
        encoded = [
            (tokens, position)
            for position, row in enumerate(rows)
            for tokens in (self.encode(caption) for caption in self.captions[row])
            if 0 < len(tokens) <= self.recipe.max_words
        ]
        encoded.sort(key=lambda one: len(one[0]))
        size = -(-len(encoded) // self.recipe.length_groups)
        groups = [encoded[start : start + size] for start in range(0, len(encoded), size)]
        return [
            (
                nn.utils.rnn.pad_sequence([torch.tensor([BOS, *tokens, EOS]) for tokens, _ in group], True, PAD),
                torch.tensor([position for _, position in group]),
            )
            for group in groups
        ]


def stored(view: np.ndarray, rows: Sequence[int]) -> Tensor:
    """Rows of a stored view as float32."""
    return torch.from_numpy(np.asarray(view[rows])).float()
