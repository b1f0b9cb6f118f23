"""What the captioners of the transformers library share: decoding, words with probabilities, word maps.

A family says how its network encodes pictures and how it decodes a step; everything else happens here, once.
Shapes: B pictures, N captions, T tokens, S encoder states, D width, V vocabulary.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers.generation.logits_process import LogitsProcessorList

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError
from mmcore.families import _attention_maps
from mmcore.families._encoder_cache import EncoderCache
from mmcore.families._sampling import NucleusDraw
from mmcore.families._word_tokens import group_tokens, split_words
from mmcore.families.base import bytes_of
from mmcore.results import Caption, CaptionOptions, Tag, Word
from mmcore.types import Floats

SCORED_POSITIONS = 1024
"""Rows x tokens scored at once: 1024 x 50,000 words x 4 bytes are 200 MB."""

KEPT_LOGITS = 32_000_000
"""Numbers that a search may keep (128 MB), for the probabilities of its words; longer ones read the captions again."""

GRADIENT_SCALE = 128.0
"""Gradients are taken of 128 x the log-probability, so that small ones do not vanish in half precision."""


class WithoutSecondOpinion:
    """What captioners of the transformers library share: a ``network``, and nothing beside it that could doubt it."""

    network: Any

    def memory(self) -> int:
        """Bytes that the weights take."""
        tensors = (*self.network.parameters(), *self.network.buffers())
        return bytes_of(tensors)

    def confident(self, image: Image.Image, caption: Caption) -> bool:
        """True: there is no second opinion."""
        return True

    def tags(self, image: Image.Image, language: str = "en") -> tuple[Tag, ...]:
        """Empty: there is no recognition head."""
        return ()


class GenerativeCaptioner(WithoutSecondOpinion, ABC):
    """A Captioner on top of a transformers model with a cross-attending decoder."""

    start: tuple[int, ...]
    """Tokens that stand before a caption when it is read back (begin of sequence and what is forced after it)."""
    end: int
    """Token that ends a caption."""
    padding: int
    grid: tuple[int, int]
    """Rows and columns of the picture's patches among the encoder states."""
    first_cell: int
    """Encoder state that is the first patch; the patches follow row by row."""

    def __init__(self, checkpoint: Checkpoint, network: Any, tokenizer: Any, device: str) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.network = network.to(device).eval().requires_grad_(False)
        self.vocabulary: int = network.config.get_text_config().vocab_size
        self.tokenizer = tokenizer
        self._seen: EncoderCache[Tensor] = EncoderCache()

    # What a family adds

    @abstractmethod
    def encode(self, images: Sequence[Image.Image], detail: str | None) -> Tensor:
        """Pictures -> encoder states (B, S, D) that the decoder attends to."""

    @abstractmethod
    def generate(self, states: Tensor, **arguments: Any) -> Any:
        """Encoder states (B, S, D) -> token ids (B * N, 1 + T), one start token first, padded at the end.

        With ``return_dict_in_generate`` an output of transformers, which holds them as ``sequences``.
        """

    @abstractmethod
    def decode(self, ids: Tensor, states: Tensor, **arguments: Any) -> Any:
        """One teacher-forced pass: ids (B, T), states (B, S, D) -> transformers output with logits (B, T, V)."""

    @abstractmethod
    def self_attention_memory(self) -> list[nn.Module]:
        """The layers that make the keys and values of the decoder's self-attention."""

    def max_tokens(self, options: CaptionOptions) -> int:
        """Longest caption in tokens."""
        return options.max_words

    # The Captioner protocol

    @torch.no_grad()
    def caption(self, images: Sequence[Image.Image], options: CaptionOptions) -> list[tuple[Caption, ...]]:
        """Captions of each picture: beams as the search ranks them, nucleus draws by their score, best first.

        Raises InputError for a level of detail that the checkpoint does not list.
        """
        detail = self.detail(options.detail)
        if not images:
            return []
        states = self._seen.batch(images, lambda: self.encode(images, detail), detail)
        copies = 1 if options.decoding == "greedy" else options.num_captions
        arguments: dict[str, Any] = {"num_beams": 1, "do_sample": False, "max_new_tokens": self.max_tokens(options)}
        rows = states
        if options.decoding == "beam":
            arguments |= {"num_beams": max(options.num_beams, copies), "num_return_sequences": copies}
        elif options.decoding == "nucleus":
            rows = states.repeat_interleave(copies, 0)
            arguments["logits_processor"] = LogitsProcessorList([NucleusDraw(options, len(images))])
        captions = []
        numbers = len(rows) * arguments["num_beams"] * arguments["max_new_tokens"] * self.vocabulary
        if numbers <= KEPT_LOGITS:
            output = self.generate(rows, return_dict_in_generate=True, output_logits=True, **arguments)
            sequences = [self._until_end(row[1:]) for row in output.sequences.tolist()]
            scored = _kept_log_probabilities(sequences, output)
        else:
            sequences = [self._until_end(row[1:]) for row in self.generate(rows, **arguments).tolist()]
            scored = self._log_probabilities(sequences, states.repeat_interleave(copies, 0))
        for tokens, log_probabilities in zip(sequences, scored, strict=True):
            captions.append(self._caption(tokens, log_probabilities, detail))
        answers = [captions[first : first + copies] for first in range(0, len(captions), copies)]
        if options.decoding == "nucleus":
            answers = [sorted(answer, key=lambda caption: -caption.score) for answer in answers]
        return [tuple(answer) for answer in answers]

    def word_maps(self, image: Image.Image, caption: Caption) -> Floats:
        """(words, rows, columns): the patches that were looked at and made each word likelier (explain.py)."""
        if not caption.words:
            return np.zeros((0, *self.grid), np.float32)
        detail = self.detail(caption.detail)
        with torch.no_grad():
            batch, row = self._seen.row(image, lambda: self.encode([image], detail), detail)
        states = batch[row : row + 1]
        encoded = self.tokenizer(caption.text, add_special_tokens=False, return_offsets_mapping=True)
        words, position = [], 0
        for word in caption.words:
            position = caption.text.index(word.text, position)
            words.append((position, position + len(word.text)))
            position += len(word.text)
        attentions, gradients = self._read_back(encoded["input_ids"], states)
        return _attention_maps.word_maps(
            _attention_maps.attention_times_gradient(attentions, gradients),
            group_tokens(words, encoded["offset_mapping"]),
            self.grid,
            self.first_cell,
            fallback=_attention_maps.mean_attention(attentions),
        )

    # Steps

    def detail(self, asked: str | None) -> str | None:
        """The level of detail to write at: the one asked for, else the checkpoint's first, if it has any."""
        offered = self.checkpoint.details
        if asked is None:
            return offered[0] if offered else None
        if asked not in offered:
            raise InputError(
                "option_not_offered",
                model=self.checkpoint.title,
                name="detail",
                value=asked,
                offered=", ".join(offered) or "-",
            )
        return asked

    def _until_end(self, tokens: list[int]) -> list[int]:
        return tokens[: tokens.index(self.end)] if self.end in tokens else tokens

    def _log_probabilities(self, sequences: list[list[int]], states: Tensor) -> list[list[float]]:
        """Log-probability of each token given those before it, at temperature 1 and over the whole vocabulary.

        A second pass with known tokens; padding comes after the caption, where a causal decoder does not see it.
        """
        ids = pad_sequence(
            [torch.tensor([self.start[0], *tokens]) for tokens in sequences],
            batch_first=True,
            padding_value=self.padding,
        ).to(states.device)
        if ids.shape[1] == 1:  # every caption is empty
            return [[] for _ in sequences]
        found: list[list[float]] = []
        rows = max(1, SCORED_POSITIONS // ids.shape[1])
        for first in range(0, len(ids), rows):
            chunk = ids[first : first + rows]
            logits = self.decode(chunk[:, :-1], states[first : first + rows]).logits
            for row, tokens in enumerate(sequences[first : first + rows]):
                targets = chunk[row, 1 : len(tokens) + 1, None]
                chosen = logits[row, : len(tokens)].float().log_softmax(-1).gather(1, targets)[:, 0]
                found.append(chosen.tolist())
        return found

    def _caption(self, tokens: list[int], log_probabilities: list[float], detail: str | None) -> Caption:
        special = set(self.tokenizer.all_special_ids)
        shown = [(token, value) for token, value in zip(tokens, log_probabilities, strict=True) if token not in special]
        text, groups = split_words(self._text, [token for token, _ in shown])
        sums = [sum(shown[index][1] for index in group) for _, group in groups]
        words = tuple(Word(word, math.exp(value)) for (word, _), value in zip(groups, sums, strict=True))
        score = math.exp(sum(sums) / len(sums)) if sums else 0.0
        return Caption(text, score, words, detail=detail)

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _read_back(self, tokens: list[int], states: Tensor) -> tuple[Floats, Floats]:
        """One pass over a whole caption: cross-attention and its gradients in each token's step, (layers, heads, T, S).

        The step that writes a token is the one that reads the token before it, and the gradient of a token's
        log-probability is to be that of its own step. So the keys and values by which later steps remember earlier
        ones are held fixed: then one backward pass over the sum of all tokens serves each of them.
        """
        states = states.detach().requires_grad_()  # a root for the gradients; the weights are frozen
        ids = torch.tensor([[*self.start, *tokens]], device=states.device)
        hooks = [layer.register_forward_hook(_hold_fixed) for layer in self.self_attention_memory()]
        try:
            with torch.enable_grad():
                output = self.decode(ids[:, :-1], states, use_cache=False, output_attentions=True)
                log_probabilities = output.logits[0].float().log_softmax(-1).gather(1, ids[0, 1:, None])
                gradients = torch.autograd.grad(GRADIENT_SCALE * log_probabilities.sum(), output.cross_attentions)
        finally:
            for hook in hooks:
                hook.remove()
        forced = len(self.start) - 1
        return _stack(output.cross_attentions)[:, :, forced:], _stack(gradients)[:, :, forced:]


def _kept_log_probabilities(sequences: list[list[int]], output: Any) -> list[list[float]]:
    """What ``_log_probabilities`` gives, from the logits that the search kept: one (rows, V) a step."""
    longest = max(map(len, sequences), default=0)
    if not longest:
        return [[] for _ in sequences]
    device = output.sequences.device
    ids = pad_sequence([torch.tensor(tokens, dtype=torch.long) for tokens in sequences], batch_first=True).to(device)
    beams = output.get("beam_indices")
    rows = torch.arange(len(ids), device=device)
    steps = []
    for step in range(longest):
        # The row that wrote this token; behind the end of a caption there is none (-1), and nothing is read there.
        logits = output.logits[step][rows if beams is None else beams[:, step].clamp(min=0)].float()
        steps.append(logits.gather(1, ids[:, step, None])[:, 0] - logits.logsumexp(-1))
    found: list[list[float]] = torch.stack(steps, 1).tolist()
    return [row[: len(tokens)] for row, tokens in zip(found, sequences, strict=True)]


def _hold_fixed(layer: nn.Module, inputs: object, output: Tensor) -> Tensor:
    """Forward hook: the same numbers, without a way back for gradients."""
    return output.detach()


def _stack(layers: Sequence[Tensor]) -> Floats:
    """(1, heads, T, S) of each layer -> (layers, heads, T, S)."""
    stacked: Floats = torch.cat([layer.detach().float() for layer in layers]).cpu().numpy()
    return stacked
