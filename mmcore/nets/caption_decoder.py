"""A transformer decoder that writes a caption while looking at a picture.

Vaswani et al., "Attention is all you need", 2017, in its pre-norm form; the memory it attends to is a grid of image
features (as in Xu et al., "Show, attend and tell", 2015) followed by a few recognised words, the *tags*. A pointer
(See et al., "Get to the point", 2017) lets it copy a tag into the caption, so that a thing can be named although no
caption in training ever named it.

Shapes: B pictures, T words, M = 49 grid cells + K tags, D width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.vocabulary import BOS, PAD, UNKNOWN

CELLS = GRID_SIZE * GRID_SIZE
NEVER = (PAD, BOS, UNKNOWN)
"""Tokens that are never written."""
NEVER_SCORE = -1e4


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder, as stored in config.json."""

    vocabulary: int
    width: int = 256
    layers: int = 3
    heads: int = 4
    feedforward: int = 1024
    max_length: int = 40
    tags: int = 8
    dropout: float = 0.2


@dataclass
class Memory:
    """What the decoder looks at."""

    states: Tensor
    """(B, M, D): grid cells, then tags."""
    tag_tokens: Tensor
    """(B, K) vocabulary indices; PAD where there are fewer than K tags."""
    mask: Tensor
    """(B, 1, 1, M) bool, False at missing tags."""

    def select(self, rows: Tensor) -> Memory:
        """The same for other rows: repeated for beams or reordered."""
        return Memory(self.states[rows], self.tag_tokens[rows], self.mask[rows])


