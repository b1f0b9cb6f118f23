"""Thirty questions about the example pictures, judged by a person: their kinds, and what the bundle says to some."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mmcore.io.images import decode_image
from mmcore.io.questions import understood
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from mmcore.tasks.ask import ask

PICTURES = Path(__file__).resolve().parents[2] / "assets" / "examples"
with (Path(__file__).parent / "ask_questions.tsv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t"))
CANNOT_TELL = ("unsure", "where_unsure", "choice_close", "cannot")
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


@pytest.mark.parametrize(
    ("row", "code"),
    [(2, "choice"), (5, "cannot_count"), (8, "choice_close"), (12, "yes"), (18, "cannot_when"), (27, "colours")],
)
def test_the_bundle_says_what_was_judged(pool: ModelPool, row: int, code: str):
    """Refused means that nothing was claimed; right that something was."""
    one = ROWS[row]
    image = decode_image(PICTURES / one["picture"], pool.settings)
    result = ask(pool, [image], one["question"])
    assert result.parts[0].code == code
    assert (one["judged"] == "refused") == code.startswith(CANNOT_TELL)


def test_an_answer_of_the_bundle_is_what_it_was(pool: ModelPool):
    image = decode_image(PICTURES / "cat.jpg", pool.settings)
    result = ask(pool, [image], "这是什么？")
    assert result.answer == "我会这样描述它（英语）：“a close up of a cat looking at the camera”。认出的有：猫（95%）。"
