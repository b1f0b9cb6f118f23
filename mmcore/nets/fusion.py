"""Five ways to bring text and image together, small enough to be trained while one watches.

The encoders are done: every post comes as numbers, and each fusion answers with logits of negative, neutral, positive.
What they share is how a modality is read (``Reader``) and what happens when one is missing; what they differ in is the
one line where text meets image. Baltrusaitis et al., "Multimodal machine learning: a survey and taxonomy", 2018.

Shapes below: B posts, T tokens, R regions of the picture, H hidden values, 3 classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from mmcore.results.posts import EncodedPosts

CLASSES = 3


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the encoders say of B posts, float32. Rows of a missing modality may hold anything."""

    words: Tensor
    """(B, T, W) states of the tokens."""
    word_mask: Tensor
    """(B, T) true for real tokens."""
    text: Tensor
    """(B, D) the whole text: sentence vector, lexicon scores."""
    regions: Tensor
    """(B, R, V)"""
    image: Tensor
    """(B, P) the whole picture."""
    has_text: Tensor
    """(B,) bool"""
    has_image: Tensor
    """(B,) bool"""

    def rows(self, index: Tensor) -> Inputs:
        """Some of the posts."""
        return Inputs(*(getattr(self, field.name)[index] for field in fields(self)))

    def only(self, *, text: bool = True, image: bool = True) -> Inputs:
        """The same posts with a modality taken away."""
        return replace(
            self,
            has_text=self.has_text if text else torch.zeros_like(self.has_text),
            has_image=self.has_image if image else torch.zeros_like(self.has_image),
        )

    def without(self, *, text: Tensor, image: Tensor) -> Inputs:
        """The same posts, of some of them (B,) the text or the image taken away."""
        return replace(self, has_text=self.has_text & ~text, has_image=self.has_image & ~image)

    def shortened(self) -> Inputs:
        """The same posts without the columns of words that are behind the end of every text."""
        longest = max(1, int(self.word_mask.sum(1).max()))
        return replace(self, words=self.words[:, :longest], word_mask=self.word_mask[:, :longest])

    def __len__(self) -> int:
        return len(self.has_text)


def inputs_from(posts: EncodedPosts, rows: npt.NDArray[np.int64]) -> Inputs:
    """Some of the encoded posts as tensors."""

    def floats(values: npt.NDArray[np.float16]) -> Tensor:
        return torch.from_numpy(values[rows].astype(np.float32))

    counts = torch.from_numpy(posts.word_counts[rows])
    return Inputs(
        words=floats(posts.words),
        word_mask=torch.arange(posts.words.shape[1]) < counts[:, None],
        text=floats(posts.text),
        regions=floats(posts.regions),
        image=floats(posts.image),
        has_text=counts > 0,
        has_image=torch.from_numpy(posts.has_image[rows]),
    )


@dataclass(frozen=True)
class FusionConfig:
    """Sizes of a head."""

    text: int
    image: int
    word: int
    region: int
    width: int = 128
    """H"""
    attention: int = 64
    """Width of the cross-attention."""
    heads: int = 4
    dropout: float = 0.3


class Dropout(nn.Module):
    """Zeroes a share of the values in training.

    It draws from a generator of its own, so that two trainings side by side do not change each other.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; what is kept is scaled up, so that the mean stays."""
        if not self.training or not self.share:
            return x
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.share
        return x * kept / (1 - self.share)


class Standardize(nn.Module):
    """Each feature with mean 0 and deviation 1 over the training posts."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def fit(self, x: Tensor) -> None:
        """Take mean and deviation from (N, ..., size). Features that never change are left as they are."""
        rows = x.flatten(0, -2).float()
        if len(rows) > 1:
            deviation = rows.std(0)
            self.mean.copy_(rows.mean(0))
            self.scale.copy_(torch.where(deviation > 1e-5, 1 / deviation.clamp_min(1e-5), torch.ones_like(deviation)))

    def forward(self, x: Tensor) -> Tensor:
        """Features (..., size) -> (..., size)."""
        return (x - self.mean) * self.scale


class Reader(nn.Module):
    """One modality into H values: h = dropout(GELU(W x + b)); a missing one becomes a learned vector ``absent``."""

    def __init__(self, size: int, config: FusionConfig) -> None:
        super().__init__()
        self.standardize = Standardize(size)
        self.dropout_in = Dropout(config.dropout / 2)
        self.hidden = nn.Linear(size, config.width)
        self.dropout = Dropout(config.dropout)
        self.absent = nn.Parameter(torch.zeros(config.width))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Numbers (B, size) and whether they are there (B,) -> (B, H)."""
        hidden = self.dropout(F.gelu(self.hidden(self.dropout_in(self.standardize(x)))))
        return torch.where(present[:, None], hidden, self.absent)


