"""Image captioning: a picture in, sentences about it out; alone or many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

from PIL import Image

from mmcore.checkpoints import Checkpoint, find, of_task
from mmcore.errors import Cancelled, CapacityError, InputError, MMCoreError, UnknownNameError, WeightsError
from mmcore.families.base import Captioner
from mmcore.media import decode_image
from mmcore.pool import ModelPool
from mmcore.results import Caption, CaptionOptions, CaptionResult

TASK = "captioning"

BATCH = 8
"""Pictures that a model sees at once."""
BATCH_PIXELS = 50_000_000
"""A batch is closed early where its pictures together have more pixels: they all lie in memory."""
AHEAD = 4
"""Pictures that are decoded while the model works on others."""

Source: TypeAlias = "str | Path | bytes"
Outcome: TypeAlias = "CaptionResult | MMCoreError"


def checkpoint_for(pool: ModelPool, options: CaptionOptions, model: str | None = None) -> Checkpoint:
    """The checkpoint called ``model``, or the one of the settings' tier; checked against the options.

    Raises UnknownNameError for a name that is no captioner, InputError for a level of detail that it does not have.
    """
    checkpoint = pool.choose(TASK) if model is None else find(model)
    if checkpoint.task != TASK:
        raise UnknownNameError("captioner", checkpoint.name, [known.name for known in of_task(TASK)])
    if options.detail is not None and options.detail not in checkpoint.details:
        raise InputError(
            "option_not_offered",
            model=checkpoint.title,
            name="detail",
            value=options.detail,
            offered=", ".join(checkpoint.details) or "-",
        )
    return checkpoint


def caption(
    pool: ModelPool, image: Image.Image, options: CaptionOptions | None = None, model: str | None = None
) -> CaptionResult:
    """Caption one RGB picture (see ``mmcore.decode_image``); ``seconds`` leaves out the loading of the model.

    ``model`` is a checkpoint's name; None takes the one of the settings' tier.
    Raises InputError, UnknownNameError, WeightsError and CapacityError.
    """
    options = options or CaptionOptions()
    checkpoint = checkpoint_for(pool, options, model)
    return _run(pool, checkpoint, [image], options)[0]


def caption_many(
    pool: ModelPool,
    sources: Sequence[Source],
    options: CaptionOptions | None = None,
    model: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    limit: int | None = None,
) -> Iterator[Outcome]:
    """Caption files (paths or their bytes): for each, in order, its CaptionResult or the error that it met.

    A broken file does not keep the others from being done. ``progress(done, total)`` is called after each file.
    When ``cancelled()`` turns true, Cancelled is raised after the results so far. ``limit`` is the number of files
    that may be given at once, ``settings.files`` unless said otherwise.
    Raises InputError (nothing given, too many files) and what ``checkpoint_for`` raises, at once.
    """
    options = options or CaptionOptions()
    limit = pool.settings.files if limit is None else limit
    if not sources:
        raise InputError("nothing_given")
    if len(sources) > limit:
        raise InputError("too_many_files", count=len(sources), limit=limit)
    checkpoint = checkpoint_for(pool, options, model)
    return _outcomes(pool, checkpoint, sources, options, progress, cancelled)


def _outcomes(
    pool: ModelPool,
    checkpoint: Checkpoint,
    sources: Sequence[Source],
    options: CaptionOptions,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Iterator[Outcome]:
    done = 0
    for batch in _batches(_decoded(pool, sources)):
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled", done=done, total=len(sources))
        pictures = [item for item in batch if isinstance(item, Image.Image)]
        outcomes = iter(_attempt(pool, checkpoint, pictures, options))
        for item in batch:
            outcome = next(outcomes) if isinstance(item, Image.Image) else item
            done += 1
            if progress is not None:
                progress(done, len(sources))
            yield outcome


def _decoded(pool: ModelPool, sources: Sequence[Source]) -> Iterator[Image.Image | MMCoreError]:
    """Each file's picture or error, in order, decoded in a thread beside the one that asks."""

    def decode(source: Source) -> Image.Image | MMCoreError:
        try:
            return decode_image(source, pool.settings)
        except MMCoreError as error:
            return error

    with ThreadPoolExecutor(1, "decode") as thread:
        remaining = iter(sources)
        waiting: list[Future[Image.Image | MMCoreError]] = []
        try:
            while True:
                waiting += [thread.submit(decode, source) for source in islice(remaining, AHEAD - len(waiting))]
                if not waiting:
                    return
                yield waiting.pop(0).result()
        finally:
            thread.shutdown(cancel_futures=True)


def _batches(items: Iterable[Image.Image | MMCoreError]) -> Iterator[list[Image.Image | MMCoreError]]:
    """At most BATCH items, and about BATCH_PIXELS pixels, a batch."""
    batch: list[Image.Image | MMCoreError] = []
    pixels = 0
    for item in items:
        batch.append(item)
        pixels += item.width * item.height if isinstance(item, Image.Image) else 0
        if len(batch) == BATCH or pixels >= BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _attempt(
    pool: ModelPool, checkpoint: Checkpoint, images: Sequence[Image.Image], options: CaptionOptions
) -> Sequence[Outcome]:
    """The batch's results. What fails together is tried one by one, so that each picture answers for itself."""
    if not images:
        return []
    try:
        return _run(pool, checkpoint, images, options)
    except (InputError, CapacityError) as error:
        if len(images) == 1:
            return [error]
        return [outcome for image in images for outcome in _attempt(pool, checkpoint, [image], options)]
    except WeightsError as error:  # the same for every picture
        return [error] * len(images)


def _run(
    pool: ModelPool, checkpoint: Checkpoint, images: Sequence[Image.Image], options: CaptionOptions
) -> list[CaptionResult]:
    def work(model: Captioner, pictures: Sequence[Image.Image]) -> list[CaptionResult]:
        start = perf_counter()
        found = []
        for picture, captions in zip(pictures, model.caption(pictures, options), strict=True):
            if options.explain:
                captions = tuple(_explained(model, picture, one) for one in captions)
            found.append((captions, model.tags(picture), model.confident(picture, captions[0])))
        seconds = (perf_counter() - start) / len(pictures)
        return [
            CaptionResult(
                captions=captions,
                model=checkpoint.name,
                device=model.device,
                seconds=seconds,
                tags=tags,
                confident=confident,
            )
            for captions, tags, confident in found
        ]

    return pool.run(checkpoint.name, work, images)


def _explained(model: Captioner, picture: Image.Image, one: Caption) -> Caption:
    return replace(one, maps=model.word_maps(picture, one))
