"""New outputs on a finished tagger: what a label looks like is learnt again, everything below stays.

The tuning moves the features, and a label whose sounds came later (typing, clapping) was never learnt. Both are mended
in the last matrix alone, from what the teacher hears in many sounds. Rows of the labels that ESC-10 asks for stay as
they are, bit by bit, so its figures hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.lr_scheduler import LinearLR

from mmcore.nets.audio_tagger import AudioTagger
from mmcore.nets.log_mel import SAMPLE_RATE, LogMel
from mmcore.recipes.audio import made_hits
from mmcore.recipes.audio.scenes import SHORTEST_WINDOW, Teacher, placed, shaped
from mmcore.recipes.audio.sound_store import Samples, SoundStore
from mmcore.recipes.audio.tagger_learning import LEAST_LOGIT

SECONDS = 5
"""Longest sound of a row."""
BATCH = 16
KEPT_BACK = 8
"""One of so many sounds is never learnt from; thresholds and known labels come from these."""


@dataclass(frozen=True)
class OutputRecipe:
    """Every number of this step."""

    rows: int = 10_000
    """Sounds that are listened to: each once, then shaped and mixed ones."""
    more_hits: int = 1000
    """Fresh sequences of keys and claps besides."""
    clips_weight: int = 6
    """How often a row of an ESC-10 clip comes: without them, applause sounds where it rains."""
    hands_weight: int = 10
    """How often a row comes in which the teacher hears typing or clapping."""
    rain_weight: int = 20
    """How often a row comes in which the teacher hears rain, which applause is like."""
    rounds: int = 30
    batch: int = 512
    rate: float = 8e-3
    temperature: float = 1.0
    order_weight: float = 20.0
    logit_weight: float = 1.0
    stay: float = 0.0002
    """Weight of the squared distance from the matrix that it began with."""
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """Sounds of one length, and whether they are kept back."""

    wave: Samples
    kept_back: bool


def plain_rows(store: SoundStore, allowed: Sequence[int], draw: np.random.Generator) -> Iterator[Row]:
    """Each sound once: a short one ends in silence, of a long one a part."""
    for number in draw.permutation(np.asarray(allowed)):
        sound = store.samples(int(number))
        count = SHORTEST_WINDOW if len(sound) <= SHORTEST_WINDOW else SECONDS * SAMPLE_RATE
        yield Row(
            np.pad(sound, (0, max(0, count - len(sound))))[:count]
            if len(sound) <= count
            else placed(sound, count, draw),
            number % KEPT_BACK == 0,
        )


def clip_rows(store: SoundStore, draw: np.random.Generator, views: int = 3) -> Iterator[Row]:
    """ESC-10's clips, as they are and shaped: what they are not is learnt; their own labels are not touched."""
    clips = [number for number, entry in enumerate(store.entries) if entry.source == "esc10"]
    for view in range(views):
        for number in clips:
            sound = store.samples(number)
            out = placed(shaped(sound, draw) if view else sound, SECONDS * SAMPLE_RATE, draw)
            yield Row(np.asarray(out / max(float(np.abs(out).max()), 1.0), np.float32), number % KEPT_BACK == 0)


def hit_rows(keyboard: Sequence[Samples], draw: np.random.Generator, count: int) -> Iterator[Row]:
    """Fresh typing (seven of ten) and clapping, at any level."""
    for number in range(count):
        typed = draw.random() < 0.7
        out = made_hits.typing(draw, SECONDS, keyboard) if typed else made_hits.clapping(draw, SECONDS)
        out = out / max(float(np.abs(out).max()), 1e-9) * 10 ** draw.uniform(-1.2, -0.05)
        yield Row(np.asarray(out, np.float32), number % KEPT_BACK == 0)


