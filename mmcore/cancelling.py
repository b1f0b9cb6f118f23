"""Work that nobody waits for any more ends at its next batch, however deep it is.

Whoever starts work says how to ask whether it is still wanted; the pool asks before it lends a model. It travels with
the context, so that nothing between the two has to hand it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mmcore.errors import Cancelled, MMCoreError

_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


@contextmanager
def asking(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Inside the block, ``check`` asks ``unwanted()``."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def current() -> Callable[[], bool]:
    """How to ask whether the work of this context is unwanted by now, from another thread too.

    One whose time is up (its asking raises) is unwanted to the others.
    """
    asked = _unwanted.get()

    def gone() -> bool:
        try:
            return asked is not None and asked()
        except MMCoreError:
            return True

    return gone


def check() -> None:
    """Raise Cancelled where nobody waits any more."""
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise Cancelled("cancelled", done=0, total=1)
