"""Batches and models as tables."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path

import pytest

from demo import tables
from demo.events import Failure
from mmcore.checkpoints import find
from mmcore.errors import InputError
from mmcore.results import Caption, CaptionResult, Tag

GOOD = tables.BatchRow(
    "a.jpg", CaptionResult((Caption("a dog, running", 0.54321, ()),), "blip-base", "cpu", 0.5, (Tag("dog", 0.9),))
)
BAD = tables.BatchRow("=cmd()|x.jpg", Failure(InputError("image_empty")))
BROKEN = tables.BatchRow("c.jpg", Failure(None, "12345678"))


def test_the_table_shows_captions_and_messages() -> None:
    assert tables.batch_headers("zh") == ["文件", "描述", "得分", "用时"]
    assert tables.batch_table([GOOD, BAD], "zh") == [
        ["a.jpg", "a dog, running", "0.54", "0.5 s"],
        ["=cmd()|x.jpg", "文件是空的（0 字节）。请换一张图片。", "", ""],
    ]


def test_csv_can_be_read_back() -> None:
    rows = list(csv.DictReader(io.StringIO(tables.batch_csv([GOOD, BAD]))))
    assert rows[0] == {
        "file": "a.jpg",
        "caption": "a dog, running",
        "score": "0.5432",
        "model": "blip-base",
        "seconds": "0.5000",
        "error": "",
    }
    assert rows[1]["error"].startswith("The file is empty")


def test_csv_has_no_formulas() -> None:
    assert next(csv.DictReader(io.StringIO(tables.batch_csv([BAD]))))["file"] == "'=cmd()|x.jpg"


def test_jsonl_is_what_the_command_line_writes() -> None:
    good, bad, broken = (json.loads(line) for line in tables.batch_jsonl([GOOD, BAD, BROKEN]).splitlines())
    assert good["path"] == "a.jpg"
    assert good["captions"] == [{"text": "a dog, running", "score": 0.5432}]
    assert bad == {
        "path": "=cmd()|x.jpg",
        "error": {"type": "InputError", "message": "The file is empty (0 bytes). Choose another picture."},
    }
    assert broken["error"]["type"] == "InternalError"
    assert "12345678" in broken["error"]["message"]


def test_downloads_carry_their_content() -> None:
    assert tables.batch_downloads([], "en") == ""
    html = tables.batch_downloads([GOOD], "en")
    csv_part = html.split("text/csv;charset=utf-8;base64,")[1].split('"')[0]
    assert base64.b64decode(csv_part).decode("utf-8-sig") == tables.batch_csv([GOOD])


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 kB"), (20_400, "20 kB"), (990_000_000, "990 MB"), (1_500_000_000, "1.5 GB")]
)
def test_sizes(count: int, shown: str) -> None:
    assert tables.size_text(count) == shown


def test_the_line_of_a_model_says_size_licence_quality_and_cost() -> None:
    line = tables.model_line(find("blip-base"), "en", cached=False)
    for fact in ("BLIP base", "990 MB", "BSD-3-Clause", "CIDEr 133.5 (COCO Karpathy", "the download is 990 MB"):
        assert fact in line
    assert "on this machine" in tables.model_line(find("blip-base"), "en", cached=True)
    assert "不在本机" in tables.model_line(find("blip-base"), "zh", cached=False)


def test_the_table_of_models() -> None:
    states = [
        tables.ModelState(find("compact-captioner"), Path("/x"), "cpu", 41_000_000),
        tables.ModelState(find("blip-base"), None),
        tables.ModelState(find("florence-2-base"), Path.home() / "hub" / "florence"),
    ]
    html = tables.models_table(states, "en")
    for fact in (
        "bundled",
        "CPU, 41 MB",
        "the download is 990 MB",
        "~/hub/florence",
        "MIT",
        "Li et al., BLIP, ICML 2022",
    ):
        assert fact in html
    assert str(Path.home() / "hub") not in html


def test_progress_without_a_total() -> None:
    assert 'value="0.0000"' in tables.progress_bar(0, 0, "x")
    assert 'value="0.5000"' in tables.progress_bar(2, 4, 'a "b"')
