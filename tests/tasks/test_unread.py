"""Texts that a checkpoint cannot read, or reads by half, are answered with a notice."""

from __future__ import annotations

import pytest

from mmcore.checkpoints.registry import find
from mmcore.tasks.unread import unread

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
