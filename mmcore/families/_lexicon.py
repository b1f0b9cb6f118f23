"""What a word list knows of a text's sentiment, and what its outside looks like: numbers beside the sentence vector.

VADER (Hutto & Gilbert, ICWSM 2014; package vaderSentiment, MIT) rates 7,500 words and emoji by people's judgement and
knows negation, "very" and capitals. A sentence encoder knows meaning, but puts "love" beside "hate".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

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


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def hashtags_as_words(text: str) -> str:
    """ "so #HappyDay" -> "so  Happy Day "."""
    return HASHTAG.sub(lambda tag: f" {HUMP.sub(' ', tag[1])} ", text)


def lexicon_scores(text: str) -> npt.NDArray[np.float32]:
    """(21,) numbers of a text, as NAMES says."""
    analyzer = _analyzer()
    opened = hashtags_as_words(text)
    plain, open_scores = analyzer.polarity_scores(text), analyzer.polarity_scores(opened)
    ratings = [analyzer.lexicon[word] for word in WORD.findall(opened.lower()) if word in analyzer.lexicon]
    order = ("neg", "neu", "pos", "compound")
    return np.array(
        [
            *(plain[name] for name in order),
            *(open_scores[name] for name in order),
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
