"""What a checkpoint does not read of a text: letters of other scripts, and whole languages, told by their words."""

from __future__ import annotations

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._languages import foreign_letters
from mmcore.io.texts import LANGUAGE_NAMES, foreign_language
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
