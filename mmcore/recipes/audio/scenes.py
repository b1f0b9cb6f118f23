"""Scenes: sounds of the store as they might be met, alone and mixed, and what the teacher hears in each.

A scene is made once and kept as its spectrogram, with the teacher's logits and the values behind its last layer. The
teacher listens to the very mix, so a mix of rain and a dog teaches what such a mix sounds like, not two half truths.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcore.nets.log_mel import HOP_LENGTH, SAMPLE_RATE, LogMel
from mmcore.nets.mobilenet_tagger import EfficientAT
from mmcore.recipes.audio.sound_store import Samples, SoundStore

COLUMNS = (250, 500, 1000)
"""Lengths of scenes in columns of 10 ms."""
SHARES = (0.2, 0.65, 0.15)
HIDDEN = 512
SHORTEST_WINDOW = 2 * SAMPLE_RATE
"""Samples; shorter sounds are filled up with silence before a model hears them."""


class Teacher:
    """mn04_as of EfficientAT."""

    def __init__(self, network: EfficientAT) -> None:
        self.network = network.eval()

    @torch.inference_mode()
    def __call__(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 128, T) -> logits (B, 527), hidden values (B, 512)."""
        hidden = self.network.classifier[:5](self.network.features(log_mel[:, None]))
        return self.network.classifier[5:](hidden), hidden


@dataclass(frozen=True)
class Scenes:
    """Scenes of one length."""

    features: npt.NDArray[np.float16]
    """(N, 128, T)."""
    logits: Tensor
    hidden: Tensor

    def __len__(self) -> int:
        return len(self.logits)


def shaped(sound: Samples, draw: np.random.Generator) -> Samples:
    """A sound as another room, distance and microphone would give it: speed, filter, reverberation."""
    if draw.random() < 0.45:  # faster is higher: a smaller dog
        factor = float(np.exp(draw.uniform(-0.45, 0.45)))
        places = np.arange(0, len(sound) - 1, factor)
        sound = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
    if draw.random() < 0.55:
        room = draw.random() < 0.5
        tail = int(draw.uniform(0.05, 0.8) * SAMPLE_RATE) if room else 0
        size = len(sound) + tail
        spectrum = np.fft.rfft(sound, size)
        bends = np.interp(np.linspace(0, 1, len(spectrum)) ** 0.4, np.linspace(0, 1, 6), draw.uniform(-12, 6, 6))
        spectrum = spectrum * 10 ** (bends / 20)
        if room:
            echo = draw.standard_normal(tail) * np.exp(-np.arange(tail) / (tail / 6)) * draw.uniform(0.01, 0.06)
            echo[0] = 1.0
            spectrum = spectrum * np.fft.rfft(echo, size)
        sound = np.fft.irfft(spectrum, size).astype(np.float32)
    return sound


def placed(sound: Samples, count: int, draw: np.random.Generator) -> Samples:
    """A sound in ``count`` samples: cut at random if longer; if shorter, somewhere in silence, or again and again."""
    if len(sound) >= count:
        start = int(draw.integers(0, len(sound) - count + 1))
        return sound[start : start + count]
    out = np.zeros(count, np.float32)
    repeats = draw.random() < 0.35
    pause = int(draw.uniform(0, 0.6) * SAMPLE_RATE)
    start = 0 if repeats else int(draw.integers(0, count - len(sound) + 1))
    while start < count:
        part = sound[: count - start]
        out[start : start + len(part)] += part
        start = start + len(sound) + pause if repeats else count
    return out


class Composer:
    """Draws scenes from the sounds of a store that it is allowed to use."""

    def __init__(self, store: SoundStore, allowed: Sequence[int], chances: npt.NDArray[np.float64], seed: int) -> None:
        self.store, self.allowed, self.chances = store, np.asarray(allowed), chances / chances.sum()
        self.draw = np.random.default_rng(seed)

    def scene(self, count: int) -> Samples:
        """``count`` samples with one sound (6 of 10), two or three, at levels of their own."""
        draw = self.draw
        number = int(draw.choice((1, 2, 3), p=(0.6, 0.32, 0.08)))
        out = np.zeros(count, np.float32)
        for place, index in enumerate(draw.choice(self.allowed, number, p=self.chances)):
            sound = self.store.samples(int(index))
            sound = placed(sound if draw.random() < 0.25 else shaped(sound, draw), count, draw)
            level = np.sqrt(np.mean(sound**2)) + 1e-5
            loud = 10 ** (draw.uniform(-12, 6) / 20) if place else 1.0
            out += sound / level * loud
        if draw.random() < 0.1:
            out += draw.standard_normal(count).astype(np.float32) * 10 ** draw.uniform(-2.5, -0.7)
        peak = float(np.abs(out).max()) + 1e-6
        return np.asarray(out / peak * 10 ** (draw.uniform(-30, -0.5) / 20), np.float32)


