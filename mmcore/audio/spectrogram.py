"""What people see of a sound: waveform, log-mel spectrogram and level, gathered while it streams by.

A sound of any length ends as at most 4,000 columns: when there are more, neighbours are joined in pairs, so that half
an hour takes no more memory than a minute.

The mel scale is Slaney's and the picture that of ``librosa.feature.melspectrogram`` and ``power_to_db`` (the tests
compare them). It is computed here, because librosa compiles itself on first use: half a minute and 350 MB on a small
machine, for one matrix. Fourier transforms and products are torch's: those of numpy have threads of their own, which go
on spinning for a while and take the processors from the network that comes next (twice the time for all on two cores).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mmcore.results import Envelope, Spectrogram
from mmcore.types import Floats

COLUMNS = 2000
"""Twice as many columns of the waveform and of the spectrogram are joined to as many."""
MELS = 128
HOP_SECONDS = 0.01
WINDOW_SECONDS = 0.05
FLOOR_DB = -100.0
LEVEL_SECONDS = 0.1
"""Length of the pieces whose level is measured."""


def decibels(power: npt.ArrayLike) -> Floats:
    """Power -> dB, where the power 1 is 0 dB; nothing is below FLOOR_DB."""
    values = 10 * np.log10(np.maximum(power, 1e-30, dtype=np.float64))
    louder: Floats = np.maximum(values, FLOOR_DB).astype(np.float32)
    return louder


def audible_power(pieces: Floats) -> Floats:
    """(pieces,): the power of each row around its best straight line: a constant, or one that drifts, is not heard."""
    time = np.arange(pieces.shape[1], dtype=np.float32) - np.float32((pieces.shape[1] - 1) / 2)
    around = pieces - pieces.mean(axis=1, keepdims=True)
    slopes = around @ time / max(float(time @ time), 1e-30)
    power: Floats = np.square(around - slopes[:, None] * time).mean(axis=1)
    return power


def mel_to_hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Slaney's mel scale: linear up to 1,000 Hz (15 mel), then 27 steps for a factor of 6.4."""
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((np.maximum(mels, 15) - 15) * math.log(6.4) / 27))


