"""Loudness and pitch of sounds whose loudness and pitch are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mmcore.audio.voice import RATE, measure


def glottal(hertz: npt.ArrayLike, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    """Ten harmonics, each weaker than the one before, as a voice has them; ``hertz`` may change along the way."""
    steps = np.broadcast_to(np.asarray(hertz, np.float64), round(seconds * RATE))
    phase = 2 * np.pi * np.cumsum(steps) / RATE
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 11))).astype(np.float32)


@pytest.mark.parametrize("hertz", [80, 123, 220, 440])
def test_a_steady_voice_has_one_pitch(hertz: float):
    found = measure(glottal(hertz))
    assert found.pitch == pytest.approx((hertz,) * 3, rel=0.01)
    assert found.semitones == pytest.approx(0, abs=0.2)
    assert found.voiced > 0.95


def test_a_glide_of_an_octave_has_its_range():
    found = measure(glottal(np.geomspace(110, 220, 3 * RATE), 3))
    assert found.semitones == pytest.approx(0.8 * 12, abs=0.3)  # between the 10th and the 90th percentile
    assert found.pitch is not None
    assert found.pitch[1] == pytest.approx(110 * 2**0.5, rel=0.02)


def test_loudness_is_in_decibels_and_pauses_do_not_count():
    voice = glottal(150)
    plain, half = measure(voice), measure(np.concatenate([voice / 2, np.zeros(2 * RATE, np.float32)]))
    assert plain.level - half.level == pytest.approx(6.02, abs=0.2)
    assert half.seconds == pytest.approx(3)
    assert half.voiced > 0.9
    changing = np.concatenate([voice, voice / 4])
    assert measure(changing).level_range == pytest.approx(12, abs=0.7)


def test_noise_and_silence_have_no_pitch():
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    assert measure(noise).voiced < 0.02
    for nothing in (np.zeros(RATE, np.float32), np.zeros(100, np.float32), np.zeros(0, np.float32)):
        found = measure(nothing)
        assert (found.pitch, found.voiced) == (None, 0.0)
        assert found.to_dict()["pitch_range_semitones"] is None
