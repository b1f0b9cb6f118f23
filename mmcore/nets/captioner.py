"""The compact captioner: image encoder, tagger and decoder joined.

    pixels -> trunk -+-> top of ImageNet -> pooled -> tagger -> tags --+
                     |                                                 +-> memory -> decoder -> caption
                     +-> top tuned for captions -> 7 x 7 grid ---------+

The trunk is shared. Its top exists twice: the published one keeps its knowledge of a thousand things untouched, so that
the tagger recognises what captions never mention; the other was fine-tuned with the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.image_encoder import Top, Trunk, fuse_norms, normalize
from mmcore.nets.tagger import Tagger, top_tags
from mmcore.nets.vocabulary import Vocabulary


@dataclass(frozen=True)
class Seen:
    """What the network knows of B pictures before it writes a word."""

    pixels: Tensor
    """uint8 (B, 3, 224, 224), for networks beside this one."""
    features: Tensor
    """Of the trunk (B, 112, 14, 14)."""
    memory: Memory
    tag_probabilities: Tensor
    """(B, T) of every tag word."""
    grid: Tensor
    """Of the top that was tuned for captions (B, 1280, 7, 7), for further languages."""


class CompactCaptioner(nn.Module):
    """Built from the ``network`` part of config.json, which holds the words: weights and words cannot disagree."""

    tag_tokens: Tensor

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.vocabulary = Vocabulary(config["vocabulary"])
        self.tag_words: list[str] = config["tag_words"]
        self.least_tag_probability = float(config["least_tag_probability"])
        self.decoder_config = DecoderConfig(len(self.vocabulary), **config["decoder"])
        self.trunk = Trunk()
        self.recognition_top = Top()
        self.top = Top()
        self.tagger = Tagger(len(self.tag_words), config["class_words"], config["head_words"])
        self.decoder = CaptionDecoder(self.decoder_config)
        tokens = torch.tensor([self.vocabulary.index[word] for word in self.tag_words])
        self.register_buffer("tag_tokens", tokens, persistent=False)

    def fuse(self) -> CompactCaptioner:
        """Fold batch normalisation for evaluation; call it after the weights are loaded."""
        for part in (self.trunk, self.recognition_top, self.top):
            fuse_norms(part)
        return self

    def see(self, pixels: Tensor) -> Seen:
        """uint8 pixels (B, 3, 224, 224) -> memory and tags."""
        shared = self.trunk(normalize(pixels).to(self.decoder.position.dtype))
        probabilities = self.tagger(self.recognition_top(shared).mean((2, 3)))
        count = self.decoder_config.tags
        tokens, values = top_tags(probabilities, self.tag_tokens, count, self.least_tag_probability)
        grid = self.top(shared)
        return Seen(pixels, shared, self.decoder.remember(grid, tokens, values), probabilities, grid)
