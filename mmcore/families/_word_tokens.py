"""Tokens and words: a tokenizer's pieces on one side, the words that people read on the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

# A word keeps what stands inside it ("man's", "black-and-white"); punctuation around it is a word of its own.
WORD = re.compile(r"\w(?:\S*\w)?|[^\w\s]+")


def find_words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text are: (start, end) in characters. Every character but white space is in one word."""
    return [match.span() for match in WORD.finditer(text)]


def group_tokens(words: Sequence[tuple[int, int]], tokens: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """For each word (start, end) the indices of the tokens (start, end) that write a part of it.

    An empty token (the later bytes of a character that is already there) belongs to the word it stands in or ends.
    """
    return [
        tuple(
            index
            for index, (first, last) in enumerate(tokens)
            if (first < end and last > start) or (first == last and start < first <= end)
        )
        for start, end in words
    ]


def split_words(
    decode: Callable[[list[int]], str], tokens: Sequence[int]
) -> tuple[str, list[tuple[str, tuple[int, ...]]]]:
    """Token ids -> the text, and each of its words with the indices of its tokens.

    ``decode`` turns ids into text; it may move white space (a space before a comma), but not letters. So a token's
    place is counted in the letters that the tokens up to it decode to.
    """
    text = decode(list(tokens)).strip()
    # Position of each character among those that are not white space.
    place = [0]
    for character in text:
        place.append(place[-1] + (not character.isspace()))
    ends = [0]
    for index in range(len(tokens)):
        written = sum(not character.isspace() for character in decode(list(tokens[: index + 1])))
        ends.append(min(max(written, ends[-1]), place[-1]))
    words = find_words(text)
    groups = group_tokens([(place[start], place[end]) for start, end in words], list(pairwise(ends)))
    return text, [(text[start:end], group) for (start, end), group in zip(words, groups, strict=True)]
