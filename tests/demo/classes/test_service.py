"""The tab of one's own classes behind its page: the board, examples, training, answers, with the bundled encoders."""

from __future__ import annotations

import base64
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.classes import service, view
from demo.classes.service import ClassSession, Tried
from demo.ui import examples
from demo.ui.events import Failure, Step
from mmcore.checkpoints import class_heads
from mmcore.errors import InputError
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from tests.sounds import encoded, noise, silence, tone


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@pytest.fixture
def folder(isolated: Path) -> Path:
    """Where gradio puts uploads."""
    made = isolated / "gradio"
    made.mkdir(exist_ok=True)
    return made


def picture(folder: Path, name: str) -> dict[str, str]:
    source = next(item.path for item in examples.collection() if item.path.stem == name)
    return {"path": str(shutil.copy(source, folder)), "orig_name": source.name}


def sound(folder: Path, name: str, samples: Any) -> dict[str, str]:
    (folder / name).write_bytes(encoded(samples))
    return {"path": str(folder / name), "orig_name": name}


def taught(pool: ModelPool, folder: Path) -> ClassSession:
    session = ClassSession("sound")
    for number, make in ((1, lambda n: tone(1.0, 300 + 90 * n)), (2, lambda n: noise(1.0, seed=n))):
        service.change(session, {"do": "choose", "class": number})
        files = [sound(folder, f"{number}{n}.wav", make(n)) for n in range(3)]
        assert all(isinstance(step, Step) for step in service.take(pool, session, files))
    assert [len(one.shown) for one in session.classes] == [3, 3]
    return session


def test_the_board_takes_what_fits_and_leaves_the_rest() -> None:
    session = ClassSession()
    for _ in range(9):
        service.change(session, {"do": "add"})
    assert [one.number for one in session.classes] == [1, 2, 3, 4, 5, 6]
    assert session.active == 6
    service.change(session, {"do": "name", "class": 2, "name": "  my \n <b>cups</b> " + "x" * 90})
    assert session.classes[1].name == ("my <b>cups</b> " + "x" * 90)[:40]
    assert "<b>cups" not in view.board(session, "en")
    for number in (6, 5, 4, 3):
        service.change(session, {"do": "remove", "class": number})
    assert session.active == 1
    service.change(session, {"do": "remove", "class": 1})  # two are the least
    assert len(session.classes) == 2
    before = session.classes
    for strange in (None, "add", {}, {"do": "drop"}, {"do": "name", "class": "2"}, {"do": "choose", "class": 77}):
        service.change(session, strange)
    assert (session.classes, session.active) == (before, 1)
    service.change(session, {"do": "clear"})
    assert [one.name for one in session.classes] == ["", ""]
    assert service.kind_of("video") == "picture"


def test_pictures_are_taught_and_named(pool: ModelPool, folder: Path) -> None:
    language = "zh"
    session = ClassSession()
    assert all(step.total == 15 for step in service.take_examples(pool, session, language))
    assert [len(one.shown) for one in session.classes] == [4, 6, 5]
    shown = view.board(session, language)
    assert shown.count("data:image/jpeg") == 15
    assert isinstance(service.attempt_one(pool, session, picture(folder, "owl")), Failure), "nothing was learned yet"
    service.learn(pool, session, language)
    html = view.learned(session, language)
    assert session.learned is not None
    head, report, _ = session.learned
    right = int(np.trace(report.confusion))
    assert f"{right}" in html
    assert "15" in html
    assert len(re.findall(r"<li><img", html)) == len(report.wrong) == 15 - right
    link = re.search(r'href="data:application/octet-stream;base64,([^"]+)"', html)
    assert link
    exported = class_heads.read(base64.b64decode(link[1]))
    assert exported.classes == head.classes == tuple(one.name for one in session.classes)

    found = service.attempt_one(pool, session, picture(folder, "drawn-rabbit"))
    assert isinstance(found, Tried)
    assert found.answer.label == session.classes[1].name
    assert found.maps.shape == (3, 7, 7)
    assert found.maps.sum((1, 2)) == pytest.approx([1, 1, 1], abs=1e-4)
    page = unescape(view.answered(found, language))
    assert page.count('data-layer="') == 3
    assert f"{found.answer.cells[0].sum():+.2f}" in page
    assert service.attempt_one(pool, session, None) is None

    service.change(session, {"do": "drop", "class": 1, "item": session.classes[0].shown[0].number})
    assert len(session.classes[0].shown) == 3
    assert session.learned is None, "what was learned is of other examples"


