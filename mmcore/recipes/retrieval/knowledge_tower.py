"""Stage 5 of the dual encoder's recipe: what the second network knows, where sentences seek it, and who is a hub.

Everything it needs is stored, so an epoch takes a second or two: summaries of all pictures in six views by the
untouched EfficientNet-Lite1, and the sentences' vectors by the text encoder as stage 4 left it. Another network, a
large batch and heavy dropout make the knowing tower err differently from the looking tower, and that is what it is
for. The linear map of the sentences learns with it, so that it serves both towers; it stays near doing nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.nets.dual_encoder import DualEncoder, KnowledgeTower
from mmcore.recipes.retrieval.contrastive import info_nce
from mmcore.recipes.retrieval.pair_dataset import THINGS, PairDataset
from mmcore.recipes.trunk_features import pixels_of_view


@dataclass(frozen=True)
class KnowingRecipe:
    """Every number that shapes it; ``weight`` is the tower's in the sum (the looking tower has 1), chosen on dev."""

    seed: int = 1
    batch: int = 1024
    epochs: int = 30
    rate: float = 2e-3
    map_rate: float = 1e-3
    map_dropout: float = 0.2
    weight_decay: float = 0.05
    labelled_a_epoch: int = 1909
    looking: float = 0.3
    """Weight of the looking tower's loss, which only the map can lower."""
    stay: float = 2.0
    """Weight of the mapped sentences' nearness to themselves."""
    know: float = 0.6
    """Weight of the ImageNet distillation: Lite1's probabilities of a thousand things are the targets of the picture's
    similarities to sentences about them."""
    weight: float = 1.0
    typical: int = 4000
    """Captions among the typical sentences, each of another picture; the sentences about things are added."""


@torch.inference_mode()
def store_summaries(
    trunk: nn.Module, top: nn.Module, paths: Sequence[Path], view: int, target: Path, batch: int = 32
) -> Tensor:
    """``KnowledgeTower.summary`` of one view of all pictures, fp16 (N, 1952); a finished file is read."""
    if not target.exists():
        out = torch.empty(len(paths), KnowledgeTower.SUMMARY, dtype=torch.float16)
        for start, pixels in pixels_of_view(paths, view, batch):
            with torch.autocast("cpu", torch.bfloat16):
                features = trunk(pixels)
                grid = top(features)
            summary = KnowledgeTower.summary(features.float(), grid.float().mean((2, 3)))
            out[start : start + len(pixels)] = summary.half()
        unfinished = target.with_suffix(".part.pt")
        torch.save(out, unfinished)
        unfinished.rename(target)
    found: Tensor = torch.load(target, weights_only=True)
    return found


@torch.inference_mode()
def looking_vectors(network: DualEncoder, view: np.ndarray, batch: int = 64) -> Tensor:
    """The looking tower's vectors (N, C) of length 1 of a view's trunk features (N, 112, 14, 14)."""
    network.eval()
    out = torch.empty(len(view), network.text.config.width)
    for start in range(0, len(view), batch):
        features = torch.from_numpy(np.array(view[start : start + batch])).float()
        with torch.autocast("cpu", torch.bfloat16):
            vectors = network.pooling(network.top(features))
        out[start : start + len(features)] = F.normalize(vectors.float(), dim=-1)
    return out


def learn_knowing(network: DualEncoder, seen: Sequence[Tensor], classifier: tuple[Tensor, Tensor], looked: Tensor,
                  sentences: dict[str, Tensor], pairs: PairDataset, recipe: KnowingRecipe) -> None:  # fmt: skip
    """Train ``network.knowing`` and ``network.sentence_map`` with InfoNCE, then choose the typical sentences.

    ``seen[view]`` are summaries (N, 1952), ``classifier`` Lite1's own of ImageNet, ``looked`` the looking tower's
    vectors (N, C) of the whole pictures, ``sentences`` the text encoder's vectors of all training texts and of
    ``THINGS``.
    """
    torch.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)
    tower, linear = network.knowing, network.sentence_map
    for part in (tower.widen, tower.narrow):
        part.reset_parameters()
    torch.nn.init.zeros_(linear.weight)
    rows = list(pairs.sentences)
    with torch.no_grad():
        tower.mean.copy_(seen[0][rows].float().mean(0))
        tower.spread.copy_(seen[0][rows].float().std(0) + 0.05)
    weight, bias = classifier
    things = torch.stack([sentences[thing] for thing in THINGS])
    log_scale, thing_scale = (torch.nn.Parameter(torch.tensor(3.0)) for _ in range(2))
    own = [*tower.widen.parameters(), *tower.narrow.parameters(), log_scale, thing_scale]
    optimizer = torch.optim.AdamW(
        [{"params": own, "lr": recipe.rate}, {"params": list(linear.parameters()), "lr": recipe.map_rate}],
        weight_decay=recipe.weight_decay,
    )
    labelled = min(recipe.labelled_a_epoch, len(pairs.labelled))
    steps = (len(pairs.captioned) + labelled) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [recipe.rate, recipe.map_rate], total_steps=recipe.epochs * steps
    )
    tower.train()
    for _ in range(recipe.epochs):
        order = pairs.captioned + draw.sample(pairs.labelled, labelled)
        draw.shuffle(order)
        for start in range(0, steps * recipe.batch, recipe.batch):
            chosen = order[start : start + recipe.batch]
            inputs = torch.stack([seen[draw.randrange(len(seen))][row] for row in chosen]).float()
            plain = torch.stack([sentences[draw.choice(pairs.sentences[row])] for row in chosen])
            texts = F.normalize(plain + linear(F.dropout(plain, recipe.map_dropout)), dim=-1)
            with torch.autocast("cpu", torch.bfloat16):
                vectors = tower(inputs)
            pictures = F.normalize(vectors.float(), dim=-1)
            owners, scale = torch.arange(len(chosen)), log_scale.exp().clamp(max=60)
            found = info_nce(pictures, texts, owners, scale)
            looking = info_nce(looked[chosen], texts, owners, scale)
            moved = 1 - (texts * plain).sum(1).mean()
            taught = (inputs[:, : weight.shape[1]] @ weight.T + bias).softmax(1)
            said = (thing_scale.exp().clamp(max=60) * pictures @ network.mapped(things).T).log_softmax(1)
            known = -(taught * said).sum(1).mean()
            loss = found + recipe.looking * looking + recipe.stay * moved + recipe.know * known
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    tower.eval()
    with torch.no_grad():
        typical = network.mapped(torch.stack([sentences[text] for text in typical_sentences(pairs, recipe)]))
    network.hubness.typical = torch.nn.Parameter(typical, requires_grad=False)


def typical_sentences(pairs: PairDataset, recipe: KnowingRecipe) -> list[str]:
    """A caption of each of ``recipe.typical`` pictures, and every sentence about a thing."""
    draw = random.Random(recipe.seed)
    captions = [draw.choice(pairs.sentences[row]) for row in draw.sample(pairs.captioned, recipe.typical)]
    things = {text for row in pairs.labelled for text in pairs.sentences[row]} | set(THINGS)
    return [*captions, *sorted(things)]
