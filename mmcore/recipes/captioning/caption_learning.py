"""Stage 2 of the captioner's recipe, cross-entropy: the decoder learns to say what people said."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmcore.nets.vocabulary import PAD, UNKNOWN
from mmcore.recipes.captioning.caption_dataset import CaptionDataset
from mmcore.recipes.captioning.trained_decoder import Captioner, report, with_pooled_dropout
from mmcore.recipes.optimisation import averaged_model, warm_cosine


def learn(model: Captioner, material: CaptionDataset, folder: Path) -> None:
    """Stage 2: cross-entropy. Stores ``learnt.pt`` (averaged weights)."""
    recipe = material.recipe
    draw = random.Random(recipe.seed)
    torch.manual_seed(recipe.seed)
    average = averaged_model(model, recipe.average)
    optimizer = torch.optim.AdamW(
        [
            {"params": list(model.top.parameters()), "lr": recipe.top_rate},
            {"params": list(model.decoder.parameters()), "lr": recipe.decoder_rate},
        ],
        weight_decay=0.02,
        betas=(0.9, 0.98),
    )
    schedule = warm_cosine(optimizer, recipe.warmup_steps, recipe.epochs * material.batches)
    started = time.monotonic()
    with_pooled_dropout(model.decoder)
    for epoch in range(recipe.epochs):
        model.train()
        total, count = 0.0, 0
        for rows in material.epoch(draw):
            tokens, owners = material.targets(rows)
            with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
                memory = model.remember(*material.random_pictures(rows, draw)).select(owners)
                hidden = model.decoder.hidden(tokens[:, :-1], memory)
                target, mean = model.decoder.target_log_probabilities(hidden, memory, tokens[:, 1:])
            # Words outside the vocabulary are read, never written.
            real = (tokens[:, 1:] != PAD) & (tokens[:, 1:] != UNKNOWN)
            loss = -((1 - recipe.smoothing) * target + recipe.smoothing * mean)[real].mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            total, count = total - float(target.detach()[real].mean()), count + 1
        line = {"epoch": epoch + 1, "loss": total / count, "seconds": time.monotonic() - started}
        if (epoch + 1) % 3 == 0 or epoch + 1 == recipe.epochs:
            line |= report(cast(Captioner, average.module), material)
            torch.save(average.module.state_dict(), folder / "learnt.part.pt")
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
    model.load_state_dict(average.module.state_dict())
    torch.save(model.state_dict(), folder / "learnt.pt")
