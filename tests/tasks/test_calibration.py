"""Scores that mean the same for every checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from mmcore.families.base import Calibration
from mmcore.tasks.calibration import BAR, FARTHEST, RAISE, CosineBaseline, combine, generic_texts


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def vectors(count: int, width: int = 64, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, width)))


def through(gap: float, *sets: np.ndarray) -> list[np.ndarray]:
    """The same vectors in a space where all texts, or all pictures, share a direction: the modality gap of CLIP."""
    out = []
    for rows, own in zip(sets, (1.0, -1.0, 1.0), strict=True):
        shared = np.full((len(rows), 1), own * gap)
        out.append(unit(np.concatenate([rows, shared, np.full((len(rows), 1), 1.5)], 1)))
    return out


def test_generic_texts_are_many_and_the_same_in_both_languages():
    english, chinese = generic_texts("en"), generic_texts("zh")
    assert len(set(english)) == len(set(chinese)) == len(english) > 150
    assert all("\u3400" <= letter <= "\u9fff" for text in chinese for letter in text)


def test_a_text_as_common_as_the_generic_ones_matches_at_the_bar():
    background = CosineBaseline(vectors(50), Calibration(0.1, 0.05, 0.4, 0.1))
    usual = background.texts[:1]
    assert background.text_bars(usual)[0] == pytest.approx(BAR)
    assert background.text_scores([[0.1 + 0.05 * BAR]], usual)[0, 0] == pytest.approx(0.5)
    assert background.image_scores(0.4 + 0.1 * BAR) == pytest.approx(0.5)


def test_scores_rise_with_the_cosine_and_stay_between_0_and_1():
    background = CosineBaseline(vectors(50), Calibration(0.1, 0.05, 0.4, 0.1))
    cosines = np.linspace(-1, 1, 41)
    for scores in (
        background.text_scores(cosines[:, None], vectors(1, seed=5))[:, 0],
        background.image_scores(cosines),
    ):
        assert (np.diff(scores) >= 0).all()
        assert scores[0] < 0.01 < 0.99 < scores[-1] <= 1


def test_a_text_far_from_every_generic_one_needs_more():
    spread = np.concatenate([unit(np.random.default_rng(0).normal(size=(50, 32))), np.zeros((50, 32))], 1)
    background = CosineBaseline(spread.astype(np.float32), Calibration(0.1, 0.05, 0.4, 0.1))
    nonsense = np.concatenate([np.zeros((1, 32)), vectors(1, 32, seed=4)], 1).astype(np.float32)
    assert background.text_bars(nonsense)[0] == pytest.approx(BAR + RAISE * FARTHEST)
    assert background.text_bars(background.texts).max() <= BAR + RAISE * FARTHEST


def test_another_checkpoints_cosines_give_the_same_scores():
    texts, pictures, queries = vectors(60), vectors(40, seed=1), vectors(8, seed=2)
    scores = []
    for space in ((texts, pictures, queries), through(0.8, texts, pictures, queries)):
        background = CosineBaseline.of(space[0], space[1], None)
        scores.append(background.text_scores(space[1] @ space[2].T, space[2]))
        scores.append(background.image_scores(space[1] @ space[1].T))
    plain = vectors(40, seed=1) @ vectors(8, seed=2).T
    gap = through(0.8, texts, pictures, queries)
    assert np.abs(gap[1] @ gap[2].T - plain).max() > 0.2, "the cosines themselves differ"
    np.testing.assert_allclose(scores[0], scores[2], atol=0.05)
    np.testing.assert_allclose(scores[1], scores[3], atol=0.2)


def test_own_figures_come_before_the_collections():
    own = Calibration(0.1, 0.05, 0.4, 0.1)
    assert CosineBaseline.of(vectors(5), vectors(3), own).spread == own
    assert CosineBaseline.of(vectors(5), vectors(3), None).spread != own


@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_few_pictures_are_enough(pictures: int):
    background = CosineBaseline.of(vectors(50), vectors(50, seed=1)[:pictures].reshape(pictures, 64), None)
    assert np.isfinite(list(vars(background.spread).values())).all()
    assert background.image_scores(1.0) > 0.5 > background.image_scores(0.2)


def test_a_query_wants_all_its_plus_parts_and_none_of_its_minus_parts():
    plus, other, minus = [0.9, 0.9, 0.9], [0.9, 0.1, 0.9], [0.0, 0.0, 0.9]
    whole = combine([plus, other, minus], [1, 1, -1])
    np.testing.assert_allclose(whole, [0.9, 0.3, 0.09], rtol=1e-6)


def test_weights_shift_between_parts_and_one_part_stays_as_it_is():
    np.testing.assert_allclose(combine([[0.9]], [3]), [0.9])
    np.testing.assert_allclose(combine([[0.9], [0.1]], [1, 3]), [(0.9 * 0.1**3) ** 0.25], rtol=1e-6)
    np.testing.assert_allclose(combine([[0.9], [0.5]], [1, -2]), [0.9 * 0.25], rtol=1e-6)
    assert combine([[0.9], [1.0]], [1, -1])[0] < 1e-6
