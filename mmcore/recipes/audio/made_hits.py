"""Typing and clapping: many short hits by hands, each its own, in rhythms and rooms.

``noises`` of made_noises.py has single clicks and trains of them; here people type and clap, alone and in a crowd.
What the teacher hears in them is what counts, not what they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, fftconvolve, sosfilt

from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.types import Floats

Samples = Floats
Array = npt.NDArray[np.float64]
Draw = np.random.Generator


def ringing(draw: Draw, seconds: float, pitches: Sequence[float], decay: float) -> Array:
    """Damped resonances at about ``pitches`` Hz, with a burst of noise at the start."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    out = draw.standard_normal(len(t)) * np.exp(-t / (decay * draw.uniform(0.1, 0.5)))
    for pitch in pitches:
        phase = 2 * np.pi * (pitch * draw.uniform(0.9, 1.1) * t + draw.random())
        out += draw.uniform(0.05, 0.4) * np.sin(phase) * np.exp(-t / (decay * draw.uniform(0.4, 1.5)))
    return out


def key(draw: Draw, pitches: Sequence[float], decay: float) -> Array:
    """One key: it goes down, hits the bottom, comes up again more softly."""
    out = np.zeros(int(0.25 * SAMPLE_RATE))
    for at, loud in ((0.0, draw.uniform(0.1, 0.6)), (draw.uniform(0.008, 0.03), 1.0), (draw.uniform(0.07, 0.13), 0.4)):
        hit = ringing(draw, 0.08, pitches, decay) * loud * draw.uniform(0.6, 1.2)
        start = int(at * SAMPLE_RATE)
        out[start : start + len(hit)] += hit
    return out


def rhythm(draw: Draw, seconds: float, rate: float) -> list[float]:
    """Times of keys: words of a few letters, with pauses between them."""
    times, now = [], float(draw.uniform(0, 0.5))
    while now < seconds:
        for _ in range(int(draw.integers(2, 10))):
            times.append(now)
            now += float(draw.gamma(6, 1 / 6)) / rate
        now += float(draw.exponential(0.25 if draw.random() < 0.8 else 1.0))
    return [time for time in times if time < seconds]


def sequence(times: Sequence[float], hit: Callable[[], Array], seconds: float) -> Array:
    """A hit at each of the times."""
    out = np.zeros(int(seconds * SAMPLE_RATE))
    for time in times:
        start = min(int(time * SAMPLE_RATE), len(out))
        part = hit()[: len(out) - start]
        out[start : start + len(part)] += part
    return out


def in_room(draw: Draw, sound: Array, most: float = 0.8) -> Array:
    """With the echo of a room of up to ``most`` seconds, now and then without any."""
    if draw.random() < 0.2:
        return sound
    tail = int(draw.uniform(0.05, most) * SAMPLE_RATE)
    echo = draw.standard_normal(tail) * np.exp(-np.arange(tail) / (tail / 6)) * draw.uniform(0.005, 0.06)
    echo[0] = 1.0
    return np.asarray(fftconvolve(sound, echo)[: len(sound)])


def typing(draw: Draw, seconds: float, samples: Sequence[Samples] = ()) -> Array:
    """Keys of a keyboard, made or (three of four times, where there are any) recorded one by one."""
    decay, rate = float(draw.uniform(0.002, 0.012)), float(draw.uniform(3, 12))
    pitches = np.exp(draw.uniform(np.log(250), np.log(9000), int(draw.integers(2, 6)))).tolist()
    recorded = bool(samples) and draw.random() < 0.75
    some = [samples[index] for index in draw.integers(0, len(samples), 12)] if recorded else []

    def hit() -> Array:
        made = key(draw, pitches, decay) if not some else np.asarray(some[int(draw.integers(len(some)))], float)
        return made * draw.uniform(0.5, 1.0)

    out = in_room(draw, sequence(rhythm(draw, seconds, rate), hit, seconds), 0.4)
    return out + draw.standard_normal(len(out)) * float(np.abs(out).max()) * 10 ** draw.uniform(-5, -2.5)


def clap(draw: Draw, centre: float, width: float, decay: float) -> Array:
    """Two hands: a band of noise that rises at once and fades in thousandths of a second, then more slowly."""
    t = np.arange(int(0.1 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = draw.standard_normal(len(t)) * (np.exp(-t / decay) + draw.uniform(0.15, 0.4) * np.exp(-t / (decay * 5)))
    low, high = centre / width, min(centre * width, 15_000.0)
    sos = butter(1, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(sos, noise)) + draw.uniform(0.0, 0.3) * noise


def clapping(draw: Draw, seconds: float) -> Array:
    """A few pairs of hands, or a crowd whose claps flow together."""
    crowd = draw.random() < 0.5
    people = int(np.exp(draw.uniform(np.log(20), np.log(90)) if crowd else draw.uniform(0, np.log(9))))
    rate = float(draw.uniform(3.5, 5) if crowd else draw.uniform(1.8, 4.5))
    decay = float(draw.uniform(0.008, 0.02) if crowd else draw.uniform(0.002, 0.006))
    middle, width = float(np.exp(draw.uniform(np.log(600), np.log(2000)))), float(draw.uniform(1.2, 2.0))
    out = np.zeros(int(seconds * SAMPLE_RATE))
    for _ in range(people):
        own, centre = rate * float(draw.uniform(0.75, 1.35)), middle * float(np.exp(draw.uniform(-0.2, 0.2)))
        times = np.arange(draw.uniform(0, 1 / own), seconds, 1 / own)
        times = np.abs(times + draw.normal(0, draw.uniform(0.02, 0.14) / own, len(times)))
        some = [clap(draw, centre, width, decay) for _ in range(5)]

        def hit(some: list[Array] = some) -> Array:
            return some[int(draw.integers(len(some)))] * draw.uniform(0.5, 1.0)

        out += sequence(times.tolist(), hit, seconds) * float(draw.uniform(0.2, 1.0))
    return in_room(draw, out, 1.0) if draw.random() < 0.4 else out


def snapping(draw: Draw, seconds: float) -> Array:
    """Fingers: higher, shorter, with one clear resonance, a few times."""
    pitch, decay = float(draw.uniform(1400, 3500)), float(draw.uniform(0.003, 0.015))
    times = np.arange(draw.uniform(0, 0.5), seconds - 0.1, draw.uniform(0.3, 1.2))
    return in_room(draw, sequence(times.tolist(), lambda: ringing(draw, 0.08, [pitch], decay), seconds))


KINDS: tuple[tuple[str, int], ...] = (("typing", 500), ("clapping", 120), ("snapping", 40))


def hits(draw: Draw, keyboard: Sequence[Samples] = ()) -> Iterator[tuple[str, Samples]]:
    """All kinds, 2 to 6 seconds long; ``keyboard`` holds single keys that were recorded."""
    for kind, count in KINDS:
        for number in range(count):
            seconds = float(draw.uniform(2, 6))
            if kind == "typing":
                out = typing(draw, seconds, keyboard)
            else:
                out = (clapping if kind == "clapping" else snapping)(draw, seconds)
            out = out / max(float(np.abs(out).max()), 1e-9) * float(draw.uniform(0.1, 0.9))
            yield f"{kind}-{number}", np.asarray(out, np.float32)
