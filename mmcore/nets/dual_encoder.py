"""The compact dual encoder: pictures and sentences as vectors of one space, so that near means alike.

    pixels -+-> Lite0, its top tuned -> 7 x 7 grid -> attention pooling -> looking -+
            |                                                                       +-> picture -> hubness --+
            +-> Lite1 of ImageNet -> summary -> two layers -------------> knowing --+                        +-- cosine
                                                                                                             |
    words -> text encoder -> mean over words -> linear map ------------------------> sentence -> constant ---+

Trained as in CLIP (Radford et al., 2021): of all pictures of a batch, a sentence must find its own. Two towers see the
picture: one whose features were tuned for the task, one on the untouched features of a second network. They err
differently, so that their sum finds more than either.

``looking`` is linear after its attention weights, so its part of a score is exactly the sum of what each of the 49
cells adds (``cell_scores``): the heat map is that part of the score, taken apart.

The last number of a vector is against hubs: pictures that lie near every sentence and are found for all of them
(Radovanovic et al., "Hubs in space", 2010). A picture's is how near it lies to the nearest of some thousand typical
sentences, beyond what is usual; a sentence's is a constant, so that their product lowers the cosine of a hub
(local scaling as in CSLS, Conneau et al., 2018, and in querybank normalisation, Bogolin et al., CVPR 2022, but inside
the vectors: searching remains one cosine).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.image_encoder import FEATURES, MID_FEATURES, Top, Trunk, fuse_norms, normalize
from mmcore.nets.image_sizes import GRID_SIZE, LITE1
from mmcore.nets.text_encoder import TextConfig, TextEncoder, pool_words


class AttentionPooling(nn.Module):
    """Grid (B, 1280, 7, 7) -> vector (B, C): H heads look for something each, and say what they saw there."""

    def __init__(self, width: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.look = nn.Conv2d(FEATURES, heads, 1)
        self.value = nn.Conv2d(FEATURES, width, 1, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.anchor = nn.Linear(FEATURES, width)

    def cell_vectors(self, grid: Tensor) -> Tensor:
        """Grid (B, 1280, 7, 7) -> (B, 49, C): what each cell adds; their sum is the vector before it is scaled."""
        cells = grid.shape[-2] * grid.shape[-1]
        weights = self.look(grid).flatten(2).softmax(-1)  # (B, H, 49)
        values = self.value(grid).flatten(2).unflatten(1, (self.heads, -1))  # (B, H, C / H, 49)
        seen = (values * weights[:, :, None]).flatten(1, 2).transpose(1, 2)  # (B, 49, C)
        return self.mix(seen) + self.anchor(grid.flatten(2).transpose(1, 2)) / cells

    def forward(self, grid: Tensor) -> Tensor:
        """Grid (B, 1280, 7, 7) -> vectors (B, C) of any length."""
        weights = self.look(grid).flatten(2).softmax(-1)
        values = self.value(grid).flatten(2).unflatten(1, (self.heads, -1))
        seen = (values @ weights[..., None]).flatten(1)
        return self.mix(seen) + self.anchor(grid.mean((2, 3)))

    def with_cells(self, grid: Tensor, other: Tensor, kept: Tensor) -> Tensor:
        """One grid (1, 1280, 7, 7), of which only the cells ``kept`` (K, 49) stay, as 1 and 0 -> vectors (K, C).

        The others become the cell ``other`` (1280,). As ``forward`` on K altered grids; each cell is looked at once.
        """
        both = torch.stack([grid[0].flatten(1), other[:, None].expand(-1, kept.shape[1])])[..., None]
        looks, values = self.look(both)[..., 0], self.value(both)[..., 0]  # (2, H, 49), (2, C, 49)
        weights = torch.where(kept[:, None] > 0, looks[0], looks[1]).softmax(-1)  # (K, H, 49)
        seen = torch.zeros(len(kept), self.heads, values.shape[1] // self.heads, dtype=grid.dtype, device=grid.device)
        for state, part in enumerate((kept, 1 - kept)):
            seen += torch.einsum("khn,hcn->khc", weights * part[:, None], values[state].unflatten(0, (self.heads, -1)))
        return self.mix(seen.flatten(1)) + self.anchor(mixed_mean(grid, other, kept))


def mixed_mean(grid: Tensor, other: Tensor, kept: Tensor) -> Tensor:
    """The mean cells (K, 1280) of a grid (1, 1280, 7, 7) of which the cells ``kept`` (K, 49) stay."""
    cells = grid[0].flatten(1).T
    return (kept @ cells + (1 - kept).sum(1, keepdim=True) * other) / len(cells)


class KnowledgeTower(nn.Module):
    """Features of a trunk and of its ImageNet top, summarised, through two layers; what is where plays no part.

    The summary (1952 numbers): the grid's mean (1280); of the trunk's 112 channels the mean, the spread and the mean
    of each quarter of the picture, which tell of colour, texture and layout.
    """

    SUMMARY = FEATURES + MID_FEATURES * 6

    def __init__(self, width: int, hidden: int = 2048, dropout: float = 0.5) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(self.SUMMARY), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(self.SUMMARY), requires_grad=False)
        self.widen = nn.Linear(self.SUMMARY, hidden)
        self.narrow = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def summary(features: Tensor, mean: Tensor) -> Tensor:
        """Trunk features (B, 112, 14, 14) and the grid's mean (B, 1280) -> (B, 1952)."""
        quarters = F.adaptive_avg_pool2d(features, 2).flatten(1)
        return torch.cat([mean, features.mean((2, 3)), features.std((2, 3)), quarters], 1)

    def forward(self, summary: Tensor) -> Tensor:
        """(B, 1952) -> (B, C) of any length."""
        x = self.dropout((summary - self.mean) / self.spread)
        return self.narrow(self.dropout(F.gelu(self.widen(x))))


