"""The last step of the captioner's recipe: how much each signal counts when a caption is chosen among candidates.

    mmcore train reranking --data DIR --output mmcore/bundled/captioner

Of every dev picture the finished captioner writes its candidates with their signals. Two sets of weights are fitted in
the same way: those of the shortlist, without the cosine, and those that rank what is on it. The weights w maximise the
mean CIDEr-D that is earned when candidate k is taken with probability softmax(signals @ w)[k]: the expected reward in
closed form, so nothing is drawn and plain gradient descent does it. Six numbers from a thousand pictures; how well they
do on pictures that they were not fitted on is told by cross-validation.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from mmcore.evaluation.caption_scores import CiderD
from mmcore.evaluation.captioning import read_references
from mmcore.families._reranking import SIGNALS, Weights, cosines, ranked
from mmcore.families.compact_captioner import CompactCaptioning
from mmcore.io.images import decode_image
from mmcore.nets.decoding import Written
from mmcore.nets.vocabulary import Vocabulary, join_words
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions
from mmcore.settings import Settings
from mmcore.types import Progress

MODEL = "compact-captioner"
FOLDS = 5
STEPS = 300
RATE = 0.05
SHRINKAGE = 1e-3
"""Of the squared weights, after the signals were scaled to one spread."""


@dataclass(frozen=True)
class Choice:
    """One picture's K candidates."""

    signals: Tensor
    """(K, 6), see ``Weights``."""
    rewards: Tensor
    """CIDEr-D of each (K,)."""


def rarity_of(data: Path, vocabulary: Vocabulary) -> tuple[float, ...]:
    """``Reranking.rarity`` from the training captions of a folder, or from all where it names no split."""
    lines = (data / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    rows = [row for row in rows if row.get("split") == "train"] or rows
    having = Counter(
        token for row in rows for token in {t for text in row["captions"] for t in vocabulary.encode(text)}
    )
    return tuple(round(math.log(len(rows) / max(having[token], 1)), 2) for token in range(len(vocabulary)))


@dataclass(frozen=True)
class Drawn:
    """All that is known of one picture's K candidates."""

    written: list[Written]
    likely: Tensor
    """The tagger's probabilities (T,)."""
    cosine: Tensor
    """Of each candidate with the picture (K,)."""
    rewards: Tensor
    """CIDEr-D of each (K,)."""


@torch.no_grad()
def draw(
    model: CompactCaptioning, settings: Settings, data: Path, limit: int | None = None, progress: Progress | None = None
) -> list[Drawn]:
    """Candidates of the pictures of a folder with captions (the dev split where it names one)."""
    truth = dict(list(read_references(data).items())[:limit])
    judge, vocabulary = CiderD(truth), model.network.vocabulary
    assert model.dual is not None
    found = []
    for done, path in enumerate(truth, 1):
        seen = model.see([decode_image(Path(path), settings)])
        (written,) = model.candidates(seen, CaptionOptions())
        (cosine,) = cosines(vocabulary, model.dual, seen, [written])
        rewards = [judge.score(path, join_words(vocabulary.decode(one.tokens))) for one in written]
        found.append(Drawn(written, seen.tag_probabilities[0].float().cpu(), cosine, torch.tensor(rewards)))
        if progress:
            progress(done, len(truth))
    return found


def choices_of(model: CompactCaptioning, drawn: Sequence[Drawn], first: Weights | None = None) -> list[Choice]:
    """All candidates with the cheap signals; with ``first`` those on the shortlist that it makes, with all signals."""
    assert model.reranking is not None
    found = []
    for one in drawn:
        cheap = model.signals(one.likely, one.written)
        if first is None:
            found.append(Choice(cheap, one.rewards))
            continue
        kept = ranked(range(len(one.written)), cheap, first)[: model.reranking.shortlist]
        signals = model.signals(one.likely, [one.written[place] for place in kept], one.cosine[kept])
        found.append(Choice(signals, one.rewards[kept]))
    return found


def fit(choices: Sequence[Choice]) -> Weights:
    """The weights that earn most, scaled so that the log-probability counts 1."""
    signals = torch.nn.utils.rnn.pad_sequence([one.signals - one.signals.mean(0) for one in choices], True)
    rewards = torch.nn.utils.rnn.pad_sequence([one.rewards for one in choices], True)
    there = torch.nn.utils.rnn.pad_sequence([torch.ones(len(one.rewards)) for one in choices], True)
    spread = signals[there > 0].std(0) + 1e-6
    weights = torch.zeros(len(SIGNALS), requires_grad=True)
    optimizer = torch.optim.Adam([weights], RATE)
    for _ in range(STEPS):
        taken = (signals / spread @ weights + there.log()).softmax(1)
        loss = SHRINKAGE * weights.square().sum() - (taken * rewards).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = (weights / spread).detach()
    return Weights(*(found / found[0].abs().clamp_min(1e-6)).tolist())


def earned(choices: Sequence[Choice], weights: Weights) -> float:
    """Mean CIDEr-D of the candidates that these weights take."""
    return fmean(ranked(one.rewards.tolist(), one.signals, weights)[0] for one in choices)


def cross_validated(choices: Sequence[Choice]) -> float:
    """The same where every picture is judged by weights fitted on the other folds."""
    order = torch.randperm(len(choices), generator=torch.Generator().manual_seed(0)).tolist()
    total = 0.0
    folds = min(FOLDS, len(choices))
    for fold in range(folds):
        held = order[fold::folds]
        others = [choices[place] for place in order if place not in set(held)]
        total += earned([choices[place] for place in held], fit(others)) * len(held)
    return total / len(choices)


def main(
    pool: ModelPool,
    data: Path,
    output: Path,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit the weights on the pictures of ``data`` and write them to ``output``/config.json; returns the figures.

    The rarity of words is counted in its training captions and written beside them.
    """
    model = pool.get(MODEL)
    assert isinstance(model, CompactCaptioning)
    assert model.reranking is not None
    rarity = rarity_of(data, model.network.vocabulary)
    model.reranking = replace(model.reranking, rarity=rarity)
    drawn = draw(model, pool.settings, data, limit, progress)
    everything = choices_of(model, drawn)
    first = fit(everything)
    choices = choices_of(model, drawn, first)
    weights = fit(choices)
    file = output / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    for name, found in (("first", first), ("weights", weights)):
        config["reranking"][name] = {signal: round(value, 4) for signal, value in asdict(found).items()}
    config["reranking"]["rarity"] = rarity
    file.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return {
        "pictures": len(choices),
        "first": config["reranking"]["first"],
        "weights": config["reranking"]["weights"],
        "first_choice": earned(everything, first),
        "fitted": earned(choices, weights),
        "cross_validated": cross_validated(choices),
        "best_candidate": fmean(float(one.rewards.max()) for one in drawn),
        "best_on_shortlist": fmean(float(one.rewards.max()) for one in choices),
    }
