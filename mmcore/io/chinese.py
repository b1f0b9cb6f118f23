"""Chinese into English, word by word, with a bundled dictionary: for models that read English only.

Not a translator. The text is parted into the words of the dictionary whose common occurrence is likeliest (a unigram
model, best path by dynamic programming), each word becomes its gloss, and a phrase before "的" goes behind the thing
that it describes ("戴帽子的男人" -> "man wearing a hat"). Simplified and traditional characters are read alike, what is
not Chinese stays as it is. The words are CC-CEDICT's (CC BY-SA 4.0), see ``bundled/dictionary/README.md``.
"""

from __future__ import annotations

import gzip
import math
import re
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
KANA = re.compile(r"[\u3040-\u30ff]")
LONGEST = 8
"""Signs of the longest word of the dictionary."""
UNKNOWN_COST = 22.0
"""Of a sign that is no word: more than any word costs (-log of its share of a large corpus)."""
PUNCTUATION = str.maketrans("，。！？；：（）“”‘’、《》【】…—～", ",.!?;:()\"\"'',\"\"[].-~")
OF = "的"


class Entry(NamedTuple):
    """What the dictionary knows of a word."""

    gloss: str
    """English; empty for words that only hold a sentence together."""
    cost: float
    """-log of its share of all words of a large corpus."""


@lru_cache(maxsize=1)
def dictionary() -> dict[str, Entry]:
    """Word (simplified and traditional) -> entry. Read once, at the first Chinese text: some 50 ms."""
    file = resources.files("mmcore") / "bundled" / "dictionary" / "words.tsv.gz"
    words: dict[str, Entry] = {}
    with file.open("rb") as raw, gzip.open(raw, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    total = math.log(sum(int(count) for *_, count in rows))
    for simplified, traditional, gloss, count in rows:
        entry = Entry(gloss, total - math.log(int(count)))
        words[simplified] = entry
        if traditional:
            words.setdefault(traditional, entry)
    return words


def has_chinese(text: str) -> bool:
    """Whether there are Chinese characters in the text and no kana, which would make it Japanese."""
    return bool(HAN.search(text)) and not KANA.search(text)


def segment(text: str) -> list[str]:
    """Chinese characters parted into words; the same characters, in order."""
    words = dictionary()
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(text) + 1):
        choices = []
        for start in range(max(0, end - LONGEST), end):
            entry = words.get(text[start:end])
            if entry is not None:
                choices.append((best[start][0] + entry.cost, start))
        best.append(min(choices, default=(best[end - 1][0] + UNKNOWN_COST, end - 1)))
    cuts, end = [], len(text)
    while end:
        cuts.append(text[best[end][1] : end])
        end = best[end][1]
    return cuts[::-1]


def english_of(text: str) -> str:
    """The text with its Chinese words in English; unchanged where there are none. A word that is not known is left out.

    "一只狗在草地上奔跑" -> "a dog running on grass".
    """
    if not has_chinese(text):
        return text
    plain = HAN.sub(lambda run: f" {_gloss(run[0])} ", text).translate(PUNCTUATION)
    return re.sub(r"\s+([,.!?;:)\]])", r"\1", " ".join(plain.split())).strip(" ,")


def _gloss(run: str) -> str:
    words = dictionary()
    parts = segment(run)
    if OF in parts[1:-1]:  # what stands before the last 的 describes what stands behind it
        place = len(parts) - 1 - parts[::-1].index(OF)
        parts = [*parts[place + 1 :], *parts[:place]]
    return " ".join(filter(None, (words[part].gloss if part in words else "" for part in parts)))
