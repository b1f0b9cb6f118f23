"""Texts that a checkpoint cannot read, or reads by half, are answered with a notice."""

from __future__ import annotations

import pytest

from mmcore.checkpoints.registry import find
from mmcore.tasks.unread import balanced, no_evidence, readable, unread

ENGLISH = find("compact-sentiment")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("No me gusta nada este lugar, es horrible y muy sucio", "Spanish"),
        ("Das Essen war schrecklich und ich bin sehr traurig", "German"),
        ("Je déteste ce film, il est vraiment nul", "French"),
        ("Não gosto de nada disso, é muito ruim", "Portuguese"),
        ("Questo film non mi piace per niente, è molto brutto", "Italian"),
    ],
)
def test_another_language_is_told_by_its_words(text: str, language: str):
    (notice,) = unread(ENGLISH, text)
    assert notice.code == "text_language_unread"
    assert f"in {language}," in notice.text()


def test_letters_of_another_script_are_counted():
    (notice,) = unread(ENGLISH, "The hotel was fine but 服务太差了 in the end")
    assert dict(notice.params) == {"count": 5, "letters": "服务太差了"}


@pytest.mark.parametrize("text", ["I die a little inside", "what a great day", "5 µm of π", "", None, "no", "El Paso"])
def test_english_is_read_without_a_word(text: str | None):
    assert unread(ENGLISH, text) == ()


@pytest.mark.parametrize(
    ("text", "alone", "code"),
    [
        (".", False, "no_words"),
        ("", True, "no_words"),
        ("http://link @user", True, "no_words"),
        ("Te odio, eres mala", False, "no_words_read"),
        ("table", True, "no_feeling"),
        ("asdfgh qwrtzp", True, "no_feeling"),
        ("Ang pangit ng pelikula", True, "no_feeling"),
        ("table", False, None),
        ("the train leaves at noon", True, None),
        ("awful", True, None),
        (None, True, None),
    ],
)
def test_no_evidence_is_no_answer(text: str | None, alone: bool, code: str | None):
    found = no_evidence(ENGLISH, text, alone=alone)
    assert (None if found is None else found.code) == code


def test_a_text_that_speaks_for_both_sides():
    assert [one.code for one in balanced(ENGLISH, "I love it, I hate it")] == ["both_sides"]
    assert balanced(ENGLISH, "I love it, it is not bad") == ()


def test_the_english_half_is_read_and_the_other_is_told_of():
    text, (notice,) = readable(ENGLISH, "Great food, aber der Kellner war nicht nett")
    assert text == "Great food,"
    assert notice.text() == "6 words of this text are in German and were not read; the model reads English only."
    assert readable(find("multilingual-sentiment"), "Great, aber das Essen war nicht gut")[1] == ()


def test_one_letter_of_a_script_whose_letters_are_words_is_told_of():
    assert [one.code for one in unread(ENGLISH, "ok this is 좋")] == ["text_letters_unread"]
