"""Audio results as HTML."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from demo.audio import view
from demo.ui import examples
from demo.ui.events import Failure, Step
from mmcore.errors import Cancelled, InputError
from mmcore.results import SILENCE, AudioResult, Envelope, SoundEvent, SoundEvidence, SoundLabel, Spectrogram, Timeline

FREQUENCIES = np.geomspace(50, 15000, 16).astype(np.float32)
SPECTROGRAM = Spectrogram(np.linspace(-90, 0, 16 * 40).reshape(16, 40).astype(np.float32), FREQUENCIES, 0.25)
EVIDENCE = SoundEvidence("Dog", 0.0, 10.0, np.full((16, 40), 1 / 640, np.float32), SPECTROGRAM, 0.83)
EVENTS = (
    SoundEvent("Dog", 0.0, 2.5, 0.83),
    SoundEvent(SILENCE, 2.5, 4.0, 1.0),
    SoundEvent("Rain", 4.0, 10.0, 0.6),
    SoundEvent("Dog", 8.0, 9.0, 0.5),
)


def result(**changes: Any) -> AudioResult:
    made = AudioResult(
        labels=(SoundLabel("Dog", 0.83), SoundLabel("Rain", 0.6), SoundLabel('a "free" <label>', 0.001)),
        events=EVENTS,
        duration=10.0,
        sample_rate=44_100,
        channels=2,
        format="WebM",
        envelope=Envelope(np.full(40, -0.5, np.float32), np.full(40, 0.5, np.float32), 0.25),
        spectrogram=SPECTROGRAM,
        timeline=Timeline(("Dog", "Rain"), np.linspace(0, 1, 20).reshape(10, 2).astype(np.float32), 1.0),
        model="compact-tagger",
        device="cpu",
        seconds=0.05,
        evidence=EVIDENCE,
    )
    return replace(made, **changes)


def shown(language: str = "en", **changes: Any) -> str:
    return view.panel(view.heard(result(**changes)), language)


class Balance(HTMLParser):
    """Every element that is opened is closed, in order."""

    ALONE = ("img", "path")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.ALONE:
            assert self.open.pop() == tag


def balanced(html: str) -> bool:
    parser = Balance()
    parser.feed(html)
    return not parser.open


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"labels": ()},
        {"labels": (SoundLabel(SILENCE, 1.0),), "events": (SoundEvent(SILENCE, 0, 10, 1.0),)},
        {"events": ()},
        {"duration": 0.001, "events": ()},
    ],
)
def test_every_answer_is_well_formed(language: str, changes: dict[str, Any]) -> None:
    assert balanced(shown(language, **changes))


def test_labels_are_bars_with_scores_best_first() -> None:
    html = shown()
    assert re.findall(r'<i style="width:([\d.]+)%">', html)[:3] == ["83.0", "60.0", "0.1"]
    assert html.index("83 %") < html.index("60 %") < html.index("&lt;1 %" if "&lt;1 %" in html else "<1 %")
    assert 'data-label="Dog" aria-pressed="true"' in html  # a result without windows: the file is heard again
    assert 'data-label="Rain" aria-pressed="false"' in html


def test_a_label_says_where_its_best_window_is() -> None:
    html = shown(windows=((2.0, 10.0), (7.25, 0.96), (0.0, 10.0)))
    assert 'data-label="Dog" data-start="2.000000" data-length="10.0" aria-pressed="true"' in html
    assert 'data-label="Rain" data-start="7.250000" data-length="0.96" aria-pressed="false"' in html


def test_a_free_label_cannot_break_the_page() -> None:
    html = shown()
    assert "<label>" not in html
    assert 'data-label="a &quot;free&quot; &lt;label&gt;"' in html


def test_chinese_names_stand_beside_the_english_ones() -> None:
    html = shown("zh")
    assert '狗 <span class="mm-original" lang="en">Dog</span>' in html
    assert "静音" in html
    assert "mm-original" not in shown("en")


def test_events_stand_where_they_sound() -> None:
    html = shown()
    row = re.search(r'data-row="Dog">(.*?)</div>', html)
    assert row is not None
    places = re.findall(r"left:([\d.]+)%;width:([\d.]+)%", row[1])
    assert [(float(left), float(width)) for left, width in places] == [(0, 25), (80, 10)]
    assert 'aria-label="Dog: 0.0 s to 2.5 s, 83 %"' in row[1]
    assert 'data-start="8.000"' in row[1]
    assert re.findall(r'data-row="(\w+)"', html) == ["Dog", "Rain", SILENCE]  # listed ones first, silence last
    assert len(re.findall('class="mm-band" data-band="Dog"', html)) == 2


def test_silence_is_named_but_explains_nothing() -> None:
    silent = (SoundLabel(SILENCE, 1.0),)
    html = shown(labels=silent, events=(SoundEvent(SILENCE, 0.0, 10.0, 1.0),), evidence=None)
    assert '<p class="mm-caption">Silence</p>' in html
    assert "told by the level" in html
    assert "data-label" not in html
    assert "静音" in shown("zh", labels=silent, events=())


def test_no_label_and_no_event_are_said() -> None:
    assert "No label reaches the threshold" in shown(labels=())
    assert "count as an event" in shown(events=())


def test_many_rows_are_cut_and_counted() -> None:
    events = tuple(SoundEvent(f"word {index}", 1.0, 2.0, 0.3 + index / 100) for index in range(30))
    html = shown(events=(*events, SoundEvent(SILENCE, 3.0, 4.0, 1.0)))
    assert html.count("data-row=") == view.ROWS
    assert f'data-row="{SILENCE}"' in html
    assert "23 more labels have events" in html


def test_what_leads_somewhere_has_a_lane_and_lanes_follow_time() -> None:
    listed = tuple(SoundEvent(f"word {index}", 5.0, 6.0, 0.9 - index / 100) for index in range(10))
    labels = tuple(SoundLabel(event.label, event.score) for event in listed)
    rooster = SoundEvent("Rooster", 1.0, 2.0, 0.3)
    timeline = Timeline(("Rooster",), np.zeros((10, 1), np.float32), 1.0, leading=("word 0", "Rooster"))
    html = shown(labels=labels, events=(rooster, *listed), timeline=timeline, headline="word 9")
    lanes = re.findall(r'data-row="([^"]+)"', html)
    assert lanes == ["Rooster", "word 0", "word 1", "word 2", "word 3", "word 4", "word 9"]
    everywhere = replace(timeline, leading=("Rooster", *(event.label for event in listed)))
    assert len(re.findall("data-row=", shown(labels=labels, events=(rooster, *listed), timeline=everywhere))) == 11


def test_a_doubted_kind_stands_below_what_it_is_a_kind_of() -> None:
    labels = (SoundLabel("Speech synthesizer", 0.9), SoundLabel("Dog", 0.85), SoundLabel("Speech", 0.8))
    events = tuple(SoundEvent(one.label, 1.0, 2.0, one.score) for one in labels)
    html = shown(labels=labels, events=events, headline="Dog", doubted={"Speech synthesizer": "Speech"})
    assert re.findall(r'<button type="button" data-label="([^"]+)"', html) == ["Dog", "Speech", "Speech synthesizer"]
    assert re.findall(r'data-row="([^"]+)"', html) == ["Dog", "Speech", "Speech synthesizer"]
    assert "“Speech synthesizer” stands below “Speech”" in html
    assert 'data-text="Dog 85 %; Speech 80 %; Speech synthesizer 90 %"' in html


def test_thousands_of_events_stay_drawable() -> None:
    events = tuple(SoundEvent("Dog", index / 1000, index / 1000 + 0.0005, 0.5) for index in range(9000))
    html = shown(events=(*events, SoundEvent("Dog", 9.9, 10.0, 0.7)))
    assert re.findall(r'class="mm-event" style="left:([\d.]+)%;width:([\d.]+)%', html) == [
        ("0.000", "89.995"),
        ("99.000", "1.000"),
    ]


def test_the_foot_tells_what_heard_it_and_what_the_file_is() -> None:
    html = shown()
    for fact in ("Compact tagger", "CPU", "0.050 s", "10.0 s", "WebM, 44.1 kHz, 2 channels"):
        assert fact in html, fact
    assert "WebM, 44.1 kHz, 单声道" in shown("zh", channels=1)
    data = re.search(r'download="sounds.json" href="data:application/json;charset=utf-8;base64,([^"]+)"', html)
    assert data is not None
    saved = json.loads(b64decode(data[1]))
    assert saved["labels"][0] == {"label": "Dog", "score": 0.83}
    assert saved["events"][1] == {"label": SILENCE, "start": 2.5, "end": 4.0, "score": 1.0}


def test_before_and_instead_of_an_answer() -> None:
    assert "Record a sound" in view.panel(None, "en")
    assert "录一段声音" in view.panel(None, "zh")
    failed = view.panel(Failure(InputError("sound_empty")), "zh")
    assert 'role="alert"' in failed
    assert "文件是空的" in failed
    assert "Press Listen" in view.panel(Failure(Cancelled("cancelled", done=30, total=60)), "en")


def test_how_far_a_long_file_is() -> None:
    assert "Listened to 1:30 of 30:00" in view.panel(Step(90, 1800), "en")
    assert 'value="0.0500"' in view.panel(Step(90, 1800), "en")
    assert "Listened to 1:30<" in view.panel(Step(90, 0), "en")


def test_the_evidence_is_laid_over_the_spectrogram_with_axes_and_a_legend() -> None:
    html = view.evidence_panel(view.explained(EVIDENCE), "en")
    assert balanced(html)
    assert 'data-evidence="Dog"' in html
    assert "“Dog”, 83 % from 0.0 s to 10.0 s." in html
    assert html.count("<img") == 2
    assert 'class="mm-overlay" src="data:image/png' in html
    for mark in (">1024<", ">8192<", ">Hz<", ">10 s<", "mm-legend"):
        assert mark in html, mark
    assert "“狗”" in view.evidence_panel(view.explained(EVIDENCE), "zh")


def test_no_evidence_and_a_failed_one() -> None:
    assert view.evidence_panel(None, "en") == ""
    assert 'role="alert"' in view.evidence_panel(Failure(None, "12345678"), "en")


def test_examples_are_buttons_in_both_languages() -> None:
    html = view.example_chips(examples.sounds())
    assert balanced(html)
    assert html.count("data-example=") == len(examples.sounds())
    assert '<span lang="en">Typing</span><span lang="zh">打字</span>' in html
