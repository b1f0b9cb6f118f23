"""Each block of the student learns what the teacher's block does, by itself.

What goes into a block of the teacher and what comes out is all that a block needs to be taught, and blocks are local
functions: they generalise far beyond the sounds that are at hand. Inputs are the teacher's own, so no block waits for
another; half of them are bent (channels louder or softer, noise on top), so that the block also learns what happens
beside the paths that the sounds in hand take. FitNets (Romero et al., ICLR 2015); blockwise distillation (Li et al.,
"Blockwisely supervised neural architecture search with knowledge distillation", CVPR 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
import torch
import torch.multiprocessing as mp
from torch import Tensor, nn

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.mobilenet_tagger import EfficientAT, Excitations, InvertedResidual
from mmcore.recipes.audio.soap import Soap

TAIL = 2
"""Layers after the mean that are taught like blocks."""


@dataclass(frozen=True)
class BlockRecipe:
    """Every number of this step."""

    spectrograms: int = 1600
    columns: int = 200
    steps: int = 800
    batch: int = 12
    """Spectrograms in a step; vectors behind the mean are 16 times as many."""
    rate: float = 1e-2
    warmup: int = 30
    bent: float = 0.5
    """Share of the inputs that are bent."""
    gain: float = 0.25
    """Spread of the channels' gains, as a logarithm."""
    noise: float = 0.15
    """Spread of the noise, as a share of the channel's own spread."""
    side: tuple[int, int] = (24, 40)
    """Largest part of a grid that is looked at in a step, unless the block weighs channels by their mean."""
    seed: int = 0


def parts_of_teacher(teacher: EfficientAT) -> list[nn.Module]:
    """Stem, blocks, last convolution, and the two layers behind the mean."""
    return [*teacher.features, teacher.classifier[2:4], teacher.classifier[5]]


def parts_of_student(student: AudioTagger) -> list[nn.Module]:
    """The student's counterparts of ``parts_of_teacher``."""
    return [*student.features, student.hidden, student.output]


def inside(part: nn.Module) -> nn.Module:
    """What has to be learnt: of a residual block without the input that is added."""
    return part.block if isinstance(part, InvertedResidual) else part


