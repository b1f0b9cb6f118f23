"""What the captioning tab asks of the core: one picture, or many."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmcore import checkpoints
from mmcore.errors import MMCoreError
from mmcore.media import decode_image
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions, CaptionResult
from mmcore.tasks.captioning import caption, caption_many

from . import uploads
from .events import Failure, attempt
from .render import Answer, answer_of
from .tables import BatchRow

TASK = "captioning"
UPDATE = 0.5
"""Seconds between two updates of the table of a batch: each sends the whole table."""

logger = logging.getLogger(__name__)


def options_of(
    model: str,
    detail: str | None,
    decoding: Any = "beam",
    num_captions: float = 1,
    num_beams: float = 3,
    max_words: float = 30,
    top_p: float = 0.9,
    temperature: float = 1.0,
    seed: float | None = 0,
    *,
    explain: bool = False,
) -> CaptionOptions:
    """Options from raw form values; a detail level that ``model`` does not have falls back to its own default.

    Raises InputError for a value out of range, UnknownNameError for a model that does not exist.
    """
    return CaptionOptions(
        decoding=decoding,
        num_captions=int(num_captions),
        num_beams=int(num_beams),
        max_words=int(max_words),
        top_p=float(top_p),
        temperature=float(temperature),
        seed=int(seed or 0),
        detail=detail if detail in checkpoints.find(model).details else None,
        explain=explain,
    )


def describe(
    pool: ModelPool, payload: Mapping[str, Any], model: str, *form: Any, explain: bool = True
) -> Answer | Failure:
    """Caption one upload: ``form`` is what ``options_of`` takes after the model."""

    def work() -> Answer:
        options = options_of(model, *form, explain=explain)
        image = decode_image(uploads.path_of(payload), pool.settings)
        return answer_of(caption(pool, image, options, model), image)

    return attempt(work)


def describe_for_api(pool: ModelPool, payload: Mapping[str, Any] | None, model: str, *form: Any) -> CaptionResult:
    """The same for programs: no maps, and errors are raised."""
    options = options_of(model, *form)
    return caption(pool, decode_image(uploads.path_of(payload), pool.settings), options, model)


def describe_many(
    pool: ModelPool, payload: Sequence[Mapping[str, Any]] | None, model: str, *form: Any
) -> Iterator[tuple[list[BatchRow], int]]:
    """Caption many uploads: every UPDATE seconds and at the end, (all rows so far, number of files in all).

    A file that cannot be read becomes a row that says so. Raises MMCoreError where nothing can be done at all.
    """
    options = options_of(model, *form)
    files = uploads.paths_of(payload, pool.settings.files)
    rows: list[BatchRow] = []
    yield [], len(files)
    last = time.monotonic()
    for outcome in caption_many(pool, [path for _, path in files], options, model):
        kept = Failure(outcome) if isinstance(outcome, MMCoreError) else outcome
        rows.append(BatchRow(files[len(rows)][0], kept))
        if len(rows) == len(files) or time.monotonic() - last >= UPDATE:
            yield list(rows), len(files)
            last = time.monotonic()


def warm_up(pool: ModelPool, model: str) -> threading.Thread:
    """Load a model in the background while the visitor still looks for a picture."""

    def load() -> None:
        began = time.perf_counter()
        try:
            pool.get(model)
        except MMCoreError as error:  # the first request will say the same to its visitor
            logger.warning("%s could not be loaded ahead: %s", model, error)
        else:
            logger.info("%s loaded ahead in %.1f s", model, time.perf_counter() - began)

    thread = threading.Thread(target=load, daemon=True, name=f"warm-up-{model}")
    thread.start()
    return thread
