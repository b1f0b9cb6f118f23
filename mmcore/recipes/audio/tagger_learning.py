"""The student learns what the teacher heard.

For each scene it matches the teacher's probabilities of all 527 labels (cross-entropy) and its logits (squared
distance: also what is unlikely says much), which labels stand out from the others (softmax at a temperature: top lists
agree only if the order does), and the values behind the teacher's last layer. Hinton et al., "Distilling the knowledge
in a neural network", 2015; FitNets, ICLR 2015; mixup, ICLR 2018; SpecAugment, Interspeech 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.log_mel import FLOOR, SCALE, SHIFT
from mmcore.recipes.audio.scenes import Scenes
from mmcore.recipes.optimisation import averaged_model

LEAST_LOGIT = -13.8
"""A probability of a millionth; below, the teacher's logits are not worth matching."""


@dataclass(frozen=True)
class LearningRecipe:
    """Every number that shapes the training."""

    seconds_a_step: int = 160
    """Seconds of sound in a batch: 32 scenes of five."""
    steps: int = 4000
    rate: float = 3e-3
    warmup: int = 150
    decay: float = 0.02
    average: float = 0.996
    """Decay of the exponential moving average of the weights."""
    logit_weight: float = 2.0
    order_weight: float = 1.0
    hidden_weight: float = 30.0
    temperature: float = 2.0
    mixup: float = 0.3
    """Share of batches whose scenes are mixed in pairs."""
    masks: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Spectrograms (B, 128, T) and what the teacher heard in them."""

    features: Tensor
    probabilities: Tensor
    logits: Tensor
    hidden: Tensor


def mixed(features: Tensor, other: Tensor) -> Tensor:
    """Two sounds at once: their powers add up, whatever their phases."""
    power = torch.exp(features * SCALE - SHIFT) + torch.exp(other * SCALE - SHIFT) - FLOOR
    return (torch.log(power.clamp_min(FLOOR)) + SHIFT) / SCALE


def masked(features: Tensor, draw: np.random.Generator) -> Tensor:
    """Hide one stripe of bands and one of columns in each spectrogram, behind the mean."""
    out = features.clone()
    for row in out:
        mean = row.mean()
        for axis, most in ((0, 16), (1, row.shape[1] // 10)):
            width = int(draw.integers(0, most + 1))
            start = int(draw.integers(0, row.shape[axis] - width + 1))
            if axis:
                row[:, start : start + width] = mean
            else:
                row[start : start + width] = mean
    return out


def batches(scenes: dict[int, list[Scenes]], recipe: LearningRecipe) -> Iterator[Batch]:
    """Endless batches, each of one length; lengths by how much sound there is of each."""
    draw = np.random.default_rng(recipe.seed)
    lengths = [columns for columns, parts in scenes.items() if sum(len(part) for part in parts)]
    amount = np.array([columns * sum(len(part) for part in scenes[columns]) for columns in lengths], float)
    orders: dict[int, list[tuple[int, int]]] = {columns: [] for columns in lengths}
    while True:
        columns = int(draw.choice(lengths, p=amount / amount.sum()))
        parts = scenes[columns]
        size = recipe.seconds_a_step * 100 // columns
        if len(orders[columns]) < size:
            every = [(part, row) for part in range(len(parts)) for row in range(len(parts[part]))]
            orders[columns] += [every[index] for index in draw.permutation(len(every))]
        picked = [orders[columns].pop() for _ in range(size)]
        features = torch.from_numpy(np.stack([parts[part].features[row] for part, row in picked])).float()
        logits = torch.stack([parts[part].logits[row] for part, row in picked]).float()
        hidden = torch.stack([parts[part].hidden[row] for part, row in picked]).float()
        yield augmented(features, logits, hidden, recipe, draw)


def augmented(
    features: Tensor, logits: Tensor, hidden: Tensor, recipe: LearningRecipe, draw: np.random.Generator
) -> Batch:
    """Shift in time, change the level, mix in pairs, hide stripes."""
    features = torch.roll(features, int(draw.integers(0, features.shape[2])), 2)
    # the level: louder by up to 6 dB or softer by up to 6, above the floor
    features = features + torch.from_numpy(draw.uniform(-0.14, 0.14, (len(features), 1, 1))).float()
    probabilities = logits.sigmoid()
    if draw.random() < recipe.mixup:
        order = torch.from_numpy(draw.permutation(len(features)))
        softer = torch.from_numpy(draw.uniform(-0.6, 0.0, (len(features), 1, 1))).float()
        features = mixed(features, features[order] + softer)
        share = 1.0 / (1.0 + torch.exp(softer[:, 0] * SCALE / 2))
        probabilities = share * probabilities + (1 - share) * probabilities[order]
        logits = torch.logit(probabilities, 1e-6)
        hidden = share * hidden + (1 - share) * hidden[order]
    if recipe.masks:
        features = masked(features, draw)
    return Batch(features, probabilities, logits, hidden)


@torch.no_grad()
def begin_at_the_mean(student: AudioTagger, scenes: dict[int, list[Scenes]]) -> None:
    """Let a new student begin with the teacher's mean logits: from zero, its biases would need thousands of steps."""
    logits = torch.cat([part.logits.float() for parts in scenes.values() for part in parts])
    student.output.bias.copy_(logits.clamp_min(LEAST_LOGIT).mean(0))
    student.output.weight.mul_(0.3)


