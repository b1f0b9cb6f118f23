"""Contrastive learning of the dual encoder: of all the pictures of a batch, a sentence must find its own.

Three losses:

- InfoNCE both ways (Oord et al., 2018; Radford et al., 2021);
- the sentence space stays near the one it began as: cosine with the teacher's vectors of captions, labels and posts;
- the picture's place among a thousand things stays: the untouched encoder's ImageNet probabilities are the targets of
  the picture's similarities to sentences about those things (distillation, Hinton et al., 2015).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmcore.nets.dual_encoder import DualEncoder
from mmcore.nets.text_encoder import TextEncoder, pool_words
from mmcore.recipes.optimisation import averaged_model, warm_cosine
from mmcore.recipes.retrieval.contrastive_recipe import ContrastiveRecipe
from mmcore.recipes.retrieval.pair_dataset import PairDataset


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Texts -> tokens and 1 for real ones, both (B, T), padded at the right with 0."""
    encoded = [item.ids for item in tokenizer.encode_batch(list(texts))]
    tokens = torch.zeros(len(encoded), max(map(len, encoded)), dtype=torch.long)
    mask = torch.zeros(tokens.shape)
    for row, ids in enumerate(encoded):
        tokens[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
    return tokens, mask


@torch.inference_mode()
def sentence_vectors(encoder: TextEncoder, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 256) -> Tensor:
    """(N, C) of length 1; sentences of like length are batched together."""
    encoder.eval()
    out = torch.empty(len(texts), encoder.config.width)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        tokens, mask = encode(tokenizer, [texts[row] for row in rows])
        with torch.autocast("cpu", torch.bfloat16):
            states = encoder(tokens, mask)
        out[rows] = pool_words(states.float(), mask)
    return out


def info_nce(images: Tensor, texts: Tensor, owners: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE of picture vectors (B, C) and text vectors (N, C); text n belongs to picture owners[n]."""
    logits = scale * images @ texts.T
    finds_picture = F.cross_entropy(logits.T, owners)
    own = (owners[None] == torch.arange(len(images))[:, None]).float()
    finds_text = -(F.log_softmax(logits, 1) * own / own.sum(1, keepdim=True).clamp_min(1)).sum(1).mean()
    return (finds_picture + finds_text) / 2


def learn(
    network: DualEncoder, pairs: PairDataset, tokenizer: Tokenizer, recipe: ContrastiveRecipe, folder: Path
) -> None:
    """Train; stores ``contrasted.pt`` (averaged weights) and leaves them in the network. The trunk stays as it is."""
    draw = random.Random(recipe.seed)
    torch.manual_seed(recipe.seed)
    for part in (network.trunk, network.knowing_trunk, network.knowing_top, network.knowing, network.sentence_map):
        part.requires_grad_(False)
    own = [*network.pooling.parameters(), network.log_scale]
    optimizer = torch.optim.AdamW(
        [
            {"params": own, "lr": recipe.pooling_rate},
            {"params": list(network.top.parameters()), "lr": recipe.top_rate},
            {"params": list(network.text.parameters()), "lr": recipe.text_rate},
        ],
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.98),
    )
    schedule = warm_cosine(optimizer, recipe.warmup_steps, recipe.epochs * pairs.batches(recipe))
    average = averaged_model(network, recipe.average)
    started = time.monotonic()
    for epoch in range(recipe.epochs):
        network.train()
        network.top.eval()  # batch normalisation keeps its ImageNet statistics
        totals = torch.zeros(3)
        for batch in pairs.epoch(recipe, draw):
            with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
                grid = F.dropout2d(network.top(batch.features), recipe.dropout)
                images = F.normalize(network.pooling(grid).float(), dim=-1)
                texts, others, things = (
                    pool_words(network.text(tokens, mask).float(), mask)
                    for tokens, mask in (encode(tokenizer, part) for part in (batch.texts, batch.others, batch.things))
                )
            scale = network.log_scale.exp().clamp(max=100)
            nce = info_nce(images, texts, batch.owners, scale)
            moved = 1 - (torch.cat([texts, others]) * batch.taught).sum(1).mean()
            moved = moved + 0.5 * (1 - (things * batch.taught_things).sum(1).mean())
            known = -(batch.known * F.log_softmax(scale * images @ things.T, 1)).sum(1).mean()
            optimizer.zero_grad()
            (nce + recipe.stay * moved + recipe.know * known).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            totals += torch.stack([nce, moved, known]).detach() / pairs.batches(recipe)
        line = dict(zip(("info_nce", "moved", "known"), totals.tolist(), strict=True))
        line |= {"epoch": epoch + 1, "seconds": time.monotonic() - started}
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
        torch.save(average.module.state_dict(), folder / "contrasted.part.pt")
    network.load_state_dict(average.module.state_dict())
    torch.save(network.state_dict(), folder / "contrasted.pt")
