"""The image encoder: shapes, TensorFlow padding, and folding of batch normalisation."""

import torch
from torch import nn
from torch.nn import functional as F

from mmcore.nets.image_encoder import FEATURES, SameConv2d, Top, Trunk, fuse_norms, normalize
from mmcore.nets.image_sizes import GRID_SIZE, LITE1


def random_norms(module: nn.Module) -> None:
    """Batch statistics that are not 0 and 1, so that folding has something to get wrong."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.2, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)


@torch.no_grad()
def test_shapes_and_folding() -> None:
    torch.manual_seed(0)
    trunk, top = Trunk().eval(), Top().eval()
    random_norms(trunk)
    random_norms(top)
    pixels = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    shared = trunk(normalize(pixels))
    features = top(shared)
    assert shared.shape == (1, 112, 14, 14)
    assert features.shape == (1, FEATURES, GRID_SIZE, GRID_SIZE)
    fuse_norms(trunk)
    fuse_norms(top)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in [*trunk.modules(), *top.modules()])
    torch.testing.assert_close(trunk(normalize(pixels)), shared, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(top(shared), features, atol=1e-3, rtol=1e-3)


def test_size_is_that_of_lite0() -> None:
    count = sum(p.numel() for part in (Trunk(), Top()) for p in part.parameters())
    assert count + FEATURES * 1000 + 1000 == 4_652_008, "parameters of EfficientNet-Lite0 as published"


def test_size_is_that_of_lite1() -> None:
    count = sum(p.numel() for part in (Trunk(LITE1), Top(LITE1)) for p in part.parameters())
    assert count + FEATURES * 1000 + 1000 == 5_416_680, "parameters of EfficientNet-Lite1 as published"


def test_normalize_maps_bytes_to_about_one() -> None:
    ends = normalize(torch.tensor([0, 127, 255], dtype=torch.uint8))
    assert ends.tolist() == [-127 / 128, 0.0, 1.0]


def test_same_padding_puts_the_odd_pixel_right_and_below() -> None:
    conv = SameConv2d(1, 1, 3, stride=2, bias=False)
    x = torch.arange(16.0).view(1, 1, 4, 4)
    want = F.conv2d(F.pad(x, (0, 1, 0, 1)), conv.weight, stride=2)
    torch.testing.assert_close(conv(x), want)
    assert conv(x).shape[-1] == 2
    assert conv(torch.zeros(1, 1, 5, 5)).shape[-1] == 3
