"""VADER: the sentiment of a text from a list of words that people have rated, and five rules.

Hutto & Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text (ICWSM 2014). Words,
rules and numbers are those of the package vaderSentiment 3.3.2 (MIT, vader/LICENSE), which nobody maintains and which
brings an HTTP client along. The bundled sentiment heads were trained on these very numbers, so what looks odd in a
rule is kept: ``tests/families/test_vader.py`` compares with what the package says.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("vader")

BOOST, SHOUT, NEGATION = 0.293, 0.733, -0.74
"""What "very" adds, what capitals add, what "not" multiplies with; measured on people's judgements."""
FADING = (1.0, 0.95, 0.9)
"""How much of a booster arrives, one, two and three words on."""
IDIOMS = {
    **{"the shit": 3.0, "the bomb": 3.0, "bad ass": 1.5, "badass": 1.5, "bus stop": 0.0, "yeah right": -2.0},
    **{"kiss of death": -1.5, "to die for": 3.0, "beating heart": 3.5},
}


class Polarity(NamedTuple):
    """Shares of negative, neutral and positive words (0-1), and the whole between -1 and 1."""

    negative: float
    neutral: float
    positive: float
    compound: float


def _lines(name: str) -> list[str]:
    return (FOLDER / name).read_text("utf-8").splitlines()


@cache
def lexicon() -> dict[str, float]:
    """Word or emoticon, in small letters -> mean rating, -4 to 4."""
    return {word: float(rating) for word, rating in (line.split("\t") for line in _lines("words.tsv"))}


@cache
def _emoji() -> dict[str, str]:
    """Emoji -> what it shows, in words."""
    return dict(line.split("\t") for line in _lines("emoji.tsv"))


@cache
def _boosters() -> dict[str, float]:
    """ "very" -> BOOST, "hardly" -> -BOOST."""
    return {
        word: BOOST if sign == "+" else -BOOST for sign, word in (line.split("\t") for line in _lines("boosters.tsv"))
    }


@cache
def _negations() -> frozenset[str]:
    return frozenset(_lines("negations.txt"))


def polarity(text: str) -> Polarity:
    """What the list and the rules say of a text; all zeros where it has no words."""
    text = _emoji_in_words(text).strip()
    words = [_without_punctuation(word) for word in text.split()]
    if not words:
        return Polarity(0.0, 0.0, 0.0, 0.0)
    lower = [word.lower() for word in words]
    some_shout = 0 < sum(not word.isupper() for word in words) < len(words)
    values = _but(lower, [_value(words, lower, place, some_shout) for place in range(len(words))])
    emphasis = min(text.count("!"), 4) * 0.292 + _questions(text.count("?"))
    total = sum(values)
    total += math.copysign(emphasis, total) if total else 0.0
    # a rated word counts for one neutral word more, which makes up for neutral ones counting one each
    above = sum(value + 1 for value in values if value > 0)
    below = sum(value - 1 for value in values if value < 0)
    neutral = sum(value == 0 for value in values)
    if above > -below:
        above += emphasis
    elif above < -below:
        below -= emphasis
    whole = above - below + neutral
    compound = max(-1.0, min(1.0, total / math.sqrt(total * total + 15)))
    return Polarity(round(-below / whole, 3), round(neutral / whole, 3), round(above / whole, 3), round(compound, 4))


def _emoji_in_words(text: str) -> str:
    said, apart = "", True
    for letter in text:
        name = _emoji().get(letter)
        if name is None:
            said += letter
            apart = letter == " "
        else:
            said += name if apart else f" {name}"
            apart = False
    return said


def _without_punctuation(word: str) -> str:
    """ "great!!" -> "great"; what is left with two letters or fewer was an emoticon and stays."""
    bare = word.strip(string.punctuation)
    return word if len(bare) <= 2 else bare


def _questions(count: int) -> float:
    return 0.0 if count < 2 else count * 0.18 if count <= 3 else 0.96


def _value(words: Sequence[str], lower: Sequence[str], place: int, some_shout: bool) -> float:
    """The rating of one word in its sentence; 0 for a word that is not on the list or only boosts."""
    word, known, boosters = lower[place], lexicon(), _boosters()
    following = lower[place + 1] if place + 1 < len(words) else None
    if word not in known or word in boosters or (word == "kind" and following == "of"):
        return 0.0
    before = [lower[place - back] if place >= back else None for back in (1, 2, 3)]
    value = known[word]
    if word == "no" and following in known:
        value = 0.0  # it negates the next word instead
    if "no" in before[:2] or (before[2] == "no" and before[0] in ("or", "nor")):
        value = known[word] * NEGATION
    if some_shout and words[place].isupper():
        value += SHOUT if value > 0 else -SHOUT
    for back, earlier in enumerate(before):
        if earlier is None or earlier in known:
            continue
        value += FADING[back] * _boost(words[place - back - 1], value, some_shout)
        value = _negated(value, before, back)
        if back == 2:
            value = _idiom(value, lower, place)
    if before[0] == "least" and "least" not in known and (before[1] is None or before[1] not in ("at", "very")):
        value *= NEGATION
    return value


def _boost(word: str, value: float, some_shout: bool) -> float:
    boost = _boosters().get(word.lower())
    if boost is None:
        return 0.0
    if value < 0:
        boost = -boost
    if some_shout and word.isupper():
        boost += SHOUT if value > 0 else -SHOUT
    return boost


def _negated(value: float, before: Sequence[str | None], back: int) -> float:
    """The value where the word ``back + 1`` places before may negate it."""
    nearest, second, third = before
    if back == 1 and second == "never" and nearest in ("so", "this"):
        return value * 1.25
    if back == 2 and ((third == "never" and second in ("so", "this")) or nearest in ("so", "this")):
        return value * 1.25
    if back == 1 and second == "without" and nearest == "doubt":
        return value
    if back == 2 and third == "without" and "doubt" in (nearest, second):
        return value
    word = before[back] or ""
    return value * NEGATION if word in _negations() or "n't" in word else value


def _idiom(value: float, lower: Sequence[str], place: int) -> float:
    """The value where the word is part of an idiom; three words stand before it."""

    def span(first: int, last: int) -> str:
        return " ".join(lower[place + first : place + last + 1])

    for first, last in ((-1, 0), (-2, 0), (-2, -1), (-3, -1), (-3, -2)):
        if span(first, last) in IDIOMS:
            value = IDIOMS[span(first, last)]
            break
    for last in (1, 2):
        if place + last < len(lower) and span(0, last) in IDIOMS:
            value = IDIOMS[span(0, last)]
    return value + sum(_boosters().get(span(first, last), 0.0) for first, last in ((-3, -1), (-3, -2), (-2, -1)))


def _but(lower: Sequence[str], values: list[float]) -> list[float]:
    """What stands before "but" counts half, what stands after it half as much again.

    Equal values are looked up by value, as the package does it: the first one takes the factor of the later one too.
    """
    if "but" not in lower:
        return values
    middle = lower.index("but")
    for value in values:  # of the list that changes meanwhile
        place = values.index(value)
        if place != middle:
            values[place] = value * (0.5 if place < middle else 1.5)
    return values
