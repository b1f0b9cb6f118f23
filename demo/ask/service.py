"""What the Ask tab asks of the core: the next question of a conversation, answered while it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from mmcore.errors import InputError
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import MAX_TURNS, AskOptions, AskResult, Turn
from mmcore.results.options import from_form
from mmcore.tasks.ask import ask, full_size
from mmcore.types import IsCancelled, Progress

from ..ui import uploads
from ..ui.events import Failure, Step, Stop, failure, in_background
from .view import Exchange, exchange_of

TASK = "ask"

SUGGESTED = ("what", "presence", "choice", "colour", "where", "read", "count")
"""Keys of the example questions, ``text.ask.example.<key>`` in each language."""


@dataclass(frozen=True)
class Writing:
    """An answer that is being written."""

    question: str
    text: str


def options_of(form: Mapping[str, Any], *, explain: bool = False) -> AskOptions:
    """Options from raw form values by name. Raises InputError for a value out of range or of the wrong kind."""
    seed = form.get("seed")  # the field may be empty
    return from_form(AskOptions, {**form, "seed": 0 if seed is None else seed, "explain": explain})


def answer(
    pool: ModelPool,
    payloads: Sequence[Mapping[str, Any] | None],
    question: str,
    earlier: Sequence[Exchange],
    model: str,
    form: Mapping[str, Any],
    button: Stop,
) -> Iterator[Writing | Exchange | Failure]:
    """The answer as far as it is written, and at the end the whole exchange, or what went wrong.

    Only questions that were answered count as the conversation so far. What was written when Stop was pressed is lost:
    it would be half an answer.
    """
    said = [""]

    def work(progress: Progress, cancelled: IsCancelled) -> Exchange:
        options = options_of(form, explain=True)
        images = _pictures(pool, payloads)

        def heard(text: str) -> None:
            said[0] = text
            progress(len(text), 0)

        turns = [Turn(one.result.question, one.result.answer) for one in earlier]
        return exchange_of(ask(pool, images, question, options, turns, model, heard), images)

    try:
        for item in in_background(work, button):
            yield Writing(question, said[0]) if isinstance(item, Step) else item
    except Exception as error:
        yield failure(error)


def answer_for_api(
    pool: ModelPool,
    payloads: Sequence[Mapping[str, Any] | None],
    question: str,
    history: Any,
    model: str,
    **form: Any,
) -> AskResult:
    """The same for programs: no maps, and errors are raised."""
    options = options_of(form)
    turns = _turns(history)
    return ask(pool, _pictures(pool, payloads), question if isinstance(question, str) else "", options, turns, model)


def _turns(history: Any) -> list[Turn]:
    """Turns of a list of [question, answer]. Raises InputError for anything else."""
    listed = history or []
    if not isinstance(listed, list):
        raise InputError("ask_turn_unreadable")
    if len(listed) > MAX_TURNS:
        raise InputError("ask_turns", count=len(listed), limit=MAX_TURNS)
    for one in listed:
        if not (isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one)):
            raise InputError("ask_turn_unreadable")
    return [Turn(question, said) for question, said in listed]


def _pictures(pool: ModelPool, payloads: Sequence[Mapping[str, Any] | None]) -> list[Image.Image]:
    """The pictures that were given, large enough to read text in. Raises InputError where there is none."""
    given = [payload for payload in payloads if payload]
    if not given:
        raise InputError("nothing_given")
    return [decode_image(uploads.path_of(payload), full_size(pool.settings)) for payload in given]
