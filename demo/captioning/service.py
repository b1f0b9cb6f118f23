"""What the captioning tab asks of the core: one picture, or many."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmcore.checkpoints import registry
from mmcore.errors import MMCoreError
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import DECODINGS, CaptionOptions, CaptionResult
from mmcore.results.options import from_form
from mmcore.settings import Settings
from mmcore.tasks.captioning import caption, caption_many
from mmcore.tasks.ocr import full_size
from mmcore.types import IsCancelled, Progress

from ..ui import batch_rows, examples, uploads
from ..ui.events import Failure, Stop, attempt
from ..ui.i18n import text
from .view import UNRANKED, Answer, answer_of, decoding_title

TASK = "captioning"
MODEL = registry.of_task(TASK, "compact")[0].name
"""The bundled one."""

logger = logging.getLogger(__name__)


def options_of(form: Mapping[str, Any], *, explain: bool = False) -> CaptionOptions:
    """Options from raw form values by name, which may be anything that JSON can hold.

    Raises InputError for a value out of range or of the wrong kind.
    """
    seed = form.get("seed")  # the field may be empty
    values = {**form, "detail": form.get("detail") or None, "seed": 0 if seed is None else seed, "explain": explain}
    return from_form(CaptionOptions, values)


def _for_model(model: str, form: Mapping[str, Any]) -> dict[str, Any]:
    """The form as this model can take it.

    Without a level of detail that it does not have, and boxes where it finds none: the form keeps what was asked of a
    model chosen before. Where no language was chosen, captions are written in ``page_language`` if the model can, else
    in English.
    """
    record = registry.find(model)
    asked = {**form, "detail": form.get("detail") if form.get("detail") in record.details else None}
    asked["ground"] = bool(form.get("ground")) and record.grounds
    page_language = asked.pop("page_language", "en")
    asked["language"] = asked.get("language") or (page_language if page_language in record.languages else "en")
    return asked


def options_for_model(model: str, form: Mapping[str, Any]) -> CaptionOptions:
    """The same without maps, and without a level of detail of another model. Raises what ``options_of`` raises."""
    return options_of(_for_model(model, form))


def describe(pool: ModelPool, payload: Mapping[str, Any], model: str, form: Mapping[str, Any]) -> Answer | Failure:
    """Caption one upload with maps."""

    def work() -> Answer:
        options = options_of(_for_model(model, form), explain=True)
        image = decode_image(uploads.path_of(payload), _decoding(pool, options))
        way = options.decoding if options.rerank else UNRANKED
        told = way if way != CaptionOptions.decoding else ""
        return replace(answer_of(caption(pool, image, options, model), image), decoding=told)

    return attempt(work)


def others(model: str, decoding: Any, models: Sequence[tuple[str, str]], language: str) -> list[tuple[str, str]]:
    """(title, value) of what an answer can be compared with: the model decoded otherwise, then other ``models``."""
    ways: list[str] = [way for way in DECODINGS if way != decoding]
    if model == MODEL and decoding == CaptionOptions.decoding and language == "en":  # no Chinese caption is re-ranked
        ways.append(UNRANKED)
    same = [(text(language, "text.compare.same", decoding=decoding_title(way, language)), way) for way in ways]
    return [(text(language, "ui.none"), ""), *same, *(one for one in models if one[1] != model)]


def beside(model: str, other: str, form: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Model and form of the answer that is shown beside that of ``model``; ``other`` is a value of ``others``."""
    if other == UNRANKED:
        return model, {**form, "rerank": False}
    return (model, {**form, "decoding": other}) if other in DECODINGS else (other, dict(form))


FIRST = "cat.jpg"
"""The example whose answer a newcomer finds."""


def first_answer(pool: ModelPool, language: str) -> Answer | None:
    """The answer about FIRST that the bundled model gives, found once in each language; None where it gives none."""
    with _finding:
        if language not in _first:
            picture = next(item for item in examples.captioned() if item.path.name == FIRST)
            options = options_of(_for_model(MODEL, {"page_language": language, "num_captions": 3}), explain=True)
            try:
                image = decode_image(picture.path, Settings())
                _first[language] = answer_of(caption(pool, image, options, MODEL), image)
            except MMCoreError as error:
                logger.warning("no first answer: %s", error)
                return None
        return _first[language]


_first: dict[str, Answer] = {}
_finding = threading.Lock()


def describe_for_api(pool: ModelPool, payload: Mapping[str, Any] | None, model: str, **form: Any) -> CaptionResult:
    """The same for programs: no maps, errors are raised, and a level that the model does not have is one."""
    options = options_of(form)
    return caption(pool, decode_image(uploads.path_of(payload), _decoding(pool, options)), options, model)


def _decoding(pool: ModelPool, options: CaptionOptions) -> Settings:
    """Photographs are decoded smaller than they are, but not where letters are to be read."""
    return full_size(pool.settings) if options.read_text else pool.settings


def describe_many(
    pool: ModelPool,
    payload: Sequence[Mapping[str, Any]] | None,
    model: str,
    form: Mapping[str, Any],
    button: Stop | None = None,
) -> Iterator[tuple[list[batch_rows.BatchRow[CaptionResult]], int]]:
    """Caption many uploads, as ``batch_rows.describe_many`` says."""
    options = options_of(_for_model(model, form))
    files = uploads.paths_of(payload, pool.settings.files)

    def outcomes(progress: Progress, cancelled: IsCancelled) -> Iterator[CaptionResult | MMCoreError]:
        return caption_many(pool, [path for _, path in files], options, model, progress, cancelled)

    return batch_rows.describe_many(
        outcomes, lambda row: files[row][0], button, len(files), lambda row: str(files[row][1])
    )


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