class Fusion(nn.Module):
    """What the five share. A subclass says how logits come about."""

    name = ""
    reads_parts = False
    """Whether it looks at words and regions; the others need only the whole text and the whole picture."""
    gated = False
    """Whether ``gate`` says something."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        self.text = Reader(config.text, config)
        self.image = Reader(config.image, config)
        self.temperatures: Tensor
        self.register_buffer("temperatures", torch.ones(3))
        """Divide the logits so that probabilities mean what they say: for posts with both, text only, image only."""

    def standardize(self, inputs: Inputs) -> None:
        """Take means and deviations from the training posts."""
        if inputs.has_text.any():
            self.text.standardize.fit(inputs.text[inputs.has_text])
        if inputs.has_image.any():
            self.image.standardize.fit(inputs.image[inputs.has_image])

    def forward(self, inputs: Inputs) -> Tensor:
        """Posts -> logits (B, 3)."""
        raise NotImplementedError

    def draw_from(self, generator: torch.Generator) -> None:
        """Let every dropout draw from this generator."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    def loss(self, inputs: Inputs, labels: Tensor, weight: Tensor | None, smoothing: float) -> tuple[Tensor, Tensor]:
        """Cross-entropy of posts with labels (B,), and the logits (B, 3) that it was computed from."""
        logits = self(inputs)
        return F.cross_entropy(logits, labels, weight, label_smoothing=smoothing), logits

    def on_the_way(self, inputs: Inputs) -> dict[str, Tensor]:
        """Every value between the readers and the logits by its name, each (B, ...), in the order of computing.

        ``text`` and ``image`` are the h of the readers (B, H), ``logits`` (B, 3) is what ``forward`` gives; what is in
        between differs from fusion to fusion.
        """
        return {
            "text": self.text(inputs.text, inputs.has_text),
            "image": self.image(inputs.image, inputs.has_image),
            "logits": self(inputs),
        }

    def gate(self, inputs: Inputs) -> Tensor | None:
        """Weights of text and image (B, 2), which sum to 1, where the fusion has them."""
        return None

    def attention(self, inputs: Inputs) -> Tensor | None:
        """Where each token looks in the picture (B, T, R), which sums to 1, where the fusion has it."""
        return None

    def probabilities(self, inputs: Inputs) -> Tensor:
        """Posts -> calibrated probabilities (B, 3)."""
        kind = torch.where(inputs.has_text, torch.where(inputs.has_image, 0, 1), 2)
        return (self(inputs) / self.temperatures[kind][:, None]).softmax(-1)


class Concat(Fusion):
    """Side by side: logits = C GELU(M [h_text ; h_image]). The plainest way, and hard to beat.

    The hidden layer M sees both at once, so it can learn what only the combination says.
    """

    name = "concat"

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.mix = nn.Linear(2 * config.width, config.width)
        self.dropout = Dropout(config.dropout)
        self.classify = nn.Linear(config.width, CLASSES)

    def forward(self, inputs: Inputs) -> Tensor:
        """Posts -> logits (B, 3)."""
        both = torch.cat([self.text(inputs.text, inputs.has_text), self.image(inputs.image, inputs.has_image)], -1)
        return self.classify(self.dropout(F.gelu(self.mix(both))))

    def on_the_way(self, inputs: Inputs) -> dict[str, Tensor]:
        """Also ``mixed`` (B, H), the hidden layer that sees both."""
        steps = super().on_the_way(inputs)
        return {**steps, "mixed": F.gelu(self.mix(torch.cat([steps["text"], steps["image"]], -1)))}


