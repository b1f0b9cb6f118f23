"""``mmcore transcribe``, ``mmcore read`` and ``mmcore caption --read-text``: contracts, words, what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mmcore.commands import console
from tests.command_line import lines, mmcore
from tests.fakes.engines import loader
from tests.fakes.families import fake_pool
from tests.sounds import encoded, noise


@pytest.fixture(autouse=True)
def pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "make_pool", lambda settings: fake_pool(settings, loader()))
    monkeypatch.setenv("MMCORE_OFFLINE", "1")


@pytest.fixture
def sound(tmp_path: Path) -> str:
    (tmp_path / "said.wav").write_bytes(encoded(noise(2.0, 1000), 1000))
    return str(tmp_path / "said.wav")


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.new("RGB", (60, 40), "white").save(tmp_path / "sign.png")
    return str(tmp_path / "sign.png")


def test_a_transcript_is_a_json_line_a_file(sound: str, tmp_path: Path):
    result = mmcore("transcribe", sound, tmp_path / "missing.wav", "--json", "--language", "en")
    assert result.exit_code == 1
    said, missing = lines(result)
    assert (said["path"], said["text"], said["language"]) == (sound, "word0. word1.", "en")
    assert said["words"][0] == {"text": "word0.", "start": 0.0, "end": 0.5, "score": 0.9}
    assert missing["error"]["type"] == "InputError"


def test_a_transcript_for_people_has_times(sound: str):
    assert "0.0 - 0.5 s  word0." in mmcore("transcribe", sound).stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--language", "fr"), "language"), (("--language", "zh", "--model", "whisper-tiny-en"), "does not know")],
)
def test_a_language_that_cannot_be_had_is_wrong_usage(sound: str, options: tuple[str, ...], said: str):
    result = mmcore("transcribe", sound, *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_text_in_pictures_is_a_json_line_a_file(picture: str):
    (read,) = lines(mmcore("read", picture, "--json"))
    assert (read["path"], read["text"], read["size"]) == (picture, "60 by 40", [60, 40])
    shown = mmcore("read", picture).stdout
    assert "60 by 40  (0.90)" in shown
    assert "note: Lines that were read too unsurely" in shown


def test_without_the_extra_the_command_says_what_brings_it(picture: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mmcore.checkpoints.locate.find_spec", lambda name: None)
    result = mmcore("caption", picture, "--read-text")
    assert result.exit_code == 1
    assert 'pip install "mmcore-studio[ocr]"' in result.stderr
    assert result.stdout == ""
