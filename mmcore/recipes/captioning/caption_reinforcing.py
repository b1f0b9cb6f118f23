"""Stage 3 of the captioner's recipe, self-critical training: the decoder learns what scores well.

Rennie et al., "Self-critical sequence training", CVPR 2017, with the leave-one-out baseline of Luo, "A better variant
of self-critical sequence training", 2020.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmcore.evaluation.caption_scores import CiderD
from mmcore.nets.decoding import nucleus_sample
from mmcore.nets.vocabulary import BOS, EOS, PAD, join_words
from mmcore.recipes.captioning.caption_dataset import CaptionDataset
from mmcore.recipes.captioning.trained_decoder import Captioner, report
from mmcore.recipes.optimisation import averaged_model

LABELLED_SCALE = 0.3
"""Weight of rewards against the sentences written for labelled pictures."""

END = "endofcaption"
"""Stands behind every reference and every finished caption while rewards are computed: without it, CIDEr pays for
captions that break off ("a man on a")."""


def reinforce(model: Captioner, material: CaptionDataset, folder: Path) -> None:
    """Stage 3: self-critical training of the decoder; the image encoder stays as it is. Stores ``reinforced.pt``."""
    recipe = material.recipe
    draw = random.Random(recipe.seed + 1)
    torch.manual_seed(recipe.seed + 1)
    judge = CiderD({str(row): [f"{text} {END}" for text in texts] for row, texts in material.captions.items()})
    average = averaged_model(model, recipe.reinforce_average)
    model.top.requires_grad_(False)
    optimizer = torch.optim.AdamW(model.decoder.parameters(), recipe.reinforce_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, recipe.reinforce_epochs * material.batches, recipe.reinforce_rate * 0.05
    )
    started = time.monotonic()
    for epoch in range(recipe.reinforce_epochs):
        rewards = []
        for rows in material.epoch(draw):
            features, tags, probabilities = material.random_pictures(rows, draw)
            owners = torch.arange(len(rows)).repeat_interleave(recipe.samples)
            # Sampling without dropout and without gradients; the gradient comes from one pass over what was drawn.
            model.eval()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                features = model.top(features)
                memory = model.decoder.remember(features, tags, probabilities).select(owners)
                drawn, _ = nucleus_sample(model.decoder, memory, recipe.max_words, empty=True)
            texts = [
                join_words(material.vocabulary.decode(tokens))
                + (f" {END}" if tokens.index(EOS) < recipe.max_words else "")
                for tokens in drawn.tolist()
            ]
            reward = torch.tensor(
                [judge.score(str(rows[int(owner)]), text) for owner, text in zip(owners, texts, strict=True)]
            ).view(len(rows), recipe.samples)
            baseline = (reward.sum(1, keepdim=True) - reward) / (recipe.samples - 1)
            # Written sentences are matched to the word, people's hardly ever: unscaled, the former drown the rest.
            scale = torch.tensor([1.0 if material.examples[row].captions else LABELLED_SCALE for row in rows])
            advantage = ((reward - baseline) * scale[:, None]).flatten()
            with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
                memory = model.decoder.remember(features, tags, probabilities).select(owners)
                tokens = torch.cat([torch.full_like(drawn[:, :1], BOS), drawn], 1)
                hidden = model.decoder.hidden(tokens[:, :-1], memory)
                log_p, _ = model.decoder.target_log_probabilities(hidden, memory, drawn)
            real = drawn != PAD
            loss = -(advantage[:, None] * log_p * real).sum() / real.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.decoder.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            rewards.append(float(reward.mean()))
            if len(rewards) % 40 == 0:
                print(json.dumps({"step": len(rewards), "reward": round(sum(rewards[-40:]) / 40, 4)}), flush=True)
        line = {"epoch": epoch + 1, "reward": sum(rewards) / len(rewards), "seconds": time.monotonic() - started}
        if (epoch + 1) % 3 == 0 or epoch + 1 == recipe.reinforce_epochs:
            line |= report(cast(Captioner, average.module), material)
            torch.save(average.module.state_dict(), folder / f"reinforced{epoch + 1}.pt")
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
    model.load_state_dict(average.module.state_dict())
    torch.save(model.state_dict(), folder / "reinforced.pt")
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