class Weighted(Fusion):
    """A learned gate: g = softmax(G [h_text ; h_image]), logits = C (g_text h_text + g_image h_image).

    The gate looks at the post and decides whom to trust; a missing modality gets the weight 0. Arevalo et al., "Gated
    multimodal units", 2017.
    """

    name = "weighted"
    gated = True

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.trust = nn.Linear(2 * config.width, 2)
        self.classify = nn.Linear(config.width, CLASSES)

    def read(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Hidden values (B, 2, H) and their weights (B, 2)."""
        hidden = [self.text(inputs.text, inputs.has_text), self.image(inputs.image, inputs.has_image)]
        present = torch.stack([inputs.has_text, inputs.has_image], -1)
        trust = self.trust(torch.cat(hidden, -1)).masked_fill(~present, -1e4)  # a post has one of the two at least
        return torch.stack(hidden, 1), trust.softmax(-1)

    def gate(self, inputs: Inputs) -> Tensor:
        """Weights of text and image (B, 2)."""
        return self.read(inputs)[1]

    def forward(self, inputs: Inputs) -> Tensor:
        """Posts -> logits (B, 3)."""
        hidden, weights = self.read(inputs)
        return self.classify((hidden * weights[..., None]).sum(1))

    def on_the_way(self, inputs: Inputs) -> dict[str, Tensor]:
        """Also the ``gate`` (B, 2), the mixture ``mixed`` (B, H), and the logits that text or image alone would give.

        As the weights sum to 1, ``logits`` is g_text ``text_logits`` + g_image ``image_logits``.
        """
        hidden, weights = self.read(inputs)
        return {
            **super().on_the_way(inputs),
            "gate": weights,
            "mixed": (hidden * weights[..., None]).sum(1),
            "text_logits": self.classify(hidden[:, 0]),
            "image_logits": self.classify(hidden[:, 1]),
        }


class CrossAttention(Fusion):
    """Words look at regions and regions at words: A = softmax(Q K' / sqrt(d)), a word takes A V from the picture.

    Each word then knows what it found in the picture, and each region what it found in the text; their means join the
    two h. Lu et al., "ViLBERT", NeurIPS 2019, with one layer.
    """

    name = "cross_attention"
    reads_parts = True

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        size = config.attention
        self.standardize_word, self.word = Standardize(config.word), nn.Linear(config.word, size)
        self.standardize_region, self.region = Standardize(config.region), nn.Linear(config.region, size)
        self.to_regions = nn.MultiheadAttention(size, config.heads, batch_first=True)
        self.to_words = nn.MultiheadAttention(size, config.heads, batch_first=True)
        self.found_in_image = nn.Linear(2 * size, size)
        self.found_in_text = nn.Linear(2 * size, size)
        self.dropout = Dropout(config.dropout)
        self.mix = nn.Linear(2 * config.width + 2 * size, config.width)
        self.classify = nn.Linear(config.width, CLASSES)

    def standardize(self, inputs: Inputs) -> None:
        """Also of words and regions."""
        super().standardize(inputs)
        words = inputs.words[inputs.word_mask & inputs.has_text[:, None]]
        if len(words):
            self.standardize_word.fit(words)
        if inputs.has_image.any():
            self.standardize_region.fit(inputs.regions[inputs.has_image])

    def look(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """What was found on both sides (B, 2 * attention), and where words look (B, T, R) and regions (B, R, T)."""
        words = self.word(self.standardize_word(inputs.words))
        regions = self.region(self.standardize_region(inputs.regions))
        real = inputs.word_mask & inputs.has_text[:, None]
        # A post without text has no word to look at; it looks at the first, and the result is thrown away.
        hidden = ~real
        hidden[:, 0] &= inputs.has_text
        from_image, to_regions = self.to_regions(words, regions, regions)
        from_text, to_words = self.to_words(regions, words, words, key_padding_mask=hidden)
        seen = F.gelu(self.found_in_image(torch.cat([words, from_image], -1)))
        read = F.gelu(self.found_in_text(torch.cat([regions, from_text], -1)))
        count = real.sum(1, keepdim=True).clamp_min(1)
        found = torch.cat([(seen * real[..., None]).sum(1) / count, read.mean(1)], -1)
        both = inputs.has_text & inputs.has_image
        return found * both[:, None], to_regions, to_words

    def attention(self, inputs: Inputs) -> Tensor:
        """Where each token looks (B, T, R), mean over the heads."""
        return self.look(inputs)[1]

    def on_the_way(self, inputs: Inputs) -> dict[str, Tensor]:
        """Also what was ``found`` (B, 2 * attention), where words look (``attention``) and ``mixed`` (B, H)."""
        steps = super().on_the_way(inputs)
        found, to_regions, _ = self.look(inputs)
        mixed = F.gelu(self.mix(torch.cat([steps["text"], steps["image"], found], -1)))
        return {**steps, "found": found, "attention": to_regions, "mixed": mixed}

    def forward(self, inputs: Inputs) -> Tensor:
        """Posts -> logits (B, 3)."""
        hidden = [self.text(inputs.text, inputs.has_text), self.image(inputs.image, inputs.has_image)]
        mixed = self.mix(torch.cat([*hidden, self.dropout(self.look(inputs.shortened())[0])], -1))
        return self.classify(self.dropout(F.gelu(mixed)))


class Late(Fusion):
    """Two classifiers that never meet: p = w p_text + (1 - w) p_image, with one learned weight w for all posts.

    Nothing can be learned from the combination: where only the two together decide, it guesses.
    """

    name = "late"
    gated = True

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.classify_text = nn.Linear(config.width, CLASSES)
        self.classify_image = nn.Linear(config.width, CLASSES)
        self.balance = nn.Parameter(torch.tensor(0.0))
        """w = sigmoid(balance)"""

    def gate(self, inputs: Inputs) -> Tensor:
        """(B, 2): w and 1 - w; all weight on the one modality where the other is missing."""
        weight = torch.sigmoid(self.balance)
        present = torch.stack([inputs.has_text, inputs.has_image], -1)
        weights = torch.stack([weight, 1 - weight]) * present
        return weights / weights.sum(-1, keepdim=True)

    def forward(self, inputs: Inputs) -> Tensor:
        """Posts -> logits (B, 3), the logarithms of the averaged probabilities."""
        text = self.classify_text(self.text(inputs.text, inputs.has_text)).softmax(-1)
        image = self.classify_image(self.image(inputs.image, inputs.has_image)).softmax(-1)
        weights = self.gate(inputs)
        return (weights[:, :1] * text + weights[:, 1:] * image).clamp_min(1e-8).log()

    def on_the_way(self, inputs: Inputs) -> dict[str, Tensor]:
        """Also the two opinions, ``text_opinion`` and ``image_opinion`` (B, 3), and their weights, ``gate``."""
        steps = super().on_the_way(inputs)
        return {
            **steps,
            "text_opinion": self.classify_text(steps["text"]).softmax(-1),
            "image_opinion": self.classify_image(steps["image"]).softmax(-1),
            "gate": self.gate(inputs),
        }


class Multitask(Fusion):
    """Three heads trained together: text alone, image alone and [h_text ; h_image]; the loss is the sum of the three.

    Having to answer alone keeps each reader useful, and nothing is learned for one at the cost of the other.
    """

    name = "multitask"

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.mix = nn.Linear(2 * config.width, config.width)
        self.dropout = Dropout(config.dropout)
        self.classify = nn.Linear(config.width, CLASSES)
        self.classify_text = nn.Linear(config.width, CLASSES)
        self.classify_image = nn.Linear(config.width, CLASSES)

    def answers(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, 3) of both together, of the text and of the image."""
        text, image = self.text(inputs.text, inputs.has_text), self.image(inputs.image, inputs.has_image)
        both = self.classify(self.dropout(F.gelu(self.mix(torch.cat([text, image], -1)))))
        return both, self.classify_text(text), self.classify_image(image)

    def forward(self, inputs: Inputs) -> Tensor:
        """Posts -> logits (B, 3): of the head for what is there."""
        both, text, image = self.answers(inputs)
        alone = torch.where(inputs.has_text[:, None], text, image)
        return torch.where((inputs.has_text & inputs.has_image)[:, None], both, alone)

    def on_the_way(self, inputs: Inputs) -> dict[str, Tensor]:
        """Also ``mixed`` (B, H) and the logits of the three heads."""
        steps = super().on_the_way(inputs)
        both, text, image = self.answers(inputs)
        mixed = F.gelu(self.mix(torch.cat([steps["text"], steps["image"]], -1)))
        return {**steps, "mixed": mixed, "both_logits": both, "text_logits": text, "image_logits": image}

    def loss(self, inputs: Inputs, labels: Tensor, weight: Tensor | None, smoothing: float) -> tuple[Tensor, Tensor]:
        """Mean of the three heads' cross-entropies, each over the posts that have what it reads."""
        both, text, image = self.answers(inputs)
        parts = ((both, inputs.has_text & inputs.has_image), (text, inputs.has_text), (image, inputs.has_image))
        losses = [
            F.cross_entropy(logits[there], labels[there], weight, label_smoothing=smoothing)
            for logits, there in parts
            if there.any()
        ]
        alone = torch.where(inputs.has_text[:, None], text, image)
        logits = torch.where((inputs.has_text & inputs.has_image)[:, None], both, alone)
        return torch.stack(losses).mean(), logits


KINDS: dict[str, type[Fusion]] = {kind.name: kind for kind in (Concat, Weighted, CrossAttention, Late, Multitask)}


def build(name: str, config: FusionConfig) -> Fusion:
    """The fusion of that name, untrained. Raises KeyError for a name that none has."""
    return KINDS[name](config)


def save(fusion: Fusion, folder: Path, known: Mapping[str, Any]) -> None:
    """Write model.safetensors (fp16) and config.json, which also holds what else is ``known`` of the head."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().half().contiguous() for name, value in fusion.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    config = {"fusion": fusion.name, "sizes": asdict(fusion.config), **known}
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def load(folder: Path) -> tuple[Fusion, dict[str, Any]]:
    """What ``save`` wrote, ready to answer; and its config. Raises OSError, ValueError, KeyError, RuntimeError."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    fusion = build(config["fusion"], FusionConfig(**config["sizes"]))
    fusion.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    return fusion.eval().requires_grad_(False), config
