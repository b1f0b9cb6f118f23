"""Asking over fakes: limits, what is handed to a language model, how composed answers are put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError
from mmcore.pool import ModelPool
from mmcore.results import AnswerPart, AskOptions, AskResult, OcrResult, TextLine, Turn
from mmcore.results.ask import KINDS, SENTENCES, SOURCES
from mmcore.settings import Settings
from mmcore.tasks import composed_answers, ocr
from mmcore.tasks.ask import ask
from mmcore.tasks.composed_answers import place_of
from tests.fakes.engines import FakeLanguageModel
from tests.fakes.families import FakeCaptioner, fake_pool
from tests.fakes.retrieval import FakeRetriever

TAGGED = {"dog": 0.9, "cat": 0.02, "person": 0.01, "man": 0.8}


class Eyes(FakeCaptioner):
    def word_probability(self, image: Image.Image, words: Sequence[str]) -> float | None:
        known = [TAGGED[word] for word in words if word in TAGGED]
        return max(known) if known else None


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: str) -> Any:
    if checkpoint.task == "retrieval":
        return FakeRetriever(checkpoint)
    return FakeLanguageModel(checkpoint) if checkpoint.family == "vlm" else Eyes(checkpoint)


@pytest.fixture
def pool(settings: Settings) -> ModelPool:
    return fake_pool(settings, loader=load)


def picture(colour: str = "red") -> Image.Image:
    return Image.new("RGB", (40, 30), colour)


def codes(result: AskResult) -> list[str]:
    return [part.code for part in result.parts]


# Limits


def test_pictures_questions_and_turns_have_limits(pool: ModelPool):
    with pytest.raises(InputError, match="Nothing was given"):
        ask(pool, [], "what is this?")
    with pytest.raises(InputError, match="3 pictures were given; a question can be about 2"):
        ask(pool, [picture()] * 3, "what is this?")
    with pytest.raises(InputError, match="There is no question"):
        ask(pool, [picture()], " \n ")
    with pytest.raises(InputError, match="21 answered questions; the limit is 20"):
        ask(pool, [picture()], "what is this?", earlier=[Turn("a", "b")] * 21)
    with pytest.raises(InputError, match=r"5001 characters; the limit is 5000"):
        ask(pool, [picture()], "a" * 5001)
    with pytest.raises(InputError, match="max_tokens is 0; it must be between 1 and 1024"):
        AskOptions(max_tokens=0)


# Language models


def test_a_language_model_gets_pictures_turns_and_options_and_is_heard(pool: ModelPool):
    heard: list[str] = []
    turns = [Turn("one", "two"), Turn("three", "four")]
    result = ask(pool, [picture(), picture()], "and now?", None, turns, "smolvlm2-256m", heard.append)
    assert result.answer == "2 pictures, 2 turns: and now?"
    assert (result.kind, result.model, result.complete, result.parts) == ("free", "smolvlm2-256m", True, ())
    assert heard[0] == "2"
    assert heard[-1] == result.answer
    assert not result.refused


def test_an_answer_that_was_cut_off_says_so(pool: ModelPool):
    result = ask(pool, [picture()], "and now?", AskOptions(max_tokens=5), model="smolvlm2-256m")
    assert (result.answer, result.complete) == ("1 pic", False)
    assert result.to_dict()["complete"] is False


# Composed answers


def test_every_kind_is_answered_in_the_language_of_the_question(pool: ModelPool):
    for kind in KINDS:
        assert kind in composed_answers._ABOUT
    english = ask(pool, [picture()], "What is this?")
    assert english.answer.startswith("I would describe it so: “a picture 40 by 30”.")
    chinese = ask(pool, [picture()], "这是什么？")
    assert chinese.answer.startswith("我会这样描述它：“图片40乘30”。")  # quoted in its language, too
    assert chinese.parts[0].text("en") == english.parts[0].text()
    assert english.parts[0].text("zh") == "我会这样描述它：“a picture 40 by 30”。"  # no other was asked for
    assert codes(english) == codes(chinese) == ["seen", "tags"]
    assert english.model == "compact-answers"


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("Is there a dog?", "yes"),
        ("Are there dogs?", "yes"),
        ("Is there a person?", "yes"),  # a man is one
        ("有没有狗？", "yes"),
        ("How many dogs are there?", "cannot_count"),
        ("Who is this?", "cannot_who"),
        ("When was this taken?", "cannot_when"),
        ("Why is it red?", "cannot_why"),
        ("Where was this taken?", "cannot_place"),
        ("How big is it?", "cannot_measure"),
        ("What is he wearing?", "cannot_doing"),
        ("Is the dog happy?", "cannot_statement"),
        ("What is the difference?", "cannot_compare"),
        ("Tell me a joke", "cannot_other"),
        ("What are the main colours?", "colours"),
    ],
)
def test_what_is_known_is_answered_and_the_rest_refused(pool: ModelPool, question: str, code: str):
    result = ask(pool, [picture()], question)
    assert result.parts[0].code == code
    assert result.refused == code.startswith("cannot")


def test_yes_no_and_cannot_tell_lie_on_one_scale(pool: ModelPool, monkeypatch: pytest.MonkeyPatch):
    answers = {}
    for share in (0.0001, 0.05, 0.9999):
        monkeypatch.setitem(TAGGED, "cat", share)
        answers[share] = (
            dict(ask(pool, [picture()], "Is there a cat?").parts[0].params)["probability"],
            codes(ask(pool, [picture()], "Is there a cat?")),
        )
    assert [answers[share][1] for share in (0.0001, 0.9999)] == [["no"], ["yes"]]
    probabilities = [composed_answers.probability_of(pool, picture(), "cat")]
    monkeypatch.setitem(TAGGED, "cat", 0.5)
    probabilities.append(composed_answers.probability_of(pool, picture(), "cat"))
    assert probabilities[0] > probabilities[1], "less is tagged, less is likely"


def test_colours_are_measured_from_the_pixels(pool: ModelPool):
    half = picture("blue")
    half.paste("yellow", (0, 0, 10, 30))
    (part,) = ask(pool, [half], "What are the main colours?").parts
    assert dict(part.params)["colours"] == ("blue (75%), yellow (25%)", "蓝色（75%）、黄色（25%）")
    assert part.source == "colours"


def test_a_choice_takes_what_the_retriever_and_the_tagger_say(pool: ModelPool):
    red = ask(pool, [picture("red")], "Is it red or blue?")
    assert dict(red.parts[0].params)["first"] == "red"
    assert dict(ask(pool, [picture("blue")], "是红色还是蓝色？").parts[0].params)["first"] in ("蓝色", "红色")
    tagged = ask(pool, [picture("grey")], "Is it a dog or a cat?")
    assert dict(tagged.parts[0].params)["first"] == "a dog"


def test_maps_come_where_they_are_asked_for(pool: ModelPool):
    assert all(part.map is None for part in ask(pool, [picture()], "Is there a dog?").parts)
    (part,) = ask(pool, [picture()], "Is there a dog?", AskOptions(explain=True)).parts
    assert part.map is not None
    assert part.map.sum() == pytest.approx(1, abs=1e-4)
    assert (part.map >= 0).all()


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(0, 0, "in the upper left"), (3, 3, "in the middle"), (6, 3, "at the bottom"), (3, 6, "on the right")],
)
def test_a_place_is_where_the_map_is_strongest(row: int, column: int, place: str):
    heat = np.full((7, 7), 0.01, np.float32)
    heat[row, column] = 1
    assert place_of(heat)[0] == place


def test_two_pictures_are_answered_one_by_one_and_compared(pool: ModelPool):
    both = [picture("red"), picture("blue")]
    result = ask(pool, both, "Is there a dog?")
    assert [(part.code, part.picture) for part in result.parts] == [("yes", 1), ("yes", 2)]
    assert "Picture 2: Yes" in result.answer
    compared = ask(pool, both, "What is the difference?")
    assert codes(compared)[0] in ("alike", "unlike")
    assert {part.picture for part in compared.parts} == {0, 1, 2}
    assert codes(ask(pool, both, "Who is this?")).count("cannot_who") == 1


def test_the_conversation_goes_on(pool: ModelPool):
    first = ask(pool, [picture()], "Is there a dog?")
    result = ask(pool, [picture()], "And a cat?", earlier=[Turn("Is there a dog?", first.answer)])
    assert result.kind == "presence"
    assert dict(result.parts[0].params)["thing"] == "a cat"


def test_text_is_read_where_the_extra_is_there(pool: ModelPool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ocr, "unavailable", lambda settings: InputError("nothing_given"))
    missing = ask(pool, [picture()], "What does it say?")
    assert missing.refused
    assert 'pip install "mmcore-studio[ocr]"' in missing.answer
    line = TextLine("OPEN", 0.9, ((0.0, 0.0), (0.5, 0.0), (0.5, 0.25), (0.0, 0.25)))
    found = OcrResult((line,), 40, 30, "pp-ocrv4", "cpu", 0.1)
    monkeypatch.setattr(ocr, "unavailable", lambda settings: None)
    monkeypatch.setattr(ocr, "read_text", lambda pool, image: found)
    result = ask(pool, [picture()], "What does it say?", AskOptions(explain=True))
    assert result.answer == "I read: OPEN"
    heat = result.parts[0].map
    assert heat is not None
    assert heat[: len(heat) // 4, : len(heat) // 2].sum() == pytest.approx(1)
    monkeypatch.setattr(ocr, "read_text", lambda pool, image: OcrResult((), 40, 30, "pp-ocrv4", "cpu", 0.1))
    assert codes(ask(pool, [picture()], "What does it say?")) == ["read_nothing"]


def test_chinese_is_read_word_by_word_and_says_so(pool: ModelPool):
    result = ask(pool, [picture()], "有没有狗？")
    assert [notice.code for notice in result.notices] == ["read_word_by_word"]
    assert "狗 → dog" in result.notices[0].text("zh")


# Sentences


def test_every_sentence_has_both_languages_and_the_same_gaps():
    import string

    for source, english, chinese in SENTENCES.values():
        assert source in SOURCES
        gaps = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in (english, chinese)]
        assert gaps[0] == gaps[1]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)


def test_a_part_says_what_it_rests_on():
    part = AnswerPart.of("yes", thing="a dog", probability=0.876)
    assert part.to_dict() == {
        "code": "yes",
        "source": "retriever",
        "text": {
            "en": "Yes, I think so: “a dog” goes with the picture (88% sure).",
            "zh": "我认为有：“a dog”与图片相符（把握 88%）。",
        },
        "values": {"thing": "a dog", "probability": 0.876},
    }
    with pytest.raises(KeyError):
        AnswerPart.of("yes", thing="a dog")
