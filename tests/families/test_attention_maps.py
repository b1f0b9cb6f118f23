from __future__ import annotations

import sys
from subprocess import run

import numpy as np
import pytest

from mmcore.families import _attention_maps

RANDOM = np.random.default_rng(0)


def test_mean_attention_averages_layers_and_heads() -> None:
    attentions = np.array([[[[0.5, 0.5]], [[1.0, 0.0]]], [[[0.0, 1.0]], [[0.5, 0.5]]]])  # (2, 2, 1, 2)
    assert _attention_maps.mean_attention(attentions).tolist() == [[0.5, 0.5]]


def test_attention_times_gradient_drops_what_spoke_against_the_word() -> None:
    attentions = [[[0.2, 0.8]], [[0.6, 0.4]]]  # (2 layers, 1 head, 2 keys)
    gradients = [[[1.0, -1.0]], [[-3.0, 2.0]]]
    # Cut off before averaging: what one head says for the word is not cancelled by another head.
    assert _attention_maps.attention_times_gradient(attentions, gradients) == pytest.approx([0.1, 0.4])


def test_attention_times_gradient_ignores_a_place_that_changes_nothing() -> None:
    """A background patch with most of the attention, but without a say, gets nothing."""
    attentions, gradients = np.full((3, 4, 9), 0.01), np.zeros((3, 4, 9))
    attentions[..., 0], gradients[..., 5] = 0.9, 2.0
    relevance = _attention_maps.attention_times_gradient(attentions, gradients)
    assert relevance.argmax() == 5
    assert relevance[0] == 0
    assert _attention_maps.mean_attention(attentions).argmax() == 0


def test_word_maps_leave_out_cls_and_what_follows_the_picture() -> None:
    relevance = np.zeros((1, 1 + 6 + 2))
    relevance[0, 0], relevance[0, 1 + 4], relevance[0, 7:] = 100, 1, 100
    maps = _attention_maps.word_maps(relevance, [(0,)], (2, 3), first=1)
    assert maps.tolist() == [[[0, 0, 0], [0, 1, 0]]]  # patch 4 is row 1, column 1


def test_word_maps_average_sub_words_with_equal_say() -> None:
    relevance = np.array([[1.0, 0, 0, 0], [0, 0, 0, 50.0], [0, 2, 2, 0]])
    maps = _attention_maps.word_maps(relevance, [(0, 1), (2,)], (2, 2))
    assert maps.tolist() == [[[0.5, 0], [0, 0.5]], [[0, 0.5], [0.5, 0]]]


def test_word_maps_fall_back_where_nothing_speaks_for_the_word() -> None:
    relevance, attention = np.array([[9.0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]), np.array([[0.6, 0, 0.1, 0.3, 0]] * 2)
    maps = _attention_maps.word_maps(relevance, [(0,), (1,)], (2, 2), first=1, fallback=attention)
    assert maps == pytest.approx(np.array([[[0, 0.25], [0.75, 0]], [[1, 0], [0, 0]]]))
    # Without one, and for a word without tokens, no place is better than another.
    assert _attention_maps.word_maps(relevance, [(0,), ()], (2, 2), first=1) == pytest.approx(np.full((2, 2, 2), 0.25))


def test_word_maps_do_not_change_their_input() -> None:
    relevance, attention = np.zeros((2, 4), np.float32), np.ones((2, 4), np.float32)
    _attention_maps.word_maps(relevance, [(0,), (1,)], (2, 2), fallback=attention)
    assert not relevance.any()


def test_word_maps_of_no_words() -> None:
    assert _attention_maps.word_maps(RANDOM.random((3, 4)), [], (2, 2)).shape == (0, 2, 2)


def test_normalize_makes_distributions_of_anything() -> None:
    maps = _attention_maps.normalize(RANDOM.normal(size=(5, 3, 4)) * 1e-30)
    assert maps.sum((1, 2)) == pytest.approx(np.ones(5))
    assert (maps >= 0).all()
    assert maps.dtype == np.float32
    assert _attention_maps.normalize([[np.nan, 0], [np.inf, 3]]).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 5), (3, 0), (3, 5), (1, 2)])
def test_center_of_mass_is_the_place_of_a_single_cell(row: int, column: int) -> None:
    heat = np.zeros((4, 6))
    heat[row, column] = 3
    assert _attention_maps.center_of_mass(heat) == pytest.approx(((row + 0.5) / 4, (column + 0.5) / 6))


def test_center_of_mass_of_an_even_map_is_the_middle() -> None:
    assert _attention_maps.center_of_mass(np.ones((3, 5))) == pytest.approx((0.5, 0.5))


def test_share_of_a_box() -> None:
    heat = np.arange(1, 17).reshape(4, 4)
    assert _attention_maps.share(heat, 0, 0, 1, 1) == pytest.approx(1)
    assert _attention_maps.share(heat, 0, 0, 0.5, 0.5) == pytest.approx((1 + 2 + 5 + 6) / 136)
    assert _attention_maps.share(heat, 0.5, 0.5, 1, 1) == pytest.approx((11 + 12 + 15 + 16) / 136)


def test_needs_no_torch() -> None:
    program = "import sys, mmcore.families._attention_maps; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", program], check=False).returncode == 0
