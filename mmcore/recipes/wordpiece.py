"""A smaller WordPiece vocabulary out of a published one: what is read here is kept, the rest of 30,000 pieces goes.

WordPiece spells what it does not know with smaller pieces, so a word whose own piece went is still read. All single
characters stay, therefore nothing in Latin script becomes unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer

PAD, UNKNOWN, CLS, SEP = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
COMMON = 12_000
"""Pieces with a smaller id in BERT's vocabulary, which is sorted by how common they are, stay in any case."""


def kept_pieces(tokenizer: Tokenizer, texts: Iterable[str], rare_texts: Iterable[str] = ()) -> list[int]:
    """Ids to keep, <pad> first: common pieces, every piece of ``texts``, and pieces twice seen in ``rare_texts``."""
    vocabulary = tokenizer.get_vocab()
    names = {number: name for name, number in vocabulary.items()}
    plain = {
        number for number, name in names.items() if name.isascii() and not (name[0] == "[" and name not in SPECIAL)
    }
    kept = {number for number in plain if number < COMMON or len(names[number].removeprefix("##")) == 1}
    kept |= {number for encoded in tokenizer.encode_batch(list(texts)) for number in encoded.ids} & plain
    seen = Counter(number for encoded in tokenizer.encode_batch(list(rare_texts)) for number in encoded.ids)
    kept |= {number for number, count in seen.items() if count > 1} & plain
    kept |= {vocabulary[name] for name in SPECIAL}
    return sorted(kept, key=lambda number: (number != vocabulary[PAD], number))


def pruned(source: Path, kept: Iterable[int], max_length: int) -> Tokenizer:
    """The tokenizer in ``source`` (tokenizer.json) with only these pieces, renumbered; cuts text to ``max_length``."""
    description = json.loads(source.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = description["model"]["vocab"]
    names = {number: name for name, number in vocabulary.items()}
    place = {names[number]: position for position, number in enumerate(kept)}
    description["model"]["vocab"] = place
    description["added_tokens"] = [
        {**token, "id": place[token["content"]]} for token in description["added_tokens"] if token["content"] in place
    ]
    for name, token in description["post_processor"]["special_tokens"].items():
        token["ids"] = [place[name]]
    description["truncation"] = None
    description["padding"] = None
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.enable_truncation(max_length)
    return tokenizer
