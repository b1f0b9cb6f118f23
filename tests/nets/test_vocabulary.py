"""Words to tokens and back."""

import pytest

from mmcore.nets.vocabulary import SPECIAL, UNKNOWN, Vocabulary, join_words

VOCABULARY = Vocabulary([*SPECIAL, "a", "'s", "dog", "fire", "fire truck", "red", "t-shirt", "hot dog"])


def test_compounds_are_one_token() -> None:
    assert VOCABULARY.split("A red fire truck!") == ["a", "red", "fire truck"]
    assert VOCABULARY.split("a fire") == ["a", "fire"]
    assert VOCABULARY.split("Hot dog, hot dogs") == ["hot dog", "hot", "dogs"]


def test_genitive_and_hyphen() -> None:
    assert VOCABULARY.split("The dog's T-shirt .") == ["the", "dog", "'s", "t-shirt"]
    assert join_words(["a", "dog", "'s", "t-shirt"]) == "a dog's t-shirt"


def test_round_trip_and_unknown() -> None:
    tokens = VOCABULARY.encode("a blue fire truck")
    assert tokens[1] == UNKNOWN
    assert VOCABULARY.decode([1, *tokens, 2, 4]) == ["a", "fire truck"]


def test_articles_follow_the_next_word() -> None:
    words = Vocabulary([*SPECIAL, "a", "an", "orange", "dog", "uniform"])
    assert words.decode(words.encode("a orange")) == ["an", "orange"]
    assert words.decode(words.encode("an dog")) == ["a", "dog"]
    assert words.decode(words.encode("an uniform")) == ["a", "uniform"]


def test_specials_are_required() -> None:
    with pytest.raises(ValueError, match="<pad>"):
        Vocabulary(["a", "b"])
