"""Whisper of the transformers library.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML 2023. ``generate`` writes the tokens
and, from the cross-attention of the heads that the checkpoint names, their times; one more pass over the finished
text gives the probability of every token, and of the language.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._loading import incomplete, load_network, require_one_of
from mmcore.families.base import bytes_of
from mmcore.results.transcribe import Heard, SpokenWord
from mmcore.types import Floats

UNSPACED = frozenset(("zh", "ja", "th", "lo", "my", "yue"))
"""Languages that are written without spaces: every token, mostly one sign, is a word."""
NO_SPEECH = 0.6
"""Whisper's own rule: no speech where the model says so at least this surely, ..."""
UNLIKELY = -1.0
"""... and finds its own tokens less likely than this on average (log-probability)."""
REPEATING = 2.4
"""Whisper's own limit of zlib's compression ratio, beyond which a text repeats itself."""
TOKENS_A_SECOND = 15
WINDOW_TOKENS = 224
CHARACTER_TOKENS = 4
"""Bytes of a character at most, and so tokens that one may be parted into."""
PROMPT_TOKENS = 4
"""Start, language, task, no times."""
SETTINGS = ("lang_to_id", "task_to_id", "alignment_heads", "no_timestamps_token_id")
"""What generation_config.json of a checkpoint for several languages has; English ones lack the first two."""


class Whisper:
    """``Transcriber`` over WhisperForConditionalGeneration."""

    def __init__(self, checkpoint: Checkpoint, network: Any, extractor: Any, tokenizer: Any, device: str) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network = network.eval().requires_grad_(False).to(device)
        self.extractor, self.tokenizer = extractor, tokenizer
        self.sample_rate: int = extractor.sampling_rate
        self.window_seconds: float = extractor.chunk_length
        self._languages = {
            token.strip("<|>"): number for token, number in getattr(self._settings, "lang_to_id", {}).items()
        }

    @property
    def _settings(self) -> Any:
        return self.network.generation_config

    def memory(self) -> int:
        """Bytes of the weights."""
        return bytes_of(self.network.state_dict().values())

    @torch.inference_mode()
    def hear(self, waveform: Floats, language: str | None = None, beams: int = 8) -> Heard:
        """See ``Transcriber.hear``."""
        seconds = len(waveform) / self.sample_rate
        made = self.extractor(waveform, sampling_rate=self.sample_rate, return_tensors="pt", return_attention_mask=True)
        features = made["input_features"].to(device=self.device, dtype=self.network.dtype)
        known = {} if not self._languages else {"task": "transcribe"}
        score = 1.0
        if self._languages:
            if language is None:
                language, score = self._tell_language(features)
            known["language"] = language
        output = self.network.generate(
            features,
            attention_mask=made["attention_mask"].to(self.device),
            num_beams=beams,
            do_sample=False,
            return_timestamps=False,
            return_token_timestamps=True,
            return_dict_in_generate=True,
            max_length=PROMPT_TOKENS + min(WINDOW_TOKENS, 20 + round(TOKENS_A_SECOND * seconds)),
            **known,
        )
        sequence: list[int] = output["sequences"][0].tolist()
        times: list[float] = output["token_timestamps"][0].tolist()
        logs, no_speech = self._judge(features, sequence)
        ends = {self._settings.eos_token_id, self.network.config.eos_token_id, self.network.config.pad_token_id}
        special = set(self.tokenizer.all_special_ids) | ends
        places = [place for place, token in enumerate(sequence) if token not in special]
        language = language or "en"
        if not places:
            return Heard((), language, score, 0.0)
        mean = sum(logs[place] for place in places) / len(places)
        if no_speech > NO_SPEECH and mean < UNLIKELY:
            return Heard((), language, score, 0.0)
        text = self.tokenizer.decode([sequence[place] for place in places])
        data = text.encode()
        if len(data) / len(zlib.compress(data)) > REPEATING:
            return Heard((), language, score, seconds, repeating=True)
        return Heard(self._words(sequence, places, times, logs, language, seconds), language, score, seconds)

    def _tell_language(self, features: Tensor) -> tuple[str, float]:
        """The likeliest language of the sound, with its probability among all languages."""
        start = torch.tensor([[self._settings.decoder_start_token_id]], device=self.device)
        logits = self.network(input_features=features, decoder_input_ids=start, use_cache=False).logits[0, -1].float()
        names, numbers = zip(*self._languages.items(), strict=True)
        chances = logits[list(numbers)].softmax(-1)
        best = int(chances.argmax())
        return names[best], float(chances[best])

    def _judge(self, features: Tensor, sequence: list[int]) -> tuple[list[float], float]:
        """The log-probability of every token after those before it, and the probability that nobody speaks."""
        tokens = torch.tensor([sequence], device=self.device)
        logits = self.network(input_features=features, decoder_input_ids=tokens[:, :-1], use_cache=False).logits[0]
        logs = logits.float().log_softmax(-1)
        each = logs.gather(1, tokens[0, 1:, None])[:, 0]
        silent = float(logs[0, self._settings.no_timestamps_token_id - 1].exp())
        return [0.0, *each.tolist()], silent

    def _words(
        self,
        sequence: list[int],
        places: list[int],
        times: list[float],
        logs: list[float],
        language: str,
        seconds: float,
    ) -> tuple[SpokenWord, ...]:
        """Tokens as words: up to the next that begins with a space, or token by token; punctuation joins the last."""
        groups: list[tuple[str, list[int]]] = []
        waiting: list[int] = []
        for place in places:
            waiting.append(place)
            text = self.tokenizer.decode([sequence[one] for one in waiting])
            if "\ufffd" in text and len(waiting) < CHARACTER_TOKENS:
                continue  # a character of several tokens is not whole yet
            begins = text[:1].isspace() or language in UNSPACED
            if groups and (not begins or not any(sign.isalnum() for sign in text)):
                before, numbers = groups.pop()
                groups.append((before + text, [*numbers, *waiting]))
            else:
                groups.append((text, waiting))
            waiting = []
        words = []
        for text, numbers in groups:
            if not text.strip():
                continue
            # The time of a token is where it ends; a word begins where the token before it ended.
            start = times[numbers[0] - 1] if numbers[0] - 1 in places else times[numbers[0]]
            end = min(seconds, max(times[numbers[-1]], start))
            chance = torch.tensor([logs[one] for one in numbers]).mean().exp()
            words.append(SpokenWord(text.strip(), min(start, end), end, float(chance), text[:1].isspace()))
        return tuple(words)


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> Whisper:
    """Whisper from a local folder. Raises WeightsError where something is missing."""
    require_one_of(checkpoint, folder, "tokenizer.json", "vocab.json")
    require_one_of(checkpoint, folder, "generation_config.json")
    network = load_network(
        WhisperForConditionalGeneration, checkpoint, folder, dtype, attn_implementation="eager"
    )  # the times come from its attention
    wanted = SETTINGS if getattr(network.generation_config, "is_multilingual", True) else SETTINGS[2:]
    missing = [name for name in wanted if getattr(network.generation_config, name, None) is None]
    if missing:
        raise incomplete(checkpoint, folder, f"generation_config.json does not say {missing[0]}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    return Whisper(checkpoint, network, extractor, tokenizer, device)
