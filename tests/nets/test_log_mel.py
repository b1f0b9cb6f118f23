"""The front end has the shapes, pitches and levels that the published weights expect."""

import math

import pytest
import torch

from mmcore.nets.log_mel import (
    HOP_LENGTH,
    N_FFT,
    N_MELS,
    SAMPLE_RATE,
    SILENT_MEL,
    LogMel,
    band_frequencies,
    mel,
    mel_filters,
)


def tone(hertz: float, seconds: float = 1.0, loud: float = 0.5) -> torch.Tensor:
    return loud * torch.sin(2 * math.pi * hertz * torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


@pytest.mark.parametrize("samples", [1, 2, 800, N_FFT, N_FFT + 1, SAMPLE_RATE, 10 * SAMPLE_RATE])
def test_a_column_each_ten_milliseconds(samples: int) -> None:
    seen = LogMel()(torch.zeros(2, samples))
    assert seen.shape == (2, N_MELS, (max(samples, N_FFT + 1) - 1) // HOP_LENGTH + 1)
    torch.testing.assert_close(seen, torch.full_like(seen, SILENT_MEL), atol=1e-4, rtol=0)


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 4000.0, 12000.0])
def test_a_tone_shows_in_the_band_of_its_pitch(hertz: float) -> None:
    seen = LogMel()(tone(hertz)[None])[0, :, 50]
    nearest = min(range(N_MELS), key=lambda band: abs(band_frequencies()[band] - hertz))
    assert abs(int(seen.argmax()) - nearest) <= 1


def test_twice_as_loud_is_four_times_the_power() -> None:
    front = LogMel()
    soft, loud = (front(tone(1000.0, loud=level)[None])[0, :, 50].max() for level in (0.2, 0.4))
    assert float(loud - soft) == pytest.approx(math.log(4) / 5, abs=1e-3)


def test_pre_emphasis_weakens_low_pitches() -> None:
    front = LogMel()
    low, high = (front(tone(hertz)[None])[0, :, 50].max() for hertz in (150.0, 6000.0))
    assert low < high


def test_filters_are_kaldis() -> None:
    filters = mel_filters()
    assert filters.shape == (N_MELS, N_FFT // 2 + 1)
    assert float(filters.min()) == 0.0
    assert float(filters.max()) <= 1.0
    assert float(filters[:, -1].abs().max()) == 0.0
    # between the middles of the first and the last band, the triangles of neighbours add up to one
    frequencies = torch.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    inner = (frequencies > band_frequencies()[0]) & (frequencies < band_frequencies()[-1])
    torch.testing.assert_close(filters.sum(0)[inner], torch.ones(int(inner.sum())))
    # a value worked out by hand: mel(1000 Hz) = 1127 ln(1 + 1000 / 700)
    assert float(mel(torch.tensor(1000.0))) == pytest.approx(999.99, abs=0.05)


def test_short_sounds_are_filled_up_and_batches_do_not_mix() -> None:
    front = LogMel()
    waves = torch.randn(3, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1
    together = front(waves)
    for row in range(3):
        torch.testing.assert_close(front(waves[row : row + 1])[0], together[row], atol=1e-5, rtol=1e-5)
