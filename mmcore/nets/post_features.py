"""From what the dual encoder sees in texts and pictures to the numbers that a fusion reads.

    words    states of the tokens          on their first principal axes      (T, W)
    text     sentence vector ; lexicon ; what the network of bare texts thinks (D,)
    regions  4 x 4 parts of the grid       on their first principal axes      (R, V)
    image    square root of the grid's mean ; picture vector                  (P,)

Features of a network with ReLU are counts of a kind, with a long tail; the square root evens them out (Jegou et al.,
"Aggregating local image descriptors", 2012, call it power normalisation).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.dual_encoder import DualEncoder, mixed_mean
from mmcore.nets.image_encoder import FEATURES
from mmcore.nets.text_encoder import pool_words

REGIONS = 4
"""The grid is averaged to REGIONS x REGIONS overlapping parts."""


class PostFeatures(nn.Module):
    """Fixed projections, fitted once on the training posts; nothing here is trained with a head."""

    def __init__(self, encoder_width: int, word: int, region: int) -> None:
        super().__init__()
        self.word_mean: Tensor
        self.word_axes: Tensor
        self.region_mean: Tensor
        self.region_axes: Tensor
        self.cell_mean: Tensor
        self.register_buffer("word_mean", torch.zeros(encoder_width))
        self.register_buffer("word_axes", torch.zeros(encoder_width, word))
        self.register_buffer("region_mean", torch.zeros(FEATURES))
        self.register_buffer("region_axes", torch.zeros(FEATURES, region))
        self.register_buffer("cell_mean", torch.zeros(FEATURES))
        """The average cell of a picture's grid: what takes the place of a region that an explanation removes."""

    def text(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The text encoder's states (B, T, C) and 1 for real tokens -> words (B, T, W) and sentence vectors (B, C)."""
        words = (states - self.word_mean) @ self.word_axes
        return words * mask[..., None], pool_words(states, mask)

    def picture(self, encoder: DualEncoder, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Grid (B, 1280, 7, 7) -> regions (B, R, V) and the whole (B, P)."""
        whole = torch.cat([grid.mean((2, 3)).sqrt(), F.normalize(encoder.pooling(grid), dim=-1)], -1)
        return (parts_of(grid) - self.region_mean) @ self.region_axes, whole

    def picture_without(self, encoder: DualEncoder, grid: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """As ``picture`` on one grid (1, 1280, 7, 7) altered K times; cells not ``kept`` (K, 7, 7) are average.

        A part of the grid looks the same in most of the altered grids, and each of its looks is computed once.
        """
        there = kept.flatten(1).to(grid.dtype)
        average = self.cell_mean.to(grid.dtype)
        pooled = F.normalize(encoder.pooling.with_cells(grid, average, there), dim=-1)
        whole = torch.cat([mixed_mean(grid, average, there).sqrt(), pooled], -1)
        cells = grid[0].flatten(1).T
        regions = []
        for share in shares_of_parts(grid):  # (49,), of which a few are not 0
            inside = share.nonzero()[:, 0]
            looks, places = there[:, inside].unique(dim=0, return_inverse=True)
            weights = looks * share[inside]
            part = weights @ cells[inside] + (1 - weights.sum(1, keepdim=True)) * average
            regions.append(((part.sqrt() - self.region_mean) @ self.region_axes)[places])
        return torch.stack(regions, 1), whole

    @torch.no_grad()
    def fit(self, states: Tensor, grids: Tensor) -> None:
        """Take means and axes from token states (N, C) and grids (M, 1280, 7, 7)."""
        self.word_mean.copy_(states.mean(0))
        self.word_axes.copy_(principal_axes(states - states.mean(0), self.word_axes.shape[1]))
        parts = parts_of(grids).flatten(0, 1)
        self.region_mean.copy_(parts.mean(0))
        self.region_axes.copy_(principal_axes(parts - parts.mean(0), self.region_axes.shape[1]))
        self.cell_mean.copy_(grids.mean((0, 2, 3)))


def parts_of(grid: Tensor) -> Tensor:
    """Grid (B, 1280, 7, 7) -> the square roots of its parts (B, R, 1280), row by row."""
    return F.adaptive_avg_pool2d(grid, REGIONS).sqrt().flatten(2).transpose(1, 2)


def shares_of_parts(grid: Tensor) -> Tensor:
    """How much each cell counts in each part, (R, 49); a part's cells sum to 1."""
    rows, columns = grid.shape[-2:]
    cells = torch.eye(rows * columns, dtype=grid.dtype, device=grid.device).view(1, -1, rows, columns)
    return F.adaptive_avg_pool2d(cells, REGIONS)[0].flatten(1).T


def principal_axes(centred: Tensor, count: int) -> Tensor:
    """(N, C) with mean 0 -> the ``count`` directions (C, count) along which they differ most."""
    _, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
    return axes.flip(1)[:, :count]
