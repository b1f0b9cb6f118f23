"""BLIP: a picture encoder (ViT) and a BERT-like decoder that cross-attends to its patches.

Li et al., "BLIP: Bootstrapping language-image pre-training", ICML 2022; BlipForConditionalGeneration of transformers.
Captions are unconditional, without a prompt, as on the checkpoint's model card.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import BertTokenizer, BlipForConditionalGeneration
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families._transformers_captioner import GenerativeCaptioner
from mmcore.families.base import Captioner


class Blip(GenerativeCaptioner):
    """BLIP behind the Captioner protocol."""

    first_cell = 1  # encoder state 0 is CLS

    def __init__(self, checkpoint: Checkpoint, network: Any, tokenizer: Any, image_processor: Any, device: str) -> None:
        super().__init__(checkpoint, network, tokenizer, device)
        self.image_processor = image_processor
        text, vision = network.config.text_config, network.config.vision_config
        self.start = (text.bos_token_id,)
        self.end = text.sep_token_id
        self.padding = text.pad_token_id
        side = vision.image_size // vision.patch_size
        self.grid = (side, side)

    def encode(self, images: Sequence[Image.Image], detail: str | None) -> Tensor:
        """Pictures -> CLS and patches, (B, 1 + 24 * 24, 768) for the base model."""
        pixels = self.image_processor(images=list(images), return_tensors="pt")["pixel_values"]
        states: Tensor = self.network.vision_model(pixels.to(self.device)).last_hidden_state
        return states

    def generate(self, states: Tensor, **arguments: Any) -> Any:
        """As BlipForConditionalGeneration.generate, but from encoder states: each picture is encoded once."""
        return self.network.text_decoder.generate(
            input_ids=torch.tensor([self.start] * len(states), device=states.device),
            eos_token_id=self.end,
            pad_token_id=self.padding,
            encoder_hidden_states=states,
            encoder_attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=states.device),
            **arguments,
        )

    def decode(self, ids: Tensor, states: Tensor, **arguments: Any) -> Any:
        """Teacher-forced pass of the text decoder."""
        return self.network.text_decoder(ids, encoder_hidden_states=states, **arguments)

    def self_attention_memory(self) -> list[nn.Module]:
        """Key and value layers of the text decoder's self-attention."""
        blocks = [layer.attention.self for layer in self.network.text_decoder.bert.encoder.layer]
        return [layer for block in blocks for layer in (block.key, block.value)]


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> Captioner:
    """BLIP from a local folder. Raises WeightsError where something is missing."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.txt")
    network = load_network(BlipForConditionalGeneration, checkpoint, folder, dtype)
    try:
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
        image_processor = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return Blip(checkpoint, network, tokenizer, image_processor, device)
