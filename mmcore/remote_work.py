"""Work on a model that is loaded in another process: how it travels there, and its answers back.

What a task wants of a model is a function and its items (``ModelPool.run``). They are packed by value with cloudpickle,
functions inside functions too, and carried to a process with a pool of its own, on a machine with the same version of
mmcore and Python; a pool that they hold becomes the pool there. Unpacking runs what was packed: parcels come from one's
own processes only, over a network that nobody else can reach.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

from mmcore.checkpoints.registry import Checkpoint
from mmcore.families import base

_pool: ContextVar[Any] = ContextVar("pool")


class Workers(Protocol):
    """Processes with models in them; ``ModelPool`` asks them before it loads a model itself."""

    def takes(self, checkpoint: Checkpoint) -> bool:
        """Whether they answer for this model."""
        ...

    def run(self, checkpoint: Checkpoint, parcel: bytes) -> bytes:
        """What ``worked_off`` made of the parcel there. Raises CapacityError, and Cancelled where nobody waits."""
        ...


@dataclass(frozen=True)
class Parcel:
    """What ``ModelPool.run`` was given."""

    name: str
    work: Callable[[Any, Sequence[Any]], list[Any]]
    items: Sequence[Any]
    alike: Hashable | None


def pack(parcel: Parcel) -> bytes:
    """The parcel as bytes."""
    import cloudpickle

    packed: bytes = cloudpickle.dumps(parcel)
    return packed


def worked_off(content: bytes, pool: Any) -> bytes:
    """Unpack a parcel, do its work on the models of ``pool``, and pack the answers, or the error that came instead."""
    with pool_here(pool):
        parcel: Parcel = pickle.loads(content)
        try:
            outcome: Any = pool.run_here(parcel.name, parcel.work, parcel.items, alike=parcel.alike)
        except Exception as error:
            outcome = error
        try:
            return pickle.dumps(outcome)
        except Exception:  # an error of a library that holds what cannot travel
            return pickle.dumps(RuntimeError(f"{type(outcome).__name__}: {outcome}"))


def opened(content: bytes) -> list[Any]:
    """The answers of ``worked_off``; raises the error that came instead."""
    outcome: list[Any] | Exception = pickle.loads(content)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@contextmanager
def pool_here(pool: Any) -> Iterator[None]:
    """Inside the block, a pool that was packed is unpacked as this one."""
    token = _pool.set(pool)
    try:
        yield
    finally:
        _pool.reset(token)


def the_pool() -> Any:
    """The pool of the process that unpacks, in the place of the one that was packed."""
    return _pool.get()


PROTOCOLS = (
    *(base.Model, base.Captioner, base.TextReader, base.SoundTagger, base.Transcriber, base.Retriever),
    *(base.CellEncoder, base.SentimentJudge, base.Answerer),
)
FACTS = sorted({name for protocol in PROTOCOLS for name in protocol.__annotations__})
"""What a family's model says of itself in plain values (``mmcore/families/base.py``)."""


def facts(model: Any, items: Sequence[None]) -> list[SimpleNamespace]:
    """The plain values of a model, for those who look at it from afar; one for each item."""
    return [SimpleNamespace(**{name: getattr(model, name) for name in FACTS if hasattr(model, name)})] * len(items)
