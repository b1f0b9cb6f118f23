"""From a raw upload to what the audio tab shows, through the real core with a fake model."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from demo.audio import service, view
from demo.audio.view import AudioView, Explained
from demo.ui import batch_rows, examples
from demo.ui.events import Failure, Step, Stop
from mmcore.checkpoints import registry
from mmcore.errors import InputError
from mmcore.pool import ModelPool
from mmcore.results import SILENCE
from mmcore.settings import Settings

RATE = 16_000
MODEL = registry.of_task(service.TASK)[0].name
CLAP = next(record.name for record in registry.of_task(service.TASK) if record.family == "clap")


def tone(hertz: float, seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def by_name(*values: Any) -> dict[str, Any]:
    """The first values of the form."""
    names = ("top", "threshold", "labels", "pooling", "event_threshold", "event_seconds")
    return dict(zip(names, values, strict=False))


def upload(folder: Path, samples: np.ndarray, name: str = "sound.wav") -> dict[str, Any]:
    """The raw value of ``gr.Audio`` after that sound was sent."""
    path = folder / name
    soundfile.write(path, samples, RATE)
    return {"path": str(path), "orig_name": name}


def answer(pool: ModelPool, payload: dict[str, Any] | None, *form: Any, model: str = MODEL) -> Any:
    return list(service.listen(pool, payload, model, by_name(*form)))[-1]


def test_a_sound_is_classified_with_its_events_and_evidence(pool: ModelPool, uploads: Path) -> None:
    scene = np.concatenate([tone(200, 4), np.zeros(4 * RATE, np.float32), tone(4000, 4)])
    items = list(service.listen(pool, upload(uploads, scene), MODEL, {}))
    (heard, without, _), (same, evidence, _) = items  # the answer first; a short sound shows no progress
    assert same is heard
    assert without is None
    assert isinstance(heard, AudioView)
    assert {one.label for one in heard.result.labels[:2]} == {"Dog", "Rain"}
    dog = next(event for event in heard.result.events if event.label == "Dog")
    silence = next(event for event in heard.result.events if event.label == SILENCE)
    assert (dog.start, dog.end) == (pytest.approx(0, abs=0.6), pytest.approx(4, abs=0.6))
    assert (silence.start, silence.end) == (pytest.approx(4, abs=0.3), pytest.approx(8, abs=0.3))
    assert isinstance(evidence, Explained)
    assert evidence.evidence.label == heard.result.labels[0].label


def test_the_evidence_of_another_label_is_asked_for(pool: ModelPool, uploads: Path) -> None:
    scene = np.concatenate([tone(200, 4), tone(4000, 4)])
    _, _, request = answer(pool, upload(uploads, scene))
    best = service.explain(pool, request, "Rain", None)
    assert isinstance(best, Explained)
    assert best.evidence.end == pytest.approx(8)
    there = service.explain(pool, request, "Dog", 1.0)
    assert isinstance(there, Explained)
    assert there.evidence.start == pytest.approx(1.0, abs=1.0)
    unknown = service.explain(pool, request, "no such label", None)
    assert isinstance(unknown, Failure)
    assert "no such label" in unknown.message("en")


def test_the_evidence_of_a_file_that_is_gone_is_an_error(pool: ModelPool, uploads: Path) -> None:
    _, _, request = answer(pool, upload(uploads, tone(200, 2)))
    request.path.unlink()
    assert isinstance(service.explain(pool, request, "Dog", None), Failure)


def test_an_answer_stays_where_its_evidence_fails(pool: ModelPool, uploads: Path) -> None:
    running = service.listen(pool, upload(uploads, tone(200, 2)), MODEL, {})
    heard, _, request = next(running)  # type: ignore[misc]
    assert isinstance(heard, AudioView)
    request.path.unlink()
    _, evidence, _ = next(running)  # type: ignore[misc]
    assert isinstance(evidence, Failure)  # said where the evidence would be
    assert list(running) == []


def test_a_long_sound_reports_progress(pool: ModelPool, uploads: Path) -> None:
    items = list(service.listen(pool, upload(uploads, tone(200, 90)), MODEL, {}))
    steps = [item for item in items if isinstance(item, Step)]
    assert steps
    assert all(step.total == 90 for step in steps)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert isinstance(items[-1], tuple)


def test_closing_stops_the_work(pool: ModelPool, uploads: Path, settings: Settings) -> None:
    (settings.home / "slow").touch()
    running = service.listen(pool, upload(uploads, tone(200, 600)), MODEL, {})
    assert isinstance(next(running), Step)
    running.close()  # type: ignore[attr-defined]
    pool.run(MODEL, lambda model, items: list(items), [0])  # waits for the lock: what was under way is over
    asked = (settings.home / "asked.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["windows"] for line in asked) < 600


def test_the_button_ends_it_with_a_failure_that_is_none(pool: ModelPool, uploads: Path, settings: Settings) -> None:
    (settings.home / "slow").touch()
    button = Stop()
    running = service.listen(pool, upload(uploads, tone(200, 600)), MODEL, {}, button=button)
    assert isinstance(next(running), Step)
    button.press()
    last = list(running)[-1]
    assert isinstance(last, Failure)
    assert last.stopped
    assert "Stopped." in view.panel(last, "en")
    assert not Failure(InputError("image_svg")).stopped


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, "Choose or record a sound"),
        ({"path": "/etc/passwd"}, "never an address or a path"),
        ({}, "Choose or record"),
    ],
)
def test_what_is_no_upload_is_refused(pool: ModelPool, payload: Any, words: str) -> None:
    problem = answer(pool, payload)
    assert isinstance(problem, Failure)
    assert words in problem.message("en")


def test_what_is_no_sound_is_explained_in_both_languages(pool: ModelPool, uploads: Path) -> None:
    path = uploads / "song.mp3"
    path.write_text("<!doctype html><html></html>")
    problem = answer(pool, {"path": str(path), "orig_name": "song.mp3"})
    assert isinstance(problem, Failure)
    assert "not a sound but a web page" in problem.message("en")
    assert "网页" in problem.message("zh")


def test_silence_needs_no_model(pool: ModelPool, uploads: Path) -> None:
    heard, evidence, _ = answer(pool, upload(uploads, np.zeros(3 * RATE, np.float32)))
    assert heard.result.silent
    assert evidence is None


def test_options_from_a_form() -> None:
    options = service.options_of(by_name(3.0, 0.2, "狗、rain", "mean", 0.5, 1))
    assert (options.top, options.threshold, options.labels, options.pooling) == (3, 0.2, ("Dog", "rain"), "mean")
    assert (options.event_threshold, options.event_seconds, options.explain) == (0.5, 1.0, False)


@pytest.mark.parametrize(
    "form", [(0,), (2.5,), (5, 2), (5, "high"), (5, 0, 7), (5, 0, "", "median"), (5, 0, "", "max", 0), (5, True)]
)
def test_options_out_of_range_are_refused(form: tuple[Any, ...]) -> None:
    with pytest.raises(InputError):
        service.options_of(by_name(*form))


def test_open_vocabulary_reach_a_model_that_takes_them(pool: ModelPool, uploads: Path, settings: Settings) -> None:
    heard, _, _ = answer(pool, upload(uploads, tone(200, 2)), 5, 0, "a kettle, an owl", model=CLAP)
    assert [one.label for one in heard.result.labels] == ["a kettle", "an owl"]
    assert json.loads((settings.home / "asked.jsonl").read_text().splitlines()[0])["labels"] == ["a kettle", "an owl"]


def test_labels_that_a_model_does_not_have_are_refused(pool: ModelPool, uploads: Path) -> None:
    problem = answer(pool, upload(uploads, tone(200, 2)), 5, 0, "a kettle, an owl")
    assert isinstance(problem, Failure)
    assert "a kettle" in problem.message("en")
    assert "a kettle" in problem.message("zh")


def test_a_batch_keeps_the_order_and_the_errors(pool: ModelPool, uploads: Path) -> None:
    broken = uploads / "=broken.wav"
    broken.write_bytes(b"")
    files = [
        upload(uploads, tone(200, 3), "dog.wav"),
        {"path": str(broken), "orig_name": "=broken.wav"},
        upload(uploads, np.zeros(RATE, np.float32), "quiet.wav"),
    ]
    rows, total = list(service.describe_many(pool, files, MODEL, {}))[-1]
    assert total == 3
    table = batch_rows.table(service.SOUNDS, rows, "zh")
    assert len(batch_rows.headers(service.SOUNDS, "zh")) == len(table[0])
    assert table[0][:2] == ["dog.wav", "狗 90 %; 雨 30 %; 说话声 1 %"]
    assert table[0][2] == "0.0 s-3.0 s 狗; 0.0 s-3.0 s 雨"
    assert "文件是空的" in table[1][1]
    assert table[2][1:3] == ["静音 100 %", "0.0 s-1.0 s 静音"]
    lines = list(csv.DictReader(io.StringIO(batch_rows.as_csv(service.SOUNDS, rows))))
    assert (lines[0]["label"], lines[0]["score"], lines[0]["duration"]) == ("Dog", "0.9000", "3.000")
    assert lines[1]["file"] == "'=broken.wav"
    assert lines[1]["error"].startswith("The file is empty")
    records = [json.loads(line) for line in batch_rows.as_jsonl(rows).splitlines()]
    assert records[0]["path"] == "dog.wav"
    assert records[0]["events"][0]["label"] == "Dog"
    assert records[1]["error"]["type"] == "InputError"


def test_a_batch_of_nothing_is_refused(pool: ModelPool) -> None:
    with pytest.raises(InputError, match="Choose or record"):
        next(service.describe_many(pool, None, MODEL, {}))


def test_examples_are_taken_as_uploads(pool: ModelPool, uploads: Path) -> None:
    for index, item in enumerate(examples.sounds()):
        path = service.example_file(index)
        assert Path(path).read_bytes() == item.path.read_bytes()
        if item.path.stem in ("silence", "tone"):
            outcome = answer(pool, {"path": path, "orig_name": item.path.name})
            assert isinstance(outcome, tuple)
            assert outcome[0].result.silent == (item.path.stem == "silence")
