"""All blocks of the student together: on its own activations now, with the teacher's as their aim.

Small mistakes of the blocks add up from one to the next; here each learns to live with those before it. The loss looks
at every block's output, at the logits, at the probabilities and at the order of the labels. Several processes of one
thread each take a share of every batch and average their gradients: on cores that others use as well, threads that wait
for each other in every layer would be far slower.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.mobilenet_tagger import EfficientAT
from mmcore.recipes.audio.blockwise import TAIL, parts_of_student, parts_of_teacher
from mmcore.recipes.audio.soap import Soap
from mmcore.recipes.optimisation import averaged_model

LEAST_LOGIT = -13.8
"""A probability of a millionth; below, the teacher's logits are not worth matching."""


@dataclass(frozen=True)
class TogetherRecipe:
    """Every number of this step."""

    steps: int = 550
    batch: int = 8
    """Spectrograms in a step of each process."""
    columns: int = 200
    rate: float = 1.5e-3
    warmup: int = 30
    average: float = 0.99
    """Decay of the moving average of the weights."""
    finished: int = 3
    """Parts, from the front, that stay as they are: their blocks fit, and their large grids cost the most."""
    turned: bool = False
    """SOAP in the place of Adam."""
    logit_weight: float = 0.05
    label_weight: float = 0.3
    order_weight: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class Heard:
    """What a network makes of a batch: the outputs of its parts; the last are the logits."""

    outputs: list[Tensor]

    @property
    def logits(self) -> Tensor:
        """(B, labels)."""
        return self.outputs[-1]


def listened(parts: list[nn.Module], log_mel: Tensor, finished: int = 0) -> Heard:
    """Run (B, 128, T) through the parts; no gradient in the first ``finished`` ones."""
    outputs: list[Tensor] = []
    x = log_mel[:, None].contiguous(memory_format=torch.channels_last)
    for number, part in enumerate(parts):
        if number == len(parts) - TAIL:
            x = x.mean((2, 3))
        with torch.set_grad_enabled(torch.is_grad_enabled() and number >= finished):
            x = part(x)
        outputs.append(x)
    return Heard(outputs)


def answers_loss(own: Tensor, teachers: Tensor, recipe: TogetherRecipe) -> Tensor:
    """Logits (B, labels) against the teacher's: their values, the labels' probabilities, which labels stand out."""
    distance = F.mse_loss(own.clamp_min(LEAST_LOGIT), teachers.clamp_min(LEAST_LOGIT))
    label = F.binary_cross_entropy_with_logits(own, teachers.sigmoid(), reduction="none").sum(1).mean()
    certain = F.binary_cross_entropy_with_logits(teachers, teachers.sigmoid(), reduction="none").sum(1).mean()
    order = F.kl_div(own.log_softmax(1), teachers.log_softmax(1), log_target=True, reduction="batchmean")
    return recipe.logit_weight * distance + recipe.label_weight * (label - certain) + recipe.order_weight * order


def together_loss(own: Heard, teachers: Heard, recipe: TogetherRecipe) -> tuple[Tensor, Tensor]:
    """(what is trained, what is left of the blocks' variance in the mean)."""
    left = []
    for mine, wanted in zip(own.outputs[recipe.finished : -1], teachers.outputs[recipe.finished : -1], strict=True):
        dims = [axis for axis in range(wanted.ndim) if axis != 1]
        scale = wanted.var(dims, keepdim=True)
        left.append(((mine - wanted).square() / scale.clamp_min(0.02 * float(scale.mean()))).mean())
    features = torch.stack(left).mean()
    return features + answers_loss(own.logits, teachers.logits, recipe), features.detach()


def rate_at(step: int, recipe: TogetherRecipe) -> float:
    """Warm up, then fall along a cosine to a hundredth."""
    return min((step + 1) / recipe.warmup, 0.01 + 0.495 * (1 + math.cos(math.pi * step / recipe.steps)))


