"""Finding words in text that was read by a machine: some letters may be wrong, blanks may be missing.

Approximate string matching by dynamic programming, where a match may begin and end anywhere: Sellers, "The theory and
computation of evolutionary distances: pattern recognition", Journal of Algorithms 1 (1980). All texts are searched at
once, a letter of the word at a time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmcore.io.chinese import simplified

STRICT = 2.5
"""What a share of wrong letters costs: at 0.5, the default cut-off, one of five may be wrong, and none of four."""
_APART = 1 << 30
"""Costs of a match that goes on in the next text: none does."""
_END = 0
"""What ends a text: no letter."""

Codes = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]


def letters(text: str) -> str:
    """What counts of a text: letters and digits, without case, widths and blanks; Chinese in simplified characters."""
    plain = simplified(unicodedata.normalize("NFKC", text)).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def words_to_find(text: str) -> tuple[str, ...]:
    """The words of a query as ``letters`` has them; those that hold none are left out."""
    return tuple(word for word in map(letters, text.split()) if word)


class SearchedTexts:
    """Texts in which words are found, side by side in one array."""

    def __init__(self, texts: Sequence[str]) -> None:
        plain = [letters(text) for text in texts]
        joined = "".join(f"{one}{chr(_END)}" for one in plain)
        self._codes: Codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
        self._starts = np.cumsum([0, *(len(one) + 1 for one in plain)])[:-1]

    def __len__(self) -> int:
        return len(self._starts)

    def errors(self, word: str) -> Counts:
        """(N,): the fewest letters to change, leave out or put in so that ``word`` stands somewhere in each text."""
        if not len(self):
            return np.zeros(0, np.int64)
        ends = self._codes == _END
        step = np.concatenate([[0], np.cumsum(np.where(ends, _APART, 1), dtype=np.int64)])
        row: Counts = np.zeros(len(self._codes) + 1, np.int64)
        for place, sign in enumerate(np.frombuffer(word.encode("utf-32-le"), np.uint32), 1):
            other = np.where(ends, _APART, self._codes != sign)
            changed = np.minimum(row[:-1] + other, row[1:] + 1)
            # A letter of the text that is left out: the best of all places before, at a price for each step.
            row = np.minimum.accumulate(np.concatenate([[place], changed]) - step) + step
        return np.minimum.reduceat(row[1:], self._starts)

    def scores(self, query: str) -> npt.NDArray[np.float64]:
        """(N,), 0-1: how well each text holds all words of a query, in any order; 0.5 where a fifth is wrong.

        1 - 2.5 * errors / letters, at least 0; all 0 for a query without letters and digits.
        """
        words = words_to_find(query)
        wrong = np.zeros(len(self), np.int64)
        for word in words:
            wrong += self.errors(word)
        found: npt.NDArray[np.float64] = np.clip(1 - STRICT * wrong / max(sum(map(len, words)), 1), 0, 1)
        return found if words else np.zeros(len(self))
