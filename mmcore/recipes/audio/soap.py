"""SOAP: Adam in the eigenvectors of Shampoo's two sides.

Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam", 2024 (https://arxiv.org/abs/2409.11321).
What goes into a block is strongly correlated: neighbouring bands are alike, and so are channels. Adam, which sees each
weight by itself, creeps along the narrow valleys that this makes. Turned into the eigenvectors of the gradients' own
second moments, each weight is by itself, nearly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

LARGEST = 400
"""A side with more rows than this is not turned."""


def turned(grad: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:
    """A matrix in the eigenvectors of its sides."""
    out = grad if left is None else left.T @ grad
    return out if right is None else out @ right


def turned_back(grad: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:
    """The inverse of ``turned``."""
    out = grad if left is None else left @ grad
    return out if right is None else out @ right.T


class Soap(Optimizer):
    """See the module. Matrices and filters (a row an output) are turned; vectors are left to plain Adam."""

    def __init__(
        self, params: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.95, 0.95), eps: float = 1e-8,
        every: int = 10,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "every": every})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step. The first only measures the gradients. ``closure`` is not used."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._follow(parameter, self.state[parameter], group)

    @staticmethod
    def _follow(parameter: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        assert parameter.grad is not None
        first, second = group["betas"]
        grad = parameter.grad.reshape(len(parameter), -1)
        if not state:
            state.update(step=0, mean=torch.zeros_like(grad), square=torch.zeros_like(grad))
            for side, size in (("left", grad.shape[0]), ("right", grad.shape[1])):
                fits = parameter.ndim > 1 and 1 < size <= LARGEST
                state[side] = torch.zeros(size, size) if fits else None
                state[f"{side}_vectors"] = None
        for side, product in (("left", grad @ grad.T if state["left"] is not None else None),
                              ("right", grad.T @ grad if state["right"] is not None else None)):  # fmt: skip
            if product is not None:
                state[side].lerp_(product, 1 - second if state["step"] else 1.0)
                if state["step"] % group["every"] == 0:
                    state[f"{side}_vectors"] = eigenvectors(state[side], state[f"{side}_vectors"])
        state["step"] += 1
        vectors = state["left_vectors"], state["right_vectors"]
        state["mean"].lerp_(grad, 1 - first)
        own = turned(grad, *vectors)
        state["square"].lerp_(own.square(), 1 - second)
        if state["step"] == 1:
            return
        correction = (1 - second ** state["step"]) ** 0.5 / (1 - first ** state["step"])
        step = turned(state["mean"], *vectors) / (state["square"].sqrt() + group["eps"]) * correction
        parameter.sub_(turned_back(step, *vectors).reshape(parameter.shape), alpha=group["lr"])


def eigenvectors(moments: Tensor, before: Tensor | None) -> Tensor:
    """Of a symmetric matrix: exactly the first time, then one power iteration on from those before."""
    if before is None:
        return torch.linalg.eigh(moments + 1e-12 * torch.eye(len(moments)))[1].flip(1)
    return torch.linalg.qr(moments @ before)[0]
