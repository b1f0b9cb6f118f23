"""``mmcore audio``: its contract, and its words for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcore.commands import console
from mmcore.evaluation import audio_bench
from tests.command_line import lines, mmcore
from tests.sounds import encoded, silence, tone
from tests.tasks.test_audio import a_pool


@pytest.fixture(autouse=True)
def pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "make_pool", a_pool)
    monkeypatch.setenv("MMCORE_OFFLINE", "1")


@pytest.fixture
def sound(tmp_path: Path) -> str:
    path = tmp_path / "sound.wav"
    path.write_bytes(encoded(np.concatenate([tone(2, 300, 8000), silence(1, 8000), tone(1, 2500, 8000)]), 8000))
    return str(path)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    (tmp_path / "broken.wav").write_text("<html></html>")
    return str(tmp_path / "broken.wav")


def test_json_is_the_contract(sound: str):
    result = mmcore("audio", sound, "--json")
    assert result.exit_code == 0
    (answer,) = lines(result)
    assert answer["path"] == sound
    assert answer["model"] == "compact-tagger"
    assert isinstance(answer["seconds"], float)
    assert answer["labels"][0]["label"] == "Low"
    assert [set(label) for label in answer["labels"]] == [{"label", "score"}] * 3
    assert [event["label"] for event in answer["events"]] == ["Low", "Silence", "High"]
    assert answer["events"][1] == {"label": "Silence", "start": 2.0, "end": 3.0, "score": 1.0}


def test_an_error_has_its_place_and_the_others_are_done(sound: str, broken: str):
    result = mmcore("audio", sound, broken, sound, "--json")
    assert result.exit_code == 1
    first, error, last = lines(result)
    assert first["labels"] == last["labels"]
    assert error["path"] == broken
    assert error["error"]["type"] == "InputError"
    assert "a web page (HTML)" in error["error"]["message"]


def test_for_people(sound: str, broken: str):
    result = mmcore("audio", sound, broken)
    assert result.exit_code == 1
    best, *events = result.stdout.splitlines()
    assert best.startswith(f"{sound}: Low (0.")
    assert events[1] == f"{sound}:      2.0 - 3.0 s  Silence  (1.00)"
    assert "a web page (HTML)" in result.stderr


def test_labels_top_and_threshold(sound: str):
    (answer,) = lines(mmcore("audio", sound, "--json", "--labels", "high, low"))
    assert {label["label"] for label in answer["labels"]} == {"High", "Low"}
    (answer,) = lines(mmcore("audio", sound, "--json", "--top", 1))
    assert len(answer["labels"]) == 1
    (answer,) = lines(mmcore("audio", sound, "--json", "--threshold", 0.95))
    assert answer["labels"] == []
    result = mmcore("audio", sound, "--threshold", 0.95)
    assert "nothing reaches the threshold" in result.stdout


def test_open_vocabulary_with_a_model_that_takes_them(sound: str):
    (answer,) = lines(mmcore("audio", sound, "--json", "--model", "clap", "--labels", "a hum,a whistle"))
    assert answer["model"] == "clap"
    assert {label["label"] for label in answer["labels"]} == {"a hum", "a whistle"}


def test_timeline_can_be_left_out(sound: str):
    (answer,) = lines(mmcore("audio", sound, "--json", "--no-timeline"))
    assert answer["events"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--top", 0), "top is 0"),
        (("--threshold", 2), "threshold is 2.0"),
        (("--pooling", "sum"), "no pooling called 'sum'"),
        (("--hop", 0), "hop is 0.0"),
        (("--model", "blip-base"), "no audio model called 'blip-base'"),
        (("--model", "nonsense"), "no model called 'nonsense'"),
        (("--tier", "huge"), "no tier called 'huge'"),
        (("--tier", "compact", "--model", "ast"), "not both"),
    ],
)
def test_wrong_usage(sound: str, arguments: tuple[object, ...], words: str):
    result = mmcore("audio", sound, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


def test_without_files():
    assert mmcore("audio").exit_code == 2


def test_evaluate(sound: str):
    folder = Path(sound).parent
    result = mmcore("evaluate", "audio", "--data", folder, "--teacher", "efficientat-mn04", "--json")
    assert result.exit_code == 0
    (figures,) = lines(result)
    assert (figures["clips"], figures["agreement"]) == (1, 1.0)
    assert mmcore("evaluate", "audio", "--data", folder / "none").exit_code == 1
    assert mmcore("evaluate", "audio", "--data", folder, "--teacher", "blip-base").exit_code == 2


def test_bench(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audio_bench, "ast_architecture", lambda: lambda samples: None)
    result = mmcore("bench", "audio", "--repeats", 1, "--json")
    assert result.exit_code == 0
    (figures,) = lines(result)
    assert figures["ratio"] > 0
