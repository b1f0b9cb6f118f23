"""Requests that go no further than the guard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Refusal(Exception):
    """A request that goes no further."""

    status: int
    key: str
    """Of ``text.refused.*`` in the page's words."""
    values: tuple[tuple[str, object], ...] = ()
    retry: int | None = None
    """Seconds after which it may be tried again."""
