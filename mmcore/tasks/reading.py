"""Texts as a checkpoint can read them: Chinese goes into English word by word where it reads English only."""

from __future__ import annotations

from collections.abc import Iterable

from mmcore.checkpoints.registry import Checkpoint
from mmcore.io.chinese import english_of
from mmcore.results import Notice, Query


def read_as(checkpoint: Checkpoint, text: str) -> str:
    """The text itself, or its Chinese words in English for a checkpoint that is helped so (``word_by_word``).

    A text without a single known word stays as it is: the checkpoint will refuse it.
    """
    return (english_of(text) or text) if "zh" in checkpoint.word_by_word else text


def word_by_word(checkpoint: Checkpoint, texts: Iterable[str]) -> tuple[Notice, ...]:
    """One notice that shows the English of each text that was not read as it stands; none where all were."""
    pairs = ((text, read_as(checkpoint, text)) for text in dict.fromkeys(texts))
    shown = "; ".join(f"{text} → {english}" for text, english in pairs if english != text)
    return (Notice.of("read_word_by_word", pairs=shown),) if shown else ()


def texts_of(query: Query) -> list[str]:
    """What a query says in words, plus and minus."""
    return [part.content for part in query.parts if isinstance(part.content, str)]
