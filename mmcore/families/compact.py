"""Our own bundled networks behind the protocols of their tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import load_file

from mmcore.checkpoints import Checkpoint
from mmcore.families._seen import LastSeen
from mmcore.nets.caption_decoder import CELLS
from mmcore.nets.captioner import CompactCaptioner, Seen
from mmcore.nets.decoding import Written, beam_search, nucleus_sample
from mmcore.nets.image_encoder import GRID_SIZE, INPUT_SIZE
from mmcore.nets.vocabulary import BOS, EOS, PAD, join_words
from mmcore.results import Caption, CaptionOptions, Tag, Word

TAGS_SHOWN = 5
LEAST_SHOWN = 0.15


def pixels_of(images: Sequence[Image.Image]) -> torch.Tensor:
    """RGB pictures -> uint8 (B, 3, 224, 224); the whole picture is squeezed into the square, nothing is cut off."""
    size = (INPUT_SIZE, INPUT_SIZE)
    arrays = [np.asarray(image.resize(size, Image.Resampling.BICUBIC)) for image in images]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)


class CompactCaptioning:
    """Captioner protocol over ``nets/captioner.py``."""

    def __init__(self, checkpoint: Checkpoint, network: CompactCaptioner, config: dict[str, Any], device: str) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.network = network
        self.confidence_threshold: float = config["confidence_threshold"]
        self.map_layers: list[int] = config["map_layers"]
        self._tag_places = {word: place for place, word in enumerate(network.tag_words)}
        self._seen: LastSeen[Seen] = LastSeen()

    def memory(self) -> int:
        """Bytes of the weights."""
        return sum(value.numel() * value.element_size() for value in self.network.state_dict().values())

    @torch.inference_mode()
    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """See ``Captioner.caption``. Greedy decoding gives one caption; sampled ones are sorted by score."""
        memory = self._seen.batch(images, lambda: self._see(images)).memory
        if options.decoding == "nucleus":
            return [self._sample(memory.select(torch.tensor([row])), options) for row in range(len(images))]
        beams = 1 if options.decoding == "greedy" else max(options.num_beams, options.num_captions)
        count = 1 if options.decoding == "greedy" else options.num_captions
        found = beam_search(self.network.decoder, memory, beams, count, self._most_words(options))
        return [tuple(self._caption(written) for written in captions) for captions in found]

    def _see(self, images: Sequence[Image.Image]) -> Seen:
        return self.network.see(pixels_of(images).to(self.device))

    def _most_words(self, options: CaptionOptions) -> int:
        return min(options.max_words, self.network.decoder_config.max_length - 1)

    def _sample(self, memory: Any, options: CaptionOptions) -> tuple[Caption, ...]:
        """Each picture has its own generator, so that its captions do not depend on its neighbours in the batch."""
        generator = torch.Generator(self.device).manual_seed(options.seed)
        rows = torch.zeros(options.num_captions, dtype=torch.long, device=self.device)
        tokens, log_p = nucleus_sample(
            self.network.decoder,
            memory.select(rows),
            self._most_words(options),
            options.top_p,
            options.temperature,
            generator,
        )
        captions = []
        for row, values in zip(tokens.tolist(), log_p.tolist(), strict=True):
            length = sum(token != PAD for token in row)
            words = tuple(token for token in row[:length] if token != EOS)
            captions.append(self._caption(Written(words, tuple(values[:length]))))
        return tuple(sorted(captions, key=lambda caption: -caption.score))

    def _caption(self, written: Written) -> Caption:
        texts = self.network.vocabulary.decode(written.tokens)
        words = tuple(
            Word(text, math.exp(log_p)) for text, log_p in zip(texts, written.log_probabilities, strict=False)
        )
        mean = sum(written.log_probabilities[: len(words)]) / max(len(words), 1)
        return Caption(join_words(texts), math.exp(mean), words)

    @torch.inference_mode()
    def word_maps(self, image: Image.Image, caption: Caption) -> npt.NDArray[np.float32]:
        """(words, 7, 7): the decoder's cross-attention while it writes each word, mean over heads and chosen layers.

        Attention to the tags has no place in the picture and is left out before each map is scaled to sum to 1.
        """
        seen, row = self._seen.row(image, lambda: self._see([image]))
        memory = seen.memory.select(torch.tensor([row], device=self.device))
        vocabulary = self.network.vocabulary
        tokens = [BOS, *(vocabulary.index[word.text] for word in caption.words)]
        # The state at position t writes word t + 1, so the last word itself is not fed.
        looks = self.network.decoder.look(torch.tensor([tokens[:-1]], device=self.device), memory)
        maps = looks[self.map_layers, 0].mean((0, 1))[:, :CELLS].float()
        maps = maps / maps.sum(-1, keepdim=True)
        return maps.view(-1, GRID_SIZE, GRID_SIZE).cpu().numpy()

    @torch.inference_mode()
    def confident(self, image: Image.Image, caption: Caption) -> bool:
        """Whether the tagger backs the caption: the likeliest of the tag words it uses has ``confidence_threshold``.

        The decoder's own probabilities do not tell: it is as sure of a sentence that it knows by heart as of a
        sentence about this picture.
        """
        seen, row = self._seen.row(image, lambda: self._see([image]))
        places = [self._tag_places[word.text] for word in caption.words if word.text in self._tag_places]
        return bool(places) and float(seen.tag_probabilities[row, places].max()) >= self.confidence_threshold

    @torch.inference_mode()
    def tags(self, image: Image.Image) -> tuple[Tag, ...]:
        """The likeliest everyday words (at most five, each of at least 15 %)."""
        seen, row = self._seen.row(image, lambda: self._see([image]))
        values, places = seen.tag_probabilities[row].topk(TAGS_SHOWN)
        return tuple(
            Tag(self.network.tag_words[place], value)
            for value, place in zip(values.tolist(), places.tolist(), strict=True)
            if value >= LEAST_SHOWN
        )


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> CompactCaptioning:
    """Build the network that config.json describes and fill it with model.safetensors (stored as fp16)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = CompactCaptioner(config["network"])
    network.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    network.eval().fuse().to(device=device, dtype=dtype)
    return CompactCaptioning(checkpoint, network, config, device)
