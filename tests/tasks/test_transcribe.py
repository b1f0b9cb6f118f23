"""Speech as text: pieces, languages, what is left out, and every way in which it does not work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmcore.checkpoints.registry import find
from mmcore.errors import Cancelled, InputError
from mmcore.pool import ModelPool
from mmcore.results.transcribe import Heard, Passage, SpokenWord, TranscribeOptions, joined, passages_of
from mmcore.settings import Settings
from mmcore.tasks import transcribe as task
from mmcore.tasks.transcribe import transcribe, transcribe_many
from mmcore.types import Floats
from tests import sounds
from tests.fakes.engines import FakeTranscriber, loader, transcriber
from tests.fakes.families import fake_pool

RATE = 1000


def pool_of(model: FakeTranscriber, settings: Settings) -> ModelPool:
    return fake_pool(settings, loader(model))


def sound(seconds: float) -> bytes:
    return sounds.encoded(sounds.noise(seconds, RATE), RATE, subtype="FLOAT")


def codes(answer: object) -> list[str]:
    return [notice.code for notice in answer.notices]  # type: ignore[attr-defined]


def test_a_long_sound_is_heard_in_pieces_and_the_times_are_those_of_the_sound(settings: Settings):
    model = transcriber()
    steps: list[tuple[int, int]] = []
    answer = transcribe(pool_of(model, settings), sound(10.0), progress=lambda done, total: steps.append((done, total)))
    lengths = [seconds for seconds, *_ in model.asked]
    assert len(lengths) > 3
    assert max(lengths) <= model.window_seconds
    assert sum(lengths) == pytest.approx(10.0)
    assert answer.duration == pytest.approx(10.0)
    starts = [word.start for word in answer.words]
    assert starts == sorted(starts)
    begin = 0.0
    expected = []
    for seconds in lengths:
        expected += [begin + one for one in range(int(seconds))]
        begin += seconds
    assert starts == pytest.approx(expected)
    assert steps[-1] == (10, 10)
    assert codes(answer) == []


def test_options_reach_the_model(settings: Settings):
    model = transcriber()
    transcribe(pool_of(model, settings), sound(1.0), TranscribeOptions(language="zh", beams=2))
    transcribe(pool_of(model, settings), sound(1.0))
    assert [asked[1:] for asked in model.asked] == [("zh", 2), (None, 8)]


@pytest.mark.parametrize(("name", "value"), [("language", "fr"), ("beams", 0), ("beams", 2.5)])
def test_options_out_of_range_are_refused(name: str, value: object):
    with pytest.raises(InputError, match=name):
        TranscribeOptions(**{name: value})  # type: ignore[arg-type]


def test_silence_is_not_given_to_the_model(settings: Settings):
    model = transcriber()
    answer = transcribe(pool_of(model, settings), sounds.encoded(sounds.silence(2.0, RATE), RATE))
    assert model.asked == []
    assert (answer.text, answer.language, codes(answer)) == ("", "", ["speech_none"])


def test_no_speech_is_said(settings: Settings):
    answer = transcribe(pool_of(transcriber(lambda *_: Heard((), "", 0.0, 0.0)), settings), sound(2.0))
    assert codes(answer) == ["speech_none"]
    assert answer.to_dict()["words"] == []


def test_what_is_left_out_is_said(settings: Settings):
    word = SpokenWord("hello", 0.1, 0.5, 0.9)
    answer = transcribe(pool_of(transcriber(lambda *_: Heard((word,), "en", 0.9, 0.4)), settings), sound(2.9))
    assert codes(answer) == ["speech_left_out"]
    assert dict(answer.notices[0].params) == {"seconds": pytest.approx(2.5), "duration": pytest.approx(2.9)}
    answer = transcribe(
        pool_of(transcriber(lambda *_: Heard((), "en", 0.9, 2.9, repeating=True)), settings), sound(2.9)
    )
    assert codes(answer) == ["speech_repeating"]


def heard_in(languages: list[tuple[str, float]]) -> FakeTranscriber:
    """Each piece in the next language."""
    rest = iter(languages)

    def hear(waveform: Floats, language: str | None) -> Heard:
        name, score = next(rest)
        return Heard((SpokenWord(name, 0.0, 1.0, 0.9),), name, score, len(waveform) / RATE)

    return transcriber(hear)


def test_the_language_is_that_of_the_most_speech_and_others_are_named(settings: Settings):
    answer = transcribe(pool_of(heard_in([("de", 0.9), ("zh", 0.8), ("zh", 0.6), ("zh", 0.9)]), settings), sound(8.0))
    assert answer.language == "zh"
    assert 0.6 < answer.language_score < 0.9
    assert codes(answer) == ["speech_languages"]
    assert "0 to 2 s it is German" in answer.notices[0].text() or "0 to 3 s it is German" in answer.notices[0].text()


def test_a_guess_and_an_unmeasured_language_are_called_so(settings: Settings):
    assert codes(transcribe(pool_of(heard_in([("th", 0.5)]), settings), sound(1.0))) == ["speech_language_unsure"]
    other = transcribe(pool_of(heard_in([("de", 0.9)]), settings), sound(1.0))
    assert codes(other) == ["speech_language_other"]
    assert "measured for English and Chinese only" in other.notices[0].text()
    assert "只对英语和中文测过" in other.notices[0].text("zh")


def test_a_model_for_english_only_says_so_and_refuses_chinese(settings: Settings):
    model = transcriber(name="whisper-tiny-en")
    pool = pool_of(model, settings)
    with pytest.raises(InputError, match=r"does not know the language 'zh'; it knows en.*whisper-base"):
        transcribe(pool, sound(1.0), TranscribeOptions(language="zh"), "whisper-tiny-en")
    assert model.asked == []
    assert codes(transcribe(pool, sound(1.0), None, "whisper-tiny-en")) == ["speech_english_only"]
    assert codes(transcribe(pool, sound(1.0), TranscribeOptions(language="en"), "whisper-tiny-en")) == []


def test_chinese_is_written_in_simplified_characters(settings: Settings):
    signs = tuple(SpokenWord(sign, 0.1 * at, 0.1 * at + 0.1, 0.9, False) for at, sign in enumerate("看著這隻狗"))
    answer = transcribe(pool_of(transcriber(lambda *_: Heard(signs, "zh", 0.9, 1.0)), settings), sound(1.0))
    assert answer.text == "看着这只狗"
    assert [word.text for word in answer.words] == list("看着这只狗")
    japanese = transcriber(lambda *_: Heard(signs, "ja", 0.9, 1.0))
    assert transcribe(pool_of(japanese, settings), sound(1.0)).text == "看著這隻狗"


def test_our_limits_and_our_reader_apply(settings: Settings, tmp_path: Path):
    pool = pool_of(transcriber(), replace(settings, audio_seconds=2.0))
    with pytest.raises(InputError, match=r"the limit is 0\.0"):
        transcribe(pool, sound(3.0))
    with pytest.raises(InputError, match="not a sound"):
        transcribe(pool, b"%PDF-1.7 nothing to hear")
    good = tmp_path / "good.wav"
    good.write_bytes(sound(1.0))
    outcomes = list(transcribe_many(pool, [tmp_path / "missing.wav", good]))
    assert isinstance(outcomes[0], InputError)
    assert outcomes[1].text == "word0."  # type: ignore[union-attr]
    with pytest.raises(InputError, match="Nothing was given"):
        transcribe_many(pool, [])


def test_it_stops_between_pieces(settings: Settings):
    model = transcriber()
    with pytest.raises(Cancelled):
        transcribe(pool_of(model, settings), sound(10.0), cancelled=lambda: len(model.asked) == 2)
    assert len(model.asked) == 2


def test_without_its_packages_the_command_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mmcore.checkpoints.locate.find_spec", lambda name: None)
    problem = task.unavailable(settings)
    assert problem is not None
    assert 'pip install "mmcore-studio[speech]"' in str(problem)
    assert "faster-whisper" in str(problem)


def words(text: str, pause: float = 0.1) -> list[SpokenWord]:
    return [SpokenWord(part, at * (0.4 + pause), at * (0.4 + pause) + 0.4, 0.9) for at, part in enumerate(text.split())]


def test_passages_end_with_sentences_and_pauses():
    said = passages_of(words("Mrs. Allen came. Did she? No."))
    assert [one.text for one in said] == ["Mrs. Allen came.", "Did she?", "No."]
    assert [len(one.words) for one in passages_of(words("one two three", pause=1.5))] == [1, 1, 1]
    assert passages_of([]) == ()
    one = Passage(tuple(words("a b")))
    assert (one.start, one.end) == (0.0, 0.9)
    assert joined(words("a b")) == "a b"


def test_the_json_contract(settings: Settings):
    answer = transcribe(pool_of(transcriber(), settings), sound(2.0)).to_dict()
    assert answer["words"][1] == {"text": "word1.", "start": 1.0, "end": 1.5, "score": 0.9}
    assert answer["text"] == "word0. word1."
    assert answer["passages"][0] == {"text": "word0.", "start": 0.0, "end": 0.5}
    assert {"language", "language_score", "duration", "model", "device", "seconds"} <= set(answer)


def test_every_recogniser_says_which_languages_it_knows():
    assert find("whisper-base").languages == ("en", "zh")
    assert find("whisper-tiny-en").languages == ("en",)
