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
from collections import Counter, defaultdict
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
KANA = re.compile(r"[\u3040-\u30ff]")
LONGEST = 8
"""Signs of the longest word of the dictionary."""
UNKNOWN_COST = 22.0
"""Of a sign that is no word: more than any word costs (-log of its share of a large corpus)."""
PUNCTUATION = str.maketrans("，。！？；：（）“”‘’、《》【】…—～", ',.!?;:()""\'\',""[].-~')
OF, AT, THERE_IS = "的", "在", "有"
GOING_ON = re.compile(r"(\w+ing|on|in|at|by)\b")
"""A gloss that needs no "in" before it."""
NUMBERS = (
    "有 一 一个 一個 一只 一隻 一名 一位 一条 一條 一辆 一輛 一匹 一群 一些 两 兩 "
    "两个 兩個 两只 两名 两条 三 三个 三個 三只 四 五 几个 幾個 个 個 只 隻 名 位 "
    "条 條 匹 辆 輛 群 些 许多 很多 許多 另一 另 这 那 这个 那个 这只 那只"
)
COUNTING = frozenset(NUMBERS.split(" "))
"""Words before a noun that stay in front of it."""
WHERE = frozenset("上里裏裡中下内內前后後旁边邊外") | {
    *("旁边", "旁邊", "上面", "下面", "里面", "裡面", "前面", "后面", "後面", "外面"),
}
"""Words behind a noun that say where."""


class Entry(NamedTuple):
    """What the dictionary knows of a word."""

    gloss: str
    """English; empty for words that only hold a sentence together."""
    cost: float
    """-log of its share of all words of a large corpus."""


def _rows() -> list[list[str]]:
    """Lines of the dictionary: simplified, traditional (empty where it is the same), gloss, count."""
    file = resources.files("mmcore") / "bundled" / "dictionary" / "words.tsv.gz"
    with file.open("rb") as raw, gzip.open(raw, "rt", encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]


@lru_cache(maxsize=1)
def dictionary() -> dict[str, Entry]:
    """Word (simplified and traditional) -> entry. Read once, at the first Chinese text: some 50 ms."""
    words: dict[str, Entry] = {}
    rows = _rows()
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


def simplified(text: str) -> str:
    """The text in simplified characters, as long as it was; what is simplified already stays as it is.

    A word of the dictionary goes by that ("看著" -> "看着", "著名" stays), other signs one by one.
    """
    words, signs = _simpler()

    def convert(run: str) -> str:
        return "".join(words.get(part) or "".join(signs.get(sign, sign) for sign in part) for part in segment(run))

    return HAN.sub(lambda run: convert(run[0]), text)


@lru_cache(maxsize=1)
def _simpler() -> tuple[dict[str, str], dict[str, str]]:
    """Words in either writing -> simplified; traditional signs -> what they most often become. Read once."""
    words: dict[str, str] = {}
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    rows = _rows()
    for simple, traditional, _, count in rows:
        given = traditional or simple
        if len(given) == len(simple):
            words.setdefault(given, simple)
            for sign, simpler in zip(given, simple, strict=True):
                votes[sign][simpler] += int(count)
    words |= {simple: simple for simple, *_ in rows}
    return words, {sign: found.most_common(1)[0][0] for sign, found in votes.items()}


def english_of(text: str) -> str:
    """The text with its Chinese words in English; unchanged where there are none. A word that is not known is left out.

    "一只狗在草地上奔跑" -> "a dog on grass running".
    """
    if not has_chinese(text):
        return text
    plain = HAN.sub(lambda run: f" {_gloss(run[0])} ", text).translate(PUNCTUATION)
    return re.sub(r"\s+([,.!?;:)\]])", r"\1", " ".join(plain.split())).strip(" ,")


def _gloss(run: str) -> str:
    words = dictionary()
    parts = _existence(_places(_described(segment(run))))
    return " ".join(filter(None, (words[part].gloss if part in words else "" for part in parts)))


def _described(parts: list[str]) -> list[str]:
    """What describes a thing goes behind it: "a [wear red clothes] of [man] run" -> "a man wear red clothes run".

    A single word stays in front ("red of car" -> "red car").
    """
    start = 0
    while start < len(parts) and parts[start] in COUNTING:
        start += 1
    try:
        place = parts.index(OF, start)
    except ValueError:
        return parts
    described = parts[place + 1 : place + 2]
    if place - start < 2 or not described or described[0] in WHERE:
        return [*parts[:place], *_described(parts[place + 1 :])]
    return [*parts[:start], *described, *parts[start:place], *_described(parts[place + 2 :])]


def _places(parts: list[str]) -> list[str]:
    """A place has its preposition in front: "at [table] on" -> "on [table]"; "at run" -> "run" (it is going on)."""
    words = dictionary()
    out: list[str] = []
    at = 0
    while at < len(parts):
        if parts[at] == AT:
            behind = next((k for k in range(at + 2, min(at + 6, len(parts))) if parts[k] in WHERE), None)
            if behind is not None:
                out += [parts[behind], *parts[at + 1 : behind]]
                at = behind + 1
                continue
            if at + 1 < len(parts) and parts[at + 1] in words and GOING_ON.match(words[parts[at + 1]].gloss):
                at += 1
                continue
        out.append(parts[at])
        at += 1
    return out


def _existence(parts: list[str]) -> list[str]:
    """ "There is a dog" is "a dog": 有 before a number means no possession."""
    return parts[1:] if len(parts) > 1 and parts[0] == THERE_IS and parts[1] in COUNTING else parts
