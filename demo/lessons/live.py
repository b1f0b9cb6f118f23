"""The small calculations of the lessons, in numpy: what the browser computes again while somebody moves a control."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def convolve(picture: npt.ArrayLike, kernel: npt.ArrayLike) -> Doubles:
    """A kernel (3, 3) laid over every place of a picture (H, W), products summed: (H - 2, W - 2).

    The kernel is not turned round: networks call this cross-correlation a convolution.
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(picture, np.float64), (3, 3))
    sums: Doubles = np.einsum("hwij,ij->hw", windows, np.asarray(kernel, np.float64))
    return sums


def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """How many pixels wide the part of a picture is that one number sees, after layers of (kernel, stride)."""
    seen, apart = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * apart
        apart *= stride
    return seen


def text_parameters(vocabulary: int, width: int, layers: int, longest: int = 128) -> int:
    """Numbers of a BERT of that size with hidden layers of 4 ``width``: embeddings, places, norms, layers."""
    layer = 12 * width * width + 13 * width
    return vocabulary * width + longest * width + 2 * width + layers * layer


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


def cross_entropy(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike, weights: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """Mean -ln p of the right class of N posts, p = softmax(a first + b second), and its slopes along a and b.

    ``first`` and ``second`` are logits (N, C), ``labels`` (N,) places, ``weights`` a and b.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    truth = np.asarray(labels)
    rows = np.arange(len(truth))
    logits = weights[0] * one + weights[1] * two
    logits = logits - logits.max(1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -float(logs[rows, truth].mean())
    error = np.exp(logs)
    error[rows, truth] -= 1
    return loss, (float((error * one).sum(1).mean()), float((error * two).sum(1).mean()))


def descend(
    slopes: Callable[[tuple[float, float], int], tuple[float, float]],
    start: tuple[float, float],
    rate: float,
    steps: int,
    kind: str = "gd",
) -> list[tuple[float, float]]:
    """The way of two weights; ``slopes(weights, step)`` may look at a batch only.

    ``kind``: "gd" and "sgd" are plain steps, "momentum" keeps 0.9 of the last one, "adam" divides each weight's mean
    slope by its root mean square (Kingma & Ba, ICLR 2015).
    """
    at = np.array(start, np.float64)
    mean, square = np.zeros(2), np.zeros(2)
    way = [start]
    for step in range(steps):
        slope = np.array(slopes((float(at[0]), float(at[1])), step))
        if kind == "adam":
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
            even, spread = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
            at = at - rate * even / (np.sqrt(spread) + 1e-8)
        else:
            mean = 0.9 * mean + slope if kind == "momentum" else slope
            at = at - rate * mean
        way.append((float(at[0]), float(at[1])))
    return way


def spelling(words: Sequence[str]) -> npt.NDArray[np.float32]:
    """How alike words are spelt: cosines (N, N) of which runs of three letters they have, ends marked."""
    runs = [{f"^{word}$"[place : place + 3] for place in range(len(word))} for word in words]
    places = {run: place for place, run in enumerate(sorted(set().union(*runs)))}
    found = np.zeros((len(words), len(places)), np.float32)
    for row, some in enumerate(runs):
        found[row, [places[run] for run in some]] = 1 / np.sqrt(len(some))
    alike: npt.NDArray[np.float32] = found @ found.T
    return alike


def mean_error(values: npt.ArrayLike) -> tuple[float, float]:
    """Mean of values (N,), N > 1, and its standard error: the spread (of a sample) over the root of N."""
    each = np.asarray(values, np.float64)
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def counts_of(sensitivity: float, specificity: float, prevalence: float, people: int) -> tuple[float, ...]:
    """Of so many people: ill and found, well and alarmed, ill and missed, well and left alone. Shares in [0, 1]."""
    ill = people * prevalence
    well = people - ill
    return ill * sensitivity, well * (1 - specificity), ill * (1 - sensitivity), well * specificity


def predictive_value(sensitivity: float, specificity: float, prevalence: float) -> float:
    """The share of the alarms that is right (Bayes); 0 where there is no alarm."""
    right, wrong, _, _ = counts_of(sensitivity, specificity, prevalence, 1)
    return right / (right + wrong) if right + wrong else 0.0
