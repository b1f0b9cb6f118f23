"""Our own bundled networks behind the protocols of their tasks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from mmcore.checkpoints.locate import bundled_folder
from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import WeightsError
from mmcore.families import compact_dual
from mmcore.families._encoder_cache import EncoderCache
from mmcore.families._reranking import (
    Reranking,
    Weights,
    candidates,
    cosines,
    different,
    rank_scores,
    ranked,
    signals,
    without_repeats,
)
from mmcore.families._resize import pixels_of
from mmcore.families.base import bytes_of
from mmcore.families.compact_dual import CompactDual
from mmcore.nets.caption_decoder import CELLS, CaptionDecoder, Memory
from mmcore.nets.caption_language import CaptionLanguage
from mmcore.nets.captioner import CompactCaptioner, Seen
from mmcore.nets.decoding import LENGTH_POWER, Written, beam_search, nucleus_sample, written_of
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.storage import load_weights
from mmcore.nets.vocabulary import BOS, Vocabulary, join_words
from mmcore.results import Caption, CaptionOptions, Tag, Word
from mmcore.types import Floats

RERANKER = "compact-retriever"
TAGS_SHOWN = 5
LEAST_SHOWN = 0.15
STRONG = 0.6
"""A thing of this probability contradicts a caption that leaves it out, where it is CONTRADICTED times as likely as
the likeliest thing that the caption names."""
CONTRADICTED = 2.0
SPARE = 3
"""Times as many Chinese captions are looked for as are shown, so that they differ in more than a particle."""


CHINESE = "chinese"
"""Name of the two files of the Chinese decoder, beside the captioner's own."""


@dataclass(frozen=True)
class Writer:
    """What writes captions in one language, over what the network sees."""

    language: str
    decoder: CaptionDecoder
    vocabulary: Vocabulary
    remember: Callable[[Seen], Memory]
    join: Callable[[Sequence[str]], str]
    """Words -> text."""
    tag_names: Sequence[str]
    """(T,): what each of the tagger's words is called; empty where it has no name."""
    witnesses: Mapping[str, Sequence[int]]
    """Word -> places of the tagger's words that stand for it."""
    confidence_threshold: float
    length_power: float = LENGTH_POWER

    def tokens(self, caption: Caption) -> list[int]:
        """The caption's words, behind <bos>."""
        return [BOS, *(self.vocabulary.index[word.text] for word in caption.words)]

    def caption(self, written: Written) -> Caption:
        """What was written, with its words."""
        texts = self.vocabulary.decode(written.tokens)
        words = tuple(
            Word(text, math.exp(log_p)) for text, log_p in zip(texts, written.log_probabilities, strict=False)
        )
        mean = sum(written.log_probabilities[: len(words)]) / max(len(words), 1)
        return Caption(self.join(texts), math.exp(mean), words, language=self.language)


