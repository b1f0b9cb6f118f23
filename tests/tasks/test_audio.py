"""The audio task with a tagger that hears pitch: what, when, where in the spectrogram, in files of any length."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcore.errors import Cancelled, CapacityError, InputError, UnknownNameError
from mmcore.pool import ModelPool
from mmcore.results import SILENCE, AudioOptions, AudioResult, SoundLabel
from mmcore.settings import Settings
from mmcore.tasks.audio import classify_audio, classify_audio_many, explain_audio, most_specific
from mmcore.tasks.sliding_window import closest
from tests.fakes.families import fake_pool
from tests.sounds import PitchTagger, contained, encoded, silence, tone

ROOT = Path(__file__).resolve().parents[2]
RATE = 8000


def a_pool(settings: Settings | None = None) -> ModelPool:
    def loader(checkpoint: Any, folder: Path, device: str, dtype: str) -> Any:
        return PitchTagger(checkpoint, device, open_vocabulary=checkpoint.family == "clap")

    return fake_pool(settings, loader)


@pytest.fixture
def pool() -> ModelPool:
    return a_pool()


def low(seconds: float) -> Any:
    return tone(seconds, 300, RATE)


def high(seconds: float) -> Any:
    return tone(seconds, 2500, RATE)


def quiet(seconds: float) -> Any:
    return silence(seconds, RATE)


def wav(*parts: Any) -> bytes:
    return encoded(np.concatenate(parts), RATE)


def names(result: AudioResult) -> list[str]:
    return [one.label for one in result.labels]


def test_what_and_when(pool: ModelPool):
    result = classify_audio(pool, wav(low(3), quiet(2), high(3)))
    assert names(result)[:2] == ["Low", "High"]
    assert [one.score for one in result.labels[:2]] == pytest.approx([0.9, 0.9], abs=0.02)
    assert [(event.label, event.start, event.end) for event in result.events] == [
        ("Low", 0.0, pytest.approx(3.0, abs=0.11)),
        (SILENCE, pytest.approx(3.0, abs=0.11), pytest.approx(5.0, abs=0.11)),
        ("High", pytest.approx(5.0, abs=0.11), 8.0),
    ]
    assert [event.score for event in result.events] == pytest.approx([0.9, 1.0, 0.9], abs=0.02)
    assert (result.duration, result.sample_rate, result.channels, result.format) == (8.0, RATE, 1, "WAV")
    assert (result.model, result.device) == ("compact-tagger", "cpu")
    assert not result.silent
    assert result.spectrogram.values.shape == (128, 800)
    assert len(result.envelope.low) == 800
    assert result.timeline.labels[:2] == ("Low", "High")
    assert result.timeline.scores.shape == (16, len(result.timeline.labels))
    assert result.timeline.hop == 0.5


def test_neighbours_without_silence_between(pool: ModelPool):
    result = classify_audio(pool, wav(low(3), high(3)), AudioOptions(event_threshold=0.7))
    spans = {event.label: (event.start, event.end) for event in result.events}
    assert spans["Low"] == (0.0, pytest.approx(3.0, abs=0.51))
    assert spans["High"] == (pytest.approx(3.0, abs=0.51), 6.0)


def test_a_silent_file_is_silence_and_the_model_is_not_asked(pool: ModelPool):
    result = classify_audio(pool, wav(quiet(5)), AudioOptions(explain=True))
    assert result.labels == (SoundLabel(SILENCE, 1.0),)
    assert result.silent
    assert [(event.label, event.start, event.end) for event in result.events] == [(SILENCE, 0.0, 5.0)]
    assert result.evidence is None
    assert result.level == float("-inf")
    assert pool.get("compact-tagger").heard == []


def test_a_silent_file_stays_silence_for_open_vocabulary_and_thresholds(pool: ModelPool):
    options = AudioOptions(labels=("rain", "dog"), threshold=0.99)
    assert classify_audio(pool, wav(quiet(5)), options, "clap").labels == (SoundLabel(SILENCE, 1.0),)


def test_the_models_own_silence_is_not_believed(pool: ModelPool):
    result = classify_audio(pool, wav(low(2)), AudioOptions(top=10))
    assert SILENCE not in names(result)
    assert SILENCE not in {event.label for event in result.events}


def test_who_asks_for_silence_gets_that_of_the_level(pool: ModelPool):
    result = classify_audio(pool, wav(low(2), quiet(1)), AudioOptions(labels=("silence",)))
    assert result.labels == ()
    assert [(event.label, event.start, event.end) for event in result.events] == [(SILENCE, 2.0, 3.0)]


def test_the_silence_level_decides(pool: ModelPool):
    faint = 10 ** (-50 / 20) * np.sqrt(2) * tone(2, 300, RATE, amplitude=1.0)
    assert names(classify_audio(pool, wav(faint)))[0] == "Low"
    assert classify_audio(pool, wav(faint), AudioOptions(silence_level=-45.0)).silent


def test_top_and_threshold(pool: ModelPool):
    assert names(classify_audio(pool, wav(low(2)), AudioOptions(top=1))) == ["Low"]
    assert names(classify_audio(pool, wav(low(2)), AudioOptions(threshold=0.5))) == ["Low"]
    high_bar = classify_audio(pool, wav(low(2)), AudioOptions(threshold=0.95))
    assert high_bar.labels == ()
    assert high_bar.events == ()


def test_pooling(pool: ModelPool):
    sound = wav(low(4), high(4), high(4), high(4))
    most = classify_audio(pool, sound)
    assert {one.label: one.score for one in most.labels}["Low"] == pytest.approx(0.9, abs=0.02)
    mean = classify_audio(pool, sound, AudioOptions(pooling="mean"))
    scores = {one.label: one.score for one in mean.labels}
    assert scores["Low"] == pytest.approx(0.9 / 4, abs=0.02)
    assert scores["High"] == pytest.approx(0.9 * 3 / 4, abs=0.02)


def test_a_short_sound_in_a_long_file_scores_as_in_its_best_moment(pool: ModelPool):
    sound = wav(high(7), low(1))
    result = classify_audio(pool, sound, AudioOptions(explain=True, labels=("Low",)))
    (label,) = result.labels
    assert label.score == pytest.approx(0.9, abs=0.02)
    assert result.evidence is not None
    assert (result.evidence.start, result.evidence.end) == (7.0, 8.0)
    assert result.evidence.score == pytest.approx(label.score)
    assert explain_audio(pool, sound, "Low").start == 7.0
    assert classify_audio(pool, sound, AudioOptions(labels=("Low",), pooling="mean")).labels[0].score < 0.5
    assert classify_audio(pool, sound, AudioOptions(labels=("Low",), timeline=False)).labels == result.labels
    (label,) = classify_audio(pool, wav(high(3), low(1)), AudioOptions(labels=("Low",))).labels
    assert label.score < 0.5, "a file of one window is judged as a whole"


def test_without_timeline(pool: ModelPool):
    result = classify_audio(pool, wav(low(3)), AudioOptions(timeline=False))
    assert result.events == ()
    assert result.timeline.labels == ()
    assert [shape for shape, _ in pool.get("compact-tagger").heard] == [(1, 3 * RATE)]


def test_hop(pool: ModelPool):
    result = classify_audio(pool, wav(low(6)), AudioOptions(hop=0.25))
    assert result.timeline.hop == 0.25
    assert len(result.timeline.scores) == 24


def test_shorter_than_every_window(pool: ModelPool):
    result = classify_audio(pool, wav(low(0.05)))
    assert names(result)[0] == "Low"
    assert [(event.label, event.start, event.end) for event in result.events] == [("Low", 0.0, 0.05)]


def test_a_recording_of_a_browser(pool: ModelPool):
    result = classify_audio(pool, contained(tone(2.0, 300, 48000)))
    assert (result.format, result.sample_rate) == ("WebM", 48000)
    assert names(result)[0] == "Low"


# Labels


def test_own_labels_in_any_case_and_by_part(pool: ModelPool):
    options = AudioOptions(labels=("high", "LOW", "man speaking", "Low"))
    result = classify_audio(pool, wav(high(2)), options)
    assert names(result) == ["High", "Male speech, man speaking", "Low"]


def test_a_label_that_the_model_does_not_know(pool: ModelPool):
    with pytest.raises(InputError) as caught:
        classify_audio(pool, wav(high(2)), AudioOptions(labels=("hihg",)))
    assert str(caught.value) == (
        "Compact tagger knows its own labels only, and 'hihg' is not among them. The closest are: High, Male speech, "
        "man speaking, Silence. Models that take any words: clap, clap-large."
    )


def test_open_vocabulary_are_given_to_the_model(pool: ModelPool):
    result = classify_audio(pool, wav(high(2)), AudioOptions(labels=(" a hum ", "a whistle", "a hum")), "clap")
    assert names(result) == ["a whistle", "a hum"]
    assert {labels for _, labels in pool.get("clap").heard} == {("a hum", "a whistle")}
    with pytest.raises(InputError, match="at least two; 1 was given"):
        classify_audio(pool, wav(high(2)), AudioOptions(labels=("a hum",)), "clap")


def test_too_many_labels():
    pool = a_pool(Settings(labels=2))
    with pytest.raises(InputError, match="3 labels; the limit is 2"):
        classify_audio(pool, wav(high(2)), AudioOptions(labels=("a", "b", "c")), "clap")


def test_a_model_of_another_task(pool: ModelPool):
    with pytest.raises(UnknownNameError, match=r"no audio model called 'blip-base'.*compact-tagger"):
        classify_audio(pool, wav(high(2)), model="blip-base")


@pytest.mark.parametrize(
    ("wanted", "first"),
    [("a purring cat", ["Cat", "Purr"]), ("dogs barking", ["Dog", "Bark"]), ("guitr", ["Guitar"])],
)
def test_the_closest_labels_share_a_word_or_are_spelt_alike(wanted: str, first: list[str]):
    assert closest(wanted, ("Speech", "Dog", "Bark", "Guitar", "Cat", "Purr"))[: len(first)] == first


# Evidence


def test_evidence_lies_where_the_sound_is(pool: ModelPool):
    sound = wav(quiet(1), high(1), low(2))
    result = classify_audio(pool, sound, AudioOptions(explain=True))
    found = result.evidence
    assert found is not None
    assert (found.start, found.end) == (0.0, 4.0)
    assert found.values.sum() == pytest.approx(1.0, abs=1e-4)
    assert found.values.shape[0] == found.spectrogram.values.shape[0] == 128
    for label, seconds, hertz in (("High", (1, 2), (2000, 3000)), ("Low", (2, 4), (150, 600))):
        found = explain_audio(pool, sound, label)
        frames = found.values.shape[1] / (found.end - found.start)
        columns = slice(int(seconds[0] * frames), int(seconds[1] * frames))
        rows = (found.spectrogram.frequencies > hertz[0]) & (found.spectrogram.frequencies < hertz[1])
        assert found.label == label
        assert found.values[rows][:, columns].sum() > 0.9


def test_evidence_is_from_the_best_window_or_the_one_asked_for(pool: ModelPool):
    sound = wav(high(8), low(4), high(5))
    assert explain_audio(pool, sound, "Low").start == 8.0
    chosen = explain_audio(pool, sound, "Low", start=2.0)
    assert (chosen.start, chosen.end) == (2.0, 6.0)
    assert chosen.score == pytest.approx(0.0, abs=0.02)
    assert chosen.spectrogram.start == 2.0
    last = explain_audio(pool, sound, "High", start=100.0)
    assert (last.start, last.end) == (13.0, 17.0)


def test_the_best_window_of_each_label_is_in_the_answer(pool: ModelPool):
    sound = wav(low(5), quiet(2), high(6))
    result = classify_audio(pool, sound)
    assert len(result.windows) == len(result.labels)
    tagger: Any = pool.get("compact-tagger")
    heard = len(tagger.heard)
    for one, (start, length) in zip(result.labels, result.windows, strict=True):
        found = explain_audio(pool, sound, one.label, start=start, length=length)
        assert tagger.heard[heard:] == [((1, round(length * RATE)), ())]  # this window, and no other
        searched = explain_audio(pool, sound, one.label)
        assert sum(shape[0] for shape, _ in tagger.heard[heard + 1 :]) > 20  # the whole file again
        assert (found.start, found.end, found.score) == (searched.start, searched.end, searched.score)
        assert np.array_equal(found.values, searched.values)
        heard = len(tagger.heard)


def test_a_window_of_a_length_that_the_model_does_not_take(pool: ModelPool):
    with pytest.raises(InputError, match="does not offer length 3600"):
        explain_audio(pool, wav(low(1)), "Low", start=0.0, length=3600.0)


def test_evidence_of_an_unknown_label(pool: ModelPool):
    with pytest.raises(UnknownNameError, match="no label called 'Dog'"):
        explain_audio(pool, wav(low(1)), "Dog")


# Many, progress, cancel


def test_many_files_answer_for_themselves(pool: ModelPool):
    seen: list[tuple[int, int]] = []
    sources = [wav(low(1)), b"no sound", wav(high(1))]
    good, bad, other = classify_audio_many(pool, sources, progress=lambda done, total: seen.append((done, total)))
    assert isinstance(good, AudioResult)
    assert names(good)[0] == "Low"
    assert isinstance(bad, InputError)
    assert isinstance(other, AudioResult)
    assert names(other)[0] == "High"
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_an_overload_is_the_answer_for_that_file(pool: ModelPool):
    pool.get("compact-tagger").fails = CapacityError("busy", count=1)
    (outcome,) = classify_audio_many(pool, [wav(low(1))])
    assert isinstance(outcome, CapacityError)


def test_nothing_given_and_too_many(pool: ModelPool):
    with pytest.raises(InputError) as caught:
        classify_audio_many(pool, [])
    assert caught.value.key == "sound_nothing_given"
    with pytest.raises(InputError, match="2 files were given; the limit is 1"):
        classify_audio_many(pool, [b"", b""], limit=1)


def test_progress_is_in_seconds_of_sound(pool: ModelPool):
    seen: list[tuple[int, int]] = []
    classify_audio(pool, wav(low(120)), progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (120, 120)


def test_progress_of_a_recording_whose_length_is_not_known(pool: ModelPool):
    seen: list[tuple[int, int]] = []
    data = contained(tone(3.0, 300, 48000), live=True)
    classify_audio(pool, data, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 0)


def test_cancel_stops_within_a_batch(pool: ModelPool):
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    with pytest.raises(Cancelled):
        classify_audio(pool, wav(low(600)), cancelled=cancelled)
    windows = sum(shape[0] for shape, _ in pool.get("compact-tagger").heard)
    assert windows <= 60  # of 1,350


def test_cancel_among_many_says_how_many_are_done(pool: ModelPool):
    done: list[Any] = []  # ``cancelled`` looks at it meanwhile
    outcomes = classify_audio_many(pool, [wav(low(1))] * 3, cancelled=lambda: len(done) == 2)
    done.append(next(outcomes))
    done.append(next(outcomes))
    with pytest.raises(Cancelled, match="2 of 3 files are done"):
        next(outcomes)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak of memory there")
def test_half_an_hour_takes_little_memory(tmp_path: Path):
    """In a process of its own, since memory that was once taken stays taken."""
    import soundfile

    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(30):
            file.write(np.concatenate([low(20), quiet(20), high(20)]))
    code = f"""
