"""So many requests work with models at a time, and what works holds its slot itself.

gradio frees a slot when its event is cancelled, while the thread goes on; ten cancelled requests would then run side
by side. Here the thread holds the slot until it ends, and it ends soon: before each batch it asks whether somebody
still waits for it. A model runs one batch at a time; requests that hold slots gather in front of it (mmcore.pool).
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from mmcore import cancelling
from mmcore.errors import CapacityError
from mmcore.hardware import has_accelerator
from mmcore.settings import Settings

if TYPE_CHECKING:
    import gradio as gr

Unwanted = Callable[[], bool]

SECONDS = 600.0
"""Work that takes longer is ended."""
LOOKED = 0.05
"""Seconds between two looks of one that waits whether it is still wanted."""

PROCESSOR, ACCELERATOR = 4, 16
"""Slots: on a processor enough that a visitor's forty files do not keep everybody else waiting, and that what is alike
becomes a batch; a GPU takes larger batches."""


class _Slots:
    """Those of the process."""

    def __init__(self, count: int) -> None:
        self.count, self.free = count, threading.Semaphore(count)


_slots = _Slots(1)
_held: ContextVar[bool] = ContextVar("held", default=False)


def unwanted() -> Unwanted:
    """How to ask whether the visitor of the event under way has left or pressed Cancel. Never, outside an event."""
    context = sys.modules.get("gradio.context")
    if context is None:
        return lambda: False
    LocalContext = context.LocalContext
    blocks, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or number is None:
        return lambda: False
    known = blocks._queue.event_ids_to_events
    if number not in known:  # not out of the queue
        return lambda: False

    def gone() -> bool:
        event = known.get(number)
        return event is None or not event.alive

    return gone


@contextmanager
def slot(gone: Unwanted) -> Iterator[None]:
    """One of the models' slots, until the block ends. Raises Cancelled where nobody waits any more.

    Work inside the block that asks for the slot again has it. Work that takes longer than SECONDS meets a
    CapacityError at its next batch.
    """
    if _held.get():
        yield
        return
    slots = _slots
    while not slots.free.acquire(timeout=LOOKED):
        with cancelling.asking(gone):
            cancelling.check()
    began, token = time.monotonic(), _held.set(True)

    def over() -> bool:
        if time.monotonic() - began > SECONDS:
            raise CapacityError("time_up", limit=SECONDS / 60)
        return gone()

    try:
        with cancelling.asking(over):
            cancelling.check()
            yield
    finally:
        _held.reset(token)
        slots.free.release()


def offer(settings: Settings) -> None:
    """As many slots as the machine can use; asked before the page is built, without torch."""
    global _slots
    accelerated = settings.device not in ("auto", "cpu") or (settings.device == "auto" and has_accelerator())
    _slots = _Slots(ACCELERATOR if accelerated else PROCESSOR)


def at_once() -> int:
    """Slots that there are: gradio's ``concurrency_limit`` of what runs a model."""
    return _slots.count


def hold(demo: gr.Blocks, name: str) -> None:
    """Let every plain handler with that ``concurrency_id`` hold the slot; generators do by ``in_background``."""
    for event in demo.fns.values():
        if event.concurrency_id == name and event.fn is not None and not inspect.isgeneratorfunction(event.fn):
            event.fn = _holding(event.fn)


def _holding(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def handler(*args: Any, **kwargs: Any) -> Any:
        with slot(unwanted()):
            return function(*args, **kwargs)

    return handler
