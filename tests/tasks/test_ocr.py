"""Text in pictures: what is read, what is left out, and what is said where nothing can be read."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from mmcore.errors import InputError, WeightsError
from mmcore.results.captioning import CaptionOptions
from mmcore.results.ocr import OcrOptions, OcrResult, one_line
from mmcore.settings import Settings
from mmcore.tasks import ocr
from mmcore.tasks.captioning import caption
from mmcore.tasks.ocr import read_text, read_text_many
from tests.fakes.engines import FakeReader, loader
from tests.fakes.families import FakeCaptioner, fake_pool


def blank(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), "white")


def encoded(width: int, height: int) -> bytes:
    file = BytesIO()
    blank(width, height).save(file, "JPEG")
    return file.getvalue()


def codes(answer: OcrResult) -> list[str]:
    return [notice.code for notice in answer.notices]


def test_sure_lines_are_given_and_the_others_counted(settings: Settings):
    pool = fake_pool(settings, loader())
    answer = read_text(pool, blank(60, 40))
    assert answer.text == "60 by 40"
    assert codes(answer) == ["ocr_unsure"]
    both = read_text(pool, blank(60, 40), OcrOptions(threshold=0.1))
    assert both.text == "60 by 40\nsmudge"
    assert one_line(both.lines) == "60 by 40 smudge"
    assert codes(both) == []
    with pytest.raises(InputError, match="threshold"):
        OcrOptions(threshold=1.5)


def test_the_json_contract(settings: Settings):
    told = read_text(fake_pool(settings, loader()), blank(60, 40)).to_dict()
    assert told["lines"] == [
        {"text": "60 by 40", "score": 0.9, "box": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}
    ]
    assert told["size"] == [60, 40]
    assert {"text", "model", "device", "seconds", "notices"} <= set(told)


def test_a_large_picture_is_said_to_be_looked_at_smaller(settings: Settings):
    assert "ocr_smaller" in codes(read_text(fake_pool(settings, loader()), blank(2400, 300)))


def test_files_are_read_in_order_at_full_size_and_broken_ones_answer_for_themselves(settings: Settings, tmp_path: Path):
    pool = fake_pool(replace(settings, reduced=True), loader())
    answers = list(read_text_many(pool, [encoded(2200, 2100), tmp_path / "missing.png", encoded(30, 20)]))
    assert isinstance(answers[0], OcrResult)
    assert answers[0].text == "2200 by 2100"  # other tasks get such a photograph at half its size
    assert isinstance(answers[1], InputError)
    assert isinstance(answers[2], OcrResult)


def test_without_its_package_the_command_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    assert "squeezed" not in str(ocr.unavailable(settings))
    monkeypatch.setattr("mmcore.checkpoints.locate.find_spec", lambda name: None)
    problem = ocr.unavailable(settings)
    assert isinstance(problem, WeightsError)
    assert 'pip install "mmcore-studio[ocr]"' in str(problem)
    assert "rapidocr-onnxruntime" in str(problem)


def test_one_reader_serves_every_tier(settings: Settings):
    assert ocr.chosen(fake_pool(replace(settings, tier="standard"), loader())).name == "pp-ocrv4"


def test_a_caption_carries_what_is_read_where_asked_for(settings: Settings):
    def load(checkpoint, folder, device, dtype):  # type: ignore[no-untyped-def]
        return FakeReader(checkpoint) if checkpoint.task == "ocr" else FakeCaptioner(checkpoint, device)

    pool = fake_pool(settings, load)
    plain = caption(pool, blank(60, 40))
    assert plain.reads is None
    assert "reads" not in plain.to_dict()
    read = caption(pool, blank(60, 40), CaptionOptions(read_text=True))
    assert read.to_dict()["reads"]["text"] == "60 by 40"
    assert read.to_dict()["captions"] == plain.to_dict()["captions"]
