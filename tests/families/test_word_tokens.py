from __future__ import annotations

import pytest

from mmcore.families._word_tokens import find_words, group_tokens, split_words
from tests import tiny


def words_of(text: str) -> list[str]:
    return [text[start:end] for start, end in find_words(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a dog, a cat.", ["a", "dog", ",", "a", "cat", "."]),
        ("the man's black-and-white dog", ["the", "man's", "black-and-white", "dog"]),
        ('he said "hello!" (twice)', ["he", "said", '"', "hello", '!"', "(", "twice", ")"]),
        ("3.5 m, o'clock", ["3.5", "m", ",", "o'clock"]),
        ("", []),
        (" \n", []),
    ],
)
def test_find_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_token_across_a_boundary_belongs_to_both_words() -> None:
    assert group_tokens([(0, 3), (3, 4)], [(0, 2), (2, 4)]) == [(0, 1), (1,)]


def test_an_empty_token_belongs_to_the_word_it_ends() -> None:
    assert group_tokens([(0, 2), (2, 4)], [(0, 2), (2, 2), (2, 4)]) == [(0, 1), (2,)]


def test_word_pieces_of_bert() -> None:
    tokenizer = tiny.bert_tokenizer()
    tokens = tokenizer("a dog's balls, runing", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(tokens)[:4] == ["a", "dog", "'", "[UNK]"]
    tokens = tokenizer.convert_tokens_to_ids(["a", "dog", "##s", ",", "runs", "##ing", "."])
    text, words = split_words(lambda ids: tokenizer.decode(ids, skip_special_tokens=True), tokens)
    assert text == "a dogs, runsing."
    assert words == [("a", (0,)), ("dogs", (1, 2)), (",", (3,)), ("runsing", (4, 5)), (".", (6,))]


@pytest.mark.parametrize("text", ["a red dog, sits", " two cats é sky", "naïve ball", "汉字 tree", "\U0001f600 cat."])
def test_bytes_of_bart_make_whole_words(text: str) -> None:
    """Characters of several bytes come in several tokens; together they are one word's."""
    tokenizer = tiny.bart_tokenizer()
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    decoded, words = split_words(lambda ids: tokenizer.decode(ids, skip_special_tokens=True), tokens)
    assert decoded == text.strip()
    assert [word for word, _ in words] == words_of(text)
    assert sorted(index for _, group in words for index in group) == list(range(len(tokens)))
    for word, group in words:
        assert tokenizer.decode([tokens[index] for index in group]).strip() == word
