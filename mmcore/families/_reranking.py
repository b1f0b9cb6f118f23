"""Re-ranking: one network writes many candidates, others say which of them fits the picture.

The captioner knows how sentences go, the dual encoder what goes with a picture, the tagger what is in it. Some
candidates come from beam search, which writes safe sentences, the others are drawn, which makes them differ. A
candidate's rank is a weighted sum of six signals (``Weights``). All but the cosine cost next to nothing: by those alone
a shortlist is made, and only the captions on it are embedded and ranked by all six. Both sets of weights are fitted on
the dev pictures to the CIDEr-D that the choice earns (``mmcore/recipes/captioning/reranking.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import TypeVar

import torch
from torch import Tensor

from mmcore.families.compact_dual import CompactDual, tokens_of
from mmcore.nets.caption_decoder import CaptionDecoder, Memory
from mmcore.nets.captioner import Seen
from mmcore.nets.decoding import LENGTH_POWER, Written, beam_search, nucleus_sample, written_of
from mmcore.nets.vocabulary import Vocabulary, join_words
from mmcore.results import Caption

LEAST = 0.01
"""Added to a tag's probability before its logarithm is taken."""
VOTE_COSINE, VOTE_SHARPNESS = 8.0, 2.0
"""A candidate's say in ``consensus``: softmax((log_probability + VOTE_COSINE * cosine) / VOTE_SHARPNESS)."""
NGRAM = 4
SIGMA = 6.0
"""Of the penalty for unlike lengths, as in CIDEr-D."""

V = TypeVar("V")


@dataclass(frozen=True)
class Weights:
    """How much each signal counts."""

    log_probability: float
    """Of the candidate, divided by length ** 0.6."""
    cosine: float
    """Of its vector and the picture's in the dual encoder's space; 0 while the shortlist is made."""
    words: float
    """Their number."""
    tag_log_probability: float
    """Sum over its words that the tagger knows."""
    tag_words: float
    """The number of those."""
    consensus: float
    """Mean n-gram similarity with all candidates, each counted as it is likely: minimum Bayes risk (Kumar & Byrne,
    NAACL 2004) with a measure like CIDEr's, see ``similarities``."""


SIGNALS = tuple(field.name for field in fields(Weights))


@dataclass(frozen=True)
class Reranking:
    """The ``reranking`` part of the captioner's config.json."""

    beams: int
    """Width of the beam search, and candidates that it gives."""
    samples: int
    """Further candidates, drawn by nucleus sampling."""
    shortlist: int
    """How many of them are looked at with the dual encoder."""
    first: Weights
    """By which those are chosen."""
    weights: Weights
    """By which they are ranked."""
    top_p: float = 0.9
    temperature: float = 0.7
    rarity: tuple[float, ...] = ()
    """Of each word of the vocabulary, how rare it is in captions: log(pictures / pictures whose captions have it).
    Where it is empty, all words count alike."""


def candidates(
    decoder: CaptionDecoder, memory: Memory, reranking: Reranking, beams: int, max_words: int, seed: int
) -> list[list[Written]]:
    """For each picture different captions, in no order. A picture's do not depend on its neighbours in the batch."""
    beams = max(beams, reranking.beams)
    found = beam_search(decoder, memory, beams, beams, max_words)
    device = memory.states.device
    for picture, written in enumerate(found):
        own = memory.select(torch.tensor([picture], device=device))
        generator = torch.Generator(device).manual_seed(seed)
        drawn = nucleus_sample(
            decoder, own, max_words, reranking.top_p, reranking.temperature, generator, draws=reranking.samples
        )
        known = {one.tokens for one in written}
        for one in written_of(*drawn):
            if one.tokens not in known:
                known.add(one.tokens)
                written.append(one)
    return found


def without_repeats(vocabulary: Vocabulary, tag_places: Mapping[str, int], written: Sequence[Written]) -> list[Written]:
    """The captions that name nothing twice ("a man standing next to a man"); all of them where none does."""

    def repeats(one: Written) -> bool:
        named = [word for word in vocabulary.decode(one.tokens) if word in tag_places]
        return len(set(named)) < len(named)

    return [one for one in written if not repeats(one)] or list(written)


