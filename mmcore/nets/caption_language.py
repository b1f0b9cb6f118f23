"""A further language of the compact captioner: a decoder of its own over the same picture and the same tags.

The image encoder and the tagger know nothing of languages. A further language needs a decoder with its own words, and a
name in that language for each thing that the tagger knows: such a name is one token, so that a recognised thing can be
copied into the caption as in English.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.tagger import top_tags
from mmcore.nets.vocabulary import Vocabulary


class CaptionLanguage(nn.Module):
    """Built from its config, which holds the words: weights and words cannot disagree."""

    name_of: Tensor
    name_tokens: Tensor

    def __init__(self, config: dict[str, Any]) -> None:
        """``tag_names`` (T): the name of each of the tagger's words, empty where it has none."""
        super().__init__()
        self.vocabulary = Vocabulary(config["vocabulary"])
        self.tag_names: list[str] = config["tag_names"]
        self.least_tag_probability = float(config["least_tag_probability"])
        self.decoder_config = DecoderConfig(len(self.vocabulary), **config["decoder"])
        self.decoder = CaptionDecoder(self.decoder_config)
        names = list(dict.fromkeys(name for name in self.tag_names if name))
        place = {name: position for position, name in enumerate(names)}
        # One place more, for the words without a name: it is cut off.
        name_of = torch.tensor([place.get(name, len(names)) for name in self.tag_names])
        self.register_buffer("name_of", name_of, persistent=False)
        tokens = torch.tensor([self.vocabulary.index[name] for name in names])
        self.register_buffer("name_tokens", tokens, persistent=False)

    def tags(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities (B, T) of the tagger's words -> the likeliest names as tokens (B, K), and their probabilities.

        Words of one name ("dog", "dogs") count as their likeliest.
        """
        named = probabilities.new_zeros(len(probabilities), len(self.name_tokens) + 1)
        named.scatter_reduce_(1, self.name_of.expand(len(probabilities), -1), probabilities, "amax")
        return top_tags(named[:, :-1], self.name_tokens, self.decoder_config.tags, self.least_tag_probability)

    def remember(self, grid: Tensor, probabilities: Tensor) -> Memory:
        """Image features (B, 1280, 7, 7) of the captions' top, and the tagger's probabilities -> what to look at."""
        return self.decoder.remember(grid, *self.tags(probabilities))
