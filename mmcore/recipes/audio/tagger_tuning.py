"""Tuning on ESC-10: real recordings of ten kinds whose names are certain, so that they correct the teacher.

The base model is distilled without any of these clips. Tuned on three folds and tested on the fourth, four times, it is
cross-validated; the model that is shipped is tuned on all four. Every third batch is of the base's scenes, so that
nothing else is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.log_mel import HOP_LENGTH, LogMel
from mmcore.recipes.audio.scenes import Teacher, placed, shaped
from mmcore.recipes.audio.sound_store import SoundStore
from mmcore.recipes.audio.tagger_learning import Batch, LearningRecipe, augmented, distilling, learn

TUNING = LearningRecipe(seconds_a_step=160, steps=300, rate=1.5e-3, warmup=20, average=0.98, seed=1)
COLUMNS = 500
VIEWS = 6
"""Of each clip: as it is, and changed as ``scenes.shaped`` does it."""
SURE = 0.85
"""What the best name of a clip's class is raised to."""
WRONG = 0.25
"""What names of the other nine classes are multiplied by: dogs may bark in the rain, but seldom here."""


CLASS_WEIGHT = 3.0
"""Of the cross-entropy over the ten classes."""
SMOOTHING = 0.05
TUNED_SHARE = 0.65
"""Of the tuned weights in the final ones; the rest are the base's. Chosen among 0.2 to 1 by the same folds."""
CLIPS_A_SCENE = 2
"""Batches of clips for each batch of the base's scenes."""


@dataclass(frozen=True)
class Clips:
    """ESC-10 as the tuning reads it; row i belongs to clip i // VIEWS."""

    features: Tensor
    """(clips * VIEWS, 128, 500) fp16."""
    logits: Tensor
    hidden: Tensor
    whole: list[Tensor]
    """Each clip as it is, at its full length: (128, T)."""
    classes: Tensor
    """(clips,)"""
    folds: Tensor


def read_clips(store: SoundStore, teacher: Teacher, classes: Sequence[str], seed: int = 0) -> Clips:
    """Views of all ESC-10 clips in the store, and what the teacher hears in each."""
    draw, log_mel = np.random.default_rng(seed), LogMel()
    numbers = [number for number, entry in enumerate(store.entries) if entry.source == "esc10"]
    features, logits, hidden, whole = [], [], [], []
    for number in numbers:
        sound = store.samples(number)
        whole.append(log_mel(torch.from_numpy(sound)[None])[0])
        views = [
            placed(sound if not view else shaped(sound, draw), COLUMNS * HOP_LENGTH, draw) for view in range(VIEWS)
        ]
        mel = log_mel(torch.from_numpy(np.stack(views)))[..., :COLUMNS]
        heard = teacher(mel)
        features.append(mel.half())
        logits.append(heard[0])
        hidden.append(heard[1])
    entries = [store.entries[number] for number in numbers]
    return Clips(
        torch.cat(features), torch.cat(logits), torch.cat(hidden), whole,
        torch.tensor([classes.index(entry.label) for entry in entries]),
        torch.tensor([entry.fold for entry in entries]),
    )  # fmt: skip


