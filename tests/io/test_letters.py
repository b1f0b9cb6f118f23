"""Words in text that a machine read: errors are counted, blanks and case are not, no match runs into the next text."""

from __future__ import annotations

import random

import pytest

from mmcore.io.letters import SearchedTexts, letters, words_to_find

TEXTS = ("INVOICE2041", "", "Free coffee!", "發票號碼", "exit on", "ly nothing", "inv0ice")


@pytest.mark.parametrize(
    ("query", "best", "score"),
    [
        ("invoice", 0, 1.0),
        ("Invoice 2041", 0, 1.0),
        ("coffee, free", 2, 1.0),
        ("cofee", 2, 0.5),
        ("发票", 3, 1.0),
        ("ｅｘｉｔ", 4, 1.0),
    ],
)
def test_the_text_that_holds_all_words_is_best(query: str, best: int, score: float):
    found = SearchedTexts(TEXTS).scores(query)
    assert int(found.argmax()) == best
    assert found[best] == pytest.approx(score)


def test_a_fifth_of_the_letters_may_be_wrong_at_the_default_cut_off():
    found = SearchedTexts(["inv0ice", "inv01ce", "lNV01CE"]).scores("invoice")
    assert found == pytest.approx([1 - 2.5 / 7, 1 - 5 / 7, 0])


def test_no_word_is_found_across_two_texts():
    found = SearchedTexts(["exit on", "ly nothing"]).errors("only")
    assert list(found) == [2, 2]


def test_signs_alone_look_for_nothing():
    assert not SearchedTexts(TEXTS).scores("?! --").any()
    assert SearchedTexts([]).scores("word").shape == (0,)
    assert words_to_find("a — b") == ("a", "b")
    assert letters("Ｔｏｔａｌ: 18.50") == "total1850"


def plain_errors(word: str, text: str) -> int:
    """Sellers' algorithm as it is in the paper."""
    row = [0] * (len(text) + 1)
    for place, sign in enumerate(word, 1):
        last, row[0] = row[0], place
        for column, letter in enumerate(text, 1):
            last, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, last + (sign != letter))
    return min(row)


def test_all_texts_at_once_give_what_one_after_the_other_gives():
    draw = random.Random(7)
    texts = ["".join(draw.choices("abcd", k=draw.randrange(12))) for _ in range(60)]
    for word in ("abca", "ddd", "bcbcbcbcbc", "a"):
        assert list(SearchedTexts(texts).errors(word)) == [plain_errors(word, text) for text in texts]
