"""Terms of the field, explained where they stand: on hover, and for the keyboard.

An entry of ``locales/<language>/lessons/glossary.json`` is "forms of the term, with | between them: explanation".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from types import MappingProxyType

from ..ui.i18n import texts

PREFIX = "glossary."


@cache
def entries(language: str) -> Mapping[str, tuple[tuple[str, ...], str]]:
    """Name of a term -> (its forms, its explanation)."""
    found = {}
    for key, value in texts(language).items():
        if key.startswith(PREFIX):
            forms, _, said = value.partition(": ")
            found[key.removeprefix(PREFIX)] = (tuple(forms.split("|")), said)
    return MappingProxyType(found)


@cache
def _pattern(language: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """What finds every form, longest first, and the names of the terms by their forms.

    A form with a capital after its first letter is written so and not otherwise: mAP is a measure, a map is none.
    Other forms may stand at the beginning of a sentence, and are in small letters.
    """
    names = {
        form if _fixed(form) else form.lower(): name for name, (forms, _) in entries(language).items() for form in forms
    }
    either = "|".join(
        re.escape(escape(form)) if _fixed(form) else f"(?i:{re.escape(escape(form))})"
        for form in sorted(names, key=len, reverse=True)
    )
    # Letters of Latin script that touch a form make it another word ("recall@k" is one, too); Chinese has no spaces.
    edge = r"[A-Za-z0-9@&#-]"
    return re.compile(f"(?<!{edge})(?:{either})(?!{edge})"), MappingProxyType(names)


def _fixed(form: str) -> bool:
    return form[1:] != form[1:].lower()


class Marker:
    """Marks the first place of each term in the texts of one step, given one after the other."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._seen: set[str] = set()

    def mark(self, html: str) -> str:
        """``html``, an escaped text without tags, with terms as buttons whose explanation shows on hover and focus."""
        pattern, names = _pattern(self._language)

        def explained(found: re.Match[str]) -> str:
            name = names.get(found[0]) or names[found[0].lower()]
            if name in self._seen:
                return found[0]
            self._seen.add(name)
            said = escape(entries(self._language)[name][1], quote=True)
            return (
                f'<span class="mm-term"><button type="button" aria-describedby="mm-term-{name}">{found[0]}</button>'
                f'<span role="tooltip" id="mm-term-{name}">{said}</span></span>'
            )

        return pattern.sub(explained, html)
