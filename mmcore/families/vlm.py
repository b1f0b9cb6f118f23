"""Language models that see, behind the Answerer protocol: SmolVLM and Idefics3, Qwen3-VL, Qwen3.5.

Marafioti et al., "SmolVLM: redefining small and efficient multimodal models", 2025; Bai et al., "Qwen3-VL technical
report", 2025; the classes of transformers' image-text-to-text models. The conversation is written with the chat
template of the repository. Pictures are read by the image processors that need no torchvision; the processors around
them (SmolVLM's wants num2words and a video reader) only put a picture's places among the words, which is done here.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from transformers import AutoTokenizer, GenerationConfig
from transformers.generation.logits_process import LogitsProcessorList
from transformers.generation.streamers import BaseStreamer

from mmcore import cancelling
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError, WeightsError
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families._sampling import NucleusDraw
from mmcore.families.base import Answerer, bytes_of
from mmcore.results import AskOptions, Turn

MOST_CELLS = 256
"""Of a Qwen picture: about 512 x 512 pixels. More would cost a processor minutes."""
MOST_TILES = 2
"""Tiles a side that an Idefics3 picture is cut into, beside the whole of it, for the same reason."""
LONGEST_SHAPE = 100
"""Longer pictures than this many times their width are squeezed: the networks know no such shapes."""


class Kind(NamedTuple):
    """What transformers calls the parts of a ``model_type``."""

    network: str
    image_processor: tuple[str, str]
    """Module and class of the one that needs no torchvision."""
    tiles: bool
    """Whether a picture is cut into tiles (Idefics3), or becomes a grid of cells (Qwen)."""


_QWEN = ("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl", "Qwen2VLImageProcessorPil")
KINDS: dict[str, Kind] = {
    "idefics3": Kind(
        "Idefics3ForConditionalGeneration",
        ("transformers.models.idefics3.image_processing_pil_idefics3", "Idefics3ImageProcessorPil"),
        True,
    ),
    "smolvlm": Kind(
        "SmolVLMForConditionalGeneration",
        ("transformers.models.smolvlm.image_processing_pil_smolvlm", "SmolVLMImageProcessorPil"),
        True,
    ),
    "qwen3_vl": Kind("Qwen3VLForConditionalGeneration", _QWEN, False),
    "qwen3_5": Kind("Qwen3_5ForConditionalGeneration", _QWEN, False),
}
"""``model_type`` of config.json -> what reads it."""


class VisionLanguage:
    """A vision-language model behind the Answerer protocol; one conversation at a time."""

    def __init__(
        self, checkpoint: Checkpoint, network: Any, tokenizer: Any, image_processor: Any, template: str, device: str
    ) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network = network.to(device).eval().requires_grad_(False)
        self.tokenizer, self.image_processor, self.template = tokenizer, image_processor, template
        self.config = network.config
        self.tiles = KINDS[network.config.model_type].tiles
        given = network.generation_config.eos_token_id
        given = self.config.get_text_config().eos_token_id if given is None else given
        self.ends = {*(given if isinstance(given, list) else [given]), tokenizer.eos_token_id}
        if self.tiles:  # Idefics3 ends a turn so; not every repository says it
            self.ends.add(tokenizer.convert_tokens_to_ids("<end_of_utterance>"))
        self.ends -= {None, tokenizer.unk_token_id}
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.ends)
        # Without the sampling that its own configuration asks for: decoding is the person's choice.
        network.generation_config = GenerationConfig(eos_token_id=sorted(self.ends), pad_token_id=padding)  # type: ignore[no-untyped-call]

    def memory(self) -> int:
        """Bytes that the weights take."""
        return bytes_of((*self.network.parameters(), *self.network.buffers()))

    @torch.inference_mode()
    def answer(
        self,
        images: Sequence[Image.Image],
        earlier: Sequence[Turn],
        question: str,
        options: AskOptions,
        heard: Callable[[str], None],
    ) -> tuple[str, bool]:
        """See ``Answerer.answer``."""
        inputs = self.inputs(images, earlier, question)
        start = inputs["input_ids"].shape[1]
        limit = int(self.config.get_text_config().max_position_embeddings)
        if start + options.max_tokens > limit:
            raise InputError(
                "ask_too_long", tokens=start + options.max_tokens, model=self.checkpoint.title, limit=limit
            )
        arguments: dict[str, Any] = {"do_sample": False, "max_new_tokens": options.max_tokens}
        if options.decoding == "nucleus":
            arguments["logits_processor"] = LogitsProcessorList([NucleusDraw(options, 1)])
        out = self.network.generate(**inputs, **arguments, streamer=_Listener(self._text, heard))
        written = out[0, start:].tolist()
        text = self._text(written)
        heard(text)
        return text, bool(written) and written[-1] in self.ends

    def inputs(self, images: Sequence[Image.Image], earlier: Sequence[Turn], question: str) -> dict[str, torch.Tensor]:
        """The network's arguments: the pictures before the first question, then the turns, then the question."""
        seen = self.image_processor(
            images=[_bounded(image) for image in images],
            return_tensors="pt",
            **({"return_row_col_info": True} if self.tiles else {}),
        )
        plain = [Turn(self._plain(turn.question), self._plain(turn.answer)) for turn in earlier]
        text = self.tokenizer.apply_chat_template(
            _messages(len(images), plain, self._plain(question)),
            chat_template=self.template,
            add_generation_prompt=True,
            tokenize=False,
            enable_thinking=False,  # for templates that know it
        )
        sign = self.tokenizer.convert_ids_to_tokens(self.config.image_token_id)
        before, *after = text.split(sign)
        places = [self._places(seen, number, sign) for number in range(len(images))]
        text = before + "".join(place + rest for place, rest in zip(places, after, strict=True))
        ids = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"].to(self.device)
        found = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if self.tiles:
            pixels, masks = seen["pixel_values"], seen["pixel_attention_mask"]
            return {
                **found,
                "pixel_values": pixels.to(self.device, self.network.dtype),
                "pixel_attention_mask": masks.to(self.device),
            }
        return {
            **found,
            "mm_token_type_ids": (ids == self.config.image_token_id).long(),
            "pixel_values": seen["pixel_values"].to(self.device, self.network.dtype),
            "image_grid_thw": seen["image_grid_thw"].to(self.device),
        }

    def _places(self, seen: Any, number: int, sign: str) -> str:
        """A picture among the words: a sign a place, and for tiles what says which tile comes."""
        if not self.tiles:
            cells: int = math.prod(seen["image_grid_thw"][number].tolist())
            return sign * (cells // int(self.image_processor.merge_size) ** 2)
        vision = self.config.vision_config
        count = (vision.image_size // vision.patch_size) ** 2 // self.config.scale_factor**2
        rows, columns = (int(seen[name][0][number]) for name in ("rows", "cols"))
        around, tile = "<fake_token_around_image>", sign * count
        lines = [
            "".join(f"{around}<row_{row}_col_{column}>{tile}" for column in range(1, columns + 1)) + "\n"
            for row in range(1, rows + 1)
        ]
        whole = f"{around}<global-img>{tile}{around}"
        return "".join(lines) + ("\n" if lines else "") + whole

    def _plain(self, text: str) -> str:
        """Without what the tokenizer takes for a sign of its own: nobody types a picture or the end of a turn."""
        signs = sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True)
        while (rest := functools.reduce(lambda kept, sign: kept.replace(sign, ""), signs, text)) != text:
            text = rest
        return text

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text.strip()


class _Listener(BaseStreamer):
    """Hands on the text so far after each token, and ends the work where nobody waits any more."""

    def __init__(self, read: Callable[[Sequence[int]], str], heard: Callable[[str], None]) -> None:
        self._read, self._heard = read, heard
        self._tokens: list[int] | None = None

    def put(self, value: torch.Tensor) -> None:
        """The prompt first, then a token at a time. Raises Cancelled."""
        cancelling.check()
        if self._tokens is None:
            self._tokens = []
            return
        self._tokens += value.reshape(-1).tolist()
        text = self._read(self._tokens)
        if not text.endswith("\ufffd"):  # in the middle of a character
            self._heard(text)

    def end(self) -> None:
        """Nothing is left to say."""


def _messages(pictures: int, earlier: Sequence[Turn], question: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for turn in earlier:
        messages.append({"role": "user", "content": [{"type": "text", "text": turn.question}]})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": turn.answer}]})
    messages.append({"role": "user", "content": [{"type": "text", "text": question}]})
    messages[0]["content"] = [*({"type": "image"} for _ in range(pictures)), *messages[0]["content"]]
    return messages


def _bounded(image: Image.Image) -> Image.Image:
    """The picture, squeezed where it is longer than the networks can read."""
    width, height = image.size
    least = math.ceil(max(width, height) / LONGEST_SHAPE)
    return image if min(width, height) >= least else image.resize((max(width, least), max(height, least)))


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: Any) -> Answerer:
    """A vision-language model from a local folder. Raises WeightsError where something is missing, or not known."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.json")
    kind = _kind_of(checkpoint, folder)
    network = load_network(
        getattr(import_module("transformers"), kind.network), checkpoint, folder, dtype, attn_implementation="sdpa"
    )
    module, name = kind.image_processor
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        image_processor = getattr(import_module(module), name).from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    size = dict(image_processor.size)
    if kind.tiles:
        tile = image_processor.max_image_size["longest_edge"]
        image_processor.size = {"longest_edge": min(size["longest_edge"], MOST_TILES * tile)}
    else:
        most = min(size["longest_edge"], MOST_CELLS * (image_processor.patch_size * image_processor.merge_size) ** 2)
        image_processor.size = {"longest_edge": most, "shortest_edge": min(size["shortest_edge"], most)}
    template = _template(tokenizer, folder)
    if template is None:
        raise incomplete(checkpoint, folder, "there is no chat template")
    return VisionLanguage(checkpoint, network, tokenizer, image_processor, template, device)


def _kind_of(checkpoint: Checkpoint, folder: Path) -> Kind:
    try:
        named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise incomplete(checkpoint, folder, str(error) or "config.json cannot be read") from error
    if named not in KINDS:
        raise WeightsError(
            "weights_incomplete", name=checkpoint.name, folder=folder, detail=f"model_type {named!r} is not known"
        )
    return KINDS[named]


def _template(tokenizer: Any, folder: Path) -> str | None:
    """The chat template: the tokenizer's, or that of the processor, which older repositories keep in a JSON file."""
    if isinstance(tokenizer.chat_template, str):
        return str(tokenizer.chat_template)
    try:
        found = json.loads((folder / "chat_template.json").read_text(encoding="utf-8")).get("chat_template")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
