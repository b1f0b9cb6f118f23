"""A transcript on the page: from an upload to HTML, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from demo.audio import service, transcript
from demo.ui.events import Failure, Step
from demo.ui.i18n import LANGUAGES
from mmcore.pool import ModelPool
from mmcore.results.transcribe import SpokenWord, TranscribeResult
from mmcore.settings import Settings
from tests.fakes.engines import loader
from tests.fakes.families import fake_pool

WORDS = (
    SpokenWord("Hello", 0.0, 0.4, 0.9),
    SpokenWord("<b>.", 0.5, 0.9, 0.2),
    SpokenWord("Again.", 3.0, 3.4, 0.8),
)


def result(words: tuple[SpokenWord, ...] = WORDS, language: str = "en") -> TranscribeResult:
    return TranscribeResult(words, language, 0.97, 4.0, "whisper-base", "cpu", 1.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_passages_have_times_and_unsure_words_are_marked(language: str):
    html = transcript.panel(result(), language)
    assert html.count("<li>") == 2
    assert "&lt;b&gt;." in html
    assert "<b>" not in html
    assert html.count('class="mm-unsure"') == 1
    assert "<span>3.0 s</span>" in html
    assert 'data-text="Hello &lt;b&gt;. Again."' in html
    assert ("English" in html) == (language == "en")
    assert ("英语" in html) == (language != "en")


def test_nothing_errors_and_progress_have_their_panels():
    assert transcript.panel(None, "en") == ""
    assert "mm-transcript" in transcript.panel(Step(3, 12), "en")
    assert 'data-text=""' in transcript.panel(result(()), "en")


@pytest.fixture
def payload(isolated: Path) -> dict[str, Any]:
    folder = isolated / "gradio"
    folder.mkdir(exist_ok=True)
    path = folder / "said.wav"
    soundfile.write(path, (0.1 * np.random.default_rng(0).standard_normal(2000)).astype(np.float32), 1000)
    return {"path": str(path), "orig_name": "said.wav"}


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    return fake_pool(settings, loader())


def test_an_upload_is_transcribed_in_the_language_asked_for(pool: ModelPool, payload: dict[str, Any]):
    *steps, last = service.transcribe_upload(pool, payload, "zh")
    assert all(isinstance(step, Step) for step in steps)
    assert isinstance(last, TranscribeResult)
    assert (last.text, last.language) == ("word0. word1.", "zh")
    told = service.transcribe_for_api(pool, payload, "", language="en", beams=1)
    assert told.language == "en"


def test_what_is_wrong_is_shown(pool: ModelPool, payload: dict[str, Any]):
    for given, language in ((None, "en"), (payload, "fr"), ({"path": "/etc/passwd"}, "en")):
        (failed,) = service.transcribe_upload(pool, given, language)
        assert isinstance(failed, Failure)
        assert "problem" in transcript.panel(failed, "en") or "mm-error" in transcript.panel(failed, "en")
