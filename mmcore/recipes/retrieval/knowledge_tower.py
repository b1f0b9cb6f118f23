"""Stage 5 of the dual encoder's recipe: the knowing tower, trained alone on the untouched features.

Everything it needs is stored, so an epoch takes a second or two: summaries of all pictures in six views, and the
sentences' vectors by the text encoder as stage 4 left it. A large batch and heavy dropout make it err differently from
the looking tower, and that is what it is for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmcore.nets.dual_encoder import KnowledgeTower
from mmcore.recipes.retrieval.contrastive import info_nce
from mmcore.recipes.retrieval.pair_dataset import PairDataset


@dataclass(frozen=True)
class KnowingRecipe:
    """Every number that shapes it; ``weight`` is the tower's in the sum (the looking tower has 1), chosen on dev."""

    seed: int = 0
    batch: int = 1024
    epochs: int = 30
    rate: float = 2e-3
    weight_decay: float = 0.05
    labelled_a_epoch: int = 1909
    weight: float = 1.2


@torch.inference_mode()
def summaries(pooled: Tensor, view: np.ndarray, batch: int = 500) -> Tensor:
    """``Knowing.summary`` of a view's pictures, fp16 (N, 1952); ``pooled`` are their ImageNet features (N, 1280)."""
    out = torch.empty(len(view), KnowledgeTower.SUMMARY, dtype=torch.float16)
    for start in range(0, len(view), batch):
        features = torch.from_numpy(np.array(view[start : start + batch])).float()
        grid = pooled[start : start + batch].float()[:, :, None, None]  # its mean is all that counts
        out[start : start + batch] = KnowledgeTower.summary(features, grid).half()
    return out


def learn_knowing(tower: KnowledgeTower, seen: Sequence[Tensor], sentences: dict[str, Tensor], pairs: PairDataset,
                  recipe: KnowingRecipe) -> None:  # fmt: skip
    """Train the tower with InfoNCE; ``seen[view]`` are summaries, ``sentences`` the vectors of all training texts."""
    torch.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)
    rows = list(pairs.sentences)
    with torch.no_grad():
        tower.mean.copy_(seen[0][rows].float().mean(0))
        tower.spread.copy_(seen[0][rows].float().std(0) + 0.05)
    log_scale = torch.nn.Parameter(torch.tensor(3.0))
    own = [*tower.widen.parameters(), *tower.narrow.parameters(), log_scale]
    optimizer = torch.optim.AdamW(own, recipe.rate, weight_decay=recipe.weight_decay)
    labelled = min(recipe.labelled_a_epoch, len(pairs.labelled))
    steps = (len(pairs.captioned) + labelled) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.epochs * steps)
    tower.train()
    for _ in range(recipe.epochs):
        order = pairs.captioned + draw.sample(pairs.labelled, labelled)
        draw.shuffle(order)
        for start in range(0, steps * recipe.batch, recipe.batch):
            chosen = order[start : start + recipe.batch]
            inputs = torch.stack([seen[draw.randrange(len(seen))][row] for row in chosen]).float()
            texts = torch.stack([sentences[draw.choice(pairs.sentences[row])] for row in chosen])
            with torch.autocast("cpu", torch.bfloat16):
                vectors = tower(inputs)
            images = F.normalize(vectors.float(), dim=-1)
            loss = info_nce(images, texts, torch.arange(len(chosen)), log_scale.exp().clamp(max=60))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    tower.eval()