def distilling(student: AudioTagger, batch: Batch, recipe: LearningRecipe) -> Tensor:
    """The loss of a batch."""
    embedded = student.embed(student.grid(batch.features))
    logits = student.output(student.dropout(embedded)).float()
    label = F.binary_cross_entropy_with_logits(logits, batch.probabilities, reduction="none").sum(1).mean()
    distance = F.mse_loss(logits, batch.logits.clamp_min(LEAST_LOGIT))
    t = recipe.temperature
    order = F.kl_div(
        (logits / t).log_softmax(1), (batch.logits / t).log_softmax(1), log_target=True, reduction="batchmean"
    )
    hidden = F.smooth_l1_loss(embedded.float(), batch.hidden, reduction="none").mean(1).mean()
    return label + recipe.logit_weight * distance + recipe.order_weight * t * t * order + recipe.hidden_weight * hidden


def rate_at(step: int, recipe: LearningRecipe) -> float:
    """Warm up, then fall along a cosine to nothing."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    return 0.5 + 0.5 * math.cos(math.pi * (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))


def parameters(student: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and filters, none for biases and norms."""
    return [
        {"params": [p for p in student.parameters() if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in student.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]


def learn(
    student: AudioTagger,
    material: Iterator[Batch],
    recipe: LearningRecipe,
    loss_of: Callable[[AudioTagger, Batch, LearningRecipe], Tensor] = distilling,
    report: Callable[[int, float, AudioTagger], None] | None = None,
    every: int = 250,
    seconds: float = math.inf,
) -> AudioTagger:
    """Train ``student`` in place; returns the averaged student, in evaluation mode.

    It ends after ``recipe.steps`` or ``seconds``, and the rate falls by whichever comes first.
    ``report(step, mean loss, averaged student)`` is called each ``every`` steps.
    """
    torch.manual_seed(recipe.seed)
    student.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = averaged_model(student, recipe.average)
    optimizer = torch.optim.AdamW(parameters(student, recipe.decay), lr=recipe.rate, betas=(0.9, 0.99), foreach=True)
    began, losses = perf_counter(), 0.0
    for step in range(recipe.steps):
        progress = max(step, int((perf_counter() - began) / seconds * recipe.steps))
        if progress >= recipe.steps:
            break
        for group in optimizer.param_groups:  # by the clock, which no schedule of torch knows
            group["lr"] = recipe.rate * rate_at(step if step < recipe.warmup else progress, recipe)
        batch = next(material)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(student, batch, recipe)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimizer.step()
        losses += float(loss.detach())
        averaged.update_parameters(student)
        if report is not None and (step + 1) % every == 0:
            report(step + 1, losses / every, cast(AudioTagger, averaged.module))
            losses = 0.0
    return cast(AudioTagger, averaged.module)


def top_agreement(student: Tensor, teacher: Tensor, best: int = 3, allowed: Sequence[bool] | None = None) -> float:
    """Share of rows of logits whose best student label is among the teacher's ``best``."""
    if allowed is not None:
        student = student.masked_fill(~torch.tensor(allowed), -torch.inf)
    return float((teacher.topk(best).indices == student.argmax(1)[:, None]).any(1).float().mean())
