"""What sounds: a small convolutional tagger of our own, distilled from EfficientAT.

    log-mel (128, T) -> stem, a quarter of the size -> three stages of fused blocks -> mean -> 527 labels

Its blocks are MobileNetV3's (Howard et al., ICCV 2019: widen, look around, weigh the channels, narrow, add the input;
hardswish) in the fused form of EfficientNetV2 (Tan and Le, ICML 2021): one full convolution widens and looks around.
Processors do many multiplications on few numbers faster than few on many, above all when training: a depthwise
convolution of the same block took longer than the full one. The stem looks at 7x7 points and steps by 4, so no layer
works at the full size of the spectrogram.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LABELS = 527
"""Classes of AudioSet."""


@dataclass(frozen=True)
class Stage:
    """Blocks of one width; the first of them shrinks by ``stride`` in frequency and time."""

    channels: int
    expansion: int
    """Channels inside the block: this many times those of its input."""
    blocks: int
    stride: int
    squeeze: bool
    """Whether the blocks weigh their channels (squeeze and excitation)."""


STAGES = (
    Stage(56, 1, 3, 2, False),
    Stage(104, 2, 3, 2, True),
    Stage(160, 2, 3, 2, True),
)


@dataclass(frozen=True)
class TaggerConfig:
    """Sizes of the network, kept in config.json."""

    stem: int = 32
    features: int = 576
    """Channels of the last 1x1 convolution: the grid that is averaged."""
    hidden: int = 512
    """Width between the mean and the labels; the teacher's too, so that the two can be compared in training."""
    labels: int = LABELS
    stages: tuple[Stage, ...] = STAGES

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TaggerConfig:
        """The inverse of ``to_dict``."""
        return cls(**{**data, "stages": tuple(Stage(**stage) for stage in data["stages"])})


def convolution(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Convolution and batch normalisation; padding keeps the size at stride 1."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.05),
    )


class FusedBlock(nn.Module):
    """Widen and look around (3x3), weigh the channels, narrow (1x1); added to the input where sizes allow."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        widens = stage.expansion > 1
        inner = inputs * stage.expansion if widens else stage.channels
        self.expand = convolution(inputs, inner, 3, stride)
        self.squeeze = nn.Linear(inner, inner // 8) if stage.squeeze else None
        self.excite = nn.Linear(inner // 8, inner) if stage.squeeze else None
        self.project = convolution(inner, stage.channels) if widens else None
        # as in MobileNetV3, the cheaper activation where the grid is large
        self.activation = F.hardswish if stage.squeeze else F.relu
        self.residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, channels, F / stride, T / stride)."""
        y: Tensor = self.activation(self.expand(x))
        if self.squeeze is not None and self.excite is not None:
            weights = F.hardsigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3))))))
            y = y * weights[:, :, None, None]
        if self.project is not None:
            y = self.project(y)
        return x + y if self.residual else y


class AudioTagger(nn.Module):
    """See the module. ``grid`` then ``classify``; calling it does both.

    The grid is what explanations look at: a cell is 32 bands by 32 columns (320 ms) of the spectrogram.
    """

    def __init__(self, config: TaggerConfig | None = None) -> None:
        super().__init__()
        config = config or TaggerConfig()
        self.config = config
        self.stem = convolution(1, config.stem, kernel=7, stride=4)
        blocks: list[nn.Module] = []
        inputs = config.stem
        for stage in config.stages:
            for number in range(stage.blocks):
                blocks.append(FusedBlock(inputs, stage, stage.stride if number == 0 else 1))
                inputs = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = convolution(inputs, config.features)
        self.hidden = nn.Linear(config.features, config.hidden)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(config.hidden, config.labels)

    def grid(self, log_mel: Tensor) -> Tensor:
        """(B, 128, T) -> features (B, ``config.features``, 4, about T / 32)."""
        return F.hardswish(self.head(self.blocks(F.relu(self.stem(log_mel[:, None])))))

    def embed(self, grid: Tensor) -> Tensor:
        """The grid's mean through the first layer of the head: (B, ``config.hidden``)."""
        return F.hardswish(self.hidden(grid.mean((2, 3))))

    def classify(self, grid: Tensor) -> Tensor:
        """Grid -> logits (B, labels)."""
        logits: Tensor = self.output(self.dropout(self.embed(grid)))
        return logits

    def keep_labels(self, places: Sequence[int]) -> None:
        """Give logits for these labels only, in this order."""
        output = nn.Linear(self.config.hidden, len(places))
        with torch.no_grad():
            output.weight.copy_(self.output.weight[list(places)])
            output.bias.copy_(self.output.bias[list(places)])
        self.output = output

    def forward(self, log_mel: Tensor) -> Tensor:
        """(B, 128, T) -> logits (B, labels); a sigmoid makes each the probability of its label."""
        return self.classify(self.grid(log_mel))