def make(composer: Composer, teacher: Teacher, seconds: float, target: Path) -> None:
    """Make scenes of about ``seconds`` in all, listen to them with the teacher, keep them in ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    for columns, share in zip(COLUMNS, SHARES, strict=True):
        number = max(1, int(seconds * share / (columns * HOP_LENGTH / SAMPLE_RATE)))
        _keep(target, columns, number, (composer.scene(columns * HOP_LENGTH) for _ in range(number)), teacher)


def make_plain(store: SoundStore, allowed: Sequence[int], teacher: Teacher, target: Path) -> None:
    """Each sound once, as it is, in the shortest length of scene that holds it (or the first ten seconds of it)."""
    target.mkdir(parents=True, exist_ok=True)
    shorter = 0
    for columns in COLUMNS:
        last = columns == COLUMNS[-1]
        rows = [
            row
            for row in allowed
            if store.entries[row].length > shorter and (last or store.entries[row].length <= columns * HOP_LENGTH)
        ]
        shorter = columns * HOP_LENGTH
        if rows:
            _keep(
                target, columns, len(rows), (_filled(store.samples(row), columns * HOP_LENGTH) for row in rows), teacher
            )


def _filled(sound: Samples, count: int) -> Samples:
    """The first ``count`` samples, with silence behind a shorter sound."""
    out = np.zeros(count, np.float32)
    out[: len(sound)] = sound[:count]
    return out


def _keep(target: Path, columns: int, number: int, waves: Iterator[Samples], teacher: Teacher) -> None:
    """Write the spectrograms of ``number`` sounds of ``columns`` columns, and what the teacher hears in them."""
    log_mel = LogMel()
    features = np.lib.format.open_memmap(
        target / f"features-{columns}.part.npy", "w+", np.float16, (number, 128, columns)
    )
    logits, hidden = torch.empty(number, 527), torch.empty(number, HIDDEN)
    batch = 4000 // columns
    for start in range(0, number, batch):
        rows = slice(start, start + batch)
        mel = log_mel(torch.from_numpy(np.stack(list(islice(waves, batch)))))[..., :columns].half()
        features[rows] = mel.numpy()
        logits[rows], hidden[rows] = teacher(mel.float())
    features.flush()
    torch.save((logits.half(), hidden.half()), target / f"heard-{columns}.pt")
    (target / f"features-{columns}.part.npy").rename(target / f"features-{columns}.npy")


def load(folders: Sequence[Path]) -> dict[int, list[Scenes]]:
    """What ``make`` kept, by length; folders that are not finished are passed over."""
    found: dict[int, list[Scenes]] = {columns: [] for columns in COLUMNS}
    for folder in folders:
        for columns in COLUMNS:
            file = folder / f"features-{columns}.npy"
            if file.is_file():
                logits, hidden = torch.load(folder / f"heard-{columns}.pt", weights_only=True)
                found[columns].append(Scenes(np.load(file, mmap_mode="r"), logits, hidden))
    return found


def whole(store: SoundStore, number: int) -> Tensor:
    """A sound of the store as it is, (1, samples); a short one ends in silence, as the families read it."""
    samples = store.samples(number)
    return torch.from_numpy(np.pad(samples, (0, max(0, SHORTEST_WINDOW - len(samples)))))[None]


@torch.inference_mode()
def hear_store(store: SoundStore, teacher: Teacher, target: Path) -> Tensor:
    """The teacher's logits for each sound of the store as it is, (N, 527); kept in ``target`` and gone on with."""
    log_mel = LogMel()
    known = torch.load(target, weights_only=True) if target.is_file() else torch.empty(0, 527)
    heard = [known]
    for number in range(len(known), len(store.entries)):
        heard.append(teacher(log_mel(whole(store, number)))[0])
    logits = torch.cat(heard)
    torch.save(logits, target)
    return logits


def write_report(path: Path, **figures: object) -> None:
    """Append a line of figures to a log of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")
