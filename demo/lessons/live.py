"""The small calculations of the lessons, in numpy: what the browser computes again while somebody moves a control."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcore.audio.spectrogram import hertz_to_mel, mel_to_hertz
from mmcore.types import Doubles


def softmax(scores: npt.ArrayLike, temperature: float = 1.0) -> Doubles:
    """Shares of the last axis that sum to 1: exp(score / temperature) over their sum. ``temperature`` > 0."""
    scaled = np.asarray(scores, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Doubles = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def attention(query: npt.ArrayLike, keys: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Doubles, Doubles, Doubles]:
    """Scaled scores (N,), weights (N,) and output (C,) of one query (d,) over N keys (N, d) and values (N, C)."""
    k = np.asarray(keys, np.float64)
    scores: Doubles = k @ np.asarray(query, np.float64) / np.sqrt(k.shape[1])
    weights = softmax(scores)
    output: Doubles = weights @ np.asarray(values, np.float64)
    return scores, weights, output


def entropy(shares: npt.ArrayLike) -> float:
    """-sum p ln p of shares that sum to 1, in nats; exp of it is the number of equal places that would be as even."""
    p = np.asarray(shares, np.float64).ravel()
    return float(-(p * np.log(np.where(p > 0, p, 1))).sum())


def correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Pearson's r of two maps of one shape; 0 where one of them is even."""
    a, b = (np.asarray(one, np.float64).ravel() for one in (first, second))
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else 0.0


def cosine(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The cosine of the angle between two vectors; 0 where one has no length."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0


def info_nce(cosines: npt.ArrayLike, temperature: float) -> float:
    """Contrastive loss of a matrix (N, N) whose diagonal holds the pairs: mean over rows and over columns, halved."""
    matrix = np.asarray(cosines, np.float64)
    by_row, by_column = softmax(matrix, temperature), softmax(matrix.T, temperature)
    return float(-(np.log(np.diag(by_row)).mean() + np.log(np.diag(by_column)).mean()) / 2)


def f1_of(right: float, said: float, there: float) -> tuple[float, float, float]:
    """Precision, recall and F1 of a class: how many are right, were said to be it, and are it; 0 for 0 / 0."""
    precision = right / said if said else 0.0
    recall = right / there if there else 0.0
    together = precision + recall
    return precision, recall, 2 * precision * recall / together if together else 0.0


def at_threshold(scores: npt.ArrayLike, relevant: npt.ArrayLike, threshold: float) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives when all scores >= threshold are found."""
    found, truth = np.asarray(scores, np.float64) >= threshold, np.asarray(relevant, bool)
    counts = (found & truth, found & ~truth, ~found & truth, ~found & ~truth)
    first, second, third, fourth = (int(one.sum()) for one in counts)
    return first, second, third, fourth


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of the true share when ``right`` of ``of`` > 0 are (Wilson, JASA 1927; ``z`` deviations)."""
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * float(np.sqrt(share * (1 - share) / of + spread / of / 4))
    return middle - half, middle + half


def patches(side: int, patch: int) -> tuple[int, int, int]:
    """Of a square colour picture: how many patches, numbers in each, and pairs that attention would weigh."""
    count = (side // patch) ** 2
    return count, 3 * patch * patch, count * count


TOP_DB = 80.0
"""Quieter parts of a spectrogram than this below its loudest are shown alike."""


def log_mel(samples: npt.ArrayLike, rate: int, window: int, hop: int, bands: int) -> Doubles:
    """Log-mel spectrogram (bands, 1 + N // hop) in dB of mono samples (N,), by librosa's conventions.

    Frames are centred, with silence before and after; Hann window; power; Slaney's mel scale with triangles of equal
    area; 10 log10, at most TOP_DB below the loudest.
    """
    sound = np.pad(np.asarray(samples, np.float64), window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    decibels = 10 * np.log10(np.maximum(power @ mel_triangles(rate, window, bands).T, 1e-10))
    loud: Doubles = np.maximum(decibels, decibels.max() - TOP_DB).T
    return loud


def mel_triangles(rate: int, window: int, bands: int) -> Doubles:
    """(bands, window // 2 + 1): what each frequency adds to each band, as ``librosa.filters.mel``."""
    edges = mel_to_hertz(np.linspace(0, hertz_to_mel(rate / 2), bands + 2))[:, None]
    hertz = np.arange(window // 2 + 1) * rate / window
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    triangles: Doubles = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return triangles
