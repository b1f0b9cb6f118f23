"""``mmcore ask`` and videos in ``mmcore caption``: JSON lines, exit status, conversations."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mmcore.commands import console
from tests import clips
from tests.command_line import lines, mmcore
from tests.fakes.families import fake_pool
from tests.tasks.test_ask import load


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "make_pool", lambda settings: fake_pool(settings, loader=load))
    monkeypatch.setenv("MMCORE_OFFLINE", "1")


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "picture.png")
    return str(tmp_path / "picture.png")


def test_a_line_a_question_and_the_conversation_goes_on(picture: str):
    done = mmcore("ask", picture, "--question", "Is there a dog?", "-q", "And a cat?", "-q", " ", "--json")
    assert done.exit_code == 1
    first, second, third = lines(done)
    assert (first["path"], first["question"], first["kind"]) == (picture, "Is there a dog?", "presence")
    assert first["answer"].startswith("Yes, I think so")
    assert second["parts"][0]["values"]["thing"] == "a cat"
    assert third["error"]["type"] == "InputError"
    assert {"answer", "refused", "parts", "complete", "model", "seconds"} <= set(first)


def test_two_pictures_and_a_language_model(picture: str):
    done = mmcore("ask", picture, picture, "-q", "a", "-q", "b", "--model", "smolvlm2-256m", "--json")
    assert [one["answer"] for one in lines(done)] == ["2 pictures, 0 turns: a", "2 pictures, 1 turns: b"]
    assert lines(done)[0]["paths"] == [picture, picture]
    spoken = mmcore("ask", picture, "-q", "Who is this?")
    assert spoken.exit_code == 0
    assert spoken.stdout.startswith("Who is this?\n  I cannot know who somebody is")


def test_wrong_usage_and_broken_files(picture: str, tmp_path: Path):
    assert mmcore("ask", picture, picture, picture, "-q", "a").exit_code == 2
    assert mmcore("ask", picture).exit_code == 2
    assert mmcore("ask", picture, "-q", "a", "--max-tokens", 0).exit_code == 2
    (tmp_path / "broken.jpg").write_text("<html></html>")
    done = mmcore("ask", tmp_path / "broken.jpg", "-q", "a", "--json")
    assert done.exit_code == 1
    assert lines(done)[0]["path"].endswith("broken.jpg")


def test_a_video_is_captioned_beside_pictures(picture: str, tmp_path: Path):
    shots = [(Image.new("RGB", (32, 24), colour), 1.0) for colour in ("red", "blue")]
    clip = clips.make(tmp_path / "clip.mp4", shots)
    done = mmcore("caption", clip, picture, "--json")
    video, still = lines(done)
    assert [one["start"] for one in video["moments"]] == pytest.approx([0, 1], abs=0.51)
    assert video["captions"][0]["text"] == video["moments"][0]["text"]
    assert "moments" not in still
    shown = mmcore("caption", clip)
    assert "0.0 - " in shown.stdout
    assert "note: The video has no sound" in shown.stdout
