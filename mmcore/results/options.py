"""Options know what they may be: checked when they are made, and read by name from what a form or a program gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Any, TypeVar

from mmcore.errors import InputError

OptionsT = TypeVar("OptionsT")

MAX_SEED = 2**63 - 1
"""Seeds are from -MAX_SEED to it: torch takes 64 bits."""


def ranged(default: Any, low: float, high: float) -> Any:
    """An option (of a dataclass) with its default and its smallest and largest value."""
    return field(default=default, metadata={"limits": (low, high)})


def one_of(default: Any, offered: Sequence[str]) -> Any:
    """An option with its default and all values that it may have."""
    return field(default=default, metadata={"offered": tuple(offered)})


def limits(options: type, name: str) -> tuple[float, float]:
    """Smallest and largest value of an option that is ``ranged``."""
    low, high = _metadata(options, name)["limits"]
    return low, high


def offered(options: type, name: str) -> tuple[str, ...]:
    """The values of an option that is ``one_of``."""
    return tuple(_metadata(options, name)["offered"])


def _metadata(options: type, name: str) -> Mapping[str, Any]:
    return options.__dataclass_fields__[name].metadata  # type: ignore[attr-defined,no-any-return]


def check(options: Any) -> None:
    """Raise InputError for an option that is none of those offered, not whole, not yes or no, or out of range; nan is.

    An option is whole where its default is, and yes or no; None, where that is the default, is not looked at.
    """
    known = [(one, getattr(options, one.name)) for one in fields(options)]
    known = [(one, value) for one, value in known if not (value is None and one.default is None)]
    for one, value in known:
        if value not in (values := one.metadata.get("offered", (value,))):
            raise InputError("option_unknown", name=one.name, value=value, offered=", ".join(values))
    for one, value in known:
        if type(one.default) is bool and not isinstance(value, bool):
            raise InputError("option_not_offered", model="mmcore", name=one.name, value=value, offered="true, false")
        if type(one.default) is int and type(value) is not int:  # True is an int
            raise InputError("option_not_whole", name=one.name, value=value)
    for one, value in known:
        if "limits" in one.metadata:
            low, high = one.metadata["limits"]
            if not low <= value <= high:
                raise InputError("option_out_of_range", name=one.name, value=value, low=low, high=high)


def from_form(options: type[OptionsT], form: Mapping[str, Any]) -> OptionsT:
    """Options from raw values by name, which may be anything that JSON can hold: 3.0 is 3, as JSON has one number.

    Raises InputError for a value of the wrong kind or out of range.
    """
    values = {}
    for name, value in form.items():
        default = getattr(options, name, None)
        if type(default) is float:
            value = number(name, value, *limits(options, name))
        elif type(default) is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        values[name] = value
    return options(**values)


def number(name: str, value: Any, low: float, high: float) -> float:
    """The value as a float between ``low`` and ``high``. Raises InputError, with the range, for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError("option_out_of_range", name=name, value=value, low=low, high=high)
    return float(value)
