"""What lesson 6 says of its losses, curves and words is so."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pytest

from demo.lessons import lesson_06_training as lesson
from demo.lessons import live, service
from demo.lessons.plan import Setup
from mmcore import ModelPool, Settings
from mmcore.fusion import feature_sets
from mmcore.fusion.transfer import family_of, rated_words, word_task
from tests.demo.lessons.test_fusion_lesson import data_of

START = (2.6, -0.8)
"""As in demo/web/lessons/06_training.js."""


@pytest.fixture(scope="module")
def setup() -> Setup:
    settings = Settings(offline=True, device="cpu")
    return Setup(ModelPool(settings), settings, "en", "", False)


def test_cross_entropy_and_its_slopes_written_out() -> None:
    draw = np.random.default_rng(1)
    first, second, labels = draw.normal(size=(5, 3)), draw.normal(size=(5, 3)), [0, 1, 2, 1, 0]

    def loss(a: float, b: float) -> float:
        total = 0.0
        for one, two, label in zip(first, second, labels, strict=True):
            powers = [math.exp(a * x + b * y) for x, y in zip(one, two, strict=True)]
            total -= math.log(powers[label] / sum(powers))
        return total / 5

    found, slopes = live.cross_entropy(first, second, labels, (0.7, -0.4))
    assert found == pytest.approx(loss(0.7, -0.4))
    little = 1e-5
    assert slopes[0] == pytest.approx((loss(0.7 + little, -0.4) - loss(0.7 - little, -0.4)) / 2 / little, abs=1e-6)
    assert slopes[1] == pytest.approx((loss(0.7, -0.4 + little) - loss(0.7, -0.4 - little)) / 2 / little, abs=1e-6)


def test_the_ways_down_are_those_of_torch() -> None:
    import torch

    for kind, make in (
        ("gd", lambda p: torch.optim.SGD(p, 0.1)),
        ("momentum", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
        ("adam", lambda p: torch.optim.Adam(p, 0.1)),
    ):
        weights = torch.tensor([2.0, -1.0], dtype=torch.float64, requires_grad=True)
        optimiser = make([weights])
        for _ in range(12):
            optimiser.zero_grad()
            (weights[0] ** 2 + 5 * weights[1] ** 2 + weights[0] * weights[1]).backward()
            optimiser.step()
        way = live.descend(lambda w, _: (2 * w[0] + w[1], 10 * w[1] + w[0]), (2.0, -1.0), 0.1, 12, kind)
        assert way[-1] == pytest.approx(weights.detach().tolist(), abs=1e-6), kind


def test_what_the_lesson_says_of_its_valley(setup: Setup) -> None:
    first, second, labels = lesson.opinions(setup)
    count = len(labels)
    assert count == lesson.POSTS == 30 * 8, "a step of SGD costs a thirtieth"
    assert data_of(lesson.rate(setup).html)["text"] == first.tolist()

    def slopes(weights: tuple[float, float], _step: int = 0) -> tuple[float, float]:
        return live.cross_entropy(first, second, labels, weights)[1]

    def loss(weights: tuple[float, float]) -> float:
        return live.cross_entropy(first, second, labels, weights)[0]

    assert loss((0, 0)) == pytest.approx(math.log(3))
    lowest = live.descend(slopes, (0.5, 0.5), 1, 60)[-1]
    assert slopes(lowest) == pytest.approx((0, 0), abs=0.005)
    assert all(-1 < one < 3 for one in lowest)
    ends = {rate: loss(live.descend(slopes, START, rate, 30)[-1]) for rate in (0.01, 1, 3)}
    assert (loss(START), ends[0.01]) == pytest.approx((0.90, 0.83), abs=0.005)
    assert ends[1] == pytest.approx(loss(lowest), abs=0.02)
    assert ends[3] == pytest.approx(loss(lowest), abs=0.02)
    losses = list(map(loss, live.descend(slopes, START, 100, 30)))
    assert losses[1] > 10 * losses[0], "the first step flies over the valley"
    assert sum(one > losses[0] for one in losses) >= 25, "it jumps, to places worse than the start"
    assert losses[-1] > 2 * losses[0], "and so it ends"

    def moved(kind: str) -> float:
        """How far b comes where the picture's numbers are ten times smaller, in the usual unit."""

        def small(weights: tuple[float, float], _step: int) -> tuple[float, float]:
            a, b = slopes((weights[0], weights[1] / lesson.UNIT))
            return a, b / lesson.UNIT

        return live.descend(small, (START[0], START[1] * lesson.UNIT), 1, 30, kind)[-1][1] / lesson.UNIT - START[1]

    assert abs(moved("gd")) < 0.25 < 2 < abs(moved("adam"))


