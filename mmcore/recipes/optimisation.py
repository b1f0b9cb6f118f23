"""What the recipes share in training: averaged weights and learning rates, with torch's own means."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = tuple[Tensor, ...] | list[Tensor]

FLOOR = 0.01
"""Share of the learning rate that the cosine does not fall below."""


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a model's weights, steadier than the last step's; ``.module`` is that model.

    It follows faster in the beginning: step k keeps ``min(decay, (1 + k) / (10 + k))`` of itself. Running statistics
    are averaged as well, counts are copied.
    """

    def follow(means: Tensors, values: Tensors, count: Tensor | int) -> None:
        if means[0].is_floating_point():  # all of one type
            step = int(count)
            get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))(means, values, count)
            return
        for mean, value in zip(means, values, strict=True):
            mean.copy_(value)

    average = AveragedModel(model, multi_avg_fn=follow, use_buffers=True)
    average.update_parameters(model)  # torch copies the first model; so that the first step already is averaged
    average.module.eval()
    return average


def warm_cosine(optimizer: Optimizer, warmup: int, steps: int) -> LambdaLR:
    """Up from nothing in ``warmup`` steps, then down along a cosine to FLOOR of the optimizer's rates."""

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warmup) * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1.0))) + FLOOR

    return LambdaLR(optimizer, rate)
