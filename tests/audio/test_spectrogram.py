"""Waveform, spectrogram and level: known signals, whatever pieces they come in; librosa's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcore.audio.spectrogram import COLUMNS, FLOOR_DB, MELS, StreamingSpectrogram, decibels, mel_edges, mel_filters
from tests.sounds import noise, silence, tone

RATE = 16000


def drawn(samples: Any, piece: int = 5000, rate: int = RATE) -> tuple[StreamingSpectrogram, Any, Any]:
    drawing = StreamingSpectrogram(rate)
    for first in range(0, len(samples), piece):
        drawing.add(samples[first : first + piece])
    return drawing, *drawing.finish()


def test_filters_are_librosas():
    """Stored, since librosa 0.11 compiles itself for half a minute before it says them.

    filters = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=MELS, norm=None)
    edges = librosa.mel_frequencies(MELS + 2, fmin=0, fmax=8000)
    """
    with np.load(Path(__file__).with_name("librosa_mel.npz")) as librosa:
        assert mel_filters(RATE, 1024) == pytest.approx(librosa["filters"], abs=1e-5)
        assert mel_edges(RATE) == pytest.approx(librosa["edges"])


def test_decibels():
    assert decibels([1.0, 0.01, 0.0]) == pytest.approx([0.0, -20.0, FLOOR_DB])


@pytest.mark.parametrize("pitch", [200.0, 1000.0, 5000.0])
def test_a_sine_is_a_line_at_its_pitch_and_loudness(pitch: float):
    _, _, picture = drawn(tone(2.0, pitch, RATE, amplitude=1.0))
    assert picture.values.shape == (MELS, 200)
    assert picture.hop == pytest.approx(0.01)
    row = int(picture.values[:, 100].argmax())
    assert abs(np.log2(picture.frequencies[row] / pitch)) < 0.1
    assert picture.values[row, 10:-10] == pytest.approx(0.0, abs=3.5)
    far = np.abs(np.log2(picture.frequencies / pitch)) > 1
    assert picture.values[far, 100].max() < -40


def test_a_sound_is_drawn_where_it_is():
    samples = np.concatenate([silence(1.0, RATE), tone(0.5, 440, RATE), silence(0.5, RATE)])
    drawing, wave, picture = drawn(samples)
    power = (10 ** (picture.values / 10)).sum(0)
    assert (power > 0.5 * power.max()).nonzero()[0][[0, -1]] == pytest.approx([100, 149], abs=2)
    assert wave.high[:100].max() == 0
    assert wave.high[100:150].max() == pytest.approx(0.5, abs=0.01)
    assert wave.low[100:150].min() == pytest.approx(-0.5, abs=0.01)
    levels = drawing.levels()
    assert len(levels) == 20
    assert levels[10:15] == pytest.approx(-9.03, abs=0.1)  # 20 log10(0.5 / sqrt(2))
    assert (levels[:10] == FLOOR_DB).all()
    assert drawing.level == pytest.approx(-9.03 + 10 * np.log10(0.25), abs=0.1)


@pytest.mark.parametrize("piece", [1, 160, 999])
def test_pieces_do_not_matter(piece: int):
    samples = noise(0.31, RATE)
    whole, wave, picture = drawn(samples, len(samples))
    parts, other_wave, other_picture = drawn(samples, piece)
    assert np.array_equal(wave.low, other_wave.low)
    assert np.array_equal(wave.high, other_wave.high)
    assert picture.values == pytest.approx(other_picture.values, abs=1e-3)
    assert whole.levels() == pytest.approx(parts.levels())
    assert whole.level == pytest.approx(parts.level)


@pytest.mark.parametrize("seconds", [45.0, 61.7, 200.0])
def test_a_long_sound_has_few_columns_that_still_fit(seconds: float):
    rate = 2000
    samples = np.concatenate([tone(seconds / 2, 300, rate), silence(seconds / 2, rate)])
    _, wave, picture = drawn(samples, 777, rate)
    for columns, hop in ((len(wave.low), wave.hop), (picture.values.shape[1], picture.hop)):
        assert columns <= 2 * COLUMNS
        assert columns * hop == pytest.approx(seconds, abs=hop)
    half = int(seconds / 2 / wave.hop)
    assert wave.high[: half - 1].min() == pytest.approx(0.5, abs=0.02)
    assert wave.high[half + 1 :].max() == 0
    loud = picture.values.max(0)
    half = int(seconds / 2 / picture.hop)
    assert loud[2 : half - 2].min() > -20
    assert loud[half + 2 :].max() == FLOOR_DB


def test_joined_columns_hold_the_same_energy():
    rate = 1000
    samples = noise(100.0, rate, seed=3)
    drawing = StreamingSpectrogram(rate)
    drawing._spectra._limit = drawing._waves._limit = 10**9
    drawing.add(samples)
    _, whole = drawing.finish()
    _, _, joined = drawn(samples, 4321, rate)
    assert joined.hop == 4 * whole.hop
    power = 10 ** (whole.values / 10)
    grouped = power[:, : power.shape[1] // 4 * 4].reshape(MELS, -1, 4).mean(2)
    assert 10 ** (joined.values[:, : grouped.shape[1]] / 10) == pytest.approx(grouped, rel=1e-3, abs=1e-9)


def test_a_sound_shorter_than_every_window():
    drawing, wave, picture = drawn(tone(0.025, 1000, RATE))
    assert len(wave.low) == 3
    assert picture.values.shape == (MELS, 3)
    assert drawing.levels() == pytest.approx([-9.03], abs=0.2)
