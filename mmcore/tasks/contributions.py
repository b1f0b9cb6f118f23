"""What each word of a text and each region of a picture does to an answer: Shapley values, through the real model.

A game: the words are players, a coalition is the text with the other words taken out, its value is the model's answer.
The Shapley value of a word is what it adds to the answer, averaged over all orders in which words can join (Shapley,
1953; Strumbelj & Kononenko, 2010). It is the only fair way to share: together the values are exactly the
difference between the answer to the whole and the answer to nothing, also when words work against each other ("not
bad"), which neither gradients nor taking out one word at a time gives.

There are too many orders, so a few are drawn, each with its reverse (antithetic sampling, which evens out early and
late places; Mitchell et al., JMLR 2022). Every single order shares without a rest, so their mean does too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcore.families.base import SentimentJudge
from mmcore.results.sentiment import Explanation, Post, SentimentScores, WordContribution
from mmcore.types import Floats

TEXT_BUDGET = 160
"""Texts that an explanation may try; long texts get fewer orders, at least two."""
WORD_BUDGET = 2200
"""Of those texts' number times the words of the post: a long one may try fewer, for each costs more."""
REGION_BUDGET = 600
"""Altered pictures, which cost little where only the cells of a grid change."""
MAX_PARTS = 40
"""Longer texts are cut into so many runs of words, which then count as one word each."""

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
"""A run without blanks; of scripts that write without blanks, one sign."""

Answers = Floats


def shapley_values(
    answer: Callable[[npt.NDArray[np.bool_]], Answers], players: int, budget: int, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What each player adds (players, C), and the answer to nobody (C,): they sum to the answer to everybody.

    ``answer`` gets coalitions (K, players) and gives (K, C), for about ``budget`` coalitions in all.
    """
    pairs = max(1, budget // (2 * (players + 1)))
    draw = np.random.default_rng(seed)
    orders = [order for _ in range(pairs) for one in (draw.permutation(players),) for order in (one, one[::-1])]
    known: dict[bytes, int] = {}
    asked: list[npt.NDArray[np.bool_]] = []
    paths: list[list[int]] = []
    for order in orders:
        present = np.zeros(players, bool)
        path = []
        for player in (None, *order.tolist()):
            if player is not None:
                present[player] = True
            key = present.tobytes()
            if key not in known:
                known[key] = len(asked)
                asked.append(present.copy())
            path.append(known[key])
        paths.append(path)
    values = np.asarray(answer(np.stack(asked)), np.float64)
    shares = np.zeros((players, values.shape[1]))
    for order, path in zip(orders, paths, strict=True):
        for player, (before, after) in zip(order, pairwise(path), strict=True):
            shares[player] += values[after] - values[before]
    return shares / len(orders), values[0]


def parts_of(text: str, most: int = MAX_PARTS) -> list[tuple[int, int]]:
    """Places (start, end) of the words of a text; of a long one, of at most ``most`` runs of words."""
    spans = [match.span() for match in WORD.finditer(text)]
    if len(spans) <= most:
        return spans
    cuts = np.linspace(0, len(spans), most + 1).astype(int).tolist()
    return [(spans[first][0], spans[last - 1][1]) for first, last in pairwise(cuts)]


def text_with(text: str, spans: Sequence[tuple[int, int]], kept: Sequence[bool] | npt.NDArray[np.bool_]) -> str:
    """The text with the other words cut out; blanks are tidied up."""
    pieces = [" " if not keep else text[start:end] for (start, end), keep in zip(spans, kept, strict=True)]
    between = [text[a:b] for a, b in pairwise([0, *(place for span in spans for place in span), len(text)])][::2]
    whole = between[0] + "".join(piece + gap for piece, gap in zip(pieces, between[1:], strict=True))
    return " ".join(whole.split())


def explain_post(model: SentimentJudge, post: Post, fusion: str | Path = "", seed: int = 0) -> Explanation:
    """Contributions of words and regions, and where words look. A missing modality is left out."""
    words, without_words = explain_words(model, post, fusion, seed) if post.text else ((), None)
    regions, without_regions = explain_regions(model, post, fusion, seed) if post.image is not None else (None, None)
    attention = None
    if post.text and post.image is not None:
        attention = model.word_attention(post, parts_of(post.text), fusion)
    return Explanation(words, without_words, regions, without_regions, post.text or "", attention)


def explain_words(
    model: SentimentJudge, post: Post, fusion: str | Path = "", seed: int = 0
) -> tuple[tuple[WordContribution, ...], SentimentScores | None]:
    """Each word's contribution, and the answer without any word: to the picture alone, or to an empty text."""
    text = post.text or ""
    spans = parts_of(text)
    if not spans:  # a text of blanks alone is none
        return (), None
    nothing = "" if post.image is None else None

    def answer(kept: npt.NDArray[np.bool_]) -> Answers:
        texts = [text if row.all() else text_with(text, spans, row) or nothing for row in kept]
        return model.with_texts(post, texts, fusion)

    budget = min(TEXT_BUDGET, WORD_BUDGET // len(spans))
    shares, nobody = shapley_values(answer, len(spans), budget, seed)
    words = tuple(
        WordContribution(text[start:end], start, end, *share)
        for (start, end), share in zip(spans, shares.tolist(), strict=True)
    )
    return words, SentimentScores(*nobody.tolist())


def explain_regions(
    model: SentimentJudge, post: Post, fusion: str | Path = "", seed: int = 0
) -> tuple[Floats | None, SentimentScores | None]:
    """Each region's contribution (rows, columns, 3), and the answer to a picture without any region."""
    rows, columns = model.regions
    if not rows:
        return None, None

    def answer(kept: npt.NDArray[np.bool_]) -> Answers:
        return model.with_regions(post, kept.reshape(-1, rows, columns), fusion)

    budget = REGION_BUDGET if model.cheap_regions else 2 * (rows * columns + 1)
    shares, nobody = shapley_values(answer, rows * columns, budget, seed)
    return shares.reshape(rows, columns, 3).astype(np.float32), SentimentScores(*nobody.tolist())
