"""Notices: the same in both languages, in the JSON of every result, on the command line and on the page."""

from __future__ import annotations

import csv
import dataclasses
import inspect
import io
import pickle
from string import Formatter

import pytest
from PIL import Image

from demo.captioning.view import Answer, panel
from demo.ui import batch_rows
from demo.ui.batch_rows import CAPTIONS, BatchRow
from mmcore import results
from mmcore.commands.console import print_notices
from mmcore.results import Caption, CaptionOptions, CaptionResult, Notice, ZeroShotOptions, noted, notices_of
from mmcore.results.notices import LANGUAGES, MESSAGES, as_json
from mmcore.tasks.captioning import caption
from mmcore.tasks.matching import zero_shot
from tests.fakes.families import fake_pool
from tests.fakes.retrieval import retrieval_pool

FRAME = Notice.of("image_frame", count=12, frame=2)
TRACKS = Notice.of("sound_tracks", count=2, track=1)
CAPTIONED = CaptionResult((Caption("a dog", 0.5, ()),), "blip-base", "cpu", 0.5)
SEEN = dataclasses.replace(CAPTIONED, notices=(FRAME, FRAME, TRACKS))


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("code", MESSAGES)
def test_both_languages_fill_the_same_fields(code: str) -> None:
    english, chinese = MESSAGES[code]
    assert fields(english) == fields(chinese)
    assert any("一" <= letter <= "鿿" for letter in chinese)
    assert english.isascii()


def test_a_notice_has_its_words_and_its_numbers() -> None:
    assert FRAME.text() == "This picture has 12 frames or pages; number 2 was looked at."
    assert FRAME.to_dict() == {
        "code": "image_frame",
        "text": {"en": FRAME.text("en"), "zh": "这个图片文件共有 12 帧（或页），只看了其中第 2 帧。"},
        "values": {"count": 12, "frame": 2},
    }
    assert pickle.loads(pickle.dumps(FRAME)) == FRAME


def test_a_word_has_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MESSAGES, "tried", ("It is {what}.", "这是{what}。"))
    notice = Notice.of("tried", what=("red", "红色"))
    assert (notice.text("en"), notice.text("zh"), notice.text("fr")) == ("It is red.", "这是红色。", "It is red.")
    assert notice.to_dict()["values"] == {"what": {"en": "red", "zh": "红色"}}


def test_a_notice_without_its_values_is_a_mistake_where_it_is_made() -> None:
    with pytest.raises(KeyError):
        Notice.of("image_frame", count=12)


def test_every_result_has_notices_and_without_any_its_json_is_as_before() -> None:
    classes = [
        one
        for name, one in vars(results).items()
        if inspect.isclass(one) and (name.endswith("Result") or name in ("TextRanking", "SimilarityMatrix", "MatchMap"))
    ]
    assert len(classes) >= 8
    for one in classes:
        (field,) = (field for field in dataclasses.fields(one) if field.name == "notices")
        assert field.default == ()
        assert "as_json(self.notices)" in inspect.getsource(one.to_dict)
    assert "notices" not in CAPTIONED.to_dict()
    assert SEEN.to_dict() == {**CAPTIONED.to_dict(), "notices": [FRAME.to_dict(), TRACKS.to_dict()]}
    assert as_json(()) == {}


def test_a_picture_carries_its_notices_to_the_result() -> None:
    image = noted(Image.new("RGB", (6, 4)), FRAME)
    copied = pickle.loads(pickle.dumps(image.resize((3, 2)).copy()))
    assert notices_of(None, "text", image, copied) == (FRAME,)
    assert notices_of(Image.new("RGB", (6, 4))) == ()
    assert notices_of(noted(image, TRACKS)) == (FRAME, TRACKS)
    assert caption(fake_pool(), image, CaptionOptions()).notices == (FRAME, TRACKS)
    labels = ZeroShotOptions(("red", "blue"))
    assert zero_shot(retrieval_pool(), image, labels).notices == (FRAME, TRACKS)


def test_the_command_line_has_a_line_for_each() -> None:
    out = io.StringIO()
    print_notices(out, "a.gif", [FRAME, TRACKS])
    assert out.getvalue().splitlines() == [f"a.gif: note: {FRAME.text()}", f"a.gif: note: {TRACKS.text()}"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_them_under_the_answer_and_in_the_table(language: str) -> None:
    shown = panel(Answer(SEEN, "data:,", (1, 1)), language)
    assert shown.count(f"<li>{FRAME.text(language)}</li>") == 1
    assert "mm-notices" not in panel(Answer(CAPTIONED, "data:,", (1, 1)), language)
    rows = [BatchRow("a.gif", SEEN), BatchRow("b.jpg", CAPTIONED)]
    first, second = batch_rows.table(CAPTIONS, rows, language)
    assert first[1] == f"a dog ({FRAME.text(language)} {TRACKS.text(language)})"
    assert second[1] == "a dog"


def test_the_table_to_save_has_a_column_where_there_is_something_to_say() -> None:
    rows = [BatchRow("a.gif", SEEN), BatchRow("b.jpg", CAPTIONED)]
    saved = list(csv.DictReader(io.StringIO(batch_rows.as_csv(CAPTIONS, rows))))
    assert [row["notices"] for row in saved] == [f"{FRAME.text()} {TRACKS.text()}", ""]
    assert "notices" not in batch_rows.as_csv(CAPTIONS, rows[1:])
