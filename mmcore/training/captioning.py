"""The recipe of the compact captioner, from the published image encoder to the bundled file.

1. ``prepare``: trunk features of every picture in six views; the tagger's word head; cross-fitted tags.
2. ``learn``: cross-entropy with label smoothing on Flickr8k captions and on sentences for labelled pictures; the top of the
   image encoder is fine-tuned with the decoder; the weights are averaged over time (EMA).
3. ``reinforce``: self-critical sequence training (Rennie et al., CVPR 2017): the reward is CIDEr-D, the baseline of a
   sampled caption is the mean reward of the other samples of the picture (Luo, "A better variant of SCST", 2020).

Everything runs on two CPU cores in about an hour and a half; every stage stores its result in the working folder and is
skipped when it is there.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmcore.evaluation.captioning import CiderD, score_captions
from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.decoding import beam_search, nucleus_sample
from mmcore.nets.image_encoder import Top
from mmcore.nets.vocabulary import BOS, EOS, PAD, Vocabulary, join_words
from mmcore.training.data import Example
from mmcore.training.phrases import captions_for


@dataclass(frozen=True)
class Recipe:
    """Every number that shapes the training."""

    seed: int = 0
    batch: int = 32
    """Pictures a step; each comes with up to five captions."""
    labelled_a_epoch: int = 2000
    """Pictures with a label but no caption that are drawn each epoch."""
    epochs: int = 14
    decoder_rate: float = 7e-4
    top_rate: float = 1.5e-4
    warmup_steps: int = 300
    smoothing: float = 0.1
    average: float = 0.999
    """Decay of the exponential moving average of the weights."""
    reinforce_epochs: int = 8
    reinforce_rate: float = 6e-5
    samples: int = 5
    """Captions drawn for each picture in self-critical training."""
    max_words: int = 20


class PooledDropout(nn.Module):
    """Dropout whose random masks are slices of one pool, drawn once a hundred calls.

    Drawing random numbers is a fifth of a training step on a processor; masks that begin at a random place of a
    large pool are as good.
    """

    SIZE = 1 << 24

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.calls = 0
        self.pool = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.calls % 100 == 0:
            self.pool = (torch.rand(self.SIZE // 4) >= self.p).to(torch.bfloat16).div_(1 - self.p).repeat(4)
        self.calls += 1
        start = int(torch.randint(self.SIZE - x.numel(), ()))
        return x * self.pool[start : start + x.numel()].view(x.shape).to(x.dtype)


def with_pooled_dropout(module: nn.Module) -> nn.Module:
    """Replace every nn.Dropout inside a module."""
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, PooledDropout(child.p))
        else:
            with_pooled_dropout(child)
    return module


class Captioner(nn.Module):
    """What is trained: the top of the image encoder and the decoder."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.top = Top()
        self.decoder = CaptionDecoder(config)

    def train(self, mode: bool = True) -> Captioner:
        """Batch normalisation keeps its ImageNet statistics: the batches here are small and of another kind."""
        super().train(mode)
        self.top.eval()
        return self

    def remember(self, features: Tensor, tags: Tensor, probabilities: Tensor) -> Memory:
        """Trunk features (B, 112, 14, 14) and tags (B, K) -> memory."""
        return self.decoder.remember(self.top(features), tags, probabilities)


