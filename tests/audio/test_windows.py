from __future__ import annotations

import numpy as np
import pytest

from mmcore.audio.windows import WindowCutter, window_at


def pieces(samples: np.ndarray, size: int) -> list[np.ndarray]:
    return [samples[first : first + size] for first in range(0, len(samples), size)]


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("length", "size", "hop", "starts"),
    [
        (20, 10, 10, [0, 10]),
        (25, 10, 10, [0, 10, 15]),
        (25, 10, 5, [0, 5, 10, 15]),
        (27, 10, 5, [0, 5, 10, 15, 17]),
        (10, 10, 3, [0]),
        (4, 10, 5, [0]),
        (23, 4, 6, [0, 6, 12, 18, 19]),
    ],
)
def test_windows_cover_the_stream_whatever_its_pieces(length: int, size: int, hop: int, starts: list[int], piece: int):
    samples = np.arange(length, dtype=np.float32)
    cutter = WindowCutter(size, hop)
    windows = [window for part in pieces(samples, piece) for window in cutter.add(part)]
    windows += list(cutter.finish())
    assert [window.start for window in windows] == starts
    for window in windows:
        assert np.array_equal(window.samples, samples[window.start : window.start + size])


def test_the_cutter_keeps_no_more_than_it_needs():
    cutter = WindowCutter(10, 5)
    for _ in range(100):
        list(cutter.add(np.zeros(7, np.float32)))
        assert len(cutter._kept) <= 10


@pytest.mark.parametrize("piece", [1, 4, 1000])
@pytest.mark.parametrize(("start", "expected"), [(0, 0), (7, 7), (20, 20), (25, 20), (1000, 20)])
def test_window_at_a_place_or_at_the_end(start: int, expected: int, piece: int):
    samples = np.arange(30, dtype=np.float32)
    window = window_at(iter(pieces(samples, piece)), start, 10)
    assert window.start == expected
    assert np.array_equal(window.samples, samples[expected : expected + 10])


def test_window_at_of_a_short_stream():
    window = window_at([np.arange(3, dtype=np.float32)], 5, 10)
    assert (window.start, len(window.samples)) == (0, 3)
