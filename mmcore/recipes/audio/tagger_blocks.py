"""The tagger taught block by block: a student of the teacher's structure, from random numbers.

Distilling logits alone teaches a student the clips it hears. Here every block learns what the teacher's block makes
of the teacher's own input (front to back), so that the low blocks, local functions of a few cells, fit far beyond the
clips; then all blocks together, each on what the student's own blocks below made, with the logits and their order.
After FitNets (Romero et al., ICLR 2015), with every block a hint.

Spectrograms are shifted, turned round, stretched, mixed, filtered, drowned in noises and tones: what they sound like
does not matter, only what the teacher computes.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.mobilenet_tagger import EfficientAT

COLUMNS = 300
"""Of a spectrogram that is learnt from: 3 s."""
SILENT, LOUD = -1.41, 2.5
Say = Callable[[str], None]


@dataclass(frozen=True)
class BlockRecipe:
    """Every number of this step. Times are CPU seconds, all threads together, so that other work changes nothing."""

    seed: int = 0
    pool: int = 120
    """Batches that the blocks learn from, front to back."""
    batch: int = 8
    block_seconds: float = 900.0
    joint_seconds: float = 2700.0
    block_rate: float = 4e-3
    joint_rate: float = 1e-3
    fresh: int = 2
    """All together, one batch of so many is new."""
    logits: float = 2.0
    order: float = 1.0
    """Weights of the logits and of their order beside the mean of the blocks' errors."""
    look_seconds: float = 240.0
    """CPU seconds from one look at the kept-back sounds to the next."""


