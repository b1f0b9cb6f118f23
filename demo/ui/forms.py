"""Values of forms and of programs, which may be anything that JSON can hold."""

from __future__ import annotations

from typing import Any

from mmcore.errors import InputError


def whole(value: Any) -> Any:
    """3.0 -> 3, since JSON does not tell them apart; the options say what is wrong with anything else."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def real(name: str, value: Any, low: float, high: float) -> float:
    """The value as a float. Raises InputError, with the range, for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("option_out_of_range", name=name, value=value, low=low, high=high)
    return float(value)


def within(name: str, value: Any, low: float, high: float) -> float:
    """The value as a float between ``low`` and ``high``. Raises InputError, with the range, for anything else."""
    number = real(name, value, low, high)
    if not low <= number <= high:
        raise InputError("option_out_of_range", name=name, value=value, low=low, high=high)
    return number
