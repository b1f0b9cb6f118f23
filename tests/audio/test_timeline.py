from __future__ import annotations

import numpy as np
import pytest

from mmcore.audio.timeline import cell_scores, find_events, label_spans, leading_labels, silent_spans
from mmcore.results import SILENCE, SoundEvent

LOUD, QUIET = -20.0, -90.0


def test_a_cell_has_a_sound_where_all_windows_over_it_hear_it():
    # windows of 2 s every second; the sound is in the fifth second, so windows 3 and 4 hear it
    scores = np.full((9, 1), 0.01, np.float32)
    scores[[3, 4]] = 0.9
    cells = cell_scores(scores, np.arange(9), 2.0, 1.0, 10.0)
    assert cells.shape == (10, 1)
    assert cells[4, 0] == pytest.approx(0.9)
    assert cells[[3, 5], 0] == pytest.approx(np.sqrt(0.009), rel=1e-4)
    assert cells[[0, 1, 2, 6, 7, 8, 9], 0] == pytest.approx(0.01, rel=1e-4)


def test_the_last_cell_may_be_cut_off():
    cells = cell_scores(np.array([[0.2], [0.8]], np.float32), [0, 0.5], 2.0, 1.0, 2.5)
    assert cells[:, 0] == pytest.approx([0.4, 0.4, 0.8])
    assert cell_scores(np.array([[0.3]], np.float32), [0], 2.0, 1.0, 0.4).tolist() == [[pytest.approx(0.3)]]


def test_hysteresis_keeps_an_event_together():
    scores = np.array([0, 0.3, 0.6, 0.3, 0.3, 0.7, 0.2, 0.4, 0], np.float32)
    assert label_spans(scores, 0.5, 1) == [(1, 6)]
    assert label_spans(scores, 0.8, 1) == []


def test_short_gaps_are_closed_but_not_silence():
    scores = np.array([0.9, 0.9, 0.1, 0.9, 0.9], np.float32)
    assert label_spans(scores, 0.5, 2) == [(0, 5)]
    scores[2] = 0
    assert label_spans(scores, 0.5, 2) == [(0, 2), (3, 5)]


def test_short_events_are_left_out_unless_the_sound_is_short():
    scores = np.array([0, 0.9, 0, 0, 0], np.float32)
    assert label_spans(scores, 0.5, 2) == []
    assert label_spans(scores[1:2], 0.5, 2) == [(0, 1)]


def test_silence_is_a_long_enough_run_below_the_level():
    levels = np.array([LOUD, QUIET, QUIET, LOUD, *[QUIET] * 6, LOUD], np.float32)
    assert silent_spans(levels, -60.0, 0.1) == [(4, 10)]
    assert silent_spans(levels, -95.0, 0.1) == []
    assert silent_spans(np.full(2, QUIET), -60.0, 0.1) == [(0, 2)]  # all of a short sound


def test_events_end_where_silence_begins():
    levels = np.array([LOUD] * 13 + [QUIET] * 17 + [LOUD] * 20, np.float32)
    cells = np.array([[0.8, 0.0], [0.8, 0.0], [0.7, 0.1], [0.1, 0.6], [0.1, 0.6]], np.float32)
    events = find_events(cells, ["a", "b"], 1.0, levels, 0.1, 4.95, 0.5, 0.3, -60.0)
    assert events == (
        SoundEvent("a", 0.0, pytest.approx(1.3), pytest.approx(0.8)),
        SoundEvent(SILENCE, pytest.approx(1.3), pytest.approx(3.0), 1.0),
        SoundEvent("b", pytest.approx(3.0), 4.95, pytest.approx(0.6)),
    )


def test_sorted_by_start_then_score():
    levels = np.full(10, LOUD, np.float32)
    events = find_events(np.array([[0.6, 0.9]], np.float32), ["a", "b"], 1.0, levels, 0.1, 1.0, 0.5, 0.3, -60.0)
    assert [event.label for event in events] == ["b", "a"]


def test_what_leads_at_some_moment_is_told_whatever_is_best_in_all():
    labels = ["dog", "rooster", "voice", "robot"]
    cells = np.array(
        [[0.1, 0.5, 0, 0], [0.1, 0.2, 0, 0], [0.9, 0, 0, 0], [0.9, 0, 0.7, 0.8], [0, 0, 0.7, 0.8], [0, 0, 0.1, 0.3]]
    ).astype(np.float32)
    events = [
        SoundEvent("rooster", 0.0, 1.6, 0.5),
        SoundEvent(SILENCE, 1.6, 2.0, 1.0),
        SoundEvent("dog", 2.0, 4.0, 0.9),
        SoundEvent("voice", 3.0, 5.0, 0.7),
        SoundEvent("robot", 3.0, 6.0, 0.8),
    ]
    assert leading_labels(events, cells, labels, 1.0, {}) == ("dog", "rooster", "robot")
    told = leading_labels(events, cells, labels, 1.0, {"robot": ["voice"]})
    assert told == ("dog", "rooster", "voice", "robot")  # the robot leads where no voice has an event
    assert leading_labels([], cells, labels, 1.0, {}) == ()
    assert leading_labels([], cells[:, :0], [], 1.0, {}) == ()
