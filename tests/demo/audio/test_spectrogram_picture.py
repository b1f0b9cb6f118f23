"""Sounds as pictures, and the marks of their axes."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from demo.audio import spectrogram_picture as pictures
from demo.ui.colours import viridis
from mmcore.results import Envelope, Spectrogram

FREQUENCIES = np.geomspace(50, 15000, 128).astype(np.float32)


def opened(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.split("base64,")[1])))


def spectrogram(frames: int = 50) -> Spectrogram:
    """Loud in the lowest quarter of the rows and the last fifth of the time, silent elsewhere."""
    values = np.full((128, frames), -100, np.float32)
    values[:32, -frames // 5 :] = -10
    return Spectrogram(values, FREQUENCIES, 0.1)


def test_the_spectrogram_is_viridis_low_notes_below_time_to_the_right() -> None:
    picture = opened(pictures.spectrogram_picture(spectrogram())).convert("RGB")
    width, height = picture.size
    loud = np.asarray(picture.getpixel((width - 3, height - 5)), int)
    quiet = np.asarray(picture.getpixel((3, 5)), int)
    assert np.abs(loud - viridis()[255]).max() < 25  # JPEG
    assert np.abs(quiet - viridis()[0]).max() < 25


def test_silence_is_dark_all_over() -> None:
    faint = Spectrogram(np.full((128, 50), -95, np.float32), FREQUENCIES, 0.1)
    assert np.asarray(opened(pictures.grey_picture(faint))).max() < 140
    nothing = Spectrogram(np.full((128, 50), -140, np.float32), FREQUENCIES, 0.1)
    assert np.asarray(opened(pictures.grey_picture(nothing))).max() < 10


@pytest.mark.parametrize("frames", [1, 2, 500, 20_000])
def test_any_length_becomes_a_picture_of_bounded_width(frames: int) -> None:
    width, height = opened(pictures.spectrogram_picture(spectrogram(frames))).size
    assert 2 <= width <= pictures.WIDTH
    assert height == pictures.HEIGHT


def test_evidence_is_transparent_where_there_is_none() -> None:
    evidence = np.zeros((128, 100), np.float32)
    evidence[96:, 60:80] = 1 / (32 * 20)
    overlay = np.asarray(opened(pictures.evidence_picture(evidence)))
    height, width = overlay.shape[:2]
    assert overlay[height - 5, 5, 3] == 0
    assert overlay[5, int(width * 0.7), 3] > 150  # high frequencies are at the top
    assert overlay[5, int(width * 0.3), 3] == 0


@pytest.mark.parametrize("shape", [(1, 1), (128, 1), (64, 2000)])
def test_evidence_of_any_shape(shape: tuple[int, int]) -> None:
    opened(pictures.evidence_picture(np.zeros(shape, np.float32))).load()
    opened(pictures.evidence_picture(np.full(shape, 1 / np.prod(shape), np.float32))).load()


def numbers(path: str) -> np.ndarray:
    return np.asarray([float(number) for number in re.findall(r"-?\d+\.?\d*", path)]).reshape(-1, 2)


def test_a_waveform_fills_its_box_and_keeps_every_peak() -> None:
    high = np.full(2000, 0.01, np.float32)
    high[777] = 0.25
    points = numbers(pictures.waveform_path(Envelope(-high / 2, high, 0.01)))
    assert points[:, 1].min() == -1
    assert points[:, 1].max() == pytest.approx(0.5)
    assert points[:, 0].min() == 0
    assert points[:, 0].max() == 1000
    assert len(points) <= 2 * pictures.OUTLINE


def test_silence_has_a_flat_waveform() -> None:
    zeros = np.zeros(10, np.float32)
    assert np.abs(numbers(pictures.waveform_path(Envelope(zeros, zeros, 0.1)))[:, 1]).max() == 0
    nothing = np.zeros(0, np.float32)
    assert pictures.waveform_path(Envelope(nothing, nothing, 0.1)) == ""


def test_a_curve_of_scores_is_a_staircase_that_keeps_its_highest_step() -> None:
    scores = np.zeros(5000, np.float32)
    scores[1234] = 0.8
    points = numbers(pictures.curve_path(scores))
    assert points[:, 1].min() == pytest.approx(0.2)
    assert points[0].tolist() == [0, 1]
    assert points[-1].tolist() == [1000, 1]


def test_marks_of_frequency_are_where_librosa_puts_them() -> None:
    marks = dict(pictures.hertz_marks(FREQUENCIES))
    assert list(marks) == sorted(marks, key=int)
    assert {"1024", "8192"} <= set(marks)
    assert "16384" not in marks
    row = int(np.argmin(np.abs(FREQUENCIES - 1024)))
    assert marks["1024"] == pytest.approx((row + 0.5) / 128, abs=0.01)


@pytest.mark.parametrize(
    ("start", "end", "first", "count"),
    [(0, 5, "0 s", 6), (0, 10, "0 s", 6), (0, 0.4, "0.0 s", 5), (0, 1800, "0 s", 7), (62.3, 72.3, "1:04", 5)],
)
def test_marks_of_time_are_round_and_few(start: float, end: float, first: str, count: int) -> None:
    marks = pictures.time_marks(start, end)
    assert marks[0][0] == first
    assert len(marks) == count
    assert all(0 <= share <= 1 for _, share in marks)


def test_very_short_sounds_have_an_axis() -> None:
    assert pictures.time_marks(0, 0.0005)
    assert pictures.time_marks(0, 0)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0 s"), (7, "7 s"), (75, "1:15"), (1800, "30:00")])
def test_clock(seconds: float, shown: str) -> None:
    assert pictures.clock(seconds) == shown
