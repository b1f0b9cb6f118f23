"""Texts as the CLIP-like checkpoints were trained to read them: each has its own tokenizer, length and habits.

CLIP                byte-level BPE, up to 77 tokens
Chinese-CLIP        WordPiece, 52 tokens as in its training
SigLIP              lower case without punctuation, always padded to 64 tokens, which the network reads without a mask
SigLIP 2            lower case, padded to 64 in the same way
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import BertTokenizer, CLIPTokenizer, PreTrainedTokenizerFast

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._loading import incomplete, require_one_of

Tokenize = Callable[[Sequence[str]], dict[str, Tensor]]
"""Texts -> arguments of ``get_text_features``."""

CHINESE_TOKENS = 52
WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def canonical(text: str) -> str:
    """Text as SigLIP 1 was trained on it: lower case, no punctuation, single blanks (big_vision's ``canonicalize``)."""
    return " ".join(text.lower().translate(WITHOUT_PUNCTUATION).split())


def reader(kind: str, checkpoint: Checkpoint, folder: Path, config: Any) -> Tokenize:
    """The tokenizer of a checkpoint of that kind ("clip", "chinese_clip", "siglip" or "siglip2").

    ``config`` is the network's. Raises WeightsError where its files are missing.
    """
    longest: int = config.text_config.max_position_embeddings
    try:
        if kind == "clip":
            # With vocab.json come merges.txt: a tokenizer without files would come up empty instead of failing.
            require_one_of(checkpoint, folder, "tokenizer.json", "vocab.json")
            return _padded_to_longest(CLIPTokenizer.from_pretrained(folder, local_files_only=True), longest)
        if kind == "chinese_clip":
            require_one_of(checkpoint, folder, "tokenizer.json", "vocab.txt")
            tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
            return _padded_to_longest(tokenizer, min(longest, CHINESE_TOKENS))
        require_one_of(checkpoint, folder, "tokenizer.json")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise incomplete(checkpoint, folder, str(error)) from error
    prepare = canonical if _named_class(folder) == "SiglipTokenizer" else str.lower
    return _padded_to_the_full(tokenizer, longest, prepare)


def _named_class(folder: Path) -> str:
    """The tokenizer that tokenizer_config.json names: of the two generations of SigLIP only the first strips marks."""
    file = folder / "tokenizer_config.json"
    named = json.loads(file.read_text(encoding="utf-8")).get("tokenizer_class") if file.is_file() else None
    return str(named or "").removesuffix("Fast")


def _padded_to_longest(tokenizer: Any, longest: int) -> Tokenize:
    def tokenize(texts: Sequence[str]) -> dict[str, Tensor]:
        encoded = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        return dict(encoded)

    return tokenize


def _padded_to_the_full(tokenizer: Any, longest: int, prepare: Callable[[str], str]) -> Tokenize:
    def tokenize(texts: Sequence[str]) -> dict[str, Tensor]:
        encoded = tokenizer(
            [prepare(text) for text in texts],
            padding="max_length",
            padding_side="right",
            truncation=True,
            max_length=longest,
            return_tensors="pt",
        )
        return {"input_ids": encoded["input_ids"]}

    return tokenize
