"""Tones, noises, pulses and sweeps: sounds that arithmetic makes, with random settings.

Machines, sirens, wind and rain are all somewhere near one of them, and a tagger must also know a pure tone, hum, clicks
and silence for what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from mmcore.nets.log_mel import SAMPLE_RATE
from mmcore.types import Floats

Samples = Floats
Array = npt.NDArray[np.float64]
Draw = np.random.Generator


def _time(seconds: float) -> Array:
    return np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _log_uniform(draw: Draw, low: float, high: float) -> float:
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))


def _wave(kind: str, phase: Array) -> Array:
    """Waveforms by their phase in turns."""
    if kind == "sine":
        return np.sin(2 * np.pi * phase)
    if kind == "square":
        return np.sign(np.sin(2 * np.pi * phase)) * 0.6
    if kind == "triangle":
        return 4 * np.abs(phase % 1 - 0.5) - 1
    return 2 * (phase % 1) - 1


def _band(draw: Draw, noise: Array) -> Array:
    """Noise through a random band-pass."""
    low = _log_uniform(draw, 40, 6000)
    high = min(low * _log_uniform(draw, 1.3, 30), 15_500)
    return np.asarray(sosfilt(butter(2, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos"), noise))


def _slow(draw: Draw, count: int, rate: float) -> Array:
    """A smooth random curve in 0..1 that changes ``rate`` times a second."""
    points = max(4, int(count / SAMPLE_RATE * rate) + 3)
    return np.interp(np.linspace(0, points - 1, count), np.arange(points), draw.random(points))


def tone(draw: Draw, seconds: float) -> Array:
    """One pitch, steady or trembling."""
    t, pitch = _time(seconds), _log_uniform(draw, 40, 9000)
    vibrato = draw.choice((0.0, 0.0, 0.02)) * np.sin(2 * np.pi * draw.uniform(2, 9) * t) * pitch / 6
    return _wave(str(draw.choice(("sine", "sine", "square", "triangle", "saw"))), pitch * t + vibrato)


def chord(draw: Draw, seconds: float) -> Array:
    """Several steady pitches."""
    return np.mean([tone(draw, seconds) for _ in range(int(draw.integers(2, 5)))], axis=0)


def sweep(draw: Draw, seconds: float) -> Array:
    """A pitch that glides, once or again and again: chirps and sirens."""
    t, low = _time(seconds), _log_uniform(draw, 60, 2000)
    ratio, period = _log_uniform(draw, 1.3, 12), draw.choice((seconds, _log_uniform(draw, 0.08, 4)))
    place = (t / period) % 1
    shape = draw.choice(("up", "down", "wave"))
    curve = place if shape == "up" else 1 - place if shape == "down" else 0.5 - 0.5 * np.cos(2 * np.pi * place)
    wave = _wave(str(draw.choice(("sine", "sine", "square", "saw"))), np.cumsum(low * ratio**curve) / SAMPLE_RATE)
    return wave * (place < draw.choice((1.0, 0.5)))


def beeps(draw: Draw, seconds: float) -> Array:
    """An interrupted tone of one or two pitches: alarms, telephones, reversing lorries."""
    t, period = _time(seconds), _log_uniform(draw, 0.08, 2)
    pitches = [_log_uniform(draw, 300, 4500) for _ in range(2)]
    both = draw.random() < 0.4
    gate = (t / period) % 1 < draw.uniform(0.2, 0.7)
    first = _wave("sine", pitches[0] * t)
    return (first + (_wave("sine", pitches[1] * t) if both else first)) / 2 * gate


def noise(draw: Draw, seconds: float) -> Array:
    """White, pink, brown or band-limited noise, steady or swelling as wind and waves do."""
    count = len(_time(seconds))
    white = draw.standard_normal(count)
    slope = draw.choice((0.0, 0.5, 1.0))
    spectrum = np.fft.rfft(white)
    spectrum /= np.maximum(np.arange(len(spectrum)), 20.0) ** slope
    out = np.fft.irfft(spectrum, count)
    if draw.random() < 0.6:
        out = _band(draw, out)
    if draw.random() < 0.5:
        out = out * _slow(draw, count, _log_uniform(draw, 0.2, 8)) ** draw.uniform(1, 3)
    return out


def drops(draw: Draw, seconds: float) -> Array:
    """Many short bursts at random times: from single drops and crackles to rain."""
    count = len(_time(seconds))
    length = int(_log_uniform(draw, 0.002, 0.08) * SAMPLE_RATE)
    decay = np.exp(-np.arange(length) / (length / 5))
    if draw.random() < 0.5:
        burst = decay * draw.standard_normal(length)
    else:
        burst = decay * np.sin(2 * np.pi * _log_uniform(draw, 300, 5000) * np.arange(length) / SAMPLE_RATE)
    hits = np.zeros(count)
    number = int(_log_uniform(draw, 0.5, 400) * seconds) + 1
    np.add.at(hits, draw.integers(0, count, number), draw.random(number) ** 3)
    return np.fft.irfft(np.fft.rfft(hits, 2 * count) * np.fft.rfft(burst, 2 * count))[:count]


def pulses(draw: Draw, seconds: float) -> Array:
    """A regular train of clicks or thumps: clocks, engines, helicopters, hearts."""
    t, rate = _time(seconds), _log_uniform(draw, 0.6, 120)
    wobble = 1 + 0.2 * draw.choice((0.0, 1.0)) * _slow(draw, len(t), 1.0)
    phase = np.cumsum(rate * wobble) / SAMPLE_RATE
    sharp = np.exp(-(phase % 1) * _log_uniform(draw, 3, 80))
    carrier = draw.standard_normal(len(t)) if draw.random() < 0.6 else tone(draw, seconds)
    out = sharp * carrier
    return _band(draw, out) if draw.random() < 0.7 else out


def hum(draw: Draw, seconds: float) -> Array:
    """Harmonics of a low pitch: mains hum, motors."""
    t, pitch = _time(seconds), _log_uniform(draw, 25, 300)
    return sum(
        (draw.random() / number * np.sin(2 * np.pi * (pitch * number * t + draw.random())) for number in range(1, 16)),
        np.zeros(len(t)),
    )


def keys(draw: Draw, seconds: float) -> Array:
    """Irregular double clicks, as of typing, knocking or steps."""
    out = np.zeros(len(_time(seconds)))
    rate, now = _log_uniform(draw, 1.0, 9), 0.0
    length = int(_log_uniform(draw, 0.006, 0.12) * SAMPLE_RATE)
    while (now := now + float(draw.exponential(0.4) + 0.6) / rate) < seconds - 0.2:
        for shift, loud in ((0.0, 1.0), (float(draw.uniform(0.03, 0.09)), 0.5)):
            start = int((now + shift) * SAMPLE_RATE)
            hit = draw.standard_normal(length) * np.exp(-np.arange(length) / (length / 6)) * loud
            out[start : start + length] += hit[: len(out) - start]
    return _band(draw, out)


def silence(draw: Draw, seconds: float) -> Array:
    """Almost nothing: the hiss of a quiet room, or digital zeros with one click."""
    out = draw.standard_normal(len(_time(seconds))) * 10 ** draw.uniform(-5, -3)
    out[0] = 2e-3  # a window with no sample above the store's limit would be passed over
    return out


KINDS: tuple[tuple[Callable[[Draw, float], Array], int], ...] = (
    (tone, 120), (chord, 40), (sweep, 140), (beeps, 90), (noise, 180), (drops, 150),
    (pulses, 180), (hum, 60), (keys, 90), (silence, 30),
)  # fmt: skip
"""Generators, and how many sounds are drawn of each."""


def noises(draw: Draw) -> Iterator[tuple[str, Samples]]:
    """All kinds, each many times, 2 to 10 seconds long."""
    for kind, count in KINDS:
        for number in range(count):
            out = kind(draw, float(draw.uniform(2, 10)))
            if kind is not silence:
                out = out / max(float(np.abs(out).max()), 1e-9) * float(draw.uniform(0.1, 0.9))
            yield f"{kind.__name__}-{number}", np.asarray(out, np.float32)