class Attention(nn.Module):
    """Multi-head attention. Keys and values come from ``source``, or from ``cached`` ones made by ``keys_values``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, heads, T, D / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def keys_values(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, (B, heads, S, D / heads) each."""
        key, value = self.key_value(source).chunk(2, -1)
        return self.split(key), self.split(value)

    def forward(
        self, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Queries of ``x`` (B, T, D) against keys and values -> (B, T, D).

        Where there are fewer keys than rows of ``x``, each serves as many rows in turn: captions that share a picture.
        """
        query = self.split(grouped(self.query(x), len(key)))
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(x.shape))

    def weights(self, x: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        """The attention weights themselves, (B, heads, T, S): softmax(QK' / sqrt(d)), to be shown to people."""
        query = self.split(self.query(x))
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        return scores.softmax(-1)


class Layer(nn.Module):
    """Self-attention over the words so far, cross-attention to the picture, feed-forward; each adds to its input."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.self_norm, self.cross_norm, self.feed_norm = (nn.LayerNorm(width) for _ in range(3))
        self.self_attention = Attention(width, config.heads)
        self.cross_attention = Attention(width, config.heads)
        self.feedforward = nn.Sequential(
            nn.Linear(width, config.feedforward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feedforward, width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, words: tuple[Tensor, Tensor], memory: tuple[Tensor, Tensor], mask: Tensor, causal: bool
    ) -> Tensor:
        """Words (B, T, D); keys and values of the words and of the memory -> (B, T, D)."""
        x = x + self.dropout(self.self_attention(self.self_norm(x), *words, causal=causal))
        x = x + self.dropout(self.cross_attention(self.cross_norm(x), *memory, mask=mask))
        return x + self.dropout(self.feedforward(self.feed_norm(x)))


def grouped(x: Tensor, pictures: int) -> Tensor:
    """(pictures * R, T, D) -> (pictures, R * T, D): what asks the same memory asks side by side."""
    return x if len(x) == pictures else x.reshape(pictures, -1, x.shape[-1])


@dataclass
class Cache:
    """Keys and values of the words so far and of the memory, one pair a layer, so that a step costs one word."""

    words: list[tuple[Tensor, Tensor] | None]
    memory: list[tuple[Tensor, Tensor]]
    length: int = 0

    def select(self, rows: Tensor, memory: bool = True) -> None:
        """Keep these rows, in this order (beam search); ``memory=False`` where rows of one picture change places."""
        self.words = [None if pair is None else (pair[0][rows], pair[1][rows]) for pair in self.words]
        if memory:
            self.memory = [(key[rows], value[rows]) for key, value in self.memory]


class CaptionDecoder(nn.Module):
    """Memory and the words so far -> log-probabilities of the next word."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embedding = nn.Embedding(config.vocabulary, width, padding_idx=PAD)
        # The same matrix reads and writes words: small for writing, scaled up by sqrt(D) for reading.
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.position = nn.Parameter(torch.randn(config.max_length, width) * 0.02)
        self.grid = nn.Linear(FEATURES, width)
        self.grid_norm = nn.LayerNorm(width)
        self.cell_position = nn.Parameter(torch.randn(CELLS, width) * 0.02)
        self.tag_probability = nn.Linear(2, width)
        self.tag_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.copy_query = nn.Linear(width, width)
        self.copy_gate = nn.Linear(width, 1)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.dropout = nn.Dropout(config.dropout)
        nn.init.constant_(self.copy_gate.bias, -3.0)

    @property
    def stack(self) -> list[Layer]:
        """The layers, first to last."""
        return cast("list[Layer]", list(self.layers))

    def remember(self, features: Tensor, tag_tokens: Tensor, tag_probabilities: Tensor) -> Memory:
        """Image features (B, 1280, 7, 7) and K tags (B, K) with their probabilities -> what to look at."""
        cells = self.grid_norm(self.grid(features.flatten(2).transpose(1, 2))) + self.cell_position
        p = tag_probabilities.clamp(1e-4, 1 - 1e-4)
        facts = torch.stack([p, torch.logit(p) / 4], -1)
        tags = self.tag_norm(self.read(tag_tokens) + self.tag_probability(facts))
        present = torch.cat([tag_tokens.new_ones(len(tag_tokens), CELLS, dtype=torch.bool), tag_tokens != PAD], 1)
        return Memory(torch.cat([self.dropout(cells), tags], 1), tag_tokens, present[:, None, None])

    def read(self, tokens: Tensor) -> Tensor:
        """Word embeddings (..., D) of about unit size an entry."""
        return self.embedding(tokens) * math.sqrt(self.config.width)

    def start(self, memory: Memory) -> Cache:
        """An empty cache for decoding step by step."""
        looked_at = [layer.cross_attention.keys_values(memory.states) for layer in self.stack]
        return Cache([None] * len(self.layers), looked_at)

    def forward(self, tokens: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Words (B, T), beginning with <bos> -> log-probabilities (B, T, V).

        With a cache, ``tokens`` is the newest word alone (B, 1) and the cache grows by it. There may be R captions of
        each picture, (B * R, T), one after the other; the memory and the cache's part of it are (B, ...) then.
        """
        hidden = grouped(self.hidden(tokens, memory, cache), len(memory.states))
        return self.log_probabilities(hidden, memory).view(*tokens.shape, -1)

    def hidden(
        self, tokens: Tensor, memory: Memory, cache: Cache | None = None,
        looked_at: list[tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:  # fmt: skip
        """Words (B, T) -> hidden states (B, T, D) before the output layer.

        ``looked_at``: keys and values of the memory, where they are known already (captions that share a picture).
        """
        if cache is None:
            memories = looked_at or self.start(memory).memory
            start = 0
        else:
            memories = cache.memory
            start = cache.length
            cache.length += tokens.shape[1]
        x = self.dropout(self.read(tokens) + self.position[start : start + tokens.shape[1]])
        for index, layer in enumerate(self.stack):
            words = layer.self_attention.keys_values(layer.self_norm(x))
            if cache is not None:
                past = cache.words[index]
                if past is not None:
                    words = (torch.cat([past[0], words[0]], 2), torch.cat([past[1], words[1]], 2))
                cache.words[index] = words
            x = layer(x, words, memories[index], memory.mask, causal=cache is None)
        return self.norm(x)

    def log_probabilities(self, hidden: Tensor, memory: Memory) -> Tensor:
        """(1 - g) softmax(vocabulary) + g softmax(tags): write a word, or copy a tag with probability g."""
        write, copy, gate = self.write_or_copy(hidden, memory)
        where = memory.tag_tokens[:, None].expand(-1, hidden.shape[1], -1)
        copied = torch.zeros_like(write).scatter_add(2, where, copy)
        return torch.logaddexp(F.logsigmoid(-gate) + write, F.logsigmoid(gate) + copied.clamp_min(1e-9).log())

    def write_or_copy(self, hidden: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities to write (B, T, V), probabilities to copy each tag (B, T, K), gate logits (B, T, 1)."""
        scores = F.linear(hidden, self.embedding.weight, self.bias).float()
        # Ruled out here and not while decoding: what is never drawn is never punished, and would swallow all the
        # probability in training with rewards.
        for token in NEVER:  # one by one: a list would be copied to the device in every step
            scores[..., token] = NEVER_SCORE
        write = scores.log_softmax(-1)
        missing = (memory.tag_tokens == PAD)[:, None]
        tags = memory.states[:, CELLS:]
        scores = (self.copy_query(hidden) @ tags.transpose(1, 2)).float() / math.sqrt(self.config.width)
        copy = scores.masked_fill(missing, -1e4).softmax(-1)
        gate = self.copy_gate(hidden).float()
        # A picture without any tag cannot copy.
        return write, copy, gate.masked_fill(missing.all(-1, keepdim=True), -1e4)

    def target_log_probabilities(self, hidden: Tensor, memory: Memory, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of each target (B, T), and the mean over the vocabulary of the writing part (B, T).

        The same numbers as ``log_probabilities``, without building the whole mixture; the mean is what label
        smoothing needs.
        """
        write, copy, gate = self.write_or_copy(hidden, memory)
        same = targets[..., None] == memory.tag_tokens[:, None]
        copied = (copy * same).sum(-1).clamp_min(1e-9).log()
        written = write.gather(2, targets[..., None])[..., 0]
        gate = gate[..., 0]
        allowed = write.shape[-1] - len(NEVER)
        mean = (write.sum(-1) - sum(write[..., token] for token in NEVER)) / allowed
        return torch.logaddexp(F.logsigmoid(-gate) + written, F.logsigmoid(gate) + copied), mean

    def look(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Cross-attention of every layer while writing ``tokens`` (B, T): (layers, B, heads, T, M)."""
        x = self.read(tokens) + self.position[: tokens.shape[1]]
        maps = []
        for layer in self.stack:
            key_value = layer.cross_attention.keys_values(memory.states)
            words = layer.self_attention.keys_values(layer.self_norm(x))
            looking = x + layer.self_attention(layer.self_norm(x), *words, causal=True)
            maps.append(layer.cross_attention.weights(layer.cross_norm(looking), key_value[0], memory.mask))
            x = layer(x, words, key_value, memory.mask, causal=True)
        return torch.stack(maps)
