"""The calculations of the lessons against the same worked out another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from demo.lessons import live

RANDOM = np.random.default_rng(3)


def test_softmax_is_the_share_of_the_powers() -> None:
    scores = [1.0, 0.0, 0.5]
    powers = [math.exp(score / 2) for score in scores]
    assert live.softmax(scores, 2) == pytest.approx([power / sum(powers) for power in powers])
    assert live.softmax([1000.0, 1000.0]) == pytest.approx([0.5, 0.5])


def test_attention_by_hand() -> None:
    scores, weights, output = live.attention(
        (1, 0, 1, 0), ((1, 0, 1, 0), (0, 1, 0, 1), (1, 1, 0, 0)), ((10, 0), (0, 10), (5, 5))
    )
    assert scores == pytest.approx([1, 0, 0.5])
    total = math.e + 1 + math.exp(0.5)
    by_hand = [math.e / total, 1 / total, math.exp(0.5) / total]
    assert weights == pytest.approx(by_hand)
    assert output == pytest.approx([10 * by_hand[0] + 5 * by_hand[2], 10 * by_hand[1] + 5 * by_hand[2]])


def test_entropy_counts_equal_places() -> None:
    assert math.exp(live.entropy(np.full((7, 7), 1 / 49))) == pytest.approx(49)
    assert live.entropy([1.0, 0.0, 0.0]) == 0
    assert live.entropy([0.25, 0.75]) == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))


def test_correlation_is_pearsons() -> None:
    first, second = RANDOM.normal(size=(2, 7, 7))
    assert live.correlation(first, second) == pytest.approx(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    assert live.correlation(first, -first) == pytest.approx(-1)
    assert live.correlation(first, np.ones((7, 7))) == 0


def test_cosine_forgets_the_length() -> None:
    assert live.cosine((1, 2), (3, 6)) == pytest.approx(1)
    assert live.cosine((1, 0), (0, 5)) == 0
    assert live.cosine((1, 0), (1, 1)) == pytest.approx(math.sqrt(0.5))
    assert live.cosine((0, 0), (1, 1)) == 0


def test_info_nce_written_out() -> None:
    matrix, heat = RANDOM.uniform(-1, 1, size=(4, 4)), 0.07
    losses = []
    for one in range(4):
        for candidates in (matrix[one], matrix[:, one]):
            total = sum(math.exp(value / heat) for value in candidates)
            losses.append(-math.log(math.exp(matrix[one, one] / heat) / total))
    assert live.info_nce(matrix, heat) == pytest.approx(sum(losses) / len(losses))
    assert live.info_nce(np.full((4, 4), 0.3), heat) == pytest.approx(math.log(4))


def test_f1_is_the_harmonic_mean() -> None:
    assert live.f1_of(4, 7, 4) == pytest.approx((4 / 7, 1, 2 / (7 / 4 + 1)))
    assert live.f1_of(0, 0, 4) == (0, 0, 0)


def test_a_threshold_parts_right_and_wrong() -> None:
    scores, truth = [0.9, 0.8, 0.8, 0.1], [True, False, True, True]
    assert live.at_threshold(scores, truth, 0.8) == (2, 1, 1, 0)
    assert live.at_threshold(scores, truth, 0.95) == (0, 0, 3, 1)


@pytest.mark.parametrize(("right", "of"), [(1, 6), (15, 26), (0, 4)])
def test_wilson_solves_its_equation(right: int, of: int) -> None:
    """The ends are the shares p from which right / of lies just 1.96 standard deviations away."""
    for share in live.wilson(right, of):
        if share > 0:
            assert abs(right / of - share) == pytest.approx(1.96 * math.sqrt(share * (1 - share) / of))
