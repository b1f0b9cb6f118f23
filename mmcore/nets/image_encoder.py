"""EfficientNet-Lite as an image encoder: picture in, grid of feature vectors out.

Tan & Le, "EfficientNet", ICML 2019; the Lite variant drops squeeze-and-excitation and uses ReLU6, so that
the network runs well on any processor. Lite0 has the blocks of the table, Lite1 more of them in each stage (depth 1.1).
Padding is TensorFlow's "same" (more on the right and at the bottom), because that is how the ImageNet weights were
trained.

Shapes below: B pictures, 224 x 224 pixels.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmcore.nets.image_sizes import LITE0, STAGES, repeats_of

TRUNK_STAGES = 5
"""Stages of the trunk: general visual features, 112 x 14 x 14. The rest is the top."""

FEATURES = 1280
MID_FEATURES = STAGES[TRUNK_STAGES - 1][1]
"""Channels of the trunk: 112."""


def normalize(pixels: Tensor) -> Tensor:
    """uint8 pixels (B, 3, H, W) in 0..255 -> floats of about -1..1, as in the ImageNet training."""
    return (pixels.float() - 127.0) / 128.0


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, C', ceil(S / stride), ceil(S / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max(kernel - (x.shape[-1] % stride or stride), 0)
        before = total // 2
        if total - before == before:
            return F.conv2d(x, self.weight, self.bias, self.stride, before, groups=self.groups)
        x = F.pad(x, (before, total - before, before, total - before))
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


def conv_norm(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and batch normalisation, without an activation."""
    return nn.Sequential(
        SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
    )


class InvertedResidual(nn.Module):
    """MobileNetV2 block: widen (1x1), filter each channel (depthwise), narrow (1x1); add the input if shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = conv_norm(inputs, hidden) if expansion > 1 else None
        self.depthwise = conv_norm(hidden, hidden, kernel, stride, groups=hidden)
        self.project = conv_norm(hidden, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, S, S) -> (B, outputs, S / stride, S / stride)."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


def stages(first: int, last: int, inputs: int, depth: float = LITE0) -> nn.Sequential:
    """Stages first..last-1 of the table, as one sequence of blocks."""
    blocks = []
    for stage in range(first, last):
        expansion, outputs, _, stride, kernel = STAGES[stage]
        for repeat in range(repeats_of(stage, depth)):
            blocks.append(InvertedResidual(inputs, outputs, expansion, kernel, stride if repeat == 0 else 1))
            inputs = outputs
    return nn.Sequential(*blocks)


class Trunk(nn.Module):
    """Stem and stages 1-5: (B, 3, 224, 224) -> (B, 112, 14, 14)."""

    def __init__(self, depth: float = LITE0) -> None:
        super().__init__()
        self.depth = depth
        self.stem = conv_norm(3, 32, kernel=3, stride=2)
        self.blocks = stages(0, TRUNK_STAGES, 32, depth)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised pictures -> general visual features."""
        features: Tensor = self.blocks(F.relu6(self.stem(images)))
        return features

    def depths(self, images: Tensor) -> list[Tensor]:
        """What the stem and each stage make of normalised pictures, the last as ``forward``: for looking at it."""
        found = [F.relu6(self.stem(images))]
        first = 0
        for stage in range(TRUNK_STAGES):
            repeats = repeats_of(stage, self.depth)
            found.append(self.blocks[first : first + repeats](found[-1]))
            first += repeats
        return found


class Top(nn.Module):
    """Stages 6-7 and the last 1x1 convolution: (B, 112, 14, 14) -> (B, 1280, 7, 7)."""

    def __init__(self, depth: float = LITE0) -> None:
        super().__init__()
        self.blocks = stages(TRUNK_STAGES, len(STAGES), STAGES[TRUNK_STAGES - 1][1], depth)
        self.head = conv_norm(STAGES[-1][1], FEATURES)

    def forward(self, features: Tensor) -> Tensor:
        """Features of the trunk -> a grid of semantic features, each >= 0."""
        return F.relu6(self.head(self.blocks(features)))


def state_dict_from_lukemelas(
    source: dict[str, Tensor], depth: float = LITE0
) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor, Tensor]:
    """Sort the published ImageNet weights into ours: (trunk, top, classifier weight, classifier bias).

    The file names its parts as the lukemelas implementation does (``_blocks.0._bn1.weight``).
    """
    trunk: dict[str, Tensor] = {}
    top: dict[str, Tensor] = {}
    parts = {
        "_expand_conv": "expand.0",
        "_bn0": "expand.1",
        "_depthwise_conv": "depthwise.0",
        "_bn1": "depthwise.1",
        "_project_conv": "project.0",
        "_bn2": "project.1",
    }
    trunk_blocks = sum(repeats_of(stage, depth) for stage in range(TRUNK_STAGES))
    for name, tensor in source.items():
        kind, _, rest = name.partition(".")
        if kind == "_blocks":
            index, part, leaf = rest.split(".", 2)
            target, offset = (trunk, 0) if int(index) < trunk_blocks else (top, trunk_blocks)
            target[f"blocks.{int(index) - offset}.{parts[part]}.{leaf}"] = tensor
        elif kind in ("_conv_stem", "_bn0"):
            trunk[f"stem.{0 if kind == '_conv_stem' else 1}.{rest}"] = tensor
        elif kind in ("_conv_head", "_bn1"):
            top[f"head.{0 if kind == '_conv_head' else 1}.{rest}"] = tensor
    return trunk, top, source["_fc.weight"], source["_fc.bias"]


def fuse_norms(module: nn.Module) -> nn.Module:
    """Fold every batch normalisation into the convolution before it: the same function in evaluation, but faster."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) == 2 and isinstance(child[1], nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(cast("SameConv2d", child[0]).eval(), child[1].eval()))
        else:
            fuse_norms(child)
    return module
