"""Thirty questions about the example pictures, judged by a person: their kinds, and what the bundle says to them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from mmcore.io.images import decode_image
from mmcore.io.questions import understood
from mmcore.pool import ModelPool
from mmcore.results import AskOptions
from mmcore.settings import Settings
from mmcore.tasks import ocr
from mmcore.tasks.ask import ask

PICTURES = Path(__file__).resolve().parents[2] / "assets" / "examples"
with (Path(__file__).parent / "ask_questions.tsv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t"))
CANNOT_TELL = ("unsure", "seen_unsure", "where_unsure", "choice_close", "cannot")
"""How a part begins that claims nothing."""


def test_they_are_thirty_and_at_most_three_are_wrong():
    judged = [row["judged"] for row in ROWS]
    assert len(ROWS) == 30
    assert set(judged) == {"right", "refused", "wrong"}
    assert judged.count("wrong") <= 3


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["question"])
def test_the_kind_is_understood(row: dict[str, str]):
    assert understood(row["question"]).kind == row["kind"]
    assert (PICTURES / row["picture"]).is_file()


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["question"])
def test_the_bundle_says_what_was_judged(pool: ModelPool, row: dict[str, str]):
    """Refused means that nothing was claimed; right that something was. Percentages may differ by one elsewhere."""
    if row["kind"] == "read" and ocr.unavailable(pool.settings) is not None:
        pytest.skip("needs the extra ocr")
    result = ask(pool, [decode_image(PICTURES / row["picture"], pool.settings)], row["question"])
    assert re.sub(r"\d+%", "N%", result.answer) == row["said"]
    assert (row["judged"] == "refused") == result.parts[0].code.startswith(CANNOT_TELL)


def test_a_question_in_chinese_is_answered_with_a_chinese_sentence_about_the_picture(pool: ModelPool):
    """Of those that the captioner offers the one that fits: there is no window, which it likes best."""
    image = decode_image(PICTURES / "cat.jpg", pool.settings)
    result = ask(pool, [image], "这是什么？", AskOptions(explain=True))
    assert result.answer == "我会这样描述它：“一只猫看着镜头”。认出的有：猫（95%）。"
    assert "close up of a cat" in result.parts[0].text("en")
    assert result.parts[0].map is not None
