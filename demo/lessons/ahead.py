"""While a visitor reads a step, the next one is worked out, so that its models are loaded when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from mmcore.pool import ModelPool
from mmcore.settings import Settings

from ..ui import events
from .catalogue import LESSONS
from .plan import Setup

_known: WeakKeyDictionary[ModelPool, set[tuple[int, int]]] = WeakKeyDictionary()
"""Steps that were looked at or are being worked out: each once for a server."""
_begun: WeakKeyDictionary[ModelPool, dict[tuple[int, int], threading.Event]] = WeakKeyDictionary()
"""Steps that are being worked out right now; set when that is over."""
_choosing, _working = threading.Lock(), threading.Lock()


def following(lesson: int, step: int) -> tuple[int, int] | None:
    """The step after that one, in the next lesson after the last; None at the end of the course."""
    order = list(all_steps())
    place = order.index((lesson, step)) + 1
    return order[place] if place < len(order) else None


def all_steps() -> Iterator[tuple[int, int]]:
    """Lesson and step of every step, in the order of the course."""
    return ((lesson.number, step) for lesson in LESSONS for step in range(1, len(lesson.steps) + 1))


def after(pool: ModelPool, settings: Settings, lesson: int, step: int) -> threading.Thread | None:
    """A visitor looks at that step: work the next one out in the background, unless somebody has asked for it."""
    there = following(lesson, step)
    with _choosing:
        known = _known.setdefault(pool, set())
        known.add((lesson, step))
        if there is None or there in known:
            return None
    return prepare(pool, settings, [there])


def wait(pool: ModelPool, lesson: int, step: int) -> None:
    """Until nobody is working that step out ahead: what is nearly there need not be begun once more."""
    if over := _begun.get(pool, {}).get((lesson, step)):
        over.wait()


def prepare(pool: ModelPool, settings: Settings, steps: list[tuple[int, int]]) -> threading.Thread | None:
    """Work these steps out in the background, one after the other; None where nothing is left to do.

    On a Space whose GPU is lent to a request at a time nothing is done outside of requests.
    """
    with _choosing:
        known = _known.setdefault(pool, set())
        wanted = [one for one in steps if one not in known]
        known.update(wanted)
    if not wanted or settings.zero_gpu:
        return None

    def work() -> None:
        for number, step in wanted:
            lesson = next(one for one in LESSONS if one.number == number)
            with _working:  # one at a time: the machine has visitors
                over = _begun.setdefault(pool, {})[number, step] = threading.Event()
                try:
                    events.attempt(lesson.steps[step - 1].view, Setup(pool, settings, "en", "", False))
                finally:
                    over.set()

    thread = threading.Thread(target=work, daemon=True, name="lesson-ahead")
    thread.start()
    return thread
