"""Words to numbers and back for the caption decoder: whole words, since a caption needs only a few thousand.

A vocabulary entry may hold a space ("fire truck"): such names are one token, so that a recognised thing can be
named in one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PAD, BOS, EOS, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")

_WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*")


def split_words(text: str) -> list[str]:
    """Lower-case words without punctuation; the genitive is a word of its own ("dog's" -> "dog", "'s")."""
    words = []
    for word in _WORD.findall(text.lower()):
        if word.endswith("'s"):
            words += [word[:-2], "'s"]
        else:
            words.append(word)
    return words


class Vocabulary:
    """A list of words; index = position. The first four are SPECIAL."""

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(SPECIAL)]) != SPECIAL:
            raise ValueError(f"a vocabulary starts with {SPECIAL}, not {tuple(words[:4])}")
        self.words = list(words)
        self.index = {word: position for position, word in enumerate(self.words)}
        self._compounds = {tuple(word.split(" ")) for word in self.words if " " in word}
        self._longest = max((len(parts) for parts in self._compounds), default=1)

    def __len__(self) -> int:
        return len(self.words)

    def split(self, text: str) -> list[str]:
        """Words of a text, with compounds of the vocabulary joined (longest first)."""
        words, out, position = split_words(text), [], 0
        while position < len(words):
            for length in range(min(self._longest, len(words) - position), 1, -1):
                if tuple(words[position : position + length]) in self._compounds:
                    break
            else:
                length = 1
            out.append(" ".join(words[position : position + length]))
            position += length
        return out

    def encode(self, text: str) -> list[int]:
        """Token indices without <bos> and <eos>; unknown words become <unk>."""
        return [self.index.get(word, UNKNOWN) for word in self.split(text)]

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """Words up to the first <eos>, special tokens left out; "a" or "an" as the next word asks."""
        words: list[str] = []
        for token in tokens:
            if token == EOS:
                break
            if token >= len(SPECIAL):
                if words and words[-1] in ("a", "an"):
                    words[-1] = article_of(self.words[token])
                words.append(self.words[token])
        return words


def article_of(word: str) -> str:
    """Choose "a" or "an" by the first letter, with the usual exceptions by sound."""
    return "an" if word[0] in "aeiou" and not word.startswith(("uni", "one", "eu")) else "a"


def join_words(words: Sequence[str]) -> str:
    """Words to text: no space before a genitive."""
    return " ".join(words).replace(" 's", "'s")
