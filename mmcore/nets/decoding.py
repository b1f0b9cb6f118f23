"""From next-word probabilities to captions: greedy, beam search and nucleus sampling, many pictures at once.

Beam search keeps the likeliest partial captions; nucleus sampling (Holtzman et al., "The curious case of neural
text degeneration", 2020) draws from the smallest set of words whose probabilities sum to top_p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mmcore.nets.caption_decoder import CaptionDecoder, Memory
from mmcore.nets.vocabulary import BOS, EOS, PAD

LENGTH_POWER = 0.6
"""How much longer captions are helped (0 not at all, 1 fully); chosen on dev."""


LIKELIEST = 128
"""Words that are sorted first for a nucleus: they nearly always hold it, and sorting all takes most of a step."""


@dataclass(frozen=True)
class Written:
    """One decoded caption: word tokens without <eos>, and the log-probability of each of them and of the end."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    """One a token, then the one of <eos> (missing where max_words cut the caption off)."""

    @property
    def score(self) -> float:
        """Mean log-probability a token: the length-normalised score that ranks beams."""
        return sum(self.log_probabilities) / max(len(self.log_probabilities), 1)


def beam_search(
    decoder: CaptionDecoder,
    memory: Memory,
    beams: int,
    captions: int,
    max_words: int,
    length_power: float = LENGTH_POWER,
) -> list[list[Written]]:
    """The ``captions`` best captions of each picture, best first (B lists). One beam is greedy decoding.

    A finished caption ranks by log-probability / length ** length_power; the search of a picture ends when no
    unfinished caption could still rank among the best.
    """
    pictures, device = len(memory.states), memory.states.device
    cache = decoder.start(memory)
    last = torch.full((pictures * beams,), BOS, device=device)
    # Sums of log-probabilities, kept beside the network's device: they are asked one by one below.
    totals = [[0.0] + [-math.inf] * (beams - 1) for _ in range(pictures)]
    history: list[list[list[tuple[int, float]]]] = [[[] for _ in range(beams)] for _ in range(pictures)]
    finished: list[list[tuple[float, Written]]] = [[] for _ in range(pictures)]
    open_pictures = set(range(pictures))

    def keep(picture: int, steps: list[tuple[int, float]], ended: bool) -> None:
        tokens = tuple(token for token, _ in (steps[:-1] if ended else steps))
        written = Written(tokens, tuple(value for _, value in steps))
        finished[picture].append((sum(written.log_probabilities) / len(steps) ** length_power, written))

    for step in range(1, max_words + 2):
        log_p = decoder(last[:, None], memory, cache)[:, -1]
        # No word twice in a row.
        log_p = log_p.scatter(1, last[:, None], -torch.inf).view(pictures, beams, -1)
        if step == 1:
            log_p[..., EOS] = -torch.inf
        if step == max_words + 1:
            ended = log_p[..., EOS].clone()
            log_p = torch.full_like(log_p, -torch.inf)
            log_p[..., EOS] = ended
        vocabulary = log_p.shape[-1]
        total = torch.tensor(totals, device=device)
        best, flat = (total[..., None] + log_p).flatten(1).topk(2 * beams)
        chosen_rows: list[int] = []
        chosen_tokens: list[int] = []
        # The one wait for the device in a step. Places are whole numbers far below 2 ** 53: doubles hold them.
        values, places = torch.stack([best.double(), flat.double()]).tolist()
        for picture in range(pictures):
            survivors: list[list[tuple[int, float]]] = []
            scores: list[float] = []
            if picture in open_pictures:
                for rank, (value, place) in enumerate(zip(values[picture], places[picture], strict=True)):
                    beam, token = divmod(int(place), vocabulary)
                    if value == -math.inf or len(survivors) == beams:
                        break
                    steps = [*history[picture][beam], (token, value - totals[picture][beam])]
                    if token == EOS:
                        if rank < beams:
                            keep(picture, steps, ended=True)
                        continue
                    survivors.append(steps)
                    scores.append(value)
                    chosen_rows.append(picture * beams + beam)
                    chosen_tokens.append(token)
                ranked = sorted((score for score, _ in finished[picture]), reverse=True)
                # The best that an unfinished caption could come to: no further cost, and as long as may be.
                hopeless = (
                    bool(scores)
                    and len(ranked) >= captions
                    and ranked[captions - 1] >= scores[0] / (max_words + 1) ** length_power
                )
                if not survivors or hopeless:
                    open_pictures.discard(picture)
            fill = beams - len(survivors)
            chosen_rows += [picture * beams] * fill
            chosen_tokens += [EOS] * fill
            history[picture] = survivors + [[] for _ in range(fill)]
            totals[picture] = scores + [-math.inf] * fill
        if not open_pictures:
            break
        chosen = torch.tensor([chosen_rows, chosen_tokens]).to(device, non_blocking=True)
        cache.select(chosen[0], memory=False)
        last = chosen[1]
    return [[written for _, written in sorted(done, key=lambda pair: -pair[0])[:captions]] for done in finished]


def nucleus_sample(
    decoder: CaptionDecoder,
    memory: Memory,
    max_words: int,
    top_p: float = 1.0,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    empty: bool = False,
    draws: int = 1,
) -> tuple[Tensor, Tensor]:
    """Draw ``draws`` captions a picture: tokens (B * draws, T) with <eos> and PAD behind it, and log-probabilities.

    The log-probabilities (B * draws, T) are the model's own, before temperature and nucleus. ``empty`` allows a caption
    without words: training with rewards draws from the model as it is.
    """
    cache, looked_at = decoder.start(memory), memory
    # Captions of a picture that begin alike are one row to the decoder: most of them do for some words.
    row = torch.arange(len(memory.states), device=memory.states.device).repeat_interleave(draws)
    words = torch.full((len(memory.states),), BOS, device=row.device)
    running = torch.ones_like(row, dtype=torch.bool)
    tokens, log_probabilities = [], []
    for step in range(max_words + 1):
        log_p = decoder(words[:, None], memory, cache)[:, -1]
        if step == 0 and not empty:
            log_p[:, EOS] = -torch.inf
        if step == max_words:
            last = torch.full_like(row, EOS)
        else:
            p = (log_p / temperature).softmax(-1)
            if top_p < 1.0:
                last = _from_nucleus(p, row, top_p, generator)
            else:
                last = torch.multinomial(p[row], 1, generator=generator)[:, 0]
        tokens.append(torch.where(running, last, PAD))
        log_probabilities.append(torch.where(running, log_p[row, last], 0.0))
        running = running & (last != EOS)
        if not running.any():
            break
        if draws == 1:
            words = torch.where(running, last, EOS)
            continue
        beginnings, places = (row * log_p.shape[-1] + last)[running].unique(return_inverse=True)
        parents, words = beginnings // log_p.shape[-1], beginnings % log_p.shape[-1]
        cache.select(parents, memory=len(looked_at.states) > 1)
        if len(looked_at.states) > 1:  # of one picture all captions look at the same
            memory = memory.select(parents)
        row = torch.zeros_like(row).masked_scatter(running, places)  # what is finished may point anywhere
    return torch.stack(tokens, 1), torch.stack(log_probabilities, 1)


def _from_nucleus(p: Tensor, row: Tensor, top_p: float, generator: torch.Generator | None) -> Tensor:
    """For each ``row`` (K,) of p (B, V) draw one word from the likeliest that hold ``top_p`` together: (K,)."""
    count = min(LIKELIEST, p.shape[-1])
    ordered, order = p.topk(count)
    if bool((ordered.sum(-1) < top_p).any()):  # a flat distribution: the nucleus is larger
        ordered, order = p.sort(descending=True)
    # A word stays while the words before it do not yet hold top_p.
    kept = torch.where(ordered.cumsum(-1) - ordered >= top_p, 0.0, ordered)
    return order[row, torch.multinomial(kept[row], 1, generator=generator)[:, 0]]


def written_of(tokens: Tensor, log_probabilities: Tensor) -> list[Written]:
    """What ``nucleus_sample`` drew, one a row."""
    out = []
    for row, values in zip(tokens.tolist(), log_probabilities.tolist(), strict=True):
        length = sum(token != PAD for token in row)
        out.append(Written(tuple(token for token in row[:length] if token != EOS), tuple(values[:length])))
    return out
