"""Which writing a checkpoint can read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from mmcore.checkpoints.registry import CHECKPOINTS, Checkpoint
from mmcore.errors import InputError, Phrase

MOST_SHOWN = 12
"""Letters that the message repeats."""


def foreign_letters(text: str) -> str:
    """The letters of a text that are of another script than Latin, in their order."""
    return "".join(letter for letter in text if letter.isalpha() and "LATIN" not in unicodedata.name(letter, "LATIN"))


def mostly_foreign(text: str) -> bool:
    """Whether more than half of the letters are of another script than Latin."""
    return len(foreign_letters(text)) > sum(letter.isalpha() for letter in text) / 2


def require_latin(checkpoint: Checkpoint, texts: Sequence[str]) -> None:
    """Raise InputError, which names the checkpoints of the task that read more, for a text in another script.

    A letter or two among Latin ones (a "µ", a Greek "π") is let pass: such a text is still read.
    """
    for text in texts:
        if mostly_foreign(text):
            others = [
                other.name
                for other in CHECKPOINTS
                if other.task == checkpoint.task and set(other.languages) - set(checkpoint.languages)
            ]
            raise InputError(
                "script_not_read",
                model=checkpoint.title,
                languages=Phrase("language_en") if checkpoint.languages == ("en",) else ", ".join(checkpoint.languages),
                letters=foreign_letters(text)[:MOST_SHOWN],
                others=", ".join(others) or "-",
            )
