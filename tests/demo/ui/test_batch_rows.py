"""Batches as tables and files."""

from __future__ import annotations

import base64
import csv
import io
import json

from demo.ui import batch_rows
from demo.ui.batch_rows import CAPTIONS, BatchRow
from demo.ui.events import Failure
from mmcore.errors import InputError
from mmcore.results import Caption, CaptionResult, Tag

GOOD = BatchRow(
    "a.jpg", CaptionResult((Caption("a dog, running", 0.54321, ()),), "blip-base", "cpu", 0.5, (Tag("dog", 0.9),))
)
BAD = BatchRow("=cmd()|x.jpg", Failure(InputError("image_empty")))
BROKEN = BatchRow("c.jpg", Failure(None, "12345678"))


def test_a_picture_stands_before_its_name_and_neither_is_html_of_the_visitors() -> None:
    shown = BatchRow("<b>.jpg", GOOD.outcome, '/tmp/a "b".jpg')
    (cell, *_), (plain, *_) = batch_rows.table(CAPTIONS, [shown, BAD], "en")
    assert cell == (
        '<img class="mm-thumb" src="gradio_api/file=/tmp/a%20%22b%22.jpg" alt="" loading="lazy">&lt;b&gt;.jpg'
    )
    assert plain == "=cmd()|x.jpg"


def test_the_table_shows_captions_and_messages() -> None:
    assert batch_rows.headers(CAPTIONS, "zh") == ["文件", "描述", "得分", "用时（在一组中的份额）"]
    assert batch_rows.table(CAPTIONS, [GOOD, BAD], "zh") == [
        ["a.jpg", "a dog, running", "0.54", "0.5 s"],
        ["=cmd()|x.jpg", "文件是空的（0 字节）。请换一张图片。", "", ""],
    ]


def test_a_doubt_stays_with_its_caption() -> None:
    tags = (Tag("espresso", 0.93), Tag("cup", 0.4))
    doubtful = BatchRow(
        "b.jpg", CaptionResult((Caption("a dog", 0.5, ()),), "blip-base", "cpu", 0.5, tags, confident=False)
    )
    said = batch_rows.table(CAPTIONS, [doubtful], "en")[0][1]
    assert said == "a dog (I am not sure about this sentence. I recognise: espresso, cup.)"
    row = next(csv.DictReader(io.StringIO(batch_rows.as_csv(CAPTIONS, [doubtful]))))
    assert (row["confident"], row["recognised"]) == ("false", "espresso=0.9300; cup=0.4000")


def test_csv_can_be_read_back() -> None:
    rows = list(csv.DictReader(io.StringIO(batch_rows.as_csv(CAPTIONS, [GOOD, BAD]))))
    assert rows[0] == {
        "file": "a.jpg",
        "caption": "a dog, running",
        "score": "0.5432",
        "confident": "true",
        "recognised": "dog=0.9000",
        "language": "en",
        "model": "blip-base",
        "seconds": "0.5000",
        "error": "",
    }
    assert rows[1]["error"].startswith("The file is empty")


def test_a_chinese_caption_is_exported_with_its_language() -> None:
    chinese = BatchRow("c.jpg", CaptionResult((Caption("草地上的狗", 0.5, (), language="zh"),), "a", "cpu", 0.5))
    assert next(csv.DictReader(io.StringIO(batch_rows.as_csv(CAPTIONS, [chinese]))))["language"] == "zh"
    line = json.loads(batch_rows.as_jsonl([chinese]))
    assert (line["language"], line["captions"][0]["text"]) == ("zh", "草地上的狗")


def test_csv_has_no_formulas() -> None:
    assert next(csv.DictReader(io.StringIO(batch_rows.as_csv(CAPTIONS, [BAD]))))["file"] == "'=cmd()|x.jpg"


def test_jsonl_is_what_the_command_line_writes() -> None:
    good, bad, broken = (json.loads(line) for line in batch_rows.as_jsonl([GOOD, BAD, BROKEN]).splitlines())
    assert good["path"] == "a.jpg"
    assert good["captions"] == [{"text": "a dog, running", "score": 0.5432}]
    assert bad == {
        "path": "=cmd()|x.jpg",
        "error": {"type": "InputError", "message": "The file is empty (0 bytes). Choose another picture."},
    }
    assert broken["error"]["type"] == "InternalError"
    assert "12345678" in broken["error"]["message"]


def test_downloads_carry_their_content() -> None:
    assert batch_rows.downloads(CAPTIONS, [], "en") == ""
    html = batch_rows.downloads(CAPTIONS, [GOOD], "en")
    csv_part = html.split("text/csv;charset=utf-8;base64,")[1].split('"')[0]
    assert base64.b64decode(csv_part).decode("utf-8-sig") == batch_rows.as_csv(CAPTIONS, [GOOD])
