"""What a checkpoint does not read of a text: letters of other scripts, and whole languages, told by their words."""

from __future__ import annotations

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._languages import foreign_letters
from mmcore.io.texts import LANGUAGE_NAMES, foreign_language, has_words
from mmcore.results.notices import Notice

FEW = 2
"""Letters of another script that a text may hold without a word about them: a "µ", a Greek "π"."""
SHOWN = 12


def unread(checkpoint: Checkpoint, text: str | None) -> tuple[Notice, ...]:
    """The notices for a text; none for a checkpoint that reads more than English."""
    if not text or tuple(checkpoint.languages) != ("en",):
        return ()
    letters, language = foreign_letters(text), foreign_language(text)
    found = []
    if len(letters) > FEW:
        found.append(Notice.of("text_letters_unread", count=len(letters), letters=letters[:SHOWN]))
    if language is not None:
        found.append(Notice.of("text_language_unread", language=LANGUAGE_NAMES[language]))
    return tuple(found)


def no_evidence(checkpoint: Checkpoint, text: str | None) -> Notice | None:
    """Why a cleaned text says nothing to a checkpoint: no words in it, or none that it reads. None where it does."""
    if not text:
        return None
    if not has_words(text):
        return Notice.of("no_words")
    if tuple(checkpoint.languages) == ("en",) and foreign_language(text) is not None:
        return Notice.of("no_words_read")
    return None
