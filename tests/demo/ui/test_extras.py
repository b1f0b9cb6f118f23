"""Fields of the extras: there, or greyed with the one command that brings them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from demo.ui.i18n import LANGUAGES, texts
from mmcore.errors import InputError
from mmcore.settings import Settings
from tests.fakes.engines import loader
from tests.fakes.families import fake_pool
from tests.sounds import encoded, noise


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the packages of the extras."""
    monkeypatch.setattr("mmcore.checkpoints.locate.find_spec", lambda name: None)


@pytest.mark.usefixtures("without")
def test_a_field_without_its_extra_says_the_one_command_that_brings_it(settings: Settings):
    from demo.ui import extras

    assert not extras.can_read(settings)
    assert not extras.can_transcribe(settings)
    for key, extra in (("read_text_missing", "ocr"), ("speak_missing", "speech")):
        shown = extras.missing(settings, key).key
        assert all(f'pip install "mmcore-studio[{extra}]"' in texts(language)[shown] for language in LANGUAGES)


@pytest.mark.usefixtures("without")
def test_visitors_of_a_public_page_are_told_no_command(settings: Settings):
    from demo.ui import extras

    shown = extras.missing(replace(settings, public=True), "speak_missing").key
    assert all("pip" not in texts(language)[shown] for language in LANGUAGES)


def test_what_is_said_becomes_one_line(settings: Settings, isolated: Path):
    from demo.ui import extras

    pool = fake_pool(settings, loader())
    path = isolated / "gradio" / "said.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(noise(2.0, 1000), 1000))
    assert extras.spoken(pool, {"path": str(path)}, "en") == ("word0. word1.", "")
    with pytest.raises(InputError, match="Nothing was given"):
        extras.spoken(pool, None, "en")
