"""The part of the captioner that is trained, with the tools of its training: dropout, averaging, a report."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmcore.evaluation.caption_scores import score_captions
from mmcore.evaluation.naming import names_one_of
from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.decoding import beam_search
from mmcore.nets.image_encoder import Top
from mmcore.nets.vocabulary import join_words
from mmcore.recipes.captioning.caption_dataset import CaptionDataset


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
        """Zero a share p of the entries and scale up the others, in training only."""
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


@torch.inference_mode()
def write_captions(model: Captioner, material: CaptionDataset, rows: Sequence[int], beams: int = 3) -> dict[int, str]:
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


def report(model: Captioner, material: CaptionDataset, beams: int = 3) -> dict[str, float]:
    """CIDEr-D and BLEU-4 on the dev and the held COCO pictures, and how often a held label is named."""
    held: dict[str, list[int]] = {}
    for row, example in enumerate(material.examples):
        if example.split != "train":
            held.setdefault(example.source if example.captions else "labelled", []).append(row)
    figures = {}
    for source, rows in held.items():
        written = write_captions(model, material, rows, beams)
        if source == "labelled":
            named = [names_one_of(text, material.examples[row].labels) for row, text in written.items()]
            figures["named"] = sum(named) / len(named)
        else:
            references = {str(row): material.examples[row].captions for row in rows}
            scores = score_captions({str(row): text for row, text in written.items()}, references)
            figures |= {f"{source}_cider_d": scores.cider_d, f"{source}_bleu_4": scores.bleu_4}
    return figures
