"""The word list and its rules say what the package vaderSentiment 3.3.2 said when the bundled heads were trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcore.families._vader import FOLDER, lexicon, polarity

REFERENCE = json.loads(Path(__file__).with_name("vader_reference.json").read_text("utf-8"))
"""Texts with the negative, neutral, positive and compound score that the package gives them."""


def test_every_rule_is_the_packages() -> None:
    assert {one["text"]: list(polarity(one["text"])) for one in REFERENCE} == {
        one["text"]: one["scores"] for one in REFERENCE
    }


def test_the_examples_of_the_package() -> None:
    assert polarity("VADER is smart, handsome, and funny.").compound == 0.8316
    assert polarity("VADER is VERY SMART, handsome, and FUNNY!!!").compound == 0.9342
    assert polarity("VADER is not smart, handsome, nor funny.").compound == -0.7424


def test_a_booster_a_negation_and_capitals_move_the_score() -> None:
    plain = polarity("a good day").compound
    assert polarity("a very good day").compound > plain > polarity("a hardly good day").compound > 0
    assert polarity("a GOOD day").compound > plain
    assert polarity("not a good day").compound < 0


def test_the_list_is_whole_and_its_licence_lies_beside_it() -> None:
    assert len(lexicon()) == 7506
    assert lexicon()["love"] == pytest.approx(3.2)
    assert min(lexicon().values()) >= -4
    assert max(lexicon().values()) <= 4
    assert "C.J. Hutto" in (FOLDER / "LICENSE").read_text("utf-8")
