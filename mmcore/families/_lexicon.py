"""What a word list knows of a text's sentiment, and what its outside looks like: numbers beside the sentence vector.

VADER (Hutto & Gilbert, ICWSM 2014; _vader.py) rates 7,500 words and emoji by people's judgement and
knows negation, "very" and capitals. A sentence encoder knows meaning, but puts "love" beside "hate".
"""

from __future__ import annotations

import re

import numpy as np

from mmcore.families._vader import lexicon, polarity
from mmcore.types import Floats

HASHTAG = re.compile(r"#(\w+)")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
WORD = re.compile(r"[a-z']+")

NAMES = (
    *("negative", "neutral", "positive", "compound"),
    *("hashtags_negative", "hashtags_neutral", "hashtags_positive", "hashtags_compound"),
    *("highest", "lowest", "sum_above", "sum_below", "rated_words"),
    *("retweet", "hashtags", "mentions", "exclamations", "questions", "links", "length", "capitals"),
)
"""What each number is, in order: VADER's four; the same with hashtags read as words; ratings of single words; looks."""


def hashtags_as_words(text: str) -> str:
    """ "so #HappyDay" -> "so  Happy Day "."""
    return HASHTAG.sub(lambda tag: f" {HUMP.sub(' ', tag[1])} ", text)


def lexicon_scores(text: str) -> Floats:
    """(21,) numbers of a text, as NAMES says."""
    known = lexicon()
    opened = hashtags_as_words(text)
    ratings = [known[word] for word in WORD.findall(opened.lower()) if word in known]
    return np.array(
        [
            *polarity(text),
            *polarity(opened),
            max(ratings, default=0.0),
            min(ratings, default=0.0),
            sum(rating for rating in ratings if rating > 0),
            sum(rating for rating in ratings if rating < 0),
            len(ratings),
            text.startswith("RT"),
            text.count("#"),
            text.count("@"),
            text.count("!"),
            text.count("?"),
            "http" in text,
            min(len(text), 140) / 140,
            sum(letter.isupper() for letter in text) / max(1, len(text)),
        ],
        np.float32,
    )
