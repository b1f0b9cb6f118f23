"""The sentiment of a text without a picture: copies of the encoder's last layers, tuned for it, and what words weigh.

    tokens -> encoder's first layers, as they are -> own last layers -> mean, <cls> --+
    tokens and pairs of them -> log-ratios of three classes, summed -----------------+-> two layers -> 3 logits
    word lists (21 numbers) ---------------------------------------------------------+

The layers know order and meaning; the log-ratios, naive Bayes as a feature (Wang & Manning, "Baselines and bigrams",
ACL 2012), remember single words that few texts hold; the word lists are people's judgement of words.

Shapes below: B texts of T tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.fusion import CLASSES, Standardize
from mmcore.nets.text_encoder import TextConfig, TextEncoder, TextLayer

SPECIAL = 2
"""<cls> before and <sep> after the words."""
MULTIPLIER = 1_000_003
"""A prime; pairs of tokens are spread over the buckets with it."""


@dataclass(frozen=True)
class TextAloneConfig:
    """Sizes, kept beside the weights."""

    vocabulary: int
    lexicon: int
    """Numbers of the word lists."""
    width: int = 384
    heads: int = 12
    wide: int = 1536
    """Hidden values of a layer."""
    layers: int = 2
    """The encoder's last layers that are replaced."""
    buckets: int = 65_536
    """Of pairs of tokens."""
    hidden: int = 96
    shift: tuple[float, ...] = (0.0,) * CLASSES
    """Added to the logits where the model itself answers; what a fusion reads is without it."""
    dropout: float = 0.0
    """In training only: of the layers, and four times as much before the last matrices."""

    @property
    def opinion(self) -> int:
        """How many numbers of a text a fusion reads of it."""
        return self.hidden + CLASSES

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


class TextAlone(nn.Module):
    """See the module. The encoder is not part of it: its first layers' states come in."""

    def __init__(self, config: TextAloneConfig) -> None:
        super().__init__()
        self.config = config
        sizes = TextConfig(
            config.vocabulary, config.width, config.layers, config.heads, config.wide, dropout=config.dropout
        )
        self.layers = nn.ModuleList(TextLayer(sizes) for _ in range(config.layers))
        self.words: Tensor
        self.pairs: Tensor
        self.temperature: Tensor
        self.register_buffer("words", torch.zeros(config.vocabulary, CLASSES))
        self.register_buffer("pairs", torch.zeros(config.buckets, CLASSES))
        self.register_buffer("temperature", torch.ones(()))
        size = 2 * config.width + 2 * CLASSES + config.lexicon
        self.standardize = Standardize(2 * CLASSES + config.lexicon)
        self.dropout = nn.Dropout(min(0.5, 4 * config.dropout))
        self.hidden = nn.Linear(size, config.hidden)
        self.classify = nn.Linear(config.hidden, CLASSES)

    def begin_from(self, encoder: TextEncoder) -> None:
        """Copy the last layers of an encoder of the same sizes."""
        own = list(encoder.layers)[-self.config.layers :]
        for layer, source in zip(self.layers, own, strict=True):
            layer.load_state_dict(source.state_dict())

    def ratios(self, tokens: Sequence[npt.NDArray[np.int64]]) -> Tensor:
        """Token ids of each text, <cls> and <sep> among them -> (B, 6): summed log-ratios of words and of pairs."""
        rows = []
        for ids in tokens:
            words, pairs = distinct(ids, self.config.buckets)
            rows.append(
                torch.cat([self.words[torch.from_numpy(words)].sum(0), self.pairs[torch.from_numpy(pairs)].sum(0)])
            )
        return torch.stack(rows) if rows else torch.zeros(0, 2 * CLASSES)

    def read(self, states: Tensor, mask: Tensor) -> Tensor:
        """States below the own layers (B, T, C) and 1 for real tokens (B, T) -> mean and first state (B, 2 C)."""
        attendable = mask.bool()[:, None, None, :]
        for layer in self.layers:
            states = layer(states, attendable)
        weights = mask.to(states.dtype)[..., None]
        mean = (states * weights).sum(1) / weights.sum(1).clamp_min(1)
        return torch.cat([mean, states[:, 0]], 1)

    def forward(self, states: Tensor, mask: Tensor, counted: Tensor) -> Tensor:
        """Besides ``read``'s: ``counted`` (B, 6 + lexicon), log-ratios and word lists -> logits (B, 3)."""
        logits: Tensor = self.classify(self.dropout(self.considered(states, mask, counted)))
        return logits

    def considered(self, states: Tensor, mask: Tensor, counted: Tensor) -> Tensor:
        """As ``forward``, the hidden values below the logits: (B, hidden)."""
        x = torch.cat([self.read(states, mask), self.standardize(counted)], 1)
        return F.gelu(self.hidden(self.dropout(x)))

    def opinion(self, states: Tensor, mask: Tensor, counted: Tensor) -> Tensor:
        """As ``forward``, what a fusion reads: hidden values and calibrated log-probabilities, (B, hidden + 3)."""
        considered = self.considered(states, mask, counted)
        return torch.cat([considered, (self.classify(considered) / self.temperature).log_softmax(-1)], 1)

    def probabilities(self, states: Tensor, mask: Tensor, counted: Tensor) -> Tensor:
        """As ``forward``, calibrated: (B, 3)."""
        logits: Tensor = self(states, mask, counted)
        return ((logits + logits.new_tensor(self.config.shift)) / self.temperature).softmax(-1)


def states_below(encoder: TextEncoder, tokens: Tensor, mask: Tensor, layers: int) -> Tensor:
    """States (B, T, C) of tokens (B, T) under the encoder's last ``layers`` layers."""
    return encoder.contextual(encoder.embed(tokens), mask, len(encoder.layers) - layers)


def distinct(ids: npt.NDArray[np.int64], buckets: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Different tokens of a text without <cls> and <sep>, and the buckets of the different pairs side by side."""
    inner = ids[1:-1] if len(ids) >= SPECIAL else ids
    pairs = (inner[:-1].astype(np.int64) * MULTIPLIER + inner[1:]) % buckets
    return np.unique(inner), np.unique(pairs)


def log_ratios(
    features: Sequence[npt.NDArray[np.int64]], labels: npt.NDArray[np.int64], size: int, smoothing: float = 1.0
) -> npt.NDArray[np.float32]:
    """(size, 3) log of how much likelier a feature is in a class than outside it; 0 for one that never came.

    ``features`` are the different features of each text. A feature that came in one or two texts says little, so its
    ratio is shrunk towards 0 by n / (n + 2).
    """
    counts = np.zeros((CLASSES, size))
    for label in range(CLASSES):
        rows = [features[int(place)] for place in np.flatnonzero(labels == label)]
        if rows:
            counts[label] = np.bincount(np.concatenate(rows), minlength=size)
    texts = np.bincount(labels, minlength=CLASSES)[:, None]
    inside = (counts + smoothing) / (texts + 2 * smoothing)
    outside = (counts.sum(0) - counts + smoothing) / (texts.sum() - texts + 2 * smoothing)
    total = counts.sum(0)
    return np.asarray((np.log(inside / outside) * (total / (total + 2))).T, np.float32)
