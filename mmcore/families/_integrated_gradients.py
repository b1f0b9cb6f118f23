"""What in a spectrogram speaks for a label: integrated gradients.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017. The spectrogram is faded in from
silence; at each step the gradient of the label's logit says how much a little more of each point would help. Their mean
times the difference from silence adds up to the logit's rise (completeness): points that are as silent as silence, and
those that the network does not look at, get nothing. The mean over a few steps is close enough for a picture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def integrated_gradients(logit: Callable[[Tensor], Tensor], seen: Tensor, silence: float, steps: int) -> Tensor:
    """How much each point of ``seen`` (the network's input, batch of one) adds to the logit; the same shape, signed.

    ``logit`` takes (1, ...) and gives (1,). ``silence`` is what digital silence looks like to the network.
    """
    quiet = torch.full_like(seen, silence)
    total = torch.zeros_like(seen)
    for step in range(steps):  # one after the other: a batch of them would need their activations all at once
        point = (quiet + (step + 0.5) / steps * (seen - quiet)).requires_grad_()
        (slope,) = torch.autograd.grad(logit(point).sum(), point)
        total += slope
    return total / steps * (seen - quiet)


def positive(evidence: Tensor, rows: int = 5, columns: int = 9) -> Tensor:
    """The part that speaks for the label, (mels, frames) -> the same shape, >= 0, smoothed so that eyes can follow.

    Neighbours cancel before the negative part is cut off: single points of a gradient are noise.
    """
    smooth = torch.nn.functional.avg_pool2d(
        evidence[None, None], (rows, columns), stride=1, padding=(rows // 2, columns // 2), count_include_pad=False
    )
    return smooth[0, 0].clamp_min(0)