def similarities(written: Sequence[Written], rarity: Sequence[float]) -> Tensor:
    """(K, K), 0 to 1: how alike the captions are by their runs of one to four words.

    The mean over the lengths of the cosine of their n-gram counts, each weighted by the rarity of its words, times
    exp(-(difference of lengths)^2 / (2 SIGMA^2)): CIDEr (Vedantam et al., CVPR 2015), with the sum of its words' rarity
    for that of an n-gram.
    """
    total = torch.zeros(len(written), len(written))
    for length in range(1, NGRAM + 1):
        places: dict[tuple[int, ...], int] = {}
        entries = [
            (row, places.setdefault(run, len(places)), sum(rarity[token] for token in run) if rarity else 1.0)
            for row, one in enumerate(written)
            for run in (one.tokens[at : at + length] for at in range(len(one.tokens) - length + 1))
        ]
        counts = torch.zeros(len(written), max(len(places), 1))
        if entries:
            rows, columns, weights = zip(*entries, strict=True)
            counts.index_put_((torch.tensor(rows), torch.tensor(columns)), torch.tensor(weights), accumulate=True)
        counts = torch.nn.functional.normalize(counts, dim=1)
        total += counts @ counts.T / NGRAM
    lengths = torch.tensor([float(len(one.tokens)) for one in written])
    return total * torch.exp(-((lengths[:, None] - lengths) ** 2) / (2 * SIGMA**2))


def signals(
    vocabulary: Vocabulary, tag_places: Mapping[str, int], likely: Tensor, written: Sequence[Written],
    rarity: Sequence[float], cosine: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """SIGNALS of one picture's K candidates, (K, 6).

    ``tag_places``: where the tagger has each word it knows; ``likely``: its probabilities (T,); ``cosine``: of each
    candidate (K,), None where they are not known.
    """
    words = [vocabulary.decode(one.tokens) for one in written]
    named = [[tag_places[word] for word in dict.fromkeys(one) if word in tag_places] for one in words]
    log_probability = torch.tensor(
        [sum(one.log_probabilities) / len(one.log_probabilities) ** LENGTH_POWER for one in written]
    )
    cosine = torch.zeros(len(written)) if cosine is None else cosine
    votes = ((log_probability + VOTE_COSINE * cosine) / VOTE_SHARPNESS).softmax(0)
    columns = [
        log_probability,
        cosine,
        torch.tensor([float(len(one)) for one in words]),
        torch.stack([(likely[known] + LEAST).log().sum() for known in named]),
        torch.tensor([float(len(known)) for known in named]),
        similarities(written, rarity) @ votes,
    ]
    return torch.stack(columns, 1)


@torch.inference_mode()
def cosines(
    vocabulary: Vocabulary, dual: CompactDual, seen: Seen, written: Sequence[Sequence[Written]]
) -> list[Tensor]:
    """Of each picture's candidates with it in the dual encoder's space, (K,) each."""
    owners = torch.tensor([picture for picture, own in enumerate(written) for _ in own], device=dual.device)
    texts = [join_words(vocabulary.decode(one.tokens)) for own in written for one in own]
    tokens, mask = (value.to(dual.device) for value in tokens_of(dual.tokenizer, texts))
    pictures = dual.network.vectors_of(seen.features, seen.pixels).float()
    found = (dual.network.text_vectors(tokens, mask).float() * pictures[owners]).sum(1).cpu()
    return list(found.split([len(own) for own in written]))


ARTICLES = frozenset((*("a", "an", "the", "is", "are"), *"的着了在正一个只名", "一个", "一只", "一名", "正在"))
"""Two captions that differ by nothing but these say the same."""


def different(captions: Sequence[Caption], count: int) -> tuple[Caption, ...]:
    """At most ``count`` captions in their order: no text twice, and such as differ in more than ARTICLES first."""
    texts: set[str] = set()
    said: set[frozenset[str]] = set()
    fresh: list[int] = []
    alike: list[int] = []
    for place, one in enumerate(captions):
        words = frozenset(word.text for word in one.words) - ARTICLES
        if one.text not in texts:
            (alike if words in said else fresh).append(place)
        texts.add(one.text)
        said.add(words)
    return tuple(captions[place] for place in sorted([*fresh, *alike][:count]))


def rank_scores(signals: Tensor, weights: Weights) -> Tensor:
    """(K,): the sum of each candidate's weighted signals."""
    return signals @ torch.tensor(astuple(weights), dtype=signals.dtype)


def ranked(candidates: Sequence[V], signals: Tensor, weights: Weights) -> list[V]:
    """One picture's candidates, best first."""
    order = rank_scores(signals, weights).sort(descending=True, stable=True).indices
    return [candidates[place] for place in order.tolist()]