class Pieces:
    """Draws altered pieces (128, COLUMNS) of spectrograms (128, T)."""

    def __init__(self, mels: Sequence[Tensor], often: Sequence[float], seed: int) -> None:
        self.mels, self.often = mels, list(often)
        self.draw = random.Random(seed)
        self.noise = torch.Generator().manual_seed(seed)

    def plain(self) -> Tensor:
        """A part of a spectrogram; a shorter one is followed by silence."""
        (mel,) = self.draw.choices(self.mels, self.often)
        mel = mel.float()
        missing = COLUMNS - mel.shape[1]
        if missing > 0:
            return F.pad(mel, (0, missing), value=SILENT)
        start = self.draw.randrange(mel.shape[1] - COLUMNS + 1)
        return mel[:, start : start + COLUMNS]

    def curve(self, points: int, size: int, spread: float) -> Tensor:
        """A random line through so many points, (size,)."""
        values = torch.randn(1, 1, points, generator=self.noise) * spread
        return F.interpolate(values, size=size, mode="linear")[0, 0]

    def altered(self) -> Tensor:
        """A piece as it might have sounded otherwise, or as nothing ever sounded."""
        draw, chance = self.draw, self.draw.random
        out = self.plain().clone()
        if chance() < 0.45:
            out = torch.roll(out, draw.randint(-20, 20), 0)
        if chance() < 0.25:
            out = out.flip(1)
        if chance() < 0.3:
            size = max(8, int(COLUMNS / draw.uniform(0.6, 1.6)))
            out = F.interpolate(out[None], size=size, mode="linear")[0]
            out = out.repeat(1, math.ceil(COLUMNS / size))[:, :COLUMNS]
        if chance() < 0.5:
            other = torch.roll(self.plain(), draw.randint(-15, 15), 0) + draw.uniform(-0.8, 0.4)
            out = both(out, other)
        if chance() < 0.6:
            out = out + self.curve(6, 128, 0.35)[:, None]
        if chance() < 0.35:
            level = self.curve(draw.choice([3, 8, 30, 100]), COLUMNS, 0.8)[None]
            grain = torch.randn(128, COLUMNS, generator=self.noise) * 0.25
            out = both(out, level + self.curve(draw.choice([3, 6, 20]), 128, 0.6)[:, None] + grain - 0.5)
        if chance() < 0.2:
            out = both(out, self.tones())
        return (out + draw.uniform(-0.3, 0.3)).clamp(SILENT, LOUD)

    def tones(self) -> Tensor:
        """A tone with its harmonics that comes and goes."""
        draw = self.draw
        base, out = draw.randint(4, 60), torch.full((128, COLUMNS), -2.0)
        for harmonic in range(1, draw.randint(2, 8)):
            out[min(127, int(base * (1 + 0.35 * math.log2(harmonic + 1))))] = draw.uniform(-0.5, 0.8)
        there = (torch.arange(COLUMNS) // draw.randint(5, 100) % 2).float()
        return out + there * draw.uniform(-1, 0)

    def batch(self, count: int) -> Tensor:
        """(count, 1, 128, COLUMNS) altered pieces."""
        return torch.stack([self.altered() for _ in range(count)])[:, None]


def both(one: Tensor, other: Tensor) -> Tensor:
    """The spectrogram of two sounds at once: powers add, and a spectrogram is a fifth of their logarithm."""
    return torch.logaddexp(one * 5, other * 5) / 5


def parts_of(network: EfficientAT) -> list[nn.Module]:
    """The blocks from the spectrogram to the logits."""
    return [*network.features, network.classifier]


def cosine(rate: float, share: float) -> float:
    """The learning rate when ``share`` of the time is over."""
    return rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


def learn_blocks(student: EfficientAT, teacher: EfficientAT, pieces: Pieces, recipe: BlockRecipe, say: Say) -> None:
    """Front to back: each block of the student learns the teacher's block, from the teacher's values before it."""
    values = [pieces.batch(recipe.batch).half() for _ in range(recipe.pool)]
    pairs = list(zip(parts_of(teacher), parts_of(student), strict=True))
    draw = random.Random(recipe.seed)
    for number, (block, own) in enumerate(pairs):
        with torch.no_grad():
            right = [block(value.float()).half() for value in values]
        spread = torch.stack([value.float().var() for value in right]).mean()
        optimizer = torch.optim.Adam(own.parameters(), lr=recipe.block_rate)
        budget = recipe.block_seconds / len(pairs) * (1.6 if 1 <= number <= 3 else 0.9)
        start, steps, error = time.process_time(), 0, 1.0
        while (share := (time.process_time() - start) / budget) < 1:
            for group in optimizer.param_groups:
                group["lr"] = cosine(recipe.block_rate, share)
            place = draw.randrange(len(values))
            loss = F.mse_loss(own(values[place].float()), right[place].float()) / spread
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1
            error += (float(loss.detach()) - error) * max(0.05, 1 / steps)
        say(f"block {number}: error {error:.4f} of the variance, {steps} steps")
        values = right


def joint_loss(student: EfficientAT, teacher: EfficientAT, x: Tensor, recipe: BlockRecipe) -> Tensor:
    """Mean error of all blocks, each relative to its variance, with the logits' and that of their order."""
    h, right = x, x
    errors = []
    for block, own in zip(parts_of(teacher), parts_of(student), strict=True):
        h = own(h)
        with torch.no_grad():
            right = block(right)
        errors.append(F.mse_loss(h, right) / right.var().clamp_min(1e-4))
    order = F.kl_div(h.log_softmax(1), right.log_softmax(1), log_target=True, reduction="batchmean")
    return torch.stack(errors).mean() + recipe.logits * errors[-1] + recipe.order * order


def learn_together(
    student: EfficientAT, teacher: EfficientAT, pieces: Pieces, recipe: BlockRecipe,
    look: Callable[[EfficientAT], dict[str, float]], kept: Path, say: Say,
) -> dict[str, float]:  # fmt: skip
    """All blocks at once; ``look`` measures, and the weights with the best sum of its figures are in ``kept``."""
    pool = [pieces.batch(recipe.batch) for _ in range(recipe.pool)]
    optimizer = torch.optim.Adam(student.parameters(), lr=recipe.joint_rate)
    draw = random.Random(recipe.seed)
    start, looked, steps, best = time.process_time(), 0.0, 0, {"none": -1.0}
    share = 0.0
    while share < 1:
        share = (time.process_time() - start) / recipe.joint_seconds
        for group in optimizer.param_groups:
            group["lr"] = cosine(recipe.joint_rate, share)
        if steps % recipe.fresh == 0:
            pool[steps // recipe.fresh % len(pool)] = pieces.batch(recipe.batch)
            x = pool[steps // recipe.fresh % len(pool)]
        else:
            x = draw.choice(pool)
        loss = joint_loss(student, teacher, x, recipe)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimizer.step()
        steps += 1
        spent = time.process_time() - start
        if spent - looked > recipe.look_seconds or share >= 1:
            looked = spent
            figures = look(student)
            better = sum(figures.values()) > sum(best.values())
            say(f"{steps} steps, {spent:.0f} s: loss {float(loss.detach()):.3f}, {figures}{' *' if better else ''}")
            if better:
                best = figures
                torch.save(student.state_dict(), kept)
    student.load_state_dict(torch.load(kept, weights_only=True))
    return best
