"""Qwen3-VL: a language model that reads pictures among its words; here it is asked for captions, in English or Chinese.

Bai et al., "Qwen3-VL technical report", 2025; Qwen3VLForConditionalGeneration of transformers. The picture keeps its
shape: it becomes up to MOST_CELLS cells of 32 x 32 pixels, each of them one place among the words.

Word maps: the decoder attends to the cells as it does to words. What is shown is the mean over its layers and heads in
the step that writes a word. The layers before have carried some of each cell to other places by then, so a map says
where the model read, not all of what it read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer, GenerationConfig, Qwen3VLForConditionalGeneration
from transformers.generation.logits_process import LogitsProcessorList
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError
from mmcore.families import _attention_maps
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families._sampling import NucleusDraw
from mmcore.families._transformers_captioner import WithoutSecondOpinion
from mmcore.families._word_tokens import group_tokens, split_words
from mmcore.families.base import Captioner
from mmcore.results import Caption, CaptionOptions, Word
from mmcore.types import Floats

ASKED = {
    "short": "Describe the picture in one short sentence.",
    "detailed": "Describe the picture in detail.",
    "short, in Chinese": "用一句简短的话描述这张图片。",
    "detailed, in Chinese": "详细描述这张图片。",
}
"""Level of detail -> what the model is asked."""
IN_CHINESE = ", in Chinese"
"""End of the names of the levels that ask in Chinese, and are answered so."""
LENGTHS = {"short": 1, "detailed": 4, "short, in Chinese": 1, "detailed, in Chinese": 4}
"""Longer levels may write this many times ``max_words`` tokens."""
PROMPT = "<|im_start|>user\n<|vision_start|>{picture}<|vision_end|>{asked}<|im_end|>\n<|im_start|>assistant\n"
"""The chat template of the checkpoints, for one picture and one question."""
CELL = "<|image_pad|>"
MOST_CELLS = 256
"""Of a picture: about 512 x 512 pixels. More would cost a processor minutes, and a caption needs no small print."""
LONGEST_SHAPE = 100
"""Longer pictures than this many times their width are squeezed: the network knows no such shapes."""


class QwenVl(WithoutSecondOpinion):
    """Qwen3-VL behind the Captioner protocol. Pictures are read one by one: each has a length of its own."""

    def __init__(self, checkpoint: Checkpoint, network: Any, tokenizer: Any, image_processor: Any, device: str) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network = network.to(device).eval().requires_grad_(False)
        self.tokenizer, self.image_processor = tokenizer, image_processor
        given = network.generation_config.eos_token_id or network.config.text_config.eos_token_id
        self.ends = set(given if isinstance(given, list) else [given]) | {tokenizer.eos_token_id}
        self.ends.discard(None)
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.ends)
        # Without the sampling that its own configuration asks for: decoding is the person's choice.
        network.generation_config = GenerationConfig(eos_token_id=sorted(self.ends), pad_token_id=padding)  # type: ignore[no-untyped-call]

    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """See ``Captioner.caption``. Raises InputError for a level of detail that the checkpoint does not list."""
        detail = self._detail(options.detail)
        if options.language == "zh" and not detail.endswith(IN_CHINESE):
            detail += IN_CHINESE
        return [self._captions_of(image, detail, options) for image in images]

    @torch.inference_mode()
    def _captions_of(self, image: Image.Image, detail: str, options: CaptionOptions) -> tuple[Caption, ...]:
        inputs = self._inputs(image, detail)
        start = inputs["input_ids"].shape[1]
        copies = 1 if options.decoding == "greedy" else options.num_captions
        arguments: dict[str, Any] = {"do_sample": False, "max_new_tokens": options.max_words * LENGTHS[detail]}
        if options.decoding == "beam":
            arguments |= {"num_beams": max(options.num_beams, copies), "num_return_sequences": copies}
        elif options.decoding == "nucleus":
            inputs = {name: value.repeat(copies, 1) for name, value in inputs.items()}
            arguments["logits_processor"] = LogitsProcessorList([NucleusDraw(options, 1)])
        out = self.network.generate(**inputs, **arguments, return_dict_in_generate=True, output_logits=True)
        scores = self.network.compute_transition_scores(
            out.sequences, out.logits, out.get("beam_indices"), normalize_logits=True
        )
        rows = zip(out.sequences[:, start:].tolist(), scores.float().tolist(), strict=True)
        captions = tuple(self._caption(tokens, values, detail) for tokens, values in rows)
        return captions if options.decoding == "beam" else tuple(sorted(captions, key=lambda one: -one.score))

    @torch.inference_mode()
    def word_maps(self, image: Image.Image, caption: Caption) -> Floats:
        """See ``Captioner.word_maps``; rows and columns are those of the picture's cells."""
        inputs = self._inputs(image, self._detail(caption.detail))
        merge = self.image_processor.merge_size
        _, height, width = inputs["image_grid_thw"][0].tolist()
        grid = (height // merge, width // merge)
        if not caption.words:
            return np.zeros((0, *grid), np.float32)
        encoded = self.tokenizer(caption.text, add_special_tokens=False, return_offsets_mapping=True)
        written = torch.tensor([encoded["input_ids"]], device=self.device)
        start = inputs["input_ids"].shape[1]
        cells = inputs["mm_token_type_ids"][0].bool()
        inputs["input_ids"] = torch.cat([inputs["input_ids"], written], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(written)], 1)
        out = self.network(**inputs, use_cache=False, output_attentions=True)
        # The step that writes a token is the one that reads the token before it.
        steps = slice(start - 1, start - 1 + written.shape[1])
        looked = torch.stack([layer[0, :, steps, :start][..., cells].float() for layer in out.attentions])
        words, position = [], 0
        for word in caption.words:
            position = caption.text.index(word.text, position)
            words.append((position, position + len(word.text)))
            position += len(word.text)
        groups = group_tokens(words, encoded["offset_mapping"])
        return _attention_maps.word_maps(_attention_maps.mean_attention(looked.cpu().numpy()), groups, grid, 0)

    # Steps

    def _detail(self, asked: str | None) -> str:
        offered = self.checkpoint.details or tuple(ASKED)
        if asked is None:
            return offered[0]
        if asked not in offered:
            raise InputError(
                "option_not_offered",
                model=self.checkpoint.title,
                name="detail",
                value=asked,
                offered=", ".join(offered),
            )
        return asked

    def _inputs(self, image: Image.Image, detail: str) -> dict[str, Tensor]:
        """The network's arguments for one picture and the question of its level."""
        seen = self.image_processor(images=[_bounded(image)], return_tensors="pt")
        cells = math.prod(seen["image_grid_thw"][0].tolist()) // self.image_processor.merge_size**2
        text = PROMPT.format(picture=CELL * cells, asked=ASKED[detail])
        ids = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"].to(self.device)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == self.network.config.image_token_id).long(),
            "pixel_values": seen["pixel_values"].to(self.device, self.network.dtype),
            "image_grid_thw": seen["image_grid_thw"].to(self.device),
        }

    def _caption(self, tokens: list[int], log_probabilities: list[float], detail: str) -> Caption:
        special = set(self.tokenizer.all_special_ids)
        shown = []
        for token, value in zip(tokens, log_probabilities, strict=True):
            if token in self.ends:
                break
            if token not in special:
                shown.append((token, value))
        text, groups = split_words(self._text, [token for token, _ in shown])
        sums = [sum(shown[index][1] for index in group) for _, group in groups]
        words = tuple(Word(word, math.exp(value)) for (word, _), value in zip(groups, sums, strict=True))
        return Caption(
            text,
            math.exp(sum(sums) / len(sums)) if sums else 0.0,
            words,
            detail=detail,
            language="zh" if detail.endswith(IN_CHINESE) else "en",
        )

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


def _bounded(image: Image.Image) -> Image.Image:
    """The picture, squeezed where it is longer than the network can read."""
    width, height = image.size
    least = math.ceil(max(width, height) / LONGEST_SHAPE)
    return image if min(width, height) >= least else image.resize((max(width, least), max(height, least)))


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> Captioner:
    """Qwen3-VL from a local folder. Raises WeightsError where something is missing."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.json")
    # Only eager attention hands out its weights, which word maps need; the picture encoder may be fast.
    attention = {"text_config": "eager", "vision_config": "sdpa"}
    network = load_network(Qwen3VLForConditionalGeneration, checkpoint, folder, dtype, attn_implementation=attention)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    side = image_processor.patch_size * image_processor.merge_size
    size = dict(image_processor.size)
    most = min(size["longest_edge"], MOST_CELLS * side**2)
    image_processor.size = {"longest_edge": most, "shortest_edge": min(size["shortest_edge"], most)}
    return QwenVl(checkpoint, network, tokenizer, image_processor, device)
