"""Endless new sounds for distillation, made in the spectrogram: drawn, bent, mixed, or put together from nothing.

What a block of the teacher does to a spectrogram can be learnt from any spectrogram, so variety counts, not truth. A
change costs little here: speed and pitch are places to read at, an equaliser is a curve, two sounds at once are a sum
of powers. Noises and tones with random envelopes fill what no recording holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcore.nets.log_mel import FLOOR, N_MELS, SAMPLE_RATE, SCALE, SHIFT, LogMel
from mmcore.recipes.audio.sound_store import SoundStore

Powers = npt.NDArray[np.float32]
"""Mel bands by columns, not logarithmic: what sounds at once adds up."""
LONGEST = 6.0
"""Seconds that are kept of each window of the store."""


@dataclass(frozen=True)
class VariationRecipe:
    """How often a change comes, and how far it goes."""

    synthetic: float = 0.2
    """Spectrograms without any recorded sound."""
    mixed: float = 0.45
    """Recorded sounds with a second one."""
    plain: float = 0.2
    """Recorded sounds without any change but the cut."""
    noise: float = 0.25
    tones: float = 0.12
    speed: float = 0.45
    """Largest change of speed, and of pitch beside it, as a logarithm."""
    bands: float = 18.0
    """Largest shift in pitch, in mel bands."""
    reversed: float = 0.1
    equaliser: float = 0.9
    """Spread of its six points, as a logarithm of power."""


class Spectrograms:
    """The log-mel spectrograms of chosen sounds of a store, in one file of half precision beside it."""

    def __init__(self, store: SoundStore, chosen: Sequence[int], file: Path) -> None:
        self.sources = [store.entries[number].source for number in chosen]
        if not file.is_file():
            self._make(store, chosen, file)
        index = np.load(file.with_suffix(".index.npy"))
        if len(index) != len(chosen) + 1:
            raise ValueError(f"{file} holds {len(index) - 1} sounds, not {len(chosen)}: delete it to make it anew")
        self.edges = index
        self.columns = np.memmap(file, np.float16, "r").reshape(-1, N_MELS)

    @staticmethod
    @torch.inference_mode()
    def _make(store: SoundStore, chosen: Sequence[int], file: Path) -> None:
        log_mel, edges = LogMel(), [0]
        part = file.with_suffix(".part")
        with part.open("wb") as out:
            for number in chosen:
                samples = store.samples(number)[: int(LONGEST * SAMPLE_RATE)]
                seen = log_mel(torch.from_numpy(samples)[None])[0].T.half().contiguous().numpy()
                out.write(seen.tobytes())
                edges.append(edges[-1] + len(seen))
        np.save(file.with_suffix(".index.npy"), np.asarray(edges))
        part.rename(file)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def chances(self) -> npt.NDArray[np.float64]:
        """How often each is drawn: sources by the root of their number of sounds."""
        counts = {source: self.sources.count(source) for source in set(self.sources)}
        weights = np.asarray([counts[source] ** -0.5 for source in self.sources])
        return weights / weights.sum()

    def powers(self, number: int) -> Powers:
        """(128, columns) of one sound."""
        seen = self.columns[self.edges[number] : self.edges[number + 1]].astype(np.float32).T
        return np.maximum(np.exp(seen * SCALE - SHIFT) - FLOOR, 0.0)


def curve(draw: np.random.Generator, points: int, length: int, spread: float) -> npt.NDArray[np.float32]:
    """A line through ``points`` random heights, ``length`` long: an envelope or an equaliser, as a logarithm."""
    heights = draw.standard_normal(points) * spread
    return np.interp(np.linspace(0, points - 1, length), np.arange(points), heights).astype(np.float32)


def read_at(powers: Powers, rows: npt.NDArray[np.float64], places: npt.NDArray[np.float64]) -> Powers:
    """Powers at bands ``rows`` and columns ``places`` that may lie between two; outside there is silence."""
    for axis, at in ((1, places), (0, rows)):
        low = np.floor(at).astype(int)
        share = (at - low).astype(np.float32)
        last = powers.shape[axis] - 1
        inside = (at >= 0) & (at <= last)
        low = np.where(inside, low, 0)
        high = np.minimum(low + 1, last)
        shape = (1, -1) if axis else (-1, 1)
        first, second = np.take(powers, low, axis), np.take(powers, high, axis)
        share, inside = share.reshape(shape), inside.reshape(shape)
        powers = np.where(inside, first * (1 - share) + second * share, np.float32(0))
    return powers


def cut(draw: np.random.Generator, powers: Powers, columns: int, recipe: VariationRecipe, *, changed: bool) -> Powers:
    """``columns`` of a sound from a random place on: faster or slower, higher or lower, now and then repeated."""
    speed = float(np.exp(draw.uniform(-recipe.speed, recipe.speed))) if changed and draw.random() < 0.6 else 1.0
    length = powers.shape[1]
    span = columns * speed
    start = draw.uniform(-0.3 * span, 0) if length <= span else draw.uniform(0, length - span)
    places = start + speed * np.arange(columns)
    if length < 0.7 * span and draw.random() < 0.35:
        places = places % (length + draw.integers(1, 60))
    if changed and draw.random() < recipe.reversed:
        places = places[::-1]
    rows = np.arange(N_MELS, dtype=float)
    if changed and draw.random() < 0.6:
        rows = rows * np.exp(draw.uniform(-0.2, 0.2)) + draw.uniform(-recipe.bands, recipe.bands)
    if not changed:
        places = np.round(places)
    return read_at(powers, rows, places.astype(float))


def noise(draw: np.random.Generator, columns: int) -> Powers:
    """Noise with a random colour and a random envelope: steady, in waves, in bursts or in short hits."""
    colour = curve(draw, int(draw.choice((3, 6, 12, 30))), N_MELS, float(draw.uniform(0.5, 4)))
    kind = draw.integers(4)
    if kind == 0:
        envelope = curve(draw, int(draw.choice((2, 4, 10))), columns, float(draw.uniform(0.2, 3)))
    elif kind == 1:
        turns = 2 * np.pi * (np.arange(columns) * draw.uniform(0.005, 0.3) + draw.random())
        envelope = (draw.uniform(0.5, 4) * np.sin(turns)).astype(np.float32)
    elif kind == 2:
        envelope = np.repeat(draw.standard_normal(columns // 4 + 1) * 3, 4)[:columns].astype(np.float32)
    else:
        since = np.full(columns, 1e3)
        for hit in draw.integers(0, columns, int(draw.integers(1, 25))):
            since[hit:] = np.arange(columns - hit)
        envelope = (-since / draw.uniform(1, 30)).clip(-14).astype(np.float32)
    grain = draw.gamma(float(draw.uniform(1, 6)), 1.0, (N_MELS, columns)).astype(np.float32)
    moving = curve(draw, 4, columns, 8.0)[None] * np.linspace(-0.1, 0.1, N_MELS, dtype=np.float32)[:, None]
    return grain * np.exp(np.clip(colour[:, None] + envelope[None] + moving, -14, 10))


def tones(draw: np.random.Generator, columns: int) -> Powers:
    """A tone with overtones, steady, sliding or trembling, in pulses or all the time."""
    time = np.arange(columns)
    pitch = np.exp(draw.uniform(np.log(50), np.log(4000)) + curve(draw, int(draw.choice((2, 3, 8))), columns, 0.15))
    if draw.random() < 0.4:
        pitch = pitch * np.exp(draw.uniform(0.01, 0.2) * np.sin(time * draw.uniform(0.05, 0.8)))
    out = np.zeros((N_MELS, columns), np.float32)
    top = 1127 * np.log1p(15000 / 700)
    falling, bands = draw.uniform(0.0, 2.5), np.arange(N_MELS)[:, None]
    for overtone in range(1, int(draw.choice((2, 4, 12, 24)))):
        if draw.random() < 0.15:
            continue
        centre = 1127 * np.log1p(pitch * overtone / 700) / top * (N_MELS + 1) - 1
        near = np.clip(1.3 - np.abs(bands - centre[None]), 0, 1) ** 2
        out += (near * overtone**-falling * draw.uniform(0.2, 1)).astype(np.float32)
    period, share = draw.uniform(4, 150), draw.uniform(0.1, 1.1)
    within = (time + draw.integers(0, 100)) % period
    envelope = np.where(within < share * period, np.exp(-within * draw.choice((0, 0.01, 0.05, 0.2))), 1e-4)
    return out * envelope[None].astype(np.float32)


def levelled(draw: np.random.Generator, powers: Powers, softest: float, loudest: float) -> Powers:
    """At a random level: the logarithm of the mean power of its loudest tenth of columns."""
    loud = float(np.sort(powers.mean(0))[-max(1, powers.shape[1] // 10) :].mean())
    return powers * np.float32(np.exp(draw.uniform(softest, loudest)) / max(loud, 1e-7))


def variation(
    draw: np.random.Generator, pick: Callable[[], Powers], columns: int, recipe: VariationRecipe
) -> npt.NDArray[np.float32]:
    """One new log-mel spectrogram (128, columns); ``pick`` gives the powers of a recorded sound."""
    if draw.random() < recipe.synthetic:
        parts = [noise(draw, columns) if draw.random() < 0.6 else tones(draw, columns)]
        if draw.random() < 0.5:
            parts.append(tones(draw, columns) if draw.random() < 0.5 else noise(draw, columns))
        powers = sum((levelled(draw, part, -6.0, 4.0) for part in parts), np.zeros((N_MELS, columns), np.float32))
    else:
        plain = draw.random() < recipe.plain
        powers = cut(draw, pick(), columns, recipe, changed=not plain)
        if not plain:
            powers = levelled(draw, powers, -4.0, 4.0)
            if draw.random() < recipe.mixed:
                powers = powers + levelled(draw, cut(draw, pick(), columns, recipe, changed=True), -6.0, 3.0)
            if draw.random() < 0.6:
                powers = powers * np.exp(curve(draw, 6, N_MELS, recipe.equaliser))[:, None]
            if draw.random() < recipe.noise:
                powers = powers + levelled(draw, noise(draw, columns), -8.0, 2.0)
            if draw.random() < recipe.tones:
                powers = powers + levelled(draw, tones(draw, columns), -6.0, 3.0)
    return ((np.log(powers + FLOOR) + SHIFT) / SCALE).astype(np.float32)


class Variations:
    """Draws batches of new spectrograms from recorded ones."""

    def __init__(self, recorded: Spectrograms, recipe: VariationRecipe, seed: int) -> None:
        self.recorded, self.recipe = recorded, recipe
        self.draw = np.random.default_rng(seed)
        self._edges = np.cumsum(recorded.chances())

    def pick(self) -> Powers:
        """The powers of a recorded sound, drawn at random."""
        place = int(np.searchsorted(self._edges, self.draw.random()))
        return self.recorded.powers(min(place, len(self.recorded) - 1))

    def batch(self, count: int, columns: int) -> Tensor:
        """(count, 128, columns)."""
        made = [variation(self.draw, self.pick, columns, self.recipe) for _ in range(count)]
        return torch.from_numpy(np.stack(made))
