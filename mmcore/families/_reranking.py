"""Re-ranking: one network writes many candidates, others say which of them fits the picture.

The captioner knows how sentences go, the dual encoder what goes with a picture, the tagger what is in it. Some
candidates come from beam search, which writes safe sentences, the others are drawn, which makes them differ. A
candidate's rank is a weighted sum of six signals (``Weights``); the weights are fitted on the dev pictures to the
CIDEr-D that the choice earns (``mmcore/recipes/captioning/reranking.py``).
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
COSINE_SCALE = 16.0
SHARPNESS = 1.2
"""A candidate's say in ``agreement``: softmax((log_probability + COSINE_SCALE * cosine) / SHARPNESS)."""

V = TypeVar("V")


@dataclass(frozen=True)
class Weights:
    """How much each signal counts."""

    log_probability: float
    """Of the candidate, divided by length ** 0.6."""
    cosine: float
    """Of its vector and the picture's in the dual encoder's space."""
    agreement: float
    """Mean cosine with all candidates, each counted as it is likely: minimum Bayes risk in sentence space
    (Kumar & Byrne, NAACL 2004)."""
    words: float
    """Their number."""
    tag_log_probability: float
    """Sum over its words that the tagger knows."""
    tag_words: float
    """The number of those."""


SIGNALS = tuple(field.name for field in fields(Weights))


@dataclass(frozen=True)
class Reranking:
    """The ``reranking`` part of the captioner's config.json."""

    beams: int
    """Width of the beam search, and candidates that it gives."""
    samples: int
    """Further candidates, drawn by nucleus sampling."""
    weights: Weights
    top_p: float = 0.9
    temperature: float = 0.7


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


@torch.inference_mode()
def signals(
    vocabulary: Vocabulary, tag_places: Mapping[str, int], dual: CompactDual, seen: Seen,
    written: Sequence[Sequence[Written]],
) -> list[Tensor]:  # fmt: skip
    """SIGNALS of each picture's K candidates, (K, 6). ``tag_places``: where the tagger has each word it knows."""
    flat = [one for own in written for one in own]
    owners = torch.tensor([picture for picture, own in enumerate(written) for _ in own], device=dual.device)
    words = [vocabulary.decode(one.tokens) for one in flat]
    tokens, mask = (value.to(dual.device) for value in tokens_of(dual.tokenizer, [join_words(one) for one in words]))
    texts = dual.network.text_vectors(tokens, mask).float()
    cosine = (texts * dual.network.vectors_of(seen.features, seen.pixels).float()[owners]).sum(1).cpu()
    texts, likely = texts.cpu(), seen.tag_probabilities.float().cpu()
    log_probability = torch.tensor(
        [sum(one.log_probabilities) / len(one.log_probabilities) ** LENGTH_POWER for one in flat]
    )
    say = (log_probability + COSINE_SCALE * cosine) / SHARPNESS
    found, start = [], 0
    for picture, own in enumerate(written):
        rows = slice(start, start + len(own))
        start += len(own)
        named = [[tag_places[word] for word in dict.fromkeys(one) if word in tag_places] for one in words[rows]]
        columns = [
            log_probability[rows],
            cosine[rows],
            (texts[rows] @ texts[rows].T) @ say[rows].softmax(0),
            torch.tensor([float(len(one)) for one in words[rows]]),
            torch.stack([(likely[picture, known] + LEAST).log().sum() for known in named]),
            torch.tensor([float(len(known)) for known in named]),
        ]
        found.append(torch.stack(columns, 1))
    return found


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