def average_gradients(parameters: list[nn.Parameter], workers: int) -> None:
    """The mean of the processes' gradients, in place."""
    if workers == 1:
        return
    flat = torch.cat([cast(Tensor, parameter.grad).flatten() for parameter in parameters])
    dist.all_reduce(flat)
    flat /= workers
    for parameter, part in zip(parameters, flat.split([parameter.numel() for parameter in parameters]), strict=True):
        cast(Tensor, parameter.grad).copy_(part.view_as(parameter))


Batches = Callable[[int], Callable[[], Tensor]]
"""Number of the process -> what draws its batches (B, 128, T)."""


def teach_together(
    teacher: EfficientAT, student: AudioTagger, batches: Batches, recipe: TogetherRecipe, kept: Path,
    worker: int = 0, workers: int = 1, say: Callable[[str], None] = print,
) -> AudioTagger:  # fmt: skip
    """One process of the training; ``kept`` is the checkpoint that it goes on from. Returns the averaged student."""
    teachers, own = parts_of_teacher(teacher), parts_of_student(student)
    student.requires_grad_(True)
    for part in own[: recipe.finished]:
        part.requires_grad_(False)
    parameters = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimizer: torch.optim.Optimizer = (
        Soap(parameters, recipe.rate) if recipe.turned else torch.optim.Adam(parameters, recipe.rate, (0.9, 0.99))
    )
    averaged = averaged_model(student, recipe.average)
    first = 0
    if kept.is_file():
        state: dict[str, Any] = torch.load(kept, weights_only=True)
        first = state["step"]
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(state["averaged"])
    draw = batches(worker + workers * first)
    losses = features = 0.0
    began = perf_counter()
    for step in range(first, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * rate_at(step, recipe)
        log_mel = draw()
        with torch.no_grad():
            wanted = listened(teachers, log_mel)
        loss, left = together_loss(listened(own, log_mel, recipe.finished), wanted, recipe)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(parameters, workers)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        averaged.update_parameters(student)
        losses, features = losses + float(loss.detach()), features + float(left)
        if (step + 1) % 50 == 0 and worker == 0:
            say(
                f"together {step + 1}: loss {losses / 50:.4f}, left of the blocks {features / 50:.4f}, "
                f"{process_time():.0f} s of CPU, {perf_counter() - began:.0f} s"
            )
            losses = features = 0.0
        if ((step + 1) % 100 == 0 or step + 1 == recipe.steps) and worker == 0:
            unfinished = kept.with_suffix(".part")
            torch.save(
                {
                    "step": step + 1, "student": student.state_dict(), "optimizer": optimizer.state_dict(),
                    "averaged": averaged.state_dict(),
                },
                unfinished,
            )  # fmt: skip
            unfinished.rename(kept)
    return cast(AudioTagger, averaged.module)


def _process(
    worker: int, workers: int, meeting: str, teacher: EfficientAT, student: AudioTagger, batches: Batches,
    recipe: TogetherRecipe, kept: Path,
) -> None:  # fmt: skip
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=worker, world_size=workers)
    teach_together(teacher, student, batches, recipe, kept, worker, workers, lambda line: print(line, flush=True))
    dist.destroy_process_group()


def taught_together(
    teacher: EfficientAT, student: AudioTagger, batches: Batches, recipe: TogetherRecipe, kept: Path, workers: int = 2
) -> AudioTagger:
    """``teach_together`` in ``workers`` processes; returns the averaged student."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = (workers, f"{folder}/meeting", teacher, student, batches, recipe, kept)
        mp.spawn(_process, args=arguments, nprocs=workers)  # type: ignore[no-untyped-call, attr-defined, unused-ignore]
    averaged = averaged_model(student, recipe.average)
    averaged.load_state_dict(torch.load(kept, weights_only=True)["averaged"])
    return cast(AudioTagger, averaged.module)
