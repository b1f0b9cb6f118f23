"""Pieces follow each other without a gap and are cut where it is quiet."""

import numpy as np
import pytest

from mmcore.audio.pieces import PieceCutter
from tests import sounds

RATE = 1000


def cut(samples: sounds.Floats, block: int = 700) -> list[tuple[int, sounds.Floats]]:
    cutter = PieceCutter(RATE, 2.0, 3.0)
    pieces = [piece for at in range(0, len(samples), block) for piece in cutter.add(samples[at : at + block])]
    return [(piece.start, piece.samples) for piece in [*pieces, *cutter.finish()]]


@pytest.mark.parametrize("block", [1, 700, 100_000])
def test_nothing_is_lost_and_nothing_comes_twice(block: int):
    samples = sounds.noise(10.3, RATE)
    pieces = cut(samples, block)
    assert [start for start, _ in pieces] == [0, *np.cumsum([len(part) for _, part in pieces])[:-1]]
    assert np.array_equal(np.concatenate([part for _, part in pieces]), samples)
    assert all(2000 <= len(part) <= 3000 for _, part in pieces[:-1])


def test_a_cut_is_in_the_pause():
    samples = sounds.tone(6.0, 50, RATE)
    samples[2300:2500] = 0  # a pause
    assert 2300 <= len(cut(samples)[0][1]) <= 2500


def test_a_short_sound_is_one_piece_and_none_is_none():
    assert [len(part) for _, part in cut(sounds.noise(1.2, RATE))] == [1200]
    assert cut(np.zeros(0, np.float32)) == []
