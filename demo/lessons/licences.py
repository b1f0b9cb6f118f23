"""What the licences of the pictures and models here ask for, in short; the licences decide, not this table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What a licence asks of somebody who shows or passes on the work."""

    name: bool = False
    """Author and licence must be named."""
    changes: bool = False
    """Changes must be indicated."""
    alike: bool = False
    """A changed work must be passed on under the same licence."""
    notice: bool = False
    """The licence's text must go along with copies."""
    sold: bool = True
    """May be used to earn money."""


TERMS: Mapping[str, Terms] = {
    "Public domain": Terms(),
    "CC0": Terms(),
    "MIT": Terms(notice=True),
    "CC BY": Terms(name=True, changes=True),
    "CC BY-SA": Terms(name=True, changes=True, alike=True),
    "research and teaching use": Terms(notice=True, sold=False),
}


def family(licence: str) -> str:
    """Key in TERMS: "CC BY-SA 4.0" -> "CC BY-SA". Raises KeyError for one that is not there."""
    if "research and teaching use" in licence:
        return "research and teaching use"
    name = re.sub(r" [\d.]+$", "", licence)
    if name not in TERMS:
        raise KeyError(licence)
    return name


def duties(licences: Iterable[str], changed: bool, sold: bool) -> frozenset[str]:
    """What a work made of such parts must do: "name", "changes", "alike", "notice"; "not_sold" where it may not be."""
    found = set()
    for terms in (TERMS[family(one)] for one in licences):
        found |= {"name"} if terms.name else set()
        found |= {"notice"} if terms.notice else set()
        found |= {"changes"} if terms.changes and changed else set()
        found |= {"alike"} if terms.alike and changed else set()
        found |= {"not_sold"} if sold and not terms.sold else set()
    return frozenset(found)
