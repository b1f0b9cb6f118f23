"""EfficientAT: MobileNetV3-Large as a tagger of sounds, distilled from transformers.

Schmid, Koutini and Widmer, "Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation", ICASSP
2023 (https://arxiv.org/abs/2211.04772); Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1.

    log-mel (1, 128, T) -> 3x3 convolution -> 15 inverted residual blocks -> 1x1 convolution -> mean -> 2 layers -> 527

Frequency is treated as height and time as width; both shrink by 32. ``width`` scales all channels: 0.4 is mn04 (1
million parameters), 1.0 is mn10 (5 million). The names of the weights are those of the published files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

EPSILON = 0.001
"""Of the batch normalisation, as the published weights were trained with."""


@dataclass(frozen=True)
class Block:
    """One row of MobileNetV3's table."""

    kernel: int
    expanded: int
    """Channels inside the block."""
    out: int
    squeeze: bool
    """Whether it weighs its channels (squeeze and excitation)."""
    hard_swish: bool
    """Hardswish instead of ReLU."""
    stride: int


FIRST = 16
LAST = 1280
BLOCKS = (
    Block(3, 16, 16, False, False, 1),
    Block(3, 64, 24, False, False, 2),
    Block(3, 72, 24, False, False, 1),
    Block(5, 72, 40, True, False, 2),
    Block(5, 120, 40, True, False, 1),
    Block(5, 120, 40, True, False, 1),
    Block(3, 240, 80, False, True, 2),
    Block(3, 200, 80, False, True, 1),
    Block(3, 184, 80, False, True, 1),
    Block(3, 184, 80, False, True, 1),
    Block(3, 480, 112, True, True, 1),
    Block(3, 672, 112, True, True, 1),
    Block(5, 672, 160, True, True, 2),
    Block(5, 960, 160, True, True, 1),
    Block(5, 960, 160, True, True, 1),
)


def channels(count: float) -> int:
    """The multiple of 8 that is nearest, at least 8 and never more than a tenth below."""
    rounded = max(8, int(count + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count else rounded


def convolution(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int, activation: Callable[[], nn.Module] | None
) -> nn.Sequential:
    """Convolution, batch normalisation, activation; padding keeps the size at stride 1."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=EPSILON),
    ]
    return nn.Sequential(*layers, *([activation()] if activation is not None else []))


class SqueezeExcitation(nn.Module):
    """Weigh the channels by what they hold on average (Hu et al., CVPR 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, channels(width // 4))
        self.fc2 = nn.Linear(channels(width // 4), width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) -> the same shape."""
        weights = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3))))))
        return weights[:, :, None, None] * x


class Excitations(nn.Module):
    """Holds the one layer under the name that it has in the published files, which allow for several."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([SqueezeExcitation(width)])

    def forward(self, x: Tensor) -> Tensor:
        """See ``SqueezeExcitation``."""
        out: Tensor = self.conc_se_layers[0](x)
        return out


class InvertedResidual(nn.Module):
    """Widen (1x1), look around (depthwise), weigh the channels, narrow (1x1); added to the input where sizes allow."""

    def __init__(self, inputs: int, block: Block, width: float) -> None:
        super().__init__()
        expanded, outputs = channels(block.expanded * width), channels(block.out * width)
        activation = nn.Hardswish if block.hard_swish else nn.ReLU
        self.residual = block.stride == 1 and inputs == outputs
        layers: list[nn.Module] = []
        if expanded != inputs:
            layers.append(convolution(inputs, expanded, 1, 1, 1, activation))
        layers.append(convolution(expanded, expanded, block.kernel, block.stride, expanded, activation))
        if block.squeeze:
            layers.append(Excitations(expanded))
        layers.append(convolution(expanded, outputs, 1, 1, 1, None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, outputs, F / stride, T / stride)."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class EfficientAT(nn.Module):
    """See the module. ``width``: 0.4 for mn04, 1.0 for mn10."""

    def __init__(self, width: float, labels: int = 527) -> None:
        super().__init__()
        self.width = width
        inputs = channels(FIRST * width)
        features: list[nn.Module] = [convolution(1, inputs, 3, 2, 1, nn.Hardswish)]
        for block in BLOCKS:
            features.append(InvertedResidual(inputs, block, width))
            inputs = channels(block.out * width)
        features.append(convolution(inputs, 6 * inputs, 1, 1, 1, nn.Hardswish))
        self.features = nn.Sequential(*features)
        last = channels(LAST * width)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(1),
            nn.Linear(6 * inputs, last),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(last, labels),
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        """(B, 128, T) -> logits (B, labels); a sigmoid makes each the probability of its label."""
        logits: Tensor = self.classifier(self.features(log_mel[:, None]))
        return logits


def fold_norms(network: nn.Module) -> None:
    """Fold every batch normalisation into the convolution before it, in place: the same in evaluation, and faster."""
    for child in network.modules():
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            child[0] = fuse_conv_bn_eval(cast("nn.Conv2d", child[0]).eval(), child[1].eval())
            child[1] = nn.Identity()


def width_of(weights: Mapping[str, Tensor]) -> float:
    """The width that weights were made for, by the size of the last layer's input (512 of 1280 is 0.4)."""
    return round(weights["classifier.5.weight"].shape[1] / LAST, 2)
