"""Florence-2: one sequence-to-sequence model for many picture tasks, asked by a prompt; here its captions.

Xiao et al., "Florence-2: Advancing a unified representation for a variety of vision tasks", CVPR 2024;
Florence2ForConditionalGeneration of transformers with the florence-community checkpoints (no remote code).

Word maps: the encoder (BART) reads one token that pools the whole picture, then the patches row by row, then the
prompt. The decoder's cross-attention to the patches' places is what is shown. The encoder has mixed a little of every
place into every other one by then, and what the model takes from the pooled token or the prompt has no place at all:
so a map says where the model read, not all of what it read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import AutoTokenizer, Florence2ForConditionalGeneration, Florence2Processor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families._transformers_captioner import GenerativeCaptioner
from mmcore.families.base import Captioner
from mmcore.results import CaptionOptions

TASKS = {"short": "<CAPTION>", "detailed": "<DETAILED_CAPTION>", "very detailed": "<MORE_DETAILED_CAPTION>"}
"""Level of detail -> task token, which the processor turns into a question."""

LENGTHS = {"short": 1, "detailed": 3, "very detailed": 8}
"""Longer levels may write this many times ``max_words`` tokens, so that a paragraph is not cut off."""


class Florence2(GenerativeCaptioner):
    """Florence-2's captions behind the Captioner protocol."""

    first_cell = 1  # encoder state 0 is the pooled picture

    def __init__(self, checkpoint: Checkpoint, network: Any, processor: Any, device: str) -> None:
        super().__init__(checkpoint, network, processor.tokenizer, device)
        self.processor = processor
        text = network.config.text_config
        forced = network.generation_config.forced_bos_token_id
        self.start = (text.decoder_start_token_id, *(() if forced is None else (forced,)))
        self.end = text.eos_token_id
        self.padding = text.pad_token_id
        side = math.isqrt(processor.num_image_tokens - 1)
        self.grid = (side, side)

    def encode(self, images: Sequence[Image.Image], detail: str | None) -> Tensor:
        """Pictures and the level's question -> encoder states (B, 1 + 24 * 24 + prompt, 768) for the base model."""
        inputs = self.processor(images=list(images), text=[TASKS[detail or "short"]] * len(images), return_tensors="pt")
        inputs = inputs.to(self.device)
        begin = torch.full((len(images), 1), self.start[0], device=self.device)
        states: Tensor = self.network.model(**inputs, decoder_input_ids=begin).encoder_last_hidden_state
        return states

    def generate(self, states: Tensor, **arguments: Any) -> Tensor:
        """As Florence2ForConditionalGeneration.generate, but from encoder states: each picture is encoded once."""
        ids: Tensor = self.network.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=states.device),
            decoder_input_ids=torch.full((len(states), 1), self.start[0], device=states.device),
            **arguments,
        )
        return ids

    def decode(self, ids: Tensor, states: Tensor, **arguments: Any) -> Any:
        """Teacher-forced pass of the decoder."""
        return self.network(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), decoder_input_ids=ids, **arguments
        )

    def self_attention_memory(self) -> list[nn.Module]:
        """Key and value layers of the decoder's self-attention."""
        blocks = [layer.self_attn for layer in self.network.model.language_model.decoder.layers]
        return [layer for block in blocks for layer in (block.k_proj, block.v_proj)]

    def max_tokens(self, options: CaptionOptions) -> int:
        """``max_words`` for a short caption, a multiple for longer ones."""
        return options.max_words * LENGTHS[self.detail(options.detail) or "short"]


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> Captioner:
    """Florence-2 from a local folder. Raises WeightsError where something is missing."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.json")
    # Only eager attention hands out its weights, which word maps need; the picture encoder may be fast.
    attention = {"text_config": "eager", "vision_config": "sdpa"}
    network = load_network(Florence2ForConditionalGeneration, checkpoint, folder, dtype, attn_implementation=attention)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        image_processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
        processor = Florence2Processor.from_pretrained(
            folder, image_processor=image_processor, tokenizer=tokenizer, local_files_only=True
        )
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return Florence2(checkpoint, network, processor, device)