def corrected(probabilities: Tensor, classes: Tensor, names: Sequence[Sequence[int]]) -> Tensor:
    """The teacher's probabilities (B, 527), put right where it is wrong about the clip's class.

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


@dataclass(frozen=True)
class ClipBatch(Batch):
    """Views of clips whose classes are certain."""

    classes: Tensor
    """(B,)"""


def class_logits(logits: Tensor, names: Sequence[Sequence[int]]) -> Tensor:
    """(B, 527) -> (B, classes): the best name of each class, softly, so that all of them learn."""
    return torch.stack([torch.logsumexp(logits[:, list(indices)], 1) for indices in names], 1)


def tuning_loss(student: AudioTagger, batch: ClipBatch, names: Sequence[Sequence[int]]) -> Tensor:
    """Distillation towards the corrected probabilities, and which of the ten classes it is (cross-entropy)."""
    embedded = student.embed(student.grid(batch.features))
    logits = student.output(student.dropout(embedded)).float()
    label = F.binary_cross_entropy_with_logits(logits, batch.probabilities, reduction="none").sum(1).mean()
    hidden = F.smooth_l1_loss(embedded.float(), batch.hidden)
    known = F.cross_entropy(class_logits(logits, names), batch.classes, label_smoothing=SMOOTHING)
    return label + 10 * hidden + CLASS_WEIGHT * known


def alternating(
    clips: Clips, rows: Sequence[int], base: Iterator[Batch], names: Sequence[Sequence[int]], recipe: LearningRecipe
) -> Iterator[Batch]:
    """Two batches of clips, then one of the base's scenes, and so on."""
    draw = np.random.default_rng(recipe.seed)
    size = recipe.seconds_a_step * 100 // clips.features.shape[2]
    while True:
        for _ in range(CLIPS_A_SCENE):
            picked = torch.from_numpy(draw.choice(np.asarray(rows), size))
            views = picked * VIEWS + torch.from_numpy(draw.integers(0, VIEWS, size))
            right = corrected(clips.logits[views].sigmoid(), clips.classes[picked], names)
            features, hidden = clips.features[views].float(), clips.hidden[views]
            # a class is one thing: no mixing in pairs
            batch = augmented(features, torch.logit(right, 1e-4), hidden, replace(recipe, mixup=0.0), draw)
            yield ClipBatch(batch.features, batch.probabilities, batch.logits, batch.hidden, clips.classes[picked])
        yield next(base)


def tuned(
    base: AudioTagger, clips: Clips, rows: Sequence[int], scenes: Iterator[Batch], names: Sequence[Sequence[int]],
    recipe: LearningRecipe = TUNING,
) -> AudioTagger:  # fmt: skip
    """A copy of the base model, tuned on some of the clips; then its weights go a part of the way back to the base.

    Halfway it keeps nearly all that it learnt and forgets little (Wortsman et al., "Robust fine-tuning of zero-shot
    models", CVPR 2022).
    """

    def loss_of(student: AudioTagger, batch: Batch, recipe: LearningRecipe) -> Tensor:
        if isinstance(batch, ClipBatch):
            return tuning_loss(student, batch, names)
        return distilling(student, batch, recipe)

    model = learn(deepcopy(base), alternating(clips, rows, scenes, names, recipe), recipe, loss_of)
    tuned, first = model.state_dict(), base.state_dict()
    model.load_state_dict(
        {
            name: value.lerp(first[name], 1 - TUNED_SHARE) if value.is_floating_point() else first[name]
            for name, value in tuned.items()
        }
    )
    return model


@torch.inference_mode()
def class_probabilities(
    model: AudioTagger, clips: Clips, rows: Sequence[int], names: Sequence[Sequence[int]]
) -> Tensor:
    """Whole clips -> the score of each class, the best of its names: (rows, classes)."""
    out = []
    for row in rows:
        probabilities = model(clips.whole[row][None])[0].sigmoid()
        out.append(torch.stack([probabilities[list(indices)].max() for indices in names]))
    return torch.stack(out)


def name_indices(classes: Mapping[str, Sequence[str]], labels: Sequence[str]) -> list[list[int]]:
    """Per class the places of its names among the labels."""
    return [[labels.index(name) for name in names] for names in classes.values()]


def cross_validated(
    base: AudioTagger, clips: Clips, scenes: Iterator[Batch], names: Sequence[Sequence[int]],
    recipe: LearningRecipe = TUNING,
) -> dict[int, float]:  # fmt: skip
    """Fold -> share of its clips that a model tuned on the other folds gets right."""
    found = {}
    for fold in sorted(set(clips.folds.tolist())):
        test = torch.nonzero(clips.folds == fold)[:, 0].tolist()
        train = torch.nonzero(clips.folds != fold)[:, 0].tolist()
        model = tuned(base, clips, train, scenes, names, replace(recipe, seed=recipe.seed + fold))
        guesses = class_probabilities(model, clips, test, names).argmax(1)
        found[fold] = float((guesses == clips.classes[test]).float().mean())
    return found