def test_sounds_are_taught_and_drawn(pool: ModelPool, folder: Path) -> None:
    session = taught(pool, folder)
    assert "1.0 s" in view.board(session, "en")
    service.learn(pool, session, "en")
    found = service.attempt_one(pool, session, sound(folder, "new.wav", noise(1.3, seed=8)))
    assert isinstance(found, Tried)
    assert found.answer.label == "Class 2"
    assert found.spectrogram is not None
    assert found.maps.shape[1] == len(found.spectrogram.frequencies)
    assert found.maps.sum((1, 2)) == pytest.approx([1, 1], abs=1e-3)
    assert "Hz" in view.answered(found, "en")
    silent = service.attempt_one(pool, session, sound(folder, "silent.wav", silence(1.0)))
    assert isinstance(silent, Failure)
    assert "silent" in silent.message("en")


def test_what_cannot_be_used_is_told_and_the_rest_is_taken(pool: ModelPool, folder: Path) -> None:
    session = taught(pool, folder)
    (folder / "note.txt").write_text("hello")
    files = [
        {"path": str(folder / "note.txt"), "orig_name": "<i>note</i>.txt"},
        sound(folder, "good.wav", tone(1.0, 800)),
    ]
    service.change(session, {"do": "choose", "class": 1})
    list(service.take(pool, session, files))
    assert len(session.classes[0].shown) == 4
    assert [name for name, _ in session.problems] == ["i>.txt"], "a name, not a path"
    assert "<i>" not in view.board(session, "en")
    with pytest.raises(InputError) as caught:
        list(service.take(pool, session, [sound(folder, f"{n}.wav", tone(0.1)) for n in range(31)]))
    assert caught.value.key == "too_many_files"
    for strange in ({"path": "/etc/passwd"}, {"path": "http://localhost/x.wav"}):
        with pytest.raises(InputError) as caught:
            list(service.take(pool, session, strange))
        assert caught.value.key == "upload_not_a_file"
    service.change(session, {"do": "add"})
    with pytest.raises(InputError) as caught:
        service.learn(pool, session, "en")
    assert caught.value.key == "class_few"
    assert caught.value.values["name"] == "Class 3"


def test_a_class_is_full_at_its_limit(pool: ModelPool, folder: Path) -> None:
    session = ClassSession("sound")
    seen = service.few_shot.look(pool, "sound", encoded(tone(0.3)))
    for _ in range(service.MOST_EACH):
        session.add(1, "a", seen)
    with pytest.raises(InputError) as caught:
        session.add(1, "a", seen)
    assert caught.value.key == "class_full"
    assert len(session.classes[0].shown) == service.MOST_EACH


def test_programs_bring_the_head_with_them(pool: ModelPool, folder: Path) -> None:
    session = taught(pool, folder)
    service.learn(pool, session, "en")
    assert session.learned is not None
    (folder / "own.safetensors").write_bytes(session.learned[0].to_bytes())
    head = {"path": str(folder / "own.safetensors")}
    answer = service.classify_for_api(pool, sound(folder, "x.wav", tone(1.0, 420)), head).to_dict()
    assert answer["label"] == "Class 1"
    with pytest.raises(InputError) as caught:
        service.classify_for_api(pool, head, sound(folder, "y.wav", tone(1.0)))
    assert caught.value.key == "class_head_damaged"
