"""Between a gradio event and our code: errors in the visitor's language, and long work that reports and stops."""

from __future__ import annotations

import functools
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mmcore.errors import MESSAGES, Cancelled, MMCoreError
from mmcore.types import IsCancelled, Progress

from . import i18n, slots

if TYPE_CHECKING:
    import gradio as gr

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


MODELS = "models"
"""``concurrency_id`` of every event that runs a model."""


@dataclass(frozen=True)
class Failure:
    """What is shown in place of an answer: an error that is meant for the visitor, or the reference of another one."""

    error: MMCoreError | None
    reference: str = ""
    key: str = "text.internal"
    """Of the sentence where there is no error to tell of."""

    @property
    def stopped(self) -> bool:
        """Whether nothing went wrong: the visitor pressed Stop."""
        return isinstance(self.error, Cancelled)

    def message(self, language: str) -> str:
        """The sentence to show, in that language."""
        if self.error is None:
            return i18n.text(language, self.key, reference=self.reference)
        return i18n.error_text(language, self.error)


class _Page:
    """What holds for the whole process."""

    strangers = False


_page = _Page()


def meet_strangers(public: bool) -> None:
    """Say whether strangers use the page."""
    _page.strangers = public


HOUSE = ("{folder}", "{path}", "{variable}", "`")
"""In a sentence's pattern: it names the server's paths, settings or commands."""


def only_for_the_house(error: MMCoreError) -> bool:
    """Whether a sentence says what strangers have no use for and should not know."""
    return any(part in MESSAGES[error.key] for part in HOUSE)


def failure(error: Exception) -> Failure:
    """Turn an exception into what the visitor may see; one that is not ours is logged in full under a reference.

    On a public page so is one of ours that names paths, settings or commands of the server.
    """
    if isinstance(error, MMCoreError):
        if not (_page.strangers and only_for_the_house(error)):
            return Failure(error)
        reference = secrets.token_hex(4)
        logger.error("reference %s: %s", reference, error)
        return Failure(None, reference, "text.not_here")
    reference = secrets.token_hex(4)
    logger.error("unexpected error, reference %s", reference, exc_info=error)
    return Failure(None, reference)


def attempt(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | Failure:
    """The result of the call, or its Failure: for panels that show an error where the answer would be."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return failure(error)


def reported(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap an event handler whose last input is the language: errors become a message at the edge of the page."""

    @functools.wraps(function)
    def handler(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise shown(failure(error), str(args[-1])) from None

    return handler


@contextmanager
def told(request: gr.Request | None) -> Iterator[None]:
    """Errors inside the block, an endpoint's for programs, become a message in the language of the request."""
    try:
        yield
    except Exception as error:
        language = i18n.accepted_language(request.headers.get("accept-language") if request else None)
        raise shown(failure(error), language) from None


def shown(problem: Failure, language: str) -> Exception:
    """The gradio error for a failure; its text is all that reaches the visitor."""
    import gradio as gr

    title = i18n.text(language, "text.error_title")
    return gr.Error(problem.message(language), title=title, duration=12, print_exception=False)


@dataclass(frozen=True)
class Step:
    """Long work has come this far."""

    done: int
    total: int


class Stop:
    """The Stop button of one panel, for one visitor. Lives in a ``gr.State``: every session has its own.

    gradio could cancel the running event instead (``cancels=``), but not reliably: a progress message that is on its
    way comes after what the button showed, and a click that comes before the cancelling is over may be lost. Here the
    work itself says the last word, so everything arrives in order.
    """

    def __init__(self) -> None:
        self._running: list[Callable[[], None]] = []

    def __deepcopy__(self, memo: object) -> Stop:
        return Stop()

    def press(self) -> None:
        """Stop what is running; without anything running nothing happens."""
        for end in list(self._running):
            end()

    @contextmanager
    def stops(self, end: Callable[[], None]) -> Iterator[None]:
        """Inside the block, ``press`` calls ``end``."""
        self._running.append(end)
        try:
            yield
        finally:
            self._running.remove(end)


def show_only_what_is_seen(demo: gr.Blocks) -> None:
    """Let events with ``show_progress="hidden"`` send no progress to any part of the page.

    gradio's page keeps the progress of every part that any event has filled so far, hidden or not, and whenever the
    progress of one event changes it gives each of these parts its own anew; each time it looks for the part in the
    whole tree. A switch of the language took seconds so. No part at all is not the same as None, which is all outputs.
    """
    for event in demo.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = []


def in_background(
    work: Callable[[Progress, IsCancelled], T], button: Stop | None = None, *, models: bool = True
) -> Iterator[Step | T]:
    """Run ``work(progress, cancelled)`` in a thread; yield a Step whenever it reports, and its result at the end.

    Pressing ``button`` makes ``cancelled()`` true and raises Cancelled here at once, without waiting for the work to
    notice. Closing the iterator, which is what gradio does when a visitor leaves, makes it true as well. Errors of the
    work are raised here, unless it was stopped before. Work on ``models`` waits for their slot, and holds it until it
    ends.
    """
    gone = slots.unwanted()
    messages: queue.Queue[Step | tuple[T] | Exception] = queue.Queue()
    stop = threading.Event()
    last = Step(0, 0)

    def end() -> None:
        stop.set()
        messages.put(Cancelled("cancelled", done=last.done, total=last.total))

    def run() -> None:
        def left() -> bool:
            return stop.is_set() or gone()

        try:
            with slots.slot(left) if models else nullcontext():
                messages.put((work(lambda done, total: messages.put(Step(done, total)), left),))
        except Exception as error:
            if not (stop.is_set() and isinstance(error, Cancelled)):
                messages.put(error)

    try:
        with (button or Stop()).stops(end):
            threading.Thread(target=copy_context().run, args=(run,), daemon=True, name="demo-work").start()
            while True:
                message = messages.get()
                # A download reports many times a second; only its latest step is worth a message to the page.
                while isinstance(message, Step) and not messages.empty():
                    message = messages.get()
                if isinstance(message, Step):
                    last = message
                    yield message
                elif isinstance(message, tuple):
                    yield message[0]
                    return
                else:
                    raise message
    finally:
        stop.set()
