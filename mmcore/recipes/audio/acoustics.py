"""A recorded sound as it might be met: in another room, at another speed, by another microphone, cut or repeated."""

from __future__ import annotations

import numpy as np

from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.recipes.audio.sound_store import Samples


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
