"""Tuning on ESC-10: real recordings of ten kinds whose names are certain, so that they correct the teacher.

The distilled model has heard none of these clips. Tuned on three folds and tested on the fourth, four times, it is
cross-validated; the model that is shipped is tuned on all four. Only the upper blocks learn, at a small rate, and half
of each batch is of other sounds, for which the teacher's answers stay the aim: nothing is to be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.log_mel import HOP_LENGTH, LogMel
from mmcore.nets.mobilenet_tagger import EfficientAT
from mmcore.recipes.audio.acoustics import placed, shaped
from mmcore.recipes.audio.blockwise import TAIL, parts_of_student
from mmcore.recipes.audio.sound_store import SoundStore
from mmcore.recipes.audio.together import TogetherRecipe, answers_loss

COLUMNS = 500
SURE = 0.85
"""What the best name of a clip's class is raised to."""
WRONG = 0.25
"""What names of the other nine classes are multiplied by: dogs may bark in the rain, but seldom here."""
SMOOTHING = 0.05


@dataclass(frozen=True)
class TuningRecipe:
    """Every number of this step."""

    steps: int = 60
    clips: int = 12
    """Views of clips in a step."""
    others: int = 8
    """Other sounds in a step."""
    rate: float = 7e-4
    first_trained: int = 14
    """The first part of the student that learns; those before it stay as they are."""
    views: int = 3
    """Of each clip: as it is, and changed as ``acoustics.shaped`` does it."""
    class_weight: float = 2.0
    """Of the cross-entropy over the ten classes."""
    tuned_share: float = 0.5
    """Of the tuned weights in the final ones; the rest are those of before (Wortsman et al., "Robust fine-tuning of
    zero-shot models", CVPR 2022)."""
    seed: int = 0


@dataclass(frozen=True)
class Sounds:
    """What reaches the first trained part, (N, C, F, T), and the teacher's logits (N, labels)."""

    inputs: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Clips:
    """ESC-10 as the tuning reads it; row i of ``views`` belongs to clip i // views, its first is the clip as it is."""

    views: Sounds
    classes: Tensor
    """(clips,)"""
    folds: Tensor


@torch.inference_mode()
def seen(student: AudioTagger, teacher: EfficientAT, log_mels: Sequence[Tensor], first_trained: int) -> Sounds:
    """Batches of log-mels (B, 128, T), all of one length -> what the tuning needs of them."""
    below, inputs, logits = student.features[:first_trained], [], []
    for log_mel in log_mels:
        inputs.append(below(log_mel[:, None].contiguous(memory_format=torch.channels_last)))
        logits.append(teacher(log_mel))
    return Sounds(torch.cat(inputs).clone(), torch.cat(logits).clone())


def clip_views(store: SoundStore, recipe: TuningRecipe) -> list[Tensor]:
    """Log-mels (views, 128, COLUMNS) of each ESC-10 clip in the store."""
    draw, log_mel, found = np.random.default_rng(recipe.seed), LogMel(), []
    for number, entry in enumerate(store.entries):
        if entry.source == "esc10":
            sound = store.samples(number)
            views = [shaped(sound, draw) if view else sound for view in range(recipe.views)]
            waves = np.stack([placed(view, COLUMNS * HOP_LENGTH, draw) for view in views])
            waves = waves / np.maximum(np.abs(waves).max(1, keepdims=True), 1.0)
            found.append(log_mel(torch.from_numpy(waves.astype(np.float32)))[..., :COLUMNS])
    return found


def read_clips(
    student: AudioTagger, teacher: EfficientAT, store: SoundStore, classes: Sequence[str], recipe: TuningRecipe
) -> Clips:
    """Views of all ESC-10 clips in the store, as the student's lower parts and the teacher hear them."""
    entries = [entry for entry in store.entries if entry.source == "esc10"]
    return Clips(
        seen(student, teacher, clip_views(store, recipe), recipe.first_trained),
        torch.tensor([classes.index(entry.label) for entry in entries]),
        torch.tensor([entry.fold for entry in entries]),
    )


def corrected(probabilities: Tensor, classes: Tensor, names: Sequence[Sequence[int]]) -> Tensor:
    """The teacher's probabilities (B, labels), put right where it is wrong about the clip's class.

    The best name of the right class gets at least SURE, names of the other classes are lowered.
    """
    out = probabilities.clone()
    for row, number in enumerate(classes.tolist()):
        for other, indices in enumerate(names):
            if other == number:
                best = max(indices, key=lambda index: float(probabilities[row, index]))
                out[row, best] = max(SURE, float(out[row, best]))
            else:
                out[row, list(indices)] *= WRONG
    return out