def hertz_to_mel(hertz: float) -> float:
    """The inverse of ``mel_to_hertz``."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + math.log(hertz / 1000) * 27 / math.log(6.4)


@lru_cache(maxsize=4)
def mel_edges(rate: int) -> npt.NDArray[np.float64]:
    """(MELS + 2,) Hz: band i rises from edge i to edge i + 1, which is its middle, and falls to edge i + 2."""
    return mel_to_hertz(np.linspace(0, hertz_to_mel(rate / 2), MELS + 2))


@lru_cache(maxsize=4)
def mel_filters(rate: int, points: int) -> Floats:
    """(MELS, points // 2 + 1): triangles of height 1, as ``librosa.filters.mel(norm=None)``."""
    edges = mel_edges(rate)[:, None]
    frequencies = np.arange(points // 2 + 1) * rate / points
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


class _Columns:
    """Columns of equal length, joined in pairs whenever there are twice too many. ``join``: (n, 2, ...) -> (n, ...)."""

    def __init__(self, join: Callable[[Floats], Floats], limit: int = COLUMNS) -> None:
        self._join, self._limit = join, limit
        self._parts: list[Floats] = []
        self._count = 0
        self.factor = 1
        """Columns as they came that one column now stands for."""
        self._left: Floats | None = None
        """Columns that wait for others to be joined with."""

    def add(self, columns: Floats) -> None:
        """Append columns, along the first axis."""
        if self._left is not None:
            columns = np.concatenate([self._left, columns])
        whole = len(columns) - len(columns) % self.factor
        self._left = columns[whole:]
        self._append(self._joined(columns[:whole], self.factor))
        while self._count >= 2 * self._limit:
            every = np.concatenate(self._parts)
            even = len(every) - len(every) % 2
            # An odd one out goes back to those that wait: ``factor`` copies of it join to itself again.
            back = np.repeat(every[even:], self.factor, axis=0)
            self._left = np.concatenate([back, self._left])
            self._parts, self._count = [], 0
            self._append(self._joined(every[:even], 2))
            self.factor *= 2

    def _append(self, columns: Floats) -> None:
        if len(columns):
            self._parts.append(columns)
            self._count += len(columns)

    def _joined(self, columns: Floats, factor: int) -> Floats:
        if factor == 1:
            return columns
        grouped = columns.reshape(len(columns) // factor, factor, *columns.shape[1:])
        return self._join(grouped)

    def finish(self) -> Floats:
        """All columns; the last may stand for fewer than the others."""
        parts = list(self._parts)
        if self._left is not None and len(self._left):
            parts.append(self._joined(self._left, len(self._left)))
        return np.concatenate(parts)


class _Framer:
    """Cuts a stream into frames of ``size`` values, one every ``hop``."""

    def __init__(self, size: int, hop: int, before: int = 0) -> None:
        self.size, self.hop = size, hop
        self._rest = np.zeros(before, np.float32)

    def frames(self, samples: Floats) -> Floats:
        """The frames that these samples complete, (frames, size)."""
        self._rest = np.concatenate([self._rest, samples])
        count = max(0, (len(self._rest) - self.size) // self.hop + 1)
        if not count:
            return np.zeros((0, self.size), np.float32)
        found = np.lib.stride_tricks.sliding_window_view(self._rest, self.size)[:: self.hop][:count]
        self._rest = self._rest[count * self.hop :]
        return found

    def waiting(self) -> Floats:
        """The samples that fill no frame yet."""
        rest: Floats = self._rest.copy()
        return rest


class StreamingSpectrogram:
    """Give it the mono pieces of a sound, in order, with ``add``; then ask once for ``finish``."""

    def __init__(self, sample_rate: int, start: float = 0.0) -> None:
        self.sample_rate, self.start = sample_rate, start
        self.samples = 0
        self._reference: float | None = None
        self._sum = self._energy = 0.0  # of the samples less the first one
        self._hop = max(1, round(HOP_SECONDS * sample_rate))
        self._points = 1 << max(4, math.ceil(math.log2(WINDOW_SECONDS * sample_rate)))
        self._window = np.hanning(self._points + 1)[:-1].astype(np.float32)
        # A sine of amplitude 1 in the middle of a band gets the power 1.
        self._scale = (2 / self._window.sum()) ** 2
        # Frame i is about the middle of its hop, i + 1/2; the sound before the beginning is silence.
        self._framer = _Framer(self._points, self._hop, before=(self._points - self._hop) // 2)
        self._cutter = _Framer(self._hop, self._hop)
        self._leveller = _Framer(round(LEVEL_SECONDS * sample_rate), round(LEVEL_SECONDS * sample_rate))
        self._waves = _Columns(lambda pairs: np.stack([pairs[..., 0].min(1), pairs[..., 1].max(1)], axis=1))
        self._spectra = _Columns(lambda pairs: pairs.mean(1))
        self._levels: list[Floats] = []
        self._rest = np.zeros(0, np.float32)

    def add(self, samples: Floats) -> None:
        """The next piece, (samples,) in [-1, 1]."""
        if not len(samples):
            return
        self.samples += len(samples)
        if self._reference is None:
            self._reference = float(samples[0])
        around = samples - np.float32(self._reference)
        self._sum += float(around.sum(dtype=np.float64))
        self._energy += float(np.dot(around, around))
        self._draw(samples)

    def _draw(self, samples: Floats) -> None:
        pieces = self._cutter.frames(samples)
        if len(pieces):
            self._waves.add(np.stack([pieces.min(1), pieces.max(1)], axis=1))
        pieces = self._leveller.frames(samples)
        if len(pieces):
            self._levels.append(audible_power(pieces))
        import torch  # when the first sound comes, not when the page opens

        frames = self._framer.frames(samples)
        for first in range(0, len(frames), 256):  # as a whole, the windowed frames would be five times the samples
            spectrum = torch.fft.rfft(torch.from_numpy(frames[first : first + 256] * self._window))
            power = (spectrum.real.square() + spectrum.imag.square()) * self._scale
            self._spectra.add((power @ torch.from_numpy(mel_filters(self.sample_rate, self._points)).T).numpy())

    def finish(self) -> tuple[Envelope, Spectrogram]:
        """The waveform and the spectrogram of what was added; ``levels`` and ``level`` are ready as well."""
        self._rest = self._leveller.waiting()  # silence would change how loud it is
        # Silence after the end completes the last column.
        self._draw(np.zeros(self._points + self._leveller.size, np.float32))
        columns = math.ceil(self.samples / self._hop)
        waves, spectra = self._waves.finish(), self._spectra.finish()
        wave_count = math.ceil(columns / self._waves.factor)
        spectrum_count = math.ceil(columns / self._spectra.factor)
        hop = self._hop / self.sample_rate
        envelope = Envelope(waves[:wave_count, 0], waves[:wave_count, 1], hop * self._waves.factor)
        middles = mel_edges(self.sample_rate)[1:-1].astype(np.float32)
        values = decibels(spectra[:spectrum_count].T)
        return envelope, Spectrogram(values, middles, hop * self._spectra.factor, self.start)

    @property
    def level(self) -> float:
        """Root mean square of everything around its mean in dBFS; -inf for digital silence, or a constant."""
        if not self.samples:
            return float("-inf")
        power = self._energy / self.samples - (self._sum / self.samples) ** 2
        return 10 * math.log10(power) if power > 0 else float("-inf")

    def levels(self) -> Floats:
        """Root mean square in dBFS of each tenth of a second, after ``finish``; a rest at the end counts as it is."""
        count = math.ceil(self.samples / self._leveller.size)
        power = np.concatenate(self._levels)[:count].copy()
        if len(self._rest):
            power[-1] = audible_power(self._rest[None])[0]
        return decibels(power)
