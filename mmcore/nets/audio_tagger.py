"""What sounds: a convolutional tagger of our own, distilled block by block from EfficientAT.

    log-mel (128, T) -> 3x3 convolution -> 15 inverted residual blocks -> 1x1 convolution -> mean -> 2 layers -> labels

Its blocks begin and end where those of the teacher do (``mobilenet_tagger.py``, MobileNetV3-Large at width 0.4), with
as many channels and at the same scale, so that each can learn from what goes into the teacher's block and what comes
out of it. Inside, a block is ``widening`` times as wide: one that begins from random numbers needs more room to find
what a trained one does (Frankle and Carbin, "The lottery ticket hypothesis", ICLR 2019).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mmcore.nets.mobilenet_tagger import BLOCKS, FIRST, InvertedResidual, channels, convolution

LABELS = 527
"""Classes of AudioSet."""


@dataclass(frozen=True)
class TaggerConfig:
    """Sizes of the network, kept in config.json."""

    width: float = 0.4
    """Share of MobileNetV3-Large's channels between the blocks; the teacher's."""
    widening: float = 1.5
    """Channels inside a block, as a multiple of the teacher's."""
    hidden: int = 512
    """Width between the mean and the labels; the teacher's too."""
    labels: int = LABELS

    @property
    def features(self) -> int:
        """Channels of the grid that is averaged."""
        return 6 * channels(BLOCKS[-1].out * self.width)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TaggerConfig:
        """The inverse of ``to_dict``."""
        return cls(**data)


class AudioTagger(nn.Module):
    """See the module. ``grid`` then ``classify``; calling it does both.

    A cell of the grid is 32 bands by 32 columns (320 ms) of the spectrogram.
    """

    def __init__(self, config: TaggerConfig | None = None) -> None:
        super().__init__()
        config = config or TaggerConfig()
        self.config = config
        inputs = channels(FIRST * config.width)
        features: list[nn.Module] = [convolution(1, inputs, 3, 2, 1, nn.Hardswish)]
        for block in BLOCKS:
            wider = replace(block, expanded=round(block.expanded * config.widening))
            features.append(InvertedResidual(inputs, wider, config.width))
            inputs = channels(block.out * config.width)
        features.append(convolution(inputs, config.features, 1, 1, 1, nn.Hardswish))
        self.features = nn.Sequential(*features)
        self.hidden = nn.Sequential(nn.Linear(config.features, config.hidden), nn.Hardswish())
        self.output = nn.Linear(config.hidden, config.labels)

    def grid(self, log_mel: Tensor) -> Tensor:
        """(B, 128, T) -> features (B, ``config.features``, 4, about T / 32)."""
        features: Tensor = self.features(log_mel[:, None].contiguous(memory_format=torch.channels_last))
        return features

    def embed(self, grid: Tensor) -> Tensor:
        """The grid's mean through the first layer of the head: (B, ``config.hidden``)."""
        embedded: Tensor = self.hidden(grid.mean((2, 3)))
        return embedded

    def classify(self, grid: Tensor) -> Tensor:
        """Grid -> logits (B, labels)."""
        logits: Tensor = self.output(self.embed(grid))
        return logits

    def forward(self, log_mel: Tensor) -> Tensor:
        """(B, 128, T) -> logits (B, labels); a sigmoid makes each the probability of its label."""
        return self.classify(self.grid(log_mel))
