"""Error rates as they are defined, and the tables of what is said and written."""

from importlib import resources

import pytest

from mmcore.evaluation.ocr import CHINESE, ENGLISH, characters
from mmcore.evaluation.transcribe import distance, error_rate, units


def test_distance_is_levenshteins():
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == distance("abc", "") == 3
    assert distance("abc", "abc") == 0


def test_case_punctuation_and_spelling_of_digits_do_not_count():
    assert units("It's 5, isn't it?") == ["it's", "five", "isn't", "it"]
    assert units("看著 A。") == ["看", "着", "a"]
    assert units("18 apples") == ["18", "apples"]
    assert units("早上八点，两個人") == units("早上8点2个人")


def test_the_rate_is_edits_over_what_was_said():
    assert error_rate([("one two three four", "one too three"), ("five", "five")]) == pytest.approx(2 / 5)
    assert error_rate([("今天", "明天")]) == 0.5


def test_fifty_sentences_and_forty_signs_are_there_once_each():
    text = resources.files("mmcore.evaluation").joinpath("spoken_sentences.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    assert [len(rows), len({row[1] for row in rows})] == [50, 50]
    assert {len(row) for row in rows if row[0] == "zh"} == {3}
    assert all(len(row[2].split()) == len(units(row[1])) for row in rows if row[0] == "zh")
    assert (len(set(ENGLISH)), len(set(CHINESE))) == (20, 20)
    assert characters("Total 18.50 元!") == list("total18.50元")
