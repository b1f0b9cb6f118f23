"""What the captioning tab asks of the core: one picture, or many."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmcore.checkpoints import registry
from mmcore.errors import MMCoreError
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions, CaptionResult
from mmcore.tasks.captioning import caption, caption_many
from mmcore.types import IsCancelled, Progress

from ..ui import batch_rows, uploads
from ..ui.events import Failure, Stop, attempt
from ..ui.forms import real, whole
from .view import Answer, answer_of

TASK = "captioning"

logger = logging.getLogger(__name__)


def options_of(
    detail: str | None = None,
    decoding: Any = "beam",
    num_captions: Any = 1,
    num_beams: Any = 3,
    max_words: Any = 30,
    top_p: Any = 0.9,
    temperature: Any = 1.0,
    seed: Any = 0,
    *,
    explain: bool = False,
) -> CaptionOptions:
    """Options from raw form values, which may be anything that JSON can hold.

    Raises InputError for a value out of range or of the wrong kind.
    """
    return CaptionOptions(
        decoding=decoding,
        num_captions=whole(num_captions),
        num_beams=whole(num_beams),
        max_words=whole(max_words),
        top_p=real("top_p", top_p, 0.05, 1.0),
        temperature=real("temperature", temperature, 0.05, 5.0),
        seed=whole(0 if seed is None else seed),
        detail=detail or None,
        explain=explain,
    )


def _level(model: str, detail: str | None) -> str | None:
    """``detail`` if the model has that level: the form keeps the level of a model that was chosen before."""
    return detail if detail in registry.find(model).details else None


def describe(
    pool: ModelPool, payload: Mapping[str, Any], model: str, detail: str | None, *form: Any
) -> Answer | Failure:
    """Caption one upload with maps: ``form`` is what ``options_of`` takes after the level of detail."""

    def work() -> Answer:
        options = options_of(_level(model, detail), *form, explain=True)
        image = decode_image(uploads.path_of(payload), pool.settings)
        return answer_of(caption(pool, image, options, model), image)

    return attempt(work)


def describe_for_api(pool: ModelPool, payload: Mapping[str, Any] | None, model: str, *form: Any) -> CaptionResult:
    """The same for programs: no maps, errors are raised, and a level that the model does not have is one."""
    options = options_of(*form)
    return caption(pool, decode_image(uploads.path_of(payload), pool.settings), options, model)


def describe_many(
    pool: ModelPool,
    payload: Sequence[Mapping[str, Any]] | None,
    model: str,
    detail: str | None,
    *form: Any,
    button: Stop | None = None,
) -> Iterator[tuple[list[batch_rows.BatchRow[CaptionResult]], int]]:
    """Caption many uploads, as ``batch_rows.describe_many`` says."""
    options = options_of(_level(model, detail), *form)
    files = uploads.paths_of(payload, pool.settings.files)

    def outcomes(progress: Progress, cancelled: IsCancelled) -> Iterator[CaptionResult | MMCoreError]:
        return caption_many(pool, [path for _, path in files], options, model, progress, cancelled)

    return batch_rows.describe_many(outcomes, lambda row: files[row][0], button, len(files))


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