def class_logits(logits: Tensor, names: Sequence[Sequence[int]]) -> Tensor:
    """(B, labels) -> (B, classes): the best name of each class, softly, so that all of them learn."""
    return torch.stack([torch.logsumexp(logits[:, list(indices)], 1) for indices in names], 1)


def through(parts: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    """What reaches the first of the student's last ``parts`` -> logits."""
    x = inputs
    for number, part in enumerate(parts):
        if number == len(parts) - TAIL:
            x = x.mean((2, 3))
        x = part(x)
    return x


def tuned(
    base: AudioTagger, clips: Clips, rows: Sequence[int], others: Sounds, names: Sequence[Sequence[int]],
    recipe: TuningRecipe,
) -> AudioTagger:  # fmt: skip
    """A copy of the base model, tuned on some of the clips; then its weights go a part of the way back to the base."""
    model, draw = deepcopy(base), np.random.default_rng([recipe.seed, len(rows)])
    parts = parts_of_student(model)[recipe.first_trained :]
    parameters = [parameter.requires_grad_() for part in parts for parameter in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, recipe.rate, weight_decay=0.01)
    schedule = CosineAnnealingLR(optimizer, recipe.steps)
    views = len(clips.views.logits) // len(clips.classes)
    answers = TogetherRecipe()
    for _ in range(recipe.steps):
        picked = torch.from_numpy(draw.choice(np.asarray(rows), recipe.clips))
        places = picked * views + torch.from_numpy(draw.integers(0, views, recipe.clips))
        classes = clips.classes[picked]
        right = corrected(clips.views.logits[places].sigmoid(), classes, names)
        own = through(parts, clips.views.inputs[places])
        known = F.cross_entropy(class_logits(own, names), classes, label_smoothing=SMOOTHING)
        loss = answers_loss(own, torch.logit(right, 1e-6), answers) + recipe.class_weight * known
        tied = torch.from_numpy(draw.integers(0, len(others.logits), recipe.others))
        loss = loss + answers_loss(through(parts, others.inputs[tied]), others.logits[tied], answers)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        schedule.step()
    first = base.state_dict()
    model.load_state_dict(
        {
            name: value.lerp(first[name], 1 - recipe.tuned_share) if value.is_floating_point() else first[name]
            for name, value in model.state_dict().items()
        }
    )
    return model.requires_grad_(False)


@torch.inference_mode()
def class_scores(
    model: AudioTagger, clips: Clips, rows: Sequence[int], names: Sequence[Sequence[int]], recipe: TuningRecipe
) -> Tensor:
    """Clips as they are -> the score of each class, the best of its names: (rows, classes)."""
    views = len(clips.views.logits) // len(clips.classes)
    inputs = clips.views.inputs[torch.tensor(rows) * views]
    logits = through(parts_of_student(model)[recipe.first_trained :], inputs)
    return torch.stack([logits[:, list(indices)].amax(1) for indices in names], 1).sigmoid()


def name_indices(classes: Mapping[str, Sequence[str]], labels: Sequence[str]) -> list[list[int]]:
    """Per class the places of its names among the labels."""
    return [[labels.index(name) for name in names] for names in classes.values()]


def right_share(model: AudioTagger, clips: Clips, rows: Sequence[int], names: Sequence[Sequence[int]],
                recipe: TuningRecipe) -> float:  # fmt: skip
    """Share of the clips whose class is found."""
    guesses = class_scores(model, clips, rows, names, recipe).argmax(1)
    return float((guesses == clips.classes[torch.tensor(rows)]).float().mean())


def cross_validated(
    base: AudioTagger, clips: Clips, others: Sounds, names: Sequence[Sequence[int]], recipe: TuningRecipe
) -> dict[int, float]:
    """Fold -> share of its clips that a model tuned on the other folds gets right."""
    found = {}
    for fold in sorted(set(clips.folds.tolist())):
        test = torch.nonzero(clips.folds == fold)[:, 0].tolist()
        train = torch.nonzero(clips.folds != fold)[:, 0].tolist()
        model = tuned(base, clips, train, others, names, replace(recipe, seed=recipe.seed + fold))
        found[fold] = right_share(model, clips, test, names, recipe)
    return found