class CompactCaptioning:
    """Captioner protocol over ``nets/captioner.py``."""

    def __init__(
        self, checkpoint: Checkpoint, network: CompactCaptioner, config: dict[str, Any], device: str,
        dual: CompactDual | None = None, chinese: tuple[CaptionLanguage, dict[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        """``chinese``: the network that writes Chinese and its chinese.json."""
        self.checkpoint = checkpoint
        self.device = device
        self.network, self.config = network, config
        self.dual = dual
        self.reranking = None if dual is None else _reranking_of(config["reranking"])
        self.map_layers: list[int] = config["map_layers"]
        self._tag_places = {word: place for place, word in enumerate(network.tag_words)}
        english = Writer(
            "en",
            network.decoder,
            network.vocabulary,
            lambda seen: seen.memory,
            join_words,
            network.tag_words,
            {word: (place,) for word, place in self._tag_places.items()},
            config["confidence_threshold"],
        )
        self.writers = {"en": english}
        self.chinese = chinese
        if chinese is not None:
            language, settings = chinese
            self.writers["zh"] = Writer(
                "zh",
                language.decoder,
                language.vocabulary,
                lambda seen: language.remember(seen.grid, seen.tag_probabilities),
                "".join,
                language.tag_names,
                settings["witnesses"],
                settings["confidence_threshold"],
                settings["length_power"],
            )
        self._seen: EncoderCache[Seen] = EncoderCache()

    def memory(self) -> int:
        """Bytes of the weights, those of the dual encoder included."""
        own = bytes_of(self.network.state_dict().values())
        further = 0 if self.chinese is None else bytes_of(self.chinese[0].state_dict().values())
        return own + further + (0 if self.dual is None else self.dual.memory())

    @torch.inference_mode()
    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """See ``Captioner.caption``. Greedy decoding gives one caption; sampled ones are sorted by score.

        With ``options.rerank``, beam search only brings candidates, and the dual encoder and the tagger have a say in
        which of them is the best; English only, as the dual encoder reads no other language.
        """
        writer = self.writer(options.language)
        seen = self._seen.batch(images, lambda: self.see(images))
        if options.decoding == "beam" and options.rerank and self.dual is not None and writer.language == "en":
            return self._reranked(seen, options)
        memory = writer.remember(seen)
        if options.decoding == "nucleus":
            return [self._sample(writer, memory.select(torch.tensor([row])), options) for row in range(len(images))]
        beams = 1 if options.decoding == "greedy" else max(options.num_beams, options.num_captions)
        count = 1 if options.decoding == "greedy" else options.num_captions
        if writer.language == "en" or count == 1:
            found = beam_search(writer.decoder, memory, beams, count, self._most_words(options), writer.length_power)
            return [tuple(writer.caption(written) for written in captions) for captions in found]
        # Several: a wider search, of which those are shown that say something else.
        beams = max(beams, SPARE * count)
        found = beam_search(writer.decoder, memory, beams, beams, self._most_words(options), writer.length_power)
        return [different([writer.caption(written) for written in captions], count) for captions in found]

    def writer(self, language: str) -> Writer:
        """What writes in that language. Raises WeightsError where these weights have none for it."""
        if language not in self.writers:
            raise WeightsError("language_missing", model=self.checkpoint.title, file=f"{CHINESE}.safetensors")
        return self.writers[language]

    def _reranked(self, seen: Seen, options: CaptionOptions) -> list[tuple[Caption, ...]]:
        assert self.reranking is not None
        weights = self.reranking.weights
        best = [
            ranked(list(zip(written, rank_scores(own, weights).tolist(), strict=True)), own, weights)
            for written, own in self.shortlists(seen, self.candidates(seen, options))
        ]
        return [
            different([replace(self.writers["en"].caption(one), rank=rank) for one, rank in own], options.num_captions)
            for own in best
        ]

    @torch.inference_mode()
    def candidates(self, seen: Seen, options: CaptionOptions) -> list[list[Written]]:
        """For each picture all captions that re-ranking begins with, in no order; none that names a thing twice."""
        assert self.reranking is not None
        beams = max(options.num_beams, options.num_captions)
        found = candidates(
            self.network.decoder, seen.memory, self.reranking, beams, self._most_words(options), options.seed
        )
        return [without_repeats(self.network.vocabulary, self._tag_places, own) for own in found]

    @torch.inference_mode()
    def shortlists(self, seen: Seen, written: Sequence[Sequence[Written]]) -> list[tuple[list[Written], Tensor]]:
        """For each picture the candidates that the cheap signals put first, with all signals (K, 6) that rank them."""
        assert self.reranking is not None
        assert self.dual is not None
        first, size = self.reranking.first, self.reranking.shortlist
        likely = seen.tag_probabilities.float().cpu()
        lists = [
            ranked(own, self.signals(likely[row], own), first)[:size] if len(own) > size else list(own)
            for row, own in enumerate(written)
        ]
        near = cosines(self.network.vocabulary, self.dual, seen, lists)
        return [(own, self.signals(likely[row], own, near[row])) for row, own in enumerate(lists)]

    def signals(self, likely: Tensor, written: Sequence[Written], cosine: Tensor | None = None) -> Tensor:
        """SIGNALS of one picture's K candidates, (K, 6), see ``_reranking.signals``."""
        assert self.reranking is not None
        return signals(self.network.vocabulary, self._tag_places, likely, written, self.reranking.rarity, cosine)

    def see(self, images: Sequence[Image.Image]) -> Seen:
        """What the network knows of the pictures before it writes."""
        return self.network.see(pixels_of(images).to(self.device))

    def _most_words(self, options: CaptionOptions) -> int:
        return min(options.max_words, self.network.decoder_config.max_length - 1)

    def _sample(self, writer: Writer, memory: Any, options: CaptionOptions) -> tuple[Caption, ...]:
        """Each picture has its own generator, so that its captions do not depend on its neighbours in the batch."""
        generator = torch.Generator(self.device).manual_seed(options.seed)
        tokens, log_p = nucleus_sample(
            writer.decoder,
            memory,
            self._most_words(options),
            options.top_p,
            options.temperature,
            generator,
            draws=options.num_captions,
        )
        captions = [writer.caption(one) for one in written_of(tokens, log_p)]
        return tuple(sorted(captions, key=lambda caption: -caption.score))

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
        writer = self.writer(caption.language)
        seen, row = self._seen.row(image, lambda: self.see([image]))
        memory = writer.remember(seen).select(torch.tensor([row], device=self.device))
        # The state at position t writes word t + 1, so the last word itself is not fed.
        tokens = torch.tensor([writer.tokens(caption)[:-1]], device=self.device)
        return writer.decoder.look(tokens, memory)[:, 0].float()

    @torch.inference_mode()
    def word_log_probabilities(self, images: Sequence[Image.Image], caption: Caption) -> Floats:
        """(N, words): how probable each word of the caption is after the words before it, for each of N pictures."""
        writer = self.writer(caption.language)
        tokens = torch.tensor([writer.tokens(caption)], device=self.device).expand(len(images), -1)
        found = writer.decoder(tokens[:, :-1], writer.remember(self.see(images)))
        return found.gather(2, tokens[:, 1:, None])[..., 0].float().cpu().numpy()

    @torch.inference_mode()
    def confident(self, image: Image.Image, caption: Caption) -> bool:
        """Whether the tagger backs the caption.

        The likeliest of the things it names has ``confidence_threshold``, and nothing that it does not name is STRONG
        and more than CONTRADICTED times as likely.

        The decoder's own probabilities do not tell: it is as sure of a sentence that it knows by heart as of a
        sentence about this picture. A Chinese word is backed by the English words that the dictionary has for it.
        """
        writer = self.writer(caption.language)
        seen, row = self._seen.row(image, lambda: self.see([image]))
        places = [place for word in caption.words for place in writer.witnesses.get(word.text, ())]
        if not places:
            return False
        backed, strongest = float(seen.tag_probabilities[row, places].max()), float(seen.tag_probabilities[row].max())
        contradicted = strongest >= STRONG and strongest > CONTRADICTED * backed
        return backed >= writer.confidence_threshold and not contradicted

    @torch.inference_mode()
    def tags(self, image: Image.Image, language: str = "en") -> tuple[Tag, ...]:
        """The likeliest everyday words (at most five, each of at least 15 %), in that language if they have names."""
        seen, row = self._seen.row(image, lambda: self.see([image]))
        names = self.writer(language).tag_names
        found: dict[str, float] = {}
        for value, place in zip(*(part.tolist() for part in seen.tag_probabilities[row].topk(TAGS_SHOWN)), strict=True):
            if value >= LEAST_SHOWN:
                # Words of one name ("dog", "dogs") are one thing.
                found.setdefault(names[place] or self.network.tag_words[place], value)
        return tuple(Tag(text, value) for text, value in found.items())


def _reranking_of(config: dict[str, Any]) -> Reranking:
    weights = {name: Weights(**config[name]) for name in ("first", "weights")}
    return Reranking(**{**config, **weights, "rarity": tuple(config["rarity"])})


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> CompactCaptioning:
    """Build the network that config.json describes and fill it with model.safetensors.

    Where config.json has a ``reranking`` part, the bundled dual encoder that it names is loaded too; where chinese.json
    is beside it, the Chinese decoder. Raises WeightsError where that was trained over another image encoder.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = CompactCaptioner(config["network"])
    network.load_state_dict(load_weights(folder / "model.safetensors"))
    network.eval().fuse().to(device=device, dtype=dtype)
    dual = None
    if "reranking" in config:
        chooser = find(RERANKER)
        dual = compact_dual.load(chooser, bundled_folder(chooser), device, dtype)
    chinese = None
    settings_file = folder / f"{CHINESE}.json"
    if settings_file.is_file():
        settings = json.loads(settings_file.read_text(encoding="utf-8"))
        language = CaptionLanguage(settings["network"])
        language.load_state_dict(load_weights(folder / f"{CHINESE}.safetensors"))
        chinese = language.eval().to(device=device, dtype=dtype), settings
        if settings["encoder"] != hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest():
            raise WeightsError("language_of_another_encoder", model=checkpoint.title, folder=folder, file=CHINESE)
    return CompactCaptioning(checkpoint, network, config, device, dual, chinese)