class Material:
    """Pictures, tags and captions of the training, and batches of them."""

    def __init__(
        self, examples: Sequence[Example], views: Sequence[np.ndarray], tags: Tensor, probabilities: Tensor,
        vocabulary: Vocabulary, recipe: Recipe,
    ) -> None:  # fmt: skip
        self.examples, self.views, self.tags, self.probabilities = examples, views, tags, probabilities
        self.vocabulary, self.recipe = vocabulary, recipe
        draw = random.Random(recipe.seed)
        self.captions: dict[int, list[str]] = {}
        for row, example in enumerate(examples):
            if example.split == "train":
                self.captions[row] = list(example.captions) or captions_for(example.labels, draw)
        self.captioned = [row for row in self.captions if examples[row].captions]
        self.labelled = [row for row in self.captions if not examples[row].captions]

    def epoch(self, draw: random.Random) -> Iterator[list[int]]:
        """Shuffled batches of picture rows: all captioned pictures, some labelled ones."""
        rows = self.captioned + draw.sample(self.labelled, min(self.recipe.labelled_a_epoch, len(self.labelled)))
        draw.shuffle(rows)
        for start in range(0, len(rows) - self.recipe.batch + 1, self.recipe.batch):
            yield rows[start : start + self.recipe.batch]

    def pictures(self, rows: Sequence[int], views: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Trunk features and tags of these pictures in these views."""
        features = np.stack([self.views[view][row] for row, view in zip(rows, views, strict=True)])
        index = (torch.tensor(views), torch.tensor(rows))
        return torch.from_numpy(features).float(), self.tags[index], self.probabilities[index]

    def random_pictures(self, rows: Sequence[int], draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """As ``pictures``, in views drawn at random."""
        return self.pictures(rows, [draw.randrange(len(self.views)) for _ in rows])

    def targets(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Captions as (S, T) tokens with <bos> and <eos>, and the batch position of the picture of each."""
        encoded, owners = [], []
        for position, row in enumerate(rows):
            for caption in self.captions[row]:
                tokens = self.vocabulary.encode(caption)[: self.recipe.max_words]
                if tokens:
                    encoded.append(torch.tensor([BOS, *tokens, EOS]))
                    owners.append(position)
        return nn.utils.rnn.pad_sequence(encoded, True, PAD), torch.tensor(owners)


class Average:
    """Exponential moving average of a model's weights: steadier than the last step's."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.steps = 0

    def update(self, model: nn.Module) -> None:
        """Move a little towards the model; faster in the beginning."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value.detach(), 1 - decay)


@torch.inference_mode()
def write_captions(model: Captioner, material: Material, rows: Sequence[int], beams: int = 3) -> dict[int, str]:
    """The best caption of each picture (view 0), by beam search."""
    model.eval()
    out: dict[int, str] = {}
    for start in range(0, len(rows), 50):
        part = rows[start : start + 50]
        with torch.autocast("cpu", torch.bfloat16):
            memory = model.remember(*material.pictures(part, [0] * len(part)))
            written = beam_search(model.decoder, memory, beams, 1, material.recipe.max_words)
        for row, best in zip(part, written, strict=True):
            out[row] = join_words(material.vocabulary.decode(best[0].tokens))
    return out


def report(model: Captioner, material: Material, beams: int = 3) -> dict[str, float]:
    """CIDEr-D on dev and on the held COCO pictures; how often a held label is named."""
    examples = material.examples
    dev = [row for row, example in enumerate(examples) if example.split == "dev"]
    coco = [row for row, example in enumerate(examples) if example.split == "held" and example.source == "coco"]
    held = [row for row, example in enumerate(examples) if example.split == "held" and example.source != "coco"]
    written = write_captions(model, material, [*dev, *coco, *held], beams)
    figures = {}
    for name, rows in (("dev", dev), ("coco", coco)):
        scores = score_captions(
            {str(row): written[row] for row in rows}, {str(row): examples[row].captions for row in rows}
        )
        figures |= {f"{name}_cider_d": scores.cider_d, f"{name}_bleu_4": scores.bleu_4}
    named = [any(f" {label}" in f" {written[row]}" for label in examples[row].labels) for row in held]
    return figures | {"held_named": sum(named) / len(named)}


def learn(model: Captioner, material: Material, folder: Path, seconds: float = math.inf) -> None:
    """Stage 2: cross-entropy. Stores ``learnt.pt`` (averaged weights)."""
    recipe = material.recipe
    draw = random.Random(recipe.seed)
    torch.manual_seed(recipe.seed)
    average = Average(model, recipe.average)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.top.parameters()], "lr": recipe.top_rate},
            {"params": [p for p in model.decoder.parameters()], "lr": recipe.decoder_rate},
        ],
        weight_decay=0.02,
        betas=(0.9, 0.98),
    )
    batches = (len(material.captioned) + min(recipe.labelled_a_epoch, len(material.labelled))) // recipe.batch
    steps = recipe.epochs * batches

    def rate(step: int) -> float:
        warm = min(1.0, (step + 1) / recipe.warmup_steps)
        return warm * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1.0))) + 0.01

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
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
            real = tokens[:, 1:] != PAD
            loss = -((1 - recipe.smoothing) * target + recipe.smoothing * mean)[real].mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update(model)
            total, count = total - float(target.detach()[real].mean()), count + 1
        line = {"epoch": epoch + 1, "loss": total / count, "seconds": time.monotonic() - started}
        if (epoch + 1) % 3 == 0 or epoch + 1 == recipe.epochs:
            kept = {name: value.clone() for name, value in model.state_dict().items()}
            model.load_state_dict(average.values)
            line |= report(model, material)
            model.load_state_dict(kept)
            torch.save(average.values, folder / "learnt.part.pt")
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
    model.load_state_dict(average.values)
    torch.save(model.state_dict(), folder / "learnt.pt")


