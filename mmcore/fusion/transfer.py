"""One small task learnt three ways: from scratch, on the frozen features of the bundled text encoder, and fine-tuned.

The task: is a word pleasant or unpleasant? Words and their ratings are VADER's (Hutto & Gilbert, ICWSM 2014), rated by
people. No two words are of one family ("hope", "hopeful"), see ``family_of``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.families._vader import lexicon
from mmcore.families.compact_dual import CompactDual, tokens_of
from mmcore.nets.text_encoder import TextEncoder, pool_words
from mmcore.pool import ModelPool

ENCODER = "compact-retriever"
Start = Literal["scratch", "frozen", "fine_tuned"]
STARTS: tuple[Start, ...] = ("scratch", "frozen", "fine_tuned")
FAMILY = 5
"""Letters that the words of one family begin with: a crude stem, which errs on the safe side."""
LEAST = 1.0
"""Of the rating's amount (0 to 4): words that people did not find neutral."""
RATES: dict[Start, float] = {"scratch": 3e-4, "frozen": 1e-2, "fine_tuned": 5e-5}
"""Learning rate of the encoder, for "frozen" of the new layer: what was learnt before wants small steps."""
BATCH = 25
SHARPNESS = 10.0
"""Sentence vectors have length 1: the new layer gets them longer, or its first logits would all be near 0."""


@dataclass(frozen=True)
class WordTask:
    """Words with labels, 1 for pleasant and 0 for unpleasant."""

    train: tuple[str, ...]
    train_labels: tuple[int, ...]
    held_back: tuple[str, ...]
    held_back_labels: tuple[int, ...]


def rated_words(least: float = LEAST) -> list[tuple[str, float]]:
    """Words of five letters and more with their rating, -4 to 4, at least ``least`` away from 0."""
    return [
        (word, rating)
        for word, rating in lexicon().items()
        if abs(rating) >= least and re.fullmatch(r"[a-z]{5,}", word)
    ]


def family_of(word: str) -> str:
    """What the words of a family share."""
    return word[:FAMILY]


def word_task(pool: ModelPool, train: int = 100, held_back: int = 200, seed: int = 0) -> WordTask:
    """A task of that many words which the encoder's vocabulary holds whole, one a family."""

    def whole(model: CompactDual, some: Sequence[str]) -> list[bool]:
        return [len(model.tokenizer.encode(one).ids) == 3 for one in some]  # with <cls> and <sep>

    rated = rated_words()
    known = pool.run(ENCODER, whole, [word for word, _ in rated])
    words = [one for one, is_known in zip(rated, known, strict=True) if is_known]
    families = sorted({family_of(word) for word, _ in words})
    draw = np.random.default_rng(seed)
    rank = dict(zip(families, draw.permutation(len(families)).tolist(), strict=True))
    order = sorted(words, key=lambda one: (rank[family_of(one[0])], one[0]))
    # One word a family: more would only be the same word again.
    single = list({family_of(one[0]): one for one in reversed(order)}.values())[::-1]
    first, second = single[:train], single[train : train + held_back]
    return WordTask(
        tuple(word for word, _ in first),
        tuple(int(rating > 0) for _, rating in first),
        tuple(word for word, _ in second),
        tuple(int(rating > 0) for _, rating in second),
    )


class WordClassifier(nn.Module):
    """A text encoder and one new layer: words -> logits of unpleasant and pleasant."""

    def __init__(self, encoder: TextEncoder, start: Start) -> None:
        super().__init__()
        self.encoder = TextEncoder(encoder.config) if start == "scratch" else encoder
        if start == "scratch":
            self.encoder.apply(_as_bert_begins)
            nn.init.normal_(self.encoder.position, 0, 0.02)
        self.encoder.requires_grad_(start != "frozen")
        self.classify = nn.Linear(encoder.config.width, 2)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, T) and 1 for real ones -> logits (B, 2)."""
        return self.classify(SHARPNESS * pool_words(self.encoder(tokens, mask), mask))


def _as_bert_begins(module: nn.Module) -> None:
    """Random weights with deviation 0.02 (Devlin et al., 2019)."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0, 0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def learn(pool: ModelPool, task: WordTask, start: Start, epochs: int = 6, seed: int = 0) -> Iterator[float]:
    """Train; after each epoch the share of the held-back words that are right. Raises WeightsError, CapacityError."""

    def parts(model: CompactDual, groups: Sequence[Sequence[str]]) -> list[tuple[TextEncoder, Tensor, Tensor]]:
        # A copy: other visitors use the encoder meanwhile, and it may lie on a GPU.
        return [(deepcopy(model.network.text).cpu().float(), *tokens_of(model.tokenizer, one)) for one in groups]

    (encoder, tokens, mask), (_, test_tokens, test_mask) = pool.run(ENCODER, parts, [task.train, task.held_back])
    labels, truth = torch.tensor(task.train_labels), torch.tensor(task.held_back_labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = WordClassifier(encoder, start)
    draw = torch.Generator().manual_seed(seed)
    new = {"params": model.classify.parameters(), "lr": max(RATES[start], 1e-2 if start != "scratch" else 0.0)}
    old = {"params": model.encoder.parameters(), "lr": RATES[start]}
    optimiser = torch.optim.AdamW([new] if start == "frozen" else [new, old], weight_decay=0.01)
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(labels), generator=draw).split(BATCH):
            loss = F.cross_entropy(model(tokens[batch], mask[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model.eval()
        with torch.inference_mode():
            yield float((model(test_tokens, test_mask).argmax(-1) == truth).double().mean())