def mixed_rows(
    store: SoundStore, allowed: Sequence[int], often: Sequence[int], draw: np.random.Generator
) -> Iterator[Row]:
    """Endless: sounds shaped, half of them with another one below; each third is one of ``often``."""
    groups = [
        [[n for n in part if (n % KEPT_BACK == 0) == kept] for part in (allowed, often)] for kept in (False, True)
    ]
    while True:
        kept = draw.random() < 1 / KEPT_BACK
        every, some = groups[int(kept)]
        sound = store.samples(int(draw.choice(some if some and draw.random() < 0.33 else every)))
        count = SHORTEST_WINDOW if draw.random() < 0.4 else SECONDS * SAMPLE_RATE
        out = placed(shaped(sound, draw), count, draw)
        out = out / (float(np.sqrt(np.mean(out**2))) + 1e-5)
        if draw.random() < 0.5:
            other = placed(store.samples(int(draw.choice(every))), count, draw)
            out = out + other / (float(np.sqrt(np.mean(other**2))) + 1e-5) * 10 ** (draw.uniform(-24, -3) / 20)
        peak = float(np.abs(out).max()) + 1e-6
        yield Row(np.asarray(out / peak * 10 ** (draw.uniform(-26, -0.5) / 20), np.float32), kept)


@torch.inference_mode()
def heard(model: AudioTagger, teacher: Teacher, log_mel: LogMel, waves: Sequence[Samples]) -> tuple[Tensor, Tensor]:
    """Waves of one length -> what reaches the model's last matrix (N, hidden), and the teacher's logits."""
    mel = log_mel(torch.from_numpy(np.stack(waves)))
    return model.embed(model.grid(mel)), teacher(mel)[0]


@dataclass(frozen=True)
class Rows:
    """What ``heard`` gave for many sounds."""

    embedded: Tensor
    logits: Tensor
    kept_back: Tensor
    """(N,) bool."""


def collected(model: AudioTagger, teacher: Teacher, rows: Iterator[Row], most: int) -> Rows:
    """The first ``most`` rows, heard in batches of one length each."""
    log_mel = LogMel()
    waiting: dict[int, list[Row]] = {}
    embedded, logits, kept_back = [], [], []
    for row in islice(rows, most):
        batch = waiting.setdefault(len(row.wave), [])
        batch.append(row)
        if len(batch) == BATCH:
            found = heard(model, teacher, log_mel, [one.wave for one in batch])
            embedded.append(found[0])
            logits.append(found[1])
            kept_back += [one.kept_back for one in batch]
            batch.clear()
    return Rows(torch.cat(embedded), torch.cat(logits), torch.tensor(kept_back))


def joined(first: Rows, second: Rows) -> Rows:
    """One after the other."""
    return Rows(
        torch.cat([first.embedded, second.embedded]),
        torch.cat([first.logits, second.logits]),
        torch.cat([first.kept_back, second.kept_back]),
    )


def fit_outputs(
    model: AudioTagger, embedded: Tensor, logits: Tensor, unchanged: Collection[int], recipe: OutputRecipe
) -> None:
    """Learn the last matrix again from rows of ``heard``, but for the labels at ``unchanged``."""
    torch.manual_seed(recipe.seed)
    weight, bias = (value.detach().clone().requires_grad_() for value in model.output.parameters())
    first, first_bias = model.output.weight.detach().clone(), model.output.bias.detach().clone()
    free = torch.ones(len(bias), dtype=torch.bool)
    free[list(unchanged)] = False
    optimizer = torch.optim.Adam([weight, bias], lr=recipe.rate)
    steps = recipe.rounds * max(1, len(embedded) // recipe.batch)
    schedule = LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    t = recipe.temperature
    for _ in range(steps):
        rows = torch.randint(len(embedded), (recipe.batch,))
        own = F.dropout(embedded[rows], 0.1) @ torch.where(free[:, None], weight, first).T
        own = own + torch.where(free, bias, first_bias)
        right = logits[rows]
        loss = F.binary_cross_entropy_with_logits(own, right.sigmoid(), reduction="none").sum(1).mean()
        loss = loss + recipe.logit_weight * F.mse_loss(own.clamp_min(LEAST_LOGIT), right.clamp_min(LEAST_LOGIT))
        loss = loss + recipe.order_weight * F.kl_div(
            (own / t).log_softmax(1), (right / t).log_softmax(1), log_target=True, reduction="batchmean"
        )
        loss = loss + recipe.stay * ((weight - first) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        model.output.weight.copy_(torch.where(free[:, None], weight, first))
        model.output.bias.copy_(torch.where(free, bias, first_bias))
