"""From what the dual encoder sees in texts and pictures to the numbers that a fusion reads.

    words    states of the tokens          on their first principal axes      (T, W)
    text     sentence vector ; lexicon ; what the network of bare texts thinks (D,)
    regions  4 x 4 parts of the grid       on their first principal axes      (R, V)
    image    what the looking tower says ; what the knowing tower says        (P,)

The two halves of ``image``, each of length 1, are those that the dual encoder sums to a picture's vector. A part of the
grid is taken as its square root: features of a network with ReLU are counts of a kind, with a long tail, and the root
evens them out (Jegou et al., "Aggregating local image descriptors", 2012, call it power normalisation).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.dual_encoder import DualEncoder, KnowledgeTower, mixed_mean
from mmcore.nets.image_encoder import FEATURES, MID_FEATURES
from mmcore.nets.text_encoder import pool_words

REGIONS = 4
"""The grid is averaged to REGIONS x REGIONS overlapping parts."""


class Looks(NamedTuple):
    """What both networks of the dual encoder make of B pictures."""

    grid: Tensor
    """(B, 1280, 7, 7), tuned."""
    known_features: Tensor
    """(B, 112, 14, 14), of the trunk that ImageNet taught."""
    known_grid: Tensor
    """(B, 1280, 7, 7), of its top."""

    def rows(self, index: slice | list[int]) -> Looks:
        """Some of the pictures."""
        return Looks(*(part[index] for part in self))


def look(encoder: DualEncoder, pixels: Tensor) -> Looks:
    """uint8 pixels (B, 3, 224, 224) -> what is computed of a picture once."""
    features = encoder.knowing_trunk(encoder.normal(pixels))
    return Looks(encoder.grid(pixels), features, encoder.knowing_top(features))


class PostFeatures(nn.Module):
    """Fixed projections, fitted once on the training posts; nothing here is trained with a head."""

    def __init__(self, encoder_width: int, word: int, region: int) -> None:
        super().__init__()
        self.word_mean: Tensor
        self.word_axes: Tensor
        self.region_mean: Tensor
        self.region_axes: Tensor
        self.cell_mean: Tensor
        self.known_feature_mean: Tensor
        self.known_cell_mean: Tensor
        self.register_buffer("word_mean", torch.zeros(encoder_width))
        self.register_buffer("word_axes", torch.zeros(encoder_width, word))
        self.register_buffer("region_mean", torch.zeros(FEATURES))
        self.register_buffer("region_axes", torch.zeros(FEATURES, region))
        self.register_buffer("cell_mean", torch.zeros(FEATURES))
        """The average cell of a picture's grid: what takes the place of a region that an explanation removes."""
        self.register_buffer("known_feature_mean", torch.zeros(MID_FEATURES))
        self.register_buffer("known_cell_mean", torch.zeros(FEATURES))

    def text(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The text encoder's states (B, T, C) and 1 for real tokens -> words (B, T, W) and sentence vectors (B, C)."""
        words = (states - self.word_mean) @ self.word_axes
        return words * mask[..., None], pool_words(states, mask)

    def picture(self, encoder: DualEncoder, looks: Looks) -> tuple[Tensor, Tensor]:
        """What was seen of B pictures -> regions (B, R, V) and the whole (B, P)."""
        known = encoder.knowing(KnowledgeTower.summary(looks.known_features, looks.known_grid.mean((2, 3))))
        whole = torch.cat([F.normalize(part, dim=-1) for part in (encoder.pooling(looks.grid), known)], -1)
        return (parts_of(looks.grid) - self.region_mean) @ self.region_axes, whole

    def picture_without(self, encoder: DualEncoder, looks: Looks, kept: Tensor) -> tuple[Tensor, Tensor]:
        """As ``picture`` on one picture altered K times, in both networks; cells not ``kept`` (K, 7, 7) are average.

        A part of the grid looks the same in most of the altered grids, and each of its looks is computed once.
        """
        grid = looks.grid
        there = kept.flatten(1).to(grid.dtype)
        average = self.cell_mean.to(grid.dtype)
        pooled = encoder.pooling.with_cells(grid, average, there)
        known = self._known_without(encoder, looks, there)
        whole = torch.cat([F.normalize(part, dim=-1) for part in (pooled, known)], -1)
        cells = grid[0].flatten(1).T
        regions = []
        for share in shares_of_parts(grid):  # (49,), of which a few are not 0
            inside = share.nonzero()[:, 0]
            looks, places = there[:, inside].unique(dim=0, return_inverse=True)
            weights = looks * share[inside]
            part = weights @ cells[inside] + (1 - weights.sum(1, keepdim=True)) * average
            regions.append(((part.sqrt() - self.region_mean) @ self.region_axes)[places])
        return torch.stack(regions, 1), whole

    def _known_without(self, encoder: DualEncoder, looks: Looks, there: Tensor) -> Tensor:
        """What the knowing tower says (K, C) of a picture of which only the cells ``there`` (K, 49) stay, as 1 and 0.

        As ``KnowledgeTower.summary`` of K altered pictures: means, and the spread by the mean square, are sums over
        places, so that each place is looked at once.
        """
        grid, average = looks.known_grid, self.known_feature_mean.to(there.dtype)
        side = looks.known_features.shape[-1]
        kept = F.interpolate(there.unflatten(1, grid.shape[-2:])[:, None], scale_factor=side // grid.shape[-1]).flatten(
            1
        )
        places = looks.known_features[0].flatten(1).T - average  # (196, 112); an average one is 0
        count = len(places)
        mean = kept @ places / count
        spread = ((kept @ places.square() / count - mean.square()) * count / (count - 1)).clamp_min(0).sqrt()
        quarters = shares_of_parts(looks.known_features, 2)  # (4, 196)
        layout = torch.stack([(kept * share) @ places + average for share in quarters], 2)
        of_grid = mixed_mean(grid, self.known_cell_mean.to(there.dtype), there)
        found: Tensor = encoder.knowing(torch.cat([of_grid, mean + average, spread, layout.flatten(1)], 1))
        return found

    @torch.no_grad()
    def fit(self, states: Tensor, looks: Looks) -> None:
        """Take means and axes from token states (N, C) and what was seen of M pictures."""
        self.word_mean.copy_(states.mean(0))
        self.word_axes.copy_(principal_axes(states - states.mean(0), self.word_axes.shape[1]))
        parts = parts_of(looks.grid).flatten(0, 1)
        self.region_mean.copy_(parts.mean(0))
        self.region_axes.copy_(principal_axes(parts - parts.mean(0), self.region_axes.shape[1]))
        self.cell_mean.copy_(looks.grid.mean((0, 2, 3)))
        self.known_feature_mean.copy_(looks.known_features.mean((0, 2, 3)))
        self.known_cell_mean.copy_(looks.known_grid.mean((0, 2, 3)))


def parts_of(grid: Tensor) -> Tensor:
    """Grid (B, 1280, 7, 7) -> the square roots of its parts (B, R, 1280), row by row."""
    return F.adaptive_avg_pool2d(grid, REGIONS).sqrt().flatten(2).transpose(1, 2)


def shares_of_parts(grid: Tensor, parts: int = REGIONS) -> Tensor:
    """How much each cell of a grid (B, C, S, S) counts in each of parts x parts, (R, S * S); a part's sum to 1."""
    rows, columns = grid.shape[-2:]
    cells = torch.eye(rows * columns, dtype=grid.dtype, device=grid.device).view(1, -1, rows, columns)
    return F.adaptive_avg_pool2d(cells, parts)[0].flatten(1).T


def principal_axes(centred: Tensor, count: int) -> Tensor:
    """(N, C) with mean 0 -> the ``count`` directions (C, count) along which they differ most."""
    _, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
    return axes.flip(1)[:, :count]