class Hubness(nn.Module):
    """The number that a vector gets beside its own: how much of a hub the picture is."""

    NEAREST = 20
    """Typical sentences whose mean cosine is taken."""
    USUAL = 0.45
    """What that mean is for a picture which is no hub."""
    CONSTANT = 0.3
    """Of every sentence, before the vector is made as long as 1 again."""
    STRENGTH = 0.5
    """How much a cosine falls for each 1 of nearness beyond the usual."""

    def __init__(self, typical: int, width: int) -> None:
        super().__init__()
        self.typical = nn.Parameter(torch.zeros(typical, width), requires_grad=False)

    def of_pictures(self, vectors: Tensor) -> Tensor:
        """Vectors of length 1 (B, C) -> their hubness (B,), about -0.3..0.3; negative for what is rarely near."""
        near = (vectors @ self.typical.T).topk(min(self.NEAREST, len(self.typical)), dim=-1).values.mean(-1)
        return ((near - self.USUAL) * self.STRENGTH / self.CONSTANT).clamp(-0.9, 0.9)

    def with_constant(self, vectors: Tensor) -> Tensor:
        """Sentences' vectors of length 1 (B, C) -> (B, C + 1) of length 1."""
        constant = vectors.new_full((len(vectors), 1), self.CONSTANT)
        return F.normalize(torch.cat([vectors, constant], 1), dim=-1)


def with_hubness(vectors: Tensor, hubness: Tensor) -> Tensor:
    """Pictures' vectors of length 1 (B, C) and their hubness (B,) -> (B, C + 1) of length 1."""
    own = (1 - hubness**2).sqrt()
    return torch.cat([vectors * own[:, None], -hubness[:, None]], 1)


class DualEncoder(nn.Module):
    """Built from the ``network`` part of config.json.

    That is the text encoder's sizes (``text``), ``heads`` of the pooling, ``knowing_weight``, and how many ``typical``
    sentences there are.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.top = Top()
        self.text = TextEncoder(TextConfig(**config["text"]))
        width = self.text.config.width
        self.pooling = AttentionPooling(width, config["heads"])
        self.knowing_trunk = Trunk(LITE1)
        self.knowing_top = Top(LITE1)
        self.knowing = KnowledgeTower(width)
        self.knowing_weight = float(config["knowing_weight"])
        self.sentence_map = nn.Linear(width, width, bias=False)
        self.hubness = Hubness(config["typical"], width)
        self.log_scale = nn.Parameter(torch.tensor(3.0))
        self.width = width + 1
        """Numbers of a vector."""

    def fuse(self) -> DualEncoder:
        """Fold batch normalisation for evaluation; call it after the weights are loaded."""
        for part in (self.trunk, self.top, self.knowing_trunk, self.knowing_top):
            fuse_norms(part)
        return self

    def normal(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, 224, 224) -> what both networks read."""
        return normalize(pixels).to(self.pooling.anchor.weight.dtype)

    def grid(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, 224, 224) -> tuned features of the picture's regions (B, 1280, 7, 7)."""
        found: Tensor = self.top(self.trunk(self.normal(pixels)))
        return found

    def known_grid(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, 224, 224) -> what ImageNet alone taught of its regions (B, 1280, 7, 7)."""
        found: Tensor = self.knowing_top(self.knowing_trunk(self.normal(pixels)))
        return found

    def known(self, pixels: Tensor) -> Tensor:
        """uint8 pixels -> the knowing tower's part of the vector (B, C), of length ``knowing_weight``."""
        features = self.knowing_trunk(self.normal(pixels))
        summary = self.knowing.summary(features, self.knowing_top(features).mean((2, 3)))
        return self.knowing_weight * F.normalize(self.knowing(summary), dim=-1)

    def vectors_of(self, features: Tensor, pixels: Tensor) -> Tensor:
        """Features of Lite0's trunk (B, 112, 14, 14), uint8 pixels of the same pictures -> (B, C + 1) of length 1."""
        looked = F.normalize(self.pooling(self.top(features)), dim=-1)
        vectors = F.normalize(looked + self.known(pixels), dim=-1)
        return with_hubness(vectors, self.hubness.of_pictures(vectors))

    def image_vectors(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, 224, 224) -> (B, C + 1) of length 1."""
        return self.vectors_of(self.trunk(self.normal(pixels)), pixels)

    def mapped(self, sentences: Tensor) -> Tensor:
        """The text encoder's vectors of length 1 (B, C) -> where pictures are sought (B, C), of length 1."""
        return F.normalize(sentences + self.sentence_map(sentences), dim=-1)

    def text_vectors(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens and 1 for real ones, both (B, T) -> (B, C + 1) of length 1."""
        return self.hubness.with_constant(self.mapped(pool_words(self.text(tokens, mask), mask)))

    def cell_scores(self, pixels: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """What each cell adds to the cosine of each picture with its query (B, C + 1), and what has no place.

        (B, 7, 7) and (B,): the cells of a picture and the rest, which is the knowing tower's and the hubness's, sum to
        the cosine.
        """
        cells = self.pooling.cell_vectors(self.grid(pixels))
        cells = cells / cells.sum(1).norm(dim=-1)[:, None, None]
        known = self.known(pixels)
        whole = cells.sum(1) + known
        length = whole.norm(dim=-1)
        hubness = self.hubness.of_pictures(whole / length[:, None])
        share = (1 - hubness**2).sqrt() / length
        sought = query[:, :-1]
        scores = torch.einsum("bnc,bc->bn", cells, sought) * share[:, None]
        rest = (known * sought).sum(1) * share - hubness * query[:, -1]
        return scores.unflatten(1, (GRID_SIZE, GRID_SIZE)), rest
