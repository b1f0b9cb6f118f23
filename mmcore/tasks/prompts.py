"""Labels in sentences: a dual encoder was trained on sentences, so "a photo of a cat" serves it better than "cat".

The vectors of a label in several sentences are averaged (prompt ensembling; Radford et al., 2021, section 3.1.4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ARTICLE = re.compile(r"\b(a|an|the) \{\}", re.IGNORECASE)
BEGINS_WITH_ARTICLE = re.compile(
    r"(a|an|the|some|two|three|many|no|my|his|her|their|our|your|this|that|these|those)\s", re.I
)
CHINESE = re.compile(r"[\u3400-\u9fff]")


def fill(template: str, label: str) -> str:
    """The label in the place of ``{}``: never "a a cat", and "an owl" where the template says "a {}"."""
    article = ARTICLE.search(template)
    if article is not None:
        word = article[1]
        if BEGINS_WITH_ARTICLE.match(label):
            word = ""
        elif word.lower() in ("a", "an"):
            word = word[0] + ("n" if label[:1].lower() in "aeiou" else "")
        template = template[: article.start()] + f"{word} {{}}".lstrip() + template[article.end() :]
    return template.replace("{}", label)


def sentences(label: str, templates: Sequence[str]) -> list[str]:
    """The label in every template of its own writing (Chinese or not), or in all where there is none of that."""
    chinese = bool(CHINESE.search(label))
    fitting = [template for template in templates if bool(CHINESE.search(template)) == chinese]
    plain = [template for template in templates if template == "{}"]
    chosen = list(dict.fromkeys([*fitting, *plain])) or list(templates)
    return list(dict.fromkeys(fill(template, label) for template in chosen))
