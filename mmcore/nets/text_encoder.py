"""A sentence encoder: words in, one vector a word and one vector a sentence out.

The network is BERT (Devlin et al., 2019) in the size of MiniLM-L6 (Wang et al., 2020), written out here. The sentence
vector is the mean over the words, scaled to length 1, as in Sentence-BERT (Reimers & Gurevych, 2019).

Shapes below: B sentences of T tokens, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class TextConfig:
    """Sizes; the defaults are those of MiniLM-L6."""

    vocabulary: int
    width: int = 384
    layers: int = 6
    heads: int = 12
    hidden: int = 1536
    max_length: int = 128
    """Tokens that are read, <cls> and <sep> included; longer text is cut off."""
    dropout: float = 0.0


class TextLayer(nn.Module):
    """Self-attention, then a small network for each token; each is added to its input and normalised."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.project_in = nn.Linear(config.width, 3 * config.width)
        self.project_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.widen = nn.Linear(config.width, config.hidden)
        self.narrow = nn.Linear(config.hidden, config.width)
        self.output_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, C) and which tokens are real (B, 1, 1, T) -> states (B, T, C)."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.project_in(x).chunk(3, -1)
        )
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = self.attention_norm(x + self.dropout(self.project_out(attended.transpose(1, 2).flatten(2))))
        return self.output_norm(x + self.dropout(self.narrow(F.gelu(self.widen(x)))))


class TextEncoder(nn.Module):
    """Tokens -> a state for each token; ``pool_words`` makes the sentence vector of them."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Parameter(torch.zeros(config.max_length, config.width))
        self.embedding_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.layers))

    def embed(self, tokens: Tensor) -> Tensor:
        """(B, T) -> word embeddings (B, T, C), before position and layers: where an explanation takes hold."""
        return self.embedding(tokens)

    def contextual(self, embedded: Tensor, mask: Tensor, layers: int | None = None) -> Tensor:
        """Word embeddings (B, T, C) and 1 for real tokens (B, T) -> states (B, T, C) that know their neighbours.

        With ``layers``, the states after the first so many; by default after all.
        """
        x = self.embedding_norm(embedded + self.position[: embedded.shape[1]])
        return self._through(x, mask, 0, layers)

    def above(self, states: Tensor, mask: Tensor, layers: int) -> Tensor:
        """States (B, T, C) under the last ``layers`` layers -> the final states (B, T, C)."""
        return self._through(states, mask, len(self.layers) - layers, None)

    def _through(self, x: Tensor, mask: Tensor, first: int, last: int | None) -> Tensor:
        attendable = mask.bool()[:, None, None, :]
        for layer in islice(self.layers, first, last):
            x = layer(x, attendable)
        return x

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, T) tokens -> (B, T, C) states."""
        return self.contextual(self.embed(tokens), mask)


def pool_words(states: Tensor, mask: Tensor) -> Tensor:
    """States (B, T, C) and 1 for real tokens (B, T) -> sentence vectors (B, C) of length 1."""
    weights = mask.to(states.dtype)[..., None]
    return F.normalize((states * weights).sum(1) / weights.sum(1).clamp_min(1), dim=-1)


def state_dict_from_bert(source: dict[str, Tensor], kept: Tensor, config: TextConfig) -> dict[str, Tensor]:
    """Weights of a BERT checkpoint in our names, with only the word embeddings of the ids ``kept`` (V,)."""
    table = source["embeddings.word_embeddings.weight"][kept]
    # There is one kind of segment only, so its embedding is a part of the position's.
    segment = source["embeddings.token_type_embeddings.weight"][0]
    out = {
        "embedding.weight": table,
        "position": source["embeddings.position_embeddings.weight"][: config.max_length] + segment,
        "embedding_norm.weight": source["embeddings.LayerNorm.weight"],
        "embedding_norm.bias": source["embeddings.LayerNorm.bias"],
    }
    parts = {
        "project_out": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "widen": "intermediate.dense",
        "narrow": "output.dense",
        "output_norm": "output.LayerNorm",
    }
    for layer in range(config.layers):
        theirs = f"encoder.layer.{layer}."
        for kind in ("weight", "bias"):
            attention = [source[f"{theirs}attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            out[f"layers.{layer}.project_in.{kind}"] = torch.cat(attention)
            for ours, name in parts.items():
                out[f"layers.{layer}.{ours}.{kind}"] = source[f"{theirs}{name}.{kind}"]
    return out
