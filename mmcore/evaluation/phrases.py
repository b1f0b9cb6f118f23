"""Sentences for pictures that have a label but no caption.

A label becomes an everyday word ("Egyptian cat" -> "cat"), the word belongs to a kind of thing, and each kind has
sentence patterns in the manner of people describing photographs. Some everyday things have sentences of their own.
The words and sentences (``imagenet_words.txt``, ``phrases.json``) were written by hand for this project.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mmcore.nets.vocabulary import article_of

_HERE = Path(__file__).parent
_PHRASES = json.loads((_HERE / "phrases.json").read_text(encoding="utf-8"))

SYNSET_WORDS: dict[str, str] = dict(
    line.split("\t") for line in (_HERE / "imagenet_words.txt").read_text(encoding="utf-8").splitlines()
)
"""ImageNet synset ("n01440764") -> everyday word, in the usual order of the 1,000 classes."""
IMAGENET_WORDS: tuple[str, ...] = tuple(SYNSET_WORDS.values())

EVERYDAY: dict[str, str] = _PHRASES["everyday"]
"""Labels of other sources whose everyday word differs from the label."""
KINDS: dict[str, list[str]] = _PHRASES["kinds"]
"""Kind of thing -> its words."""
PATTERNS: dict[str, list[str]] = _PHRASES["patterns"]
"""Kind of thing -> sentences with {w} for the word and {a} for the word with its article."""
OWN_SENTENCES: dict[str, list[str]] = _PHRASES["sentences"]
"""Word -> sentences in the manner of COCO, for things that most pictures show."""
NO_ARTICLE = frozenset(_PHRASES["no_article"])
"""Plural and mass words: "some hay", not "a hay"."""


def everyday_word(label: str) -> str:
    """The word people would use for a label of objects/ or COCO."""
    return EVERYDAY.get(label.lower(), label.lower())


@cache
def kind_of(word: str) -> str:
    """The kind of thing of an everyday word, "other" where none is named."""
    return next((kind for kind, words in KINDS.items() if word in words), "other")


def with_article(word: str) -> str:
    """Give a word its article: "a dog", "an apple", "some hay"."""
    if word in NO_ARTICLE:
        return f"some {word}"
    return f"{article_of(word)} {word}"


def sentences_for(word: str) -> list[str]:
    """Every sentence known for a word: its own ones, or the patterns of its kind."""
    if word in OWN_SENTENCES:
        return OWN_SENTENCES[word]
    return [pattern.format(w=word, a=with_article(word)) for pattern in PATTERNS[kind_of(word)]]


def captions_for(words: Sequence[str], draw: random.Random, count: int = 5) -> list[str]:
    """``count`` sentences for a labelled picture; the labels take turns, and things go before people."""
    things = [word for word in words if word != "person"] or list(words)
    out: list[str] = []
    for position in range(count):
        known = sentences_for(things[position % len(things)])
        out.append(draw.choice([sentence for sentence in known if sentence not in out] or known))
    return out
