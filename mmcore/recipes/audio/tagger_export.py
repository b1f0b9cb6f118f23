"""Which labels the tagger may give, from which score on, and the files of the bundle."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcore.evaluation.sound_scores import ESC10, average_precision
from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.storage import save_weights
from mmcore.recipes.audio.scenes import Scenes
from mmcore.types import Floats

PRESENT = 0.3
"""A label sounds in a scene where the teacher gives it this much."""
LEAST_SCENES = 20
"""A label with fewer training scenes cannot be known."""
LEAST_PRECISION = 0.15
"""Average precision on scenes kept back; a label below is not known, however many scenes it had."""
LEAST_POSITIVE = 4
"""With fewer scenes kept back that hold it, a label is neither measured nor known."""
USUAL_THRESHOLD = 0.3
TUNED = frozenset(name for names in ESC10.values() for name in names[:2])
"""Labels that the tuning taught from whole clips: known by the cross-validation over ESC-10, not by the scenes."""
THRESHOLDS = np.linspace(0.1, 0.6, 26)


@torch.inference_mode()
def scores_on(model: AudioTagger, kept_back: Mapping[int, Sequence[Scenes]]) -> tuple[Tensor, Tensor]:
    """Probabilities of the student and of the teacher for scenes: (N, labels) each."""
    own, teachers = [], []
    for parts in kept_back.values():
        for part in parts:
            for start in range(0, len(part), 32):
                features = torch.from_numpy(np.array(part.features[start : start + 32])).float()
                own.append(model(features).sigmoid())
            teachers.append(part.logits.float().sigmoid())
    return torch.cat(own), torch.cat(teachers)


def best_threshold(scores: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """The threshold with the best F1 against the teacher, in 0.1..0.6."""

    def f1(threshold: float) -> float:
        found = scores >= threshold
        right = int((found & truth).sum())
        return 2 * right / max(int(found.sum()) + int(truth.sum()), 1)

    return float(max(THRESHOLDS, key=f1))


def calibrated(
    model: AudioTagger, trained: Mapping[int, Sequence[Scenes]], kept_back: Mapping[int, Sequence[Scenes]],
    labels: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """``labels``, ``known`` and ``thresholds`` of config.json, from scenes that were kept back.

    A label that the tagger cannot know (see the constants) gets ``known`` false and is never shown.
    """
    counts = sum(
        ((part.logits.float().sigmoid() > PRESENT).sum(0) for parts in trained.values() for part in parts),
        torch.zeros(len(labels)),
    )
    own, teachers = scores_on(model, kept_back)
    known, thresholds, precisions = [], [], []
    for column in range(len(labels)):
        truth = (teachers[:, column] > PRESENT).numpy()
        scores = own[:, column].numpy()
        measured = int(truth.sum()) >= LEAST_POSITIVE
        precision = average_precision(scores, truth) if measured else 0.0
        # Clips of the tuned labels lie under other sounds in the scenes; their measure is the cross-validation.
        fine = bool(counts[column] >= LEAST_SCENES and precision >= LEAST_PRECISION) or labels[column] in TUNED
        known.append(fine)
        precisions.append(round(precision, 3))
        thresholds.append(round(best_threshold(scores, truth), 2) if fine else USUAL_THRESHOLD)
    return {"labels": list(labels), "known": known, "thresholds": thresholds, "precisions": precisions}


def calibrated_again(
    settings: Mapping[str, Any], scores: Tensor, teachers: Tensor, counts: Tensor, unchanged: Collection[int]
) -> dict[str, Any]:
    """``calibrated``'s settings after the outputs were learnt again, from rows that were kept back: (N, labels) each.

    ``counts`` says how many rows that were learnt from held each label. Labels at ``unchanged`` and those that too few
    rows hold keep what they had.
    """
    known, thresholds, precisions = (list(settings[name]) for name in ("known", "thresholds", "precisions"))
    for column in range(len(known)):
        truth = (teachers[:, column] > PRESENT).numpy()
        if column in unchanged or int(truth.sum()) < LEAST_POSITIVE:
            continue
        own = scores[:, column].numpy()
        precision = average_precision(own, truth)
        known[column] = bool(counts[column] >= LEAST_SCENES and precision >= LEAST_PRECISION)
        precisions[column] = round(precision, 3)
        thresholds[column] = round(best_threshold(own, truth), 2) if known[column] else USUAL_THRESHOLD
    return {**settings, "known": known, "thresholds": thresholds, "precisions": precisions}


def export(model: AudioTagger, settings: Mapping[str, Any], output: Path) -> None:
    """Write ``model.safetensors`` (matrices as bytes) and ``config.json``."""
    output.mkdir(parents=True, exist_ok=True)
    save_weights(model.state_dict(), output / "model.safetensors")
    config = {**settings, "network": model.config.to_dict()}
    (output / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
