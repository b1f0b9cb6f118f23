"""Our own bundled networks behind the protocols of their tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from mmcore.checkpoints.locate import bundled_folder
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.families import compact_dual
from mmcore.families._encoder_cache import EncoderCache
from mmcore.families._reranking import Reranking, Weights, candidates, different, ranked, signals
from mmcore.families._resize import pixels_of
from mmcore.families.base import bytes_of
from mmcore.families.compact_dual import CompactDual
from mmcore.nets.caption_decoder import CELLS
from mmcore.nets.captioner import CompactCaptioner, Seen
from mmcore.nets.decoding import Written, beam_search, nucleus_sample, written_of
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.storage import load_weights
from mmcore.nets.vocabulary import BOS, join_words
from mmcore.results import Caption, CaptionOptions, Tag, Word
from mmcore.types import Floats

RERANKER = "compact-retriever"
TAGS_SHOWN = 5
LEAST_SHOWN = 0.15


class CompactCaptioning:
    """Captioner protocol over ``nets/captioner.py``."""

    def __init__(
        self, checkpoint: Checkpoint, network: CompactCaptioner, config: dict[str, Any], device: str,
        dual: CompactDual | None = None,
    ) -> None:  # fmt: skip
        self.checkpoint = checkpoint
        self.device = device
        self.network, self.config = network, config
        self.dual = dual
        self.reranking = None if dual is None else _reranking_of(config["reranking"])
        self.confidence_threshold: float = config["confidence_threshold"]
        self.map_layers: list[int] = config["map_layers"]
        self._tag_places = {word: place for place, word in enumerate(network.tag_words)}
        self._seen: EncoderCache[Seen] = EncoderCache()

    def memory(self) -> int:
        """Bytes of the weights, those of the dual encoder included."""
        own = bytes_of(self.network.state_dict().values())
        return own + (0 if self.dual is None else self.dual.memory())

    @torch.inference_mode()
    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """See ``Captioner.caption``. Greedy decoding gives one caption; sampled ones are sorted by score.

        With ``options.rerank``, beam search only brings candidates, and the dual encoder and the tagger have a say in
        which of them is the best.
        """
        seen = self._seen.batch(images, lambda: self.see(images))
        memory = seen.memory
        if options.decoding == "nucleus":
            return [self._sample(memory.select(torch.tensor([row])), options) for row in range(len(images))]
        if options.decoding == "beam" and options.rerank and self.dual is not None:
            return self._reranked(seen, options)
        beams = 1 if options.decoding == "greedy" else max(options.num_beams, options.num_captions)
        count = 1 if options.decoding == "greedy" else options.num_captions
        found = beam_search(self.network.decoder, memory, beams, count, self._most_words(options))
        return [tuple(self._caption(written) for written in captions) for captions in found]

    def _reranked(self, seen: Seen, options: CaptionOptions) -> list[tuple[Caption, ...]]:
        assert self.reranking is not None
        best = [ranked(written, own, self.reranking.weights) for written, own in self.candidates(seen, options)]
        return [different([self._caption(one) for one in own], options.num_captions) for own in best]

    @torch.inference_mode()
    def candidates(self, seen: Seen, options: CaptionOptions) -> list[tuple[list[Written], Tensor]]:
        """For each picture what re-ranking chooses from, with the signals (K, 6) that decide."""
        assert self.reranking is not None
        assert self.dual is not None
        beams = max(options.num_beams, options.num_captions)
        written = candidates(
            self.network.decoder, seen.memory, self.reranking, beams, self._most_words(options), options.seed
        )
        found = signals(self.network.vocabulary, self._tag_places, self.dual, seen, written)
        return list(zip(written, found, strict=True))

    def see(self, images: Sequence[Image.Image]) -> Seen:
        """What the network knows of the pictures before it writes."""
        return self.network.see(pixels_of(images).to(self.device))

    def _most_words(self, options: CaptionOptions) -> int:
        return min(options.max_words, self.network.decoder_config.max_length - 1)

    def _sample(self, memory: Any, options: CaptionOptions) -> tuple[Caption, ...]:
        """Each picture has its own generator, so that its captions do not depend on its neighbours in the batch."""
        generator = torch.Generator(self.device).manual_seed(options.seed)
        tokens, log_p = nucleus_sample(
            self.network.decoder,
            memory,
            self._most_words(options),
            options.top_p,
            options.temperature,
            generator,
            draws=options.num_captions,
        )
        captions = [self._caption(one) for one in written_of(tokens, log_p)]
        return tuple(sorted(captions, key=lambda caption: -caption.score))

    def _caption(self, written: Written) -> Caption:
        texts = self.network.vocabulary.decode(written.tokens)
        words = tuple(
            Word(text, math.exp(log_p)) for text, log_p in zip(texts, written.log_probabilities, strict=False)
        )
        mean = sum(written.log_probabilities[: len(words)]) / max(len(words), 1)
        return Caption(join_words(texts), math.exp(mean), words)

    @torch.inference_mode()
    def word_maps(self, image: Image.Image, caption: Caption) -> Floats:
        """(words, 7, 7): the decoder's cross-attention while it writes each word, mean over heads and chosen layers.

        Attention to the tags has no place in the picture and is left out before each map is scaled to sum to 1.
        """
        maps = self._looks(image, caption)[self.map_layers].mean((0, 1))[:, :CELLS]
        maps = maps / maps.sum(-1, keepdim=True)
        return maps.view(-1, GRID_SIZE, GRID_SIZE).cpu().numpy()

    @torch.inference_mode()
    def word_attention(self, image: Image.Image, caption: Caption) -> Floats:
        """(words, layers, heads, 7, 7): the raw cross-attention weights while each word is written.

        The weights of one word, layer and head sum to at most 1: what is missing goes to the tags.
        """
        cells = self._looks(image, caption)[..., :CELLS].permute(2, 0, 1, 3)
        return cells.unflatten(-1, (GRID_SIZE, GRID_SIZE)).cpu().numpy()

    def _looks(self, image: Image.Image, caption: Caption) -> Tensor:
        """Cross-attention (layers, heads, words, M) while the words of the caption are written."""
        seen, row = self._seen.row(image, lambda: self.see([image]))
        memory = seen.memory.select(torch.tensor([row], device=self.device))
        # The state at position t writes word t + 1, so the last word itself is not fed.
        tokens = torch.tensor([self._tokens(caption)[:-1]], device=self.device)
        return self.network.decoder.look(tokens, memory)[:, 0].float()

    def _tokens(self, caption: Caption) -> list[int]:
        return [BOS, *(self.network.vocabulary.index[word.text] for word in caption.words)]

    @torch.inference_mode()
    def word_log_probabilities(self, images: Sequence[Image.Image], caption: Caption) -> Floats:
        """(N, words): how probable each word of the caption is after the words before it, for each of N pictures."""
        tokens = torch.tensor([self._tokens(caption)], device=self.device).expand(len(images), -1)
        found = self.network.decoder(tokens[:, :-1], self.see(images).memory)
        return found.gather(2, tokens[:, 1:, None])[..., 0].float().cpu().numpy()

    @torch.inference_mode()
    def confident(self, image: Image.Image, caption: Caption) -> bool:
        """Whether the tagger backs the caption: the likeliest of the tag words it uses has ``confidence_threshold``.

        The decoder's own probabilities do not tell: it is as sure of a sentence that it knows by heart as of a
        sentence about this picture.
        """
        seen, row = self._seen.row(image, lambda: self.see([image]))
        places = [self._tag_places[word.text] for word in caption.words if word.text in self._tag_places]
        return bool(places) and float(seen.tag_probabilities[row, places].max()) >= self.confidence_threshold

    @torch.inference_mode()
    def tags(self, image: Image.Image) -> tuple[Tag, ...]:
        """The likeliest everyday words (at most five, each of at least 15 %)."""
        seen, row = self._seen.row(image, lambda: self.see([image]))
        values, places = seen.tag_probabilities[row].topk(TAGS_SHOWN)
        return tuple(
            Tag(self.network.tag_words[place], value)
            for value, place in zip(values.tolist(), places.tolist(), strict=True)
            if value >= LEAST_SHOWN
        )


def _reranking_of(config: dict[str, Any]) -> Reranking:
    return Reranking(**{**config, "weights": Weights(**config["weights"])})


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> CompactCaptioning:
    """Build the network that config.json describes and fill it with model.safetensors.

    Where config.json has a ``reranking`` part, the bundled dual encoder that it names is loaded too.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = CompactCaptioner(config["network"])
    network.load_state_dict(load_weights(folder / "model.safetensors"))
    network.eval().fuse().to(device=device, dtype=dtype)
    dual = None
    if "reranking" in config:
        chooser = find(RERANKER)
        dual = compact_dual.load(chooser, bundled_folder(chooser), device, dtype)
    return CompactCaptioning(checkpoint, network, config, device, dual)