def test_the_overfitted_head_does_what_the_lesson_says(setup: Setup) -> None:
    found = np.array(lesson.curves(setup))
    best = int(found[:, 1].argmin())
    assert len(found) == lesson.EPOCHS
    assert 0 < best < lesson.EPOCHS - 5
    assert found[-1, 0] < 0.1
    assert found[-1, 1] > found[best, 1] + 0.1
    assert abs(found[-1, 2] - found[best, 2]) < 0.08, "the accuracy changes little"
    assert len(feature_sets.bundled("mvsa")) == 800


def test_a_memory_of_spelling_looks_good_only_where_families_are_torn_apart(setup: Setup) -> None:
    names, pleasant, groups, alike = lesson.rated()
    assert 800 < len(names) < 1200
    assert np.diag(alike) == pytest.approx(np.ones(len(names)), abs=1e-5)
    shown = data_of(lesson.groups(setup).html)["splits"]
    shares: list[list[float]] = [[], []]
    for by_family in (False, True):
        for seed in range(3):
            train, test = lesson.split(by_family, seed)
            assert not set(train) & set(test)
            if by_family:
                assert not set(groups[train]) & set(groups[test])
            right = 0
            for one in test:  # by hand: runs of three letters that two words share
                mine = {f"^{names[one]}$"[place : place + 3] for place in range(len(names[one]))}
                best = max(train, key=lambda other: alike[one, other])
                theirs = {f"^{names[best]}$"[place : place + 3] for place in range(len(names[best]))}
                overlap = len(mine & theirs) / math.sqrt(len(mine) * len(theirs))
                assert overlap == pytest.approx(alike[one, best], abs=1e-5)
                right += int(pleasant[best] == pleasant[one])
            assert shown[by_family][seed]["right"] == right
            assert shown[by_family][seed]["of"] == len(test)
            shares[by_family].append(right / len(test))
    assert min(shares[0]) > 0.85
    assert max(shares[1]) < 0.66


def test_the_words_of_the_task_are_all_of_other_families(setup: Setup) -> None:
    task = word_task(setup.pool)
    words = (*task.train, *task.held_back)
    assert (len(task.train), len(task.held_back)) == (100, 200)
    assert len({family_of(word) for word in words}) == 300
    ratings = dict(rated_words())
    assert [ratings[word] > 0 for word in words] == [bool(one) for one in (*task.train_labels, *task.held_back_labels)]
    share = np.mean(task.held_back_labels)
    assert 0.5 <= max(share, 1 - share) < 0.62
    assert "worry" in ratings


def test_what_was_learnt_before_is_worth_more_than_a_hundred_words(setup: Setup) -> None:
    last: dict[str, Any] = {}
    for start in ("scratch", "frozen"):
        for count in range(9000):
            data = {"lesson": 6, "step": 6, "text": f"{start} {count}", "count": count}
            last[start] = json.loads(service.answer(setup.pool, setup.settings, data, "en"))["answer"]
            assert "problem" not in last[start], last[start]
            if last[start]["over"]:
                break
            time.sleep(0.1)
        assert len(last[start]["accuracy"]) == lesson.TRANSFER_EPOCHS
    assert last["scratch"]["accuracy"][-1] < 0.65
    assert last["frozen"]["accuracy"][-1] > 0.85
