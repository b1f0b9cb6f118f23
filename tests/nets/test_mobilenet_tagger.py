"""MobileNetV3 as a tagger of sounds: its norms can be folded away."""

from __future__ import annotations

import torch
from torch import nn

from mmcore.nets.mobilenet_tagger import EfficientAT, fold_norms


@torch.inference_mode()
def test_folded_norms_change_nothing() -> None:
    torch.manual_seed(0)
    tagger, seen = EfficientAT(0.1, 7).eval(), torch.randn(2, 128, 200)
    for layer in tagger.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
    before = tagger(seen)
    fold_norms(tagger)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in tagger.modules())
    torch.testing.assert_close(tagger(seen), before, atol=1e-4, rtol=1e-4)
