"""Requests for one model that wait for each other are answered side by side, as one batch.

Dynamic batching as model servers do it, without a thread or a delay of its own: a request that finds the model free
runs at once; those that come meanwhile gather, and whoever is next in turn takes the alike ones along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmcore import cancelling
from mmcore.hardware import is_out_of_memory

MOST = {"cpu": 8}
"""Items of a batch at most, by kind of device: larger ones gain nothing on a processor, and keep everybody waiting."""
MOST_ELSEWHERE = 32


@dataclass(eq=False)
class Request:
    """What one caller wants of a model. Guarded by the model's turn: who has it may change requests that wait."""

    items: Sequence[Any]
    unwanted: Callable[[], bool]
    """Whether its caller has left."""
    answers: list[Any] | None = None
    """One an item, in order, once another request took it along."""
    alone: bool = False
    """Whether a batch with it failed: it runs by itself, so that an error reaches the one whose input it is of."""
    short_of_memory: bool = False
    """Whether it failed for want of memory."""


class Gathering:
    """The requests that wait for a model, by what makes them alike."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[Request]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waits(self, key: Hashable, request: Request) -> Iterator[None]:
        """Inside the block, requests with that key may take this one along."""
        with self._lock:
            self._waiting.setdefault(key, []).append(request)
        try:
            yield
        finally:
            with self._lock:
                self._waiting[key].remove(request)
                if not self._waiting[key]:
                    del self._waiting[key]

    def batch(self, key: Hashable, first: Request, most: int) -> list[Request]:
        """``first`` and those that came before or after it and still want an answer, ``most`` items together."""
        with self._lock:
            others = [one for one in self._waiting[key] if one is not first]
        found, room = [first], most - len(first.items)
        for one in others:
            if one.answers is None and not one.alone and len(one.items) <= room and not one.unwanted():
                found.append(one)
                room -= len(one.items)
        return found


def answer(batch: Sequence[Request], work: Callable[[Sequence[Any]], list[Any]]) -> None:
    """Give every request of a batch its answers, or let each run alone where ``work`` fails or memory runs out.

    Work that asks whether it is wanted goes on as long as anybody waits. An error of a single request is raised.
    """
    try:
        if len(batch) == 1:
            batch[0].answers = work(batch[0].items)
            return
        with cancelling.asking(lambda: all(one.unwanted() for one in batch)):
            found = iter(work([item for one in batch for item in one.items]))
        for one in batch:
            one.answers = [next(found) for _ in one.items]
    except Exception as error:
        short = is_out_of_memory(error)
        if len(batch) == 1 and not short:
            raise
        for one in batch:
            one.answers, one.alone, one.short_of_memory = None, True, short
