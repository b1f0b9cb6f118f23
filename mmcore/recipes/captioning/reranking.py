"""The last step of the captioner's recipe: how much each signal counts when a caption is chosen among candidates.

    mmcore train reranking --data DIR --output mmcore/bundled/captioner

Of every dev picture the finished captioner writes its candidates with their signals. The weights w maximise the mean
CIDEr-D that is earned when candidate k is taken with probability softmax(signals @ w)[k]: the expected reward in closed
form, so nothing is drawn and plain gradient descent does it. Six numbers from a thousand pictures; how well they do on
pictures that they were not fitted on is told by cross-validation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from mmcore.evaluation.caption_scores import CiderD
from mmcore.evaluation.captioning import read_references
from mmcore.families._reranking import SIGNALS, Weights, ranked
from mmcore.families.compact_captioner import CompactCaptioning
from mmcore.io.images import decode_image
from mmcore.nets.vocabulary import join_words
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions
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


def choices_of(pool: ModelPool, data: Path, limit: int | None = None, progress: Progress | None = None) -> list[Choice]:
    """Candidates of the pictures of a folder with captions (the dev split where it names one)."""
    truth = dict(list(read_references(data).items())[:limit])
    judge = CiderD(truth)
    found = []
    model = pool.get(MODEL)
    assert isinstance(model, CompactCaptioning)
    for done, path in enumerate(truth, 1):
        image = decode_image(Path(path), pool.settings)
        written, signals = model.candidates(model.see([image]), CaptionOptions())[0]
        texts = [join_words(model.network.vocabulary.decode(one.tokens)) for one in written]
        found.append(Choice(signals, torch.tensor([judge.score(path, text) for text in texts])))
        if progress:
            progress(done, len(truth))
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
    """Fit the weights on the pictures of ``data`` and write them to ``output``/config.json; returns the figures."""
    choices = choices_of(pool, data, limit, progress)
    weights = fit(choices)
    file = output / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["reranking"]["weights"] = {name: round(value, 4) for name, value in asdict(weights).items()}
    file.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return {
        "pictures": len(choices),
        "weights": config["reranking"]["weights"],
        "fitted": earned(choices, weights),
        "cross_validated": cross_validated(choices),
        "best_candidate": fmean(float(one.rewards.max()) for one in choices),
    }