from tests.peak import peak
from mmcore.tasks.audio import classify_audio
from tests.tasks.test_audio import a_pool, wav, low
pool = a_pool()
classify_audio(pool, wav(low(12)))
before = peak()
result = classify_audio(pool, {str(path)!r})
print(len(result.events), peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    events, growth = map(int, done.stdout.split())
    assert events == 90
    assert 0 < growth < 100_000  # KB


# Options and the contract


def test_to_dict_is_the_contract(pool: ModelPool):
    answer = classify_audio(pool, wav(low(2))).to_dict()
    assert answer["labels"][0] == {"label": "Low", "score": pytest.approx(0.9, abs=0.02)}
    assert set(answer["events"][0]) == {"label", "start", "end", "score"}
    assert {"model", "seconds", "device", "duration", "sample_rate", "channels"} <= set(answer)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"top": 0}, "top is 0; it must be between 1 and 1000"),
        ({"top": 1.5}, "top is 1.5; it must be a whole number"),
        ({"threshold": 1.1}, "threshold is 1.1"),
        ({"hop": 0.0}, "hop is 0.0"),
        ({"event_threshold": 0.0}, "event_threshold is 0.0"),
        ({"pooling": "sum"}, "no pooling called 'sum'. Choose one of: max, mean"),
        ({"silence_level": 1.0}, "silence_level is 1.0"),
        ({"threshold": float("nan")}, "threshold is nan"),
    ],
)
def test_options_are_checked(values: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words):
        replace(AudioOptions(), **values)


def test_the_headline_is_the_most_specific_label_that_carries_its_parent():
    heard = [SoundLabel("Animal", 0.52), SoundLabel("Domestic animals, pets", 0.47), SoundLabel("Dog", 0.42)]
    assert most_specific([*heard, SoundLabel("Bark", 0.25)]) == "Dog"
    assert most_specific([*heard[:2], SoundLabel("Dog", 0.1)]) == "Domestic animals, pets"
    assert most_specific([SoundLabel("Music", 0.9), SoundLabel("Dog", 0.89)]) == "Music"
    voice = SoundLabel("Speech synthesizer", 0.9)
    assert most_specific([voice, SoundLabel("Speech", 0.8)]) == "Speech"
    assert most_specific([voice, SoundLabel("Dog", 0.85), SoundLabel("Speech", 0.8)]) == "Dog"
    assert most_specific([voice]) == "Speech synthesizer"
    assert most_specific([]) == ""
