"""A setting of the Lab as the query of an address, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from mmcore.errors import MMCoreError, UnknownNameError
from mmcore.results import FUSIONS, TrainingOptions

from .service import data_names, options_of

TAB = "lab"

FIELDS = ("optimiser", "learning_rate", "batch_size", "epochs", "dropout", "modality_dropout", "patience", "seed")
"""The options of a link, beside data and fusions."""
TEXTS = ("optimiser",)
LONGEST = 2000
"""Characters of a query that is looked at."""


@dataclass(frozen=True)
class Setting:
    """What the form holds."""

    data: str
    fusions: tuple[str, ...]
    form: Mapping[str, Any]
    """Values of FIELDS by name."""


def start() -> Setting:
    """What a newcomer finds: two fusions of which one can and one cannot learn what only both modalities tell."""
    defaults = TrainingOptions()
    return Setting("pairs", ("late", "cross_attention"), {name: getattr(defaults, name) for name in FIELDS})


def query_of(setting: Setting) -> str:
    """ "tab=lab&data=pairs&fusions=late,concat&...": every value is in it, so that new defaults change no old link."""
    values = {"tab": TAB, "data": setting.data, "fusions": ",".join(setting.fusions)}
    values |= {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in setting.form.items()}
    return urlencode(values, safe=",")


def setting_of(query: str) -> tuple[Setting | None, MMCoreError | None]:
    """The setting of a query, with defaults for what it does not say; None where it is not for the Lab.

    A part that cannot be used is left at its default, and the first such error comes back beside the setting.
    """
    given = {name: values[0] for name, values in parse_qs(query.lstrip("?")[:LONGEST]).items()}
    if given.get("tab") != TAB:
        return None, None
    found = start()
    problems: list[MMCoreError] = []
    data = given.get("data", found.data)
    if data not in data_names():
        problems.append(UnknownNameError("set", data, data_names()))
        data = found.data
    asked = tuple(dict.fromkeys(given["fusions"].split(","))) if given.get("fusions") else found.fusions
    fusions = tuple(name for name in asked if name in FUSIONS)
    if fusions != asked:
        problems.append(UnknownNameError("fusion", next(name for name in asked if name not in FUSIONS), FUSIONS))
    form = dict(found.form)
    for name in FIELDS:
        if name not in given:
            continue
        trial = {**form, name: given[name] if name in TEXTS else _number(given[name])}
        try:
            options_of(FUSIONS[0], trial)
        except MMCoreError as error:
            problems.append(error)
        else:
            form = trial
    return Setting(data, fusions or found.fusions, form), problems[0] if problems else None


def _number(written: str) -> Any:
    """A whole number, a number, or what was written, of which the options say what is wrong."""
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written
