"""Florence-2: one sequence-to-sequence model for many picture tasks, asked by a prompt; here its captions and boxes.

Xiao et al., "Florence-2: Advancing a unified representation for a variety of vision tasks", CVPR 2024;
Florence2ForConditionalGeneration of transformers with the florence-community checkpoints (no remote code).

Word maps: the encoder (BART) reads one token that pools the whole picture, then the patches row by row, then the
prompt. The decoder's cross-attention to the patches' places is what is shown. The encoder has mixed a little of every
place into every other one by then, and what the model takes from the pooled token or the prompt has no place at all:
so a map says where the model read, not all of what it read.

Boxes: given a caption, the model writes its phrases anew, each followed by four places (of 1,000 along each side).
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
from mmcore.results import Caption, CaptionOptions, GroundedPhrase
from mmcore.results.captioning import Box

TASKS = {"short": "<CAPTION>", "detailed": "<DETAILED_CAPTION>", "very detailed": "<MORE_DETAILED_CAPTION>"}
"""Level of detail -> task token, which the processor turns into a question."""

GROUNDING = "<CAPTION_TO_PHRASE_GROUNDING>"
PLACES = 1000
"""Steps into which the model parts each side of the picture."""
GROUNDING_TOKENS = 256
"""Longest answer to GROUNDING: some forty boxes with their phrases."""
PHRASE_PARSING = {"phrase_grounding": {"banned_grounding_tokens": ()}}
"""How an answer to GROUNDING is taken apart where the checkpoint's own processor does not say."""

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
        return self._asked(images, TASKS[detail or "short"])

    def _asked(self, images: Sequence[Image.Image], task: str) -> Tensor:
        inputs = self.processor(images=list(images), text=[task] * len(images), return_tensors="pt")
        inputs = inputs.to(self.device)
        begin = torch.full((len(images), 1), self.start[0], device=self.device)
        states: Tensor = self.network.model(**inputs, decoder_input_ids=begin).encoder_last_hidden_state
        return states

    def generate(self, states: Tensor, **arguments: Any) -> Any:
        """As Florence2ForConditionalGeneration.generate, but from encoder states: each picture is encoded once."""
        return self.network.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=states.device),
            decoder_input_ids=torch.full((len(states), 1), self.start[0], device=states.device),
            **arguments,
        )

    def decode(self, ids: Tensor, states: Tensor, **arguments: Any) -> Any:
        """Teacher-forced pass of the decoder."""
        return self.network(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), decoder_input_ids=ids, **arguments
        )

    @torch.no_grad()
    def ground(self, image: Image.Image, caption: Caption) -> tuple[GroundedPhrase, ...]:
        """See ``Grounder.ground``. A beam search of the checkpoint's own settings, as on its model card."""
        if not caption.text:
            return ()
        states = self._asked([image], GROUNDING + caption.text)
        (ids,) = self.generate(states, do_sample=False, max_new_tokens=GROUNDING_TOKENS)
        written = self.tokenizer.decode(ids, skip_special_tokens=False)
        # In a picture of PLACES by PLACES pixels the corners of the boxes are the places themselves.
        found = self.processor.post_process_generation(written, task=GROUNDING, image_size=(PLACES, PLACES))[GROUNDING]
        boxes: dict[str, list[Box]] = {}
        for text, (left, top, right, bottom) in zip(found["labels"], found["bboxes"], strict=True):
            if text and left <= right and top <= bottom:
                middle = [(place + 0.5) / PLACES for place in (left, top, right, bottom)]
                boxes.setdefault(text, []).append((middle[0], middle[1], middle[2], middle[3]))
        return tuple(GroundedPhrase(text, tuple(places)) for text, places in boxes.items())

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
    parsing = processor.post_processor.parse_task_config
    for task, rules in PHRASE_PARSING.items():
        parsing.setdefault(task, rules)
    return Florence2(checkpoint, network, processor, device)
