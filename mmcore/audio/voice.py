"""Loudness and pitch of a recording.

The pitch is found by YIN: de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music",
Journal of the Acoustical Society of America 111 (2002), steps 1 to 5, with its threshold on the normalised difference.
``librosa.yin`` is the same method. It is written out here because librosa is not installed with this package: it brings
numba, scikit-learn and scipy, and compiles itself on first use (``mmcore.audio.spectrogram``), for these few lines. And
it gives every stretch a pitch, also noise and silence, where here the threshold says that there is none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcore.results.spoken import Voice
from mmcore.types import Floats

RATE = 16_000
"""Samples a second that ``measure`` takes."""
LOWEST, HIGHEST = 65.0, 500.0
"""Hertz between which a voice is looked for."""
THRESHOLD = 0.15
"""Normalised difference below which a stretch has a pitch; the paper takes 0.1, phones and rooms need a little more."""
HOP = 160
WINDOW = 512
"""Samples that are compared with those a period later: 32 ms, two periods of the lowest voice."""
BELOW = 30.0
"""Decibels below the loud stretches at which a stretch counts as silent."""
SILENCE = -60.0
"""Decibels below full scale that are silent in any case."""
CHUNK = 2000
"""Stretches that are looked at together."""


def measure(samples: Floats) -> Voice:
    """(N,) float32 at RATE -> its measures. Silence, and less than a stretch of sound, gives no pitch and -inf dB."""
    longest = int(RATE / LOWEST)
    count = max(0, (len(samples) - WINDOW - longest) // HOP + 1)
    seconds = len(samples) / RATE
    if not count:
        return Voice(seconds, -120.0, 0.0, None, 0.0)
    power = np.cumsum(np.concatenate([[0.0], np.square(samples, dtype=np.float64)]))
    starts = np.arange(count) * HOP
    level = 10 * np.log10(np.maximum((power[starts + WINDOW] - power[starts]) / WINDOW, 1e-12))
    sounding = level > max(SILENCE, float(np.percentile(level, 95)) - BELOW)
    if not sounding.any():
        return Voice(seconds, -120.0, 0.0, None, 0.0)
    levels = level[sounding]
    loud = levels[levels >= np.median(levels)]
    low, high = np.percentile(levels, [10, 95])
    rows = starts[sounding]
    found = np.concatenate(
        [_pitch(samples, power, rows[first : first + CHUNK], longest) for first in range(0, len(rows), CHUNK)]
    )
    pitched = found[found > 0]
    pitch = None
    if len(pitched):
        lower, middle, upper = np.percentile(pitched, [10, 50, 90])
        pitch = (float(lower), float(middle), float(upper))
    return Voice(
        seconds,
        float(10 * np.log10(np.mean(10 ** (loud / 10)))),
        float(high - low),
        pitch,
        len(pitched) / len(found),
    )


def _pitch(
    samples: Floats, power: npt.NDArray[np.float64], starts: npt.NDArray[np.int64], longest: int
) -> npt.NDArray[np.float64]:
    """Hertz at each start; 0 where there is no pitch."""
    span = WINDOW + longest
    frames = np.lib.stride_tricks.sliding_window_view(samples, span)[starts].astype(np.float64)
    size = 1 << (span + WINDOW - 1).bit_length()
    # The correlation of the first WINDOW samples with those each lag later, by the convolution theorem.
    lags = np.fft.irfft(np.fft.rfft(frames, size) * np.conj(np.fft.rfft(frames[:, :WINDOW], size)), size)[
        :, : longest + 1
    ]
    own = power[starts + WINDOW] - power[starts]
    shifted = starts[:, None] + np.arange(longest + 1)
    difference = own[:, None] + power[shifted + WINDOW] - power[shifted] - 2 * lags
    difference = np.maximum(difference, 0)
    sums = np.cumsum(difference[:, 1:], axis=1)
    steps = np.arange(1, longest + 1)
    normalised = np.ones_like(difference)
    normalised[:, 1:] = difference[:, 1:] * steps / np.maximum(sums, 1e-12)
    shortest = int(RATE / HIGHEST)
    inside = normalised[:, shortest:longest]
    # The first dip below the threshold, not the deepest: that may be an octave below.
    falls = inside < THRESHOLD
    bottom = falls & (normalised[:, shortest + 1 : longest + 1] >= inside)
    has = bottom.any(1)
    lag = shortest + bottom.argmax(1)
    row = np.arange(len(starts))
    left, here, right = normalised[row, lag - 1], normalised[row, lag], normalised[row, np.minimum(lag + 1, longest)]
    bend = left - 2 * here + right
    exact = lag + np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(np.abs(bend) > 1e-9, bend, 1), 0)
    return np.where(has, RATE / exact, 0.0)
