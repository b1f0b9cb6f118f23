"""What a checkpoint does not read of a text: letters of other scripts, and whole languages, told by their words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families._languages import foreign_letters
from mmcore.families._vader import polarity
from mmcore.io.texts import LANGUAGE_NAMES, foreign_language, has_words, is_felt, readable_part, telling_words
from mmcore.results.notices import Notice
from mmcore.tasks.reading import read_as

FEW = 2
"""Letters of another script that a text may hold without a word about them: a "µ", a Greek "π"."""
SHOWN = 12


WHOLE_WORDS = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA", "THAI")
"""Scripts of which a single letter is a word, or much of one."""
LEAST_TOLD = 2
"""Words that mean something, without which a text that rates nothing says nothing."""
BALANCED = 0.75
"""Share of the weaker side from which on a text speaks for both."""


def unread(checkpoint: Checkpoint, text: str | None) -> tuple[Notice, ...]:
    """The notices for a text; none for a checkpoint that reads more than English."""
    if not text or not _english_only(checkpoint):
        return ()
    letters, language = foreign_letters(text), foreign_language(text)
    found = []
    if len(letters) > FEW or any(unicodedata.name(letter, "").startswith(WHOLE_WORDS) for letter in letters):
        found.append(Notice.of("text_letters_unread", count=len(letters), letters=letters[:SHOWN]))
    if language is not None:
        found.append(Notice.of("text_language_unread", language=LANGUAGE_NAMES[language]))
    return tuple(found)


def unread_texts(checkpoint: Checkpoint, texts: Iterable[str]) -> tuple[Notice, ...]:
    """The notices for queries, labels or captions as they are read, each once."""
    found = (notice for text in texts for notice in unread(checkpoint, read_as(checkpoint, text)))
    return tuple(dict.fromkeys(found))


def readable(checkpoint: Checkpoint, text: str) -> tuple[str, tuple[Notice, ...]]:
    """What a checkpoint reads of a text: without clauses in other languages where English ones are left."""
    if not _english_only(checkpoint):
        return text, ()
    rest, language = readable_part(text)
    if rest == text or language is None:
        return text, ()
    words = len(text.split()) - len(rest.split())
    return rest, (Notice.of("text_part_unread", count=words, language=LANGUAGE_NAMES[language]),)


def no_evidence(checkpoint: Checkpoint, text: str | None, *, alone: bool = False) -> Notice | None:
    """Why a cleaned text says nothing to a checkpoint. None where it does, and where there is no text.

    No words in it, or none that the checkpoint reads; for a text that stands ``alone``, without a picture, also no word
    that rates anything and next to none that means something ("table", "asdfgh").
    """
    if text is None:
        return None
    if not has_words(text):
        return Notice.of("no_words")
    if not _english_only(checkpoint):
        return None
    if foreign_language(text) is not None:
        return Notice.of("no_words_read")
    rated = polarity(text)
    silent = not (rated.negative or rated.positive or is_felt(text))
    if alone and silent and not foreign_letters(text) and len(telling_words(text)) < LEAST_TOLD:
        return Notice.of("no_feeling")
    return None


def balanced(checkpoint: Checkpoint, text: str | None) -> tuple[Notice, ...]:
    """A notice where the rated words of an English text speak for both sides about equally ("I love it, I hate it")."""
    if not text or not _english_only(checkpoint):
        return ()
    rated = polarity(text)
    weaker, stronger = sorted((rated.negative, rated.positive))
    return (Notice.of("both_sides"),) if weaker and weaker >= BALANCED * stronger else ()


def _english_only(checkpoint: Checkpoint) -> bool:
    return tuple(checkpoint.languages) == ("en",)