def reinforce(model: Captioner, material: Material, folder: Path) -> None:
    """Stage 3: self-critical sequence training. Stores ``reinforced.pt``."""
    recipe = material.recipe
    draw = random.Random(recipe.seed + 1)
    torch.manual_seed(recipe.seed + 1)
    judge = CiderD({str(row): captions for row, captions in material.captions.items()})
    average = Average(model, recipe.average)
    optimizer = torch.optim.AdamW(
        [
            {"params": list(model.top.parameters()), "lr": recipe.reinforce_rate * 0.3},
            {"params": list(model.decoder.parameters()), "lr": recipe.reinforce_rate},
        ],
        weight_decay=0.01,
    )
    batches = (len(material.captioned) + min(recipe.labelled_a_epoch, len(material.labelled))) // recipe.batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, recipe.reinforce_epochs * batches, recipe.reinforce_rate * 0.05
    )
    started = time.monotonic()
    with_pooled_dropout(model.decoder)
    for epoch in range(recipe.reinforce_epochs):
        rewards = []
        for rows in material.epoch(draw):
            pictures = material.random_pictures(rows, draw)
            owners = torch.arange(len(rows)).repeat_interleave(recipe.samples)
            # Sampling without dropout and without gradients; the gradient comes from one pass over what was drawn.
            model.eval()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                memory = model.remember(*pictures).select(owners)
                drawn, _ = nucleus_sample(model.decoder, memory, recipe.max_words)
            texts = [join_words(material.vocabulary.decode(tokens)) for tokens in drawn.tolist()]
            reward = torch.tensor(
                [judge.score(str(rows[int(owner)]), text) for owner, text in zip(owners, texts, strict=True)]
            ).view(len(rows), recipe.samples)
            baseline = (reward.sum(1, keepdim=True) - reward) / (recipe.samples - 1)
            advantage = (reward - baseline).flatten()
            with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
                memory = model.remember(*pictures).select(owners)
                tokens = torch.cat([torch.full_like(drawn[:, :1], BOS), drawn], 1)
                hidden = model.decoder.hidden(tokens[:, :-1], memory)
                log_p, _ = model.decoder.target_log_probabilities(hidden, memory, drawn)
            real = drawn != PAD
            loss = -(advantage[:, None] * log_p * real).sum() / real.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update(model)
            rewards.append(float(reward.mean()))
        line = {"epoch": epoch + 1, "reward": sum(rewards) / len(rewards), "seconds": time.monotonic() - started}
        kept = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(average.values)
        line |= report(model, material)
        torch.save(model.state_dict(), folder / f"reinforced{epoch + 1}.pt")
        model.load_state_dict(kept)
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
    model.load_state_dict(average.values)
    torch.save(model.state_dict(), folder / "reinforced.pt")
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
