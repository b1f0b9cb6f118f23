"""How far the student follows its teacher on sounds that it was never distilled on: each as it is, alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.nets.log_mel import SAMPLE_RATE, LogMel
from mmcore.recipes.audio.sound_store import Samples, SoundStore, windows

SHORTEST = 2 * SAMPLE_RATE
"""Samples; shorter sounds end in silence, as the families read them."""
LONGEST = 10.0
"""Seconds of an example that are heard."""
SURE = 0.3
"""A teacher with a label above this is sure."""


def agreement(own: Tensor, teachers: Tensor) -> dict[str, Any]:
    """Logits (N, labels) of student and teacher -> shares of sounds whose best labels agree.

    ``top_1_in_teachers_3``: the student's best is among the teacher's three; ``teachers_1_in_top_3`` the other way
    round; ``same_best``: both have the same.
    """
    best, wanted = own.argmax(1), teachers.argmax(1)
    return {
        "clips": len(own),
        "top_1_in_teachers_3": share((teachers.topk(3).indices == best[:, None]).any(1)),
        "teachers_1_in_top_3": share((own.topk(3).indices == wanted[:, None]).any(1)),
        "same_best": share(best == wanted),
    }


def share(found: Tensor) -> float:
    """Of the true ones."""
    return round(float(found.float().mean()), 4)


@torch.no_grad()
def heard(network: nn.Module, sounds: Sequence[Samples]) -> Tensor:
    """(N, labels) logits, a sound at a time."""
    log_mel, out = LogMel(), []
    for sound in sounds:
        padded = np.pad(sound, (0, max(0, SHORTEST - len(sound))))
        out.append(network(log_mel(torch.from_numpy(padded)[None])))
    return torch.cat(out)


def examples(data: Path) -> list[Samples]:
    """The first seconds of each example sound."""
    files = sorted((data / "examples" / "audio").glob("*.ogg"))
    return [window for file in files for window in windows(file, 1, LONGEST)]


def measured(student: nn.Module, teacher: nn.Module, store: SoundStore, data: Path, silence: int) -> dict[str, Any]:
    """Agreement by source: held-out packages, ESC-10's clips, the examples. Silence, which the level tells, is out."""
    groups: dict[str, list[Samples]] = {}
    for number, entry in enumerate(store.entries):
        if entry.held_out or entry.source == "esc10":
            groups.setdefault(entry.source, []).append(store.samples(number))
    figures: dict[str, Any] = {}
    packages: list[tuple[Tensor, Tensor]] = []
    for source, sounds in [*sorted(groups.items()), ("examples", examples(data))]:
        own, teachers = heard(student, sounds), heard(teacher, sounds)
        own[:, silence] = teachers[:, silence] = -torch.inf
        figures[source] = agreement(own, teachers)
        if source not in ("esc10", "examples"):
            packages.append((own, teachers))
    own, teachers = (torch.cat(part) for part in zip(*packages, strict=True))
    sure = teachers.sigmoid().amax(1) > SURE
    figures["held_out"] = agreement(own, teachers)
    figures["held_out_where_teacher_is_sure"] = agreement(own[sure], teachers[sure])
    return figures
