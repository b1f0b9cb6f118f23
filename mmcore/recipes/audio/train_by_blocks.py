"""The recipe of the compact tagger, block by block, from packages of sounds to the bundled files.

    mmcore train audio --data DIR --work DIR --output mmcore/bundled/tagger --teacher FILE

1. ``fill_store`` (train_tagger.py): sounds of Debian packages that lie in the working folder or can be had, made ones,
   ESC-10, FSDD and the examples of the data folder.
2. ``tagger_blocks``: every block learns the teacher's, then all together. No held-out package is in it, and nothing of
   ESC-10's fold ``KEPT_BACK``: what is measured on them is what the student makes of sounds that it never heard.
3. ``export``: all 527 labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmcore.evaluation.sound_scores import ESC10, class_scores
from mmcore.nets.log_mel import SAMPLE_RATE, LogMel
from mmcore.nets.mobilenet_tagger import EfficientAT
from mmcore.recipes.audio import scenes
from mmcore.recipes.audio.sound_store import SoundStore
from mmcore.recipes.audio.tagger_blocks import BlockRecipe, Pieces, Say, learn_blocks, learn_together
from mmcore.recipes.audio.tagger_learning import top_agreement

KEPT_BACK = 4
"""Fold of ESC-10."""
SECONDS = 5
OFTEN = {"esc10": 4.0, "examples": 3.0, "hits": 1.5, "fsdd": 0.5}
"""How often sounds of a source are drawn, beside 1."""


def spectrogram(log_mel: LogMel, store: SoundStore, number: int) -> Tensor:
    """(128, T) of the first seconds of a sound, at least two, in fp16."""
    return log_mel(scenes.whole(store, number)[:, : SECONDS * SAMPLE_RATE])[0].half()


def material(store: SoundStore) -> tuple[list[int], list[int], list[int]]:
    """Places of the sounds to learn from, of ESC-10's clips that are kept back, of held-out packages' sounds."""
    learnt, clips, held = [], [], []
    for number, entry in enumerate(store.entries):
        if entry.source == "esc10" and entry.fold == KEPT_BACK:
            clips.append(number)
        elif entry.held_out:
            held.append(number)
        else:
            learnt.append(number)
    return learnt, clips, held


class Look:
    """Measures a network on sounds that were kept back."""

    def __init__(
        self, store: SoundStore, teacher: EfficientAT, clips: Sequence[int], held: Sequence[int], labels: Sequence[str]
    ) -> None:
        log_mel = LogMel()
        self.clips = [spectrogram(log_mel, store, number).float() for number in clips]
        self.held = [spectrogram(log_mel, store, number).float() for number in held]
        self.names = [store.entries[number].label for number in clips]
        self.labels = list(labels)
        self.heard_clips, self.heard = self.logits(teacher, self.clips), self.logits(teacher, self.held)

    @staticmethod
    @torch.inference_mode()
    def logits(network: EfficientAT, mels: Sequence[Tensor]) -> Tensor:
        """Logits (N, 527) of spectrograms."""
        network.eval()
        return torch.cat([network(mel[None]) for mel in mels])

    def top_1(self, logits: Tensor) -> float:
        """Share of ESC-10's clips in which the best of the ten classes is right."""
        right = 0
        for row, name in zip(logits.sigmoid().tolist(), self.names, strict=True):
            found = class_scores(dict(zip(self.labels, row, strict=True)), ESC10)
            right += max(found, key=lambda one: found[one]) == name
        return right / len(self.names)

    def __call__(self, network: EfficientAT) -> dict[str, float]:
        """Top-1 on the clips; top-1 in the teacher's top 3 on clips and on held-out sounds."""
        clips, held = self.logits(network, self.clips), self.logits(network, self.held)
        return {
            "esc10": round(self.top_1(clips), 4),
            "clips_in_3": round(top_agreement(clips, self.heard_clips), 4),
            "held_in_3": round(top_agreement(held, self.heard), 4),
        }


def learn(
    store: SoundStore, teacher: EfficientAT, labels: Sequence[str], work: Path, recipe: BlockRecipe, say: Say
) -> tuple[EfficientAT, dict[str, Any]]:
    """Step 2; returns the student with its figures. What the blocks learnt is kept in ``work`` and gone on from."""
    torch.manual_seed(recipe.seed)
    teacher.eval().requires_grad_(False)
    learnt, clips, held = material(store)
    log_mel = LogMel()
    mels = [spectrogram(log_mel, store, number) for number in learnt]
    pieces = Pieces(mels, [OFTEN.get(store.entries[number].source, 1.0) for number in learnt], recipe.seed)
    look = Look(store, teacher, clips, held, labels)
    say(f"{len(mels)} sounds to learn from, {len(clips)} clips and {len(held)} others kept back")
    say(f"teacher: {look(teacher)}")
    student = EfficientAT(teacher.width, len(labels)).eval()  # normalisations are learnt as scales, without statistics
    blocks = work / "blocks.pt"
    if blocks.is_file():
        student.load_state_dict(torch.load(blocks, weights_only=True))
    else:
        learn_blocks(student, teacher, pieces, recipe, say)
        torch.save(student.state_dict(), blocks)
    say(f"after the blocks: {look(student)}")
    figures = learn_together(student, teacher, pieces, recipe, look, work / "together.pt", say)
    return student, {**figures, "teacher": look(teacher), "sounds": len(mels), "recipe": asdict(recipe)}
