"""A small random Whisper, saved as the real ones are: byte-level BPE, special tokens, generation_config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.tiny import WORDS, spread

LANGUAGES = ("en", "zh", "de")
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{name}|>" for name in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
CHINESE = "一只狗在草地上跑，红色的车"


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import WhisperTokenizer

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    learner.train_from_iterator([*CHINESE, *(f" {first} {second}." for first in WORDS for second in WORDS)], trainer)
    model = json.loads(learner.to_str())["model"]
    vocabulary = {**model["vocab"]}
    for token in SPECIAL:
        vocabulary[token] = len(vocabulary)
    merges = [tuple(merge) for merge in model["merges"]]
    return WhisperTokenizer(vocab=vocabulary, merges=merges, additional_special_tokens=list(SPECIAL[1:]))


def network(seed: int = 3, multilingual: bool = True) -> tuple[Any, Any]:
    """Width 32, two layers on each side, windows of 30 s; and its tokenizer."""
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    words = tokenizer()
    number = words.convert_tokens_to_ids
    end = number("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=len(words),
        num_mel_bins=80,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_target_positions=448,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=number("<|startoftranscript|>"),
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    made = WhisperForConditionalGeneration(config).eval()
    spread(made, seed, scale=3.0)
    with torch.no_grad():
        embeddings = made.model.decoder.embed_tokens.weight
        for name, token in words.get_vocab().items():
            # The output layer has no bias: an embedding of zeros makes a token's logit 0, below the best word's.
            known = name == "." or name.removeprefix("\u0120") in WORDS or name in (f"<|{one}|>" for one in LANGUAGES)
            embeddings[token] *= 0.4 if token == end else float(known)
    settings: dict[str, Any] = {
        "alignment_heads": [[0, 1], [1, 2]],
        "no_timestamps_token_id": number("<|notimestamps|>"),
        "is_multilingual": multilingual,
        "max_length": 448,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": number("<|startoftranscript|>"),
        "return_timestamps": False,
    }
    if multilingual:
        settings["lang_to_id"] = {f"<|{name}|>": number(f"<|{name}|>") for name in LANGUAGES}
        settings["task_to_id"] = {name: number(f"<|{name}|>") for name in ("transcribe", "translate")}
    made.generation_config = GenerationConfig(**settings)
    return made, words


def whisper(folder: Path, seed: int = 3, multilingual: bool = True) -> Path:
    """Save one."""
    from transformers import WhisperFeatureExtractor

    made, words = network(seed, multilingual)
    made.save_pretrained(folder)
    words.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder
