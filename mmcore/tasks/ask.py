"""Asking about a picture: a question in, an answer out, with the questions before it; about one picture or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

from PIL import Image

from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError
from mmcore.families.base import Answerer
from mmcore.io.images import clean_text
from mmcore.pool import ModelPool
from mmcore.results import (
    MAX_PICTURES,
    MAX_TURNS,
    AskOptions,
    AskResult,
    Turn,
    notices_of,
    said_together,
)
from mmcore.tasks.composed_answers import EYES, RETRIEVER, compose
from mmcore.tasks.ocr import full_size as full_size

TASK = "ask"

Heard = Callable[[str], None]
"""Called with the answer so far."""


def ask(
    pool: ModelPool,
    images: Sequence[Image.Image],
    question: str,
    options: AskOptions | None = None,
    earlier: Sequence[Turn] = (),
    model: str | None = None,
    heard: Heard | None = None,
) -> AskResult:
    """Answer a question about one RGB picture or two (see ``mmcore.decode_image``).

    ``earlier`` is the conversation so far, the oldest turn first. ``model`` is a checkpoint's name; None takes the one
    of the settings' tier: in the compact tier an answer is composed (``composed_answers.py``), in the others a language
    model writes it, and ``heard`` is called with the text so far. ``seconds`` leaves out the loading of the models.
    Raises InputError (no picture, more than two, no question, too long, too many turns), UnknownNameError,
    WeightsError, CapacityError, and Cancelled where nobody waits any more.
    """
    options = options or AskOptions()
    if not images:
        raise InputError("nothing_given")
    if len(images) > MAX_PICTURES:
        raise InputError("ask_pictures", count=len(images), limit=MAX_PICTURES)
    if len(earlier) > MAX_TURNS:
        raise InputError("ask_turns", count=len(earlier), limit=MAX_TURNS)
    text = clean_text(question, pool.settings)
    if not text:
        raise InputError("question_missing")
    before = [
        Turn(clean_text(turn.question, pool.settings), clean_text(turn.answer, pool.settings)) for turn in earlier
    ]
    checkpoint = pool.choose(TASK, model)
    if checkpoint.name == EYES:
        return _composed(pool, images, text, before, options, heard)
    return _written(pool, checkpoint, images, text, before, options, heard)


def _composed(
    pool: ModelPool,
    images: Sequence[Image.Image],
    question: str,
    earlier: Sequence[Turn],
    options: AskOptions,
    heard: Heard | None,
) -> AskResult:
    for name in (EYES, RETRIEVER):
        pool.get(name)
    start = perf_counter()
    asked, parts, assumed = compose(pool, images, question, [turn.question for turn in earlier], options.explain)
    answer = said_together(parts, asked.language)
    if heard is not None:
        heard(answer)
    seconds = perf_counter() - start
    notices = (*notices_of(*images), *assumed)
    return AskResult(question, answer, asked.kind, EYES, pool.device, seconds, parts, notices=notices)


def _written(
    pool: ModelPool,
    checkpoint: Checkpoint,
    images: Sequence[Image.Image],
    question: str,
    earlier: Sequence[Turn],
    options: AskOptions,
    heard: Heard | None,
) -> AskResult:
    here = pool.is_here(checkpoint.name)
    tell = heard if here and heard is not None else _nobody  # what is said as it is written reaches no other process

    def work(model: Answerer, together: Sequence[Sequence[Image.Image]]) -> list[AskResult]:
        results = []
        for pictures in together:
            start = perf_counter()
            answer, complete = model.answer(pictures, earlier, question, options, tell)
            seconds = perf_counter() - start
            results.append(
                AskResult(
                    question, answer, "free", checkpoint.name, model.device, seconds,
                    complete=complete, notices=notices_of(*pictures),
                )
            )  # fmt: skip
        return results

    result = pool.run(checkpoint.name, work, [images])[0]
    if heard is not None and not here:
        heard(result.answer)
    return result


def _nobody(text: str) -> None:
    """Nobody listens to the answer while it is written."""