@torch.no_grad()
def write_inputs(teacher: EfficientAT, log_mels: Sequence[Tensor], folder: Path) -> None:
    """Keep what goes into each of the teacher's parts, part-NN.npy in half precision, for (B, 128, T) batches."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = parts_of_teacher(teacher)
    total = sum(len(batch) for batch in log_mels)
    files: list[np.memmap[tuple[int, ...], np.dtype[np.float16]]] = []
    row = 0
    for batch in log_mels:
        x = batch[:, None].contiguous(memory_format=torch.channels_last)
        for number, part in enumerate(parts):
            if number == len(parts) - TAIL:
                x = x.mean((2, 3))
            if len(files) == number:
                files.append(
                    np.lib.format.open_memmap(folder / f"part-{number:02}.npy", "w+", np.float16, (total, *x.shape[1:]))
                )
            files[number][row : row + len(batch)] = x.half().numpy()
            x = part(x)
        row += len(batch)
    (folder / "done").touch()


def bent(x: Tensor, spread: Tensor, recipe: BlockRecipe, generator: torch.Generator) -> Tensor:
    """Some of the inputs (B, C, ...) with other gains of the channels, some of another input, and noise."""
    shape = (len(x), x.shape[1], *[1] * (x.ndim - 2))
    some = (torch.rand((len(x), *[1] * (x.ndim - 1)), generator=generator) < recipe.bent).float()
    gains = torch.exp(recipe.gain * some * torch.randn(shape, generator=generator))
    level = some * torch.rand(some.shape, generator=generator)
    noise = torch.randn(x.shape, generator=generator) * spread.view(1, -1, *[1] * (x.ndim - 2)) * recipe.noise
    return x * gains + level * noise


@torch.no_grad()
def begin_normalised(part: nn.Module, x: Tensor) -> None:
    """Let the statistics of a new block's normalisations be those of real inputs; they stay so from then on."""
    norms = [layer for layer in part.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    part.train()
    part(x)
    part.eval()


def teach_part(
    teacher: nn.Module, student: nn.Module, inputs: Callable[[torch.Generator], Tensor], spread: Tensor,
    recipe: BlockRecipe,
) -> float:  # fmt: skip
    """Teach one part in place; returns what is left of the variance of its output on inputs that are not bent.

    ``inputs`` draws a batch, ``spread`` is the standard deviation of its channels.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    teacher, student = inside(teacher), inside(student)
    first = inputs(generator)
    begin_normalised(student, first)
    with torch.no_grad():
        wanted = teacher(first)
        dims = [axis for axis in range(wanted.ndim) if axis != 1]
        scale = wanted.var(dims, keepdim=True)
        scale = scale.clamp_min(0.02 * float(scale.mean()))
    optimizer = Soap(student.parameters(), recipe.rate)
    for step in range(recipe.steps):
        rate = min((step + 1) / recipe.warmup, 0.5 + 0.5 * math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * max(rate, 0.003)
        x = bent(inputs(generator), spread, recipe, generator)
        with torch.no_grad():
            wanted = teacher(x)
        loss = ((student(x) - wanted).square() / scale).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        left = [((student(x) - teacher(x)).square() / scale).mean() for x in (inputs(generator) for _ in range(20))]
    return float(torch.stack(left).mean())


def fit_linear(teacher: nn.Linear, student: nn.Linear, inputs: Tensor) -> float:
    """A layer that is linear needs no steps: least squares. Returns as ``teach_part``."""
    with torch.no_grad():
        wanted = teacher(inputs)
        padded = torch.cat([inputs, torch.ones(len(inputs), 1)], 1).double()
        ridge = 1e-6 * padded.square().mean() * len(padded) * torch.eye(padded.shape[1], dtype=torch.float64)
        solved = torch.linalg.solve(padded.T @ padded + ridge, padded.T @ wanted.double()).float()
        student.weight.copy_(solved[:-1].T)
        student.bias.copy_(solved[-1])
        return float(((student(inputs) - wanted).square() / wanted.var(0)).mean())


def teach_from_file(number: int, teacher: nn.Module, student: nn.Module, folder: Path, recipe: BlockRecipe) -> float:
    """``teach_part`` with the inputs that ``write_inputs`` kept for part ``number``."""
    kept = np.load(folder / f"part-{number:02}.npy", mmap_mode="r")
    vectors = kept.ndim == 2
    draw = np.random.default_rng([recipe.seed, number])
    some = torch.from_numpy(kept[: 4000 if vectors else 200].astype(np.float32))
    spread = some.std([axis for axis in range(some.ndim) if axis != 1])
    count = recipe.batch * (16 if vectors else 1)
    weighs = any(isinstance(layer, Excitations) for layer in student.modules())
    sizes = [whole if weighs else min(whole, most) for whole, most in zip(kept.shape[2:], recipe.side, strict=False)]

    def inputs(_: torch.Generator) -> Tensor:
        rows = np.sort(draw.integers(0, len(kept), count))
        if vectors:
            return torch.from_numpy(kept[rows].astype(np.float32))
        high, wide = (
            slice(start, start + size)
            for size, whole in zip(sizes, kept.shape[2:], strict=True)
            for start in [int(draw.integers(0, whole - size + 1))]
        )
        x = torch.from_numpy(kept[rows, :, high, wide].astype(np.float32))
        return x.contiguous(memory_format=torch.channels_last)

    if isinstance(teacher, nn.Linear) and isinstance(student, nn.Linear):
        return fit_linear(teacher, student, torch.from_numpy(kept[:].astype(np.float32)))
    torch.manual_seed(recipe.seed + number)
    return teach_part(teacher, student, inputs, spread, recipe)


def _process(
    worker: int, workers: int, teacher: EfficientAT, student: AudioTagger, folder: Path, recipe: BlockRecipe
) -> None:
    torch.set_num_threads(1)
    parts = list(zip(parts_of_teacher(teacher), parts_of_student(student), strict=True))
    for number, (wanted, own) in list(enumerate(parts))[worker::workers]:
        file = folder / f"taught-{number:02}.pt"
        if not file.is_file():
            left = teach_from_file(number, wanted, own, folder, recipe)
            print(f"part {number}: {left:.4f} of the variance is left, {process_time():.0f} s of CPU", flush=True)
            torch.save({"weights": own.state_dict(), "left": left}, file)


def taught_by_blocks(
    teacher: EfficientAT, student: AudioTagger, folder: Path, recipe: BlockRecipe, workers: int = 2
) -> list[float]:
    """Teach every part of the student in place, each by itself, in processes of one thread each.

    ``folder`` holds what ``write_inputs`` kept; finished parts are kept beside it and not taught again. Returns what is
    left of the variance of each part's output.
    """
    mp.spawn(_process, args=(workers, teacher, student, folder, recipe), nprocs=workers)  # type: ignore[no-untyped-call, attr-defined, unused-ignore]
    left = []
    for number, part in enumerate(parts_of_student(student)):
        found = torch.load(folder / f"taught-{number:02}.pt", weights_only=True)
        part.load_state_dict(found["weights"])
        left.append(found["left"])
    return left
