"""What is given to a model in batches, each item answering for itself; picture files are decoded beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from PIL import Image

from mmcore.errors import Cancelled, CapacityError, InputError, MMCoreError, WeightsError
from mmcore.io.images import decode_image
from mmcore.settings import Settings
from mmcore.types import IsCancelled, Progress, Source

BATCH = 8
"""Pictures that a model sees at once."""
BATCH_PIXELS = 50_000_000
"""A batch is closed early where its pictures together have more pixels: they all lie in memory."""
AHEAD = 4
"""Pictures that are decoded while the model works on others."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def check_sources(
    settings: Settings, sources: Sequence[Source], limit: int | None = None, nothing: str = "nothing_given"
) -> None:
    """Raise InputError where nothing is given, or more than ``limit`` files (None: ``settings.files``)."""
    limit = settings.files if limit is None else limit
    if not sources:
        raise InputError(nothing)
    if len(sources) > limit:
        raise InputError("too_many_files", count=len(sources), limit=limit)


def run_in_batches(
    items: Iterable[Item | MMCoreError],
    total: int,
    work: Callable[[Sequence[Item]], Sequence[Answer]],
    size: int,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Iterator[Answer | MMCoreError]:
    """For each of ``total`` items, in order, what ``work`` says of it, or the error that it met or already is.

    ``work`` gets batches of ``size`` (see ``batches``) and answers for each item. One that fails does not keep the
    others from being done. ``progress(done, total)`` is called after each. When ``cancelled()`` turns true, or the work
    itself is cancelled, Cancelled is raised after the answers so far.
    """
    done = 0
    for batch in batches(items, size):
        try:
            if cancelled is not None and cancelled():
                raise Cancelled("cancelled", done=done, total=total)
            outcomes = iter(attempt(work, [item for item in batch if not isinstance(item, MMCoreError)]))
        except Cancelled:  # the work only knows of this batch
            raise Cancelled("cancelled", done=done, total=total) from None
        for item in batch:
            outcome = item if isinstance(item, MMCoreError) else next(outcomes)
            done += 1
            if progress is not None:
                progress(done, total)
            yield outcome


def answers(
    settings: Settings,
    sources: Sequence[Source],
    work: Callable[[Sequence[Image.Image]], Sequence[Answer]],
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Iterator[Answer | MMCoreError]:
    """``run_in_batches`` of BATCH for picture files: ``work`` gets their pictures, decoded meanwhile."""
    return run_in_batches(decoded(settings, sources), len(sources), work, BATCH, progress, cancelled)


def decoded(settings: Settings, sources: Sequence[Source]) -> Iterator[Image.Image | MMCoreError]:
    """Each file's picture or error, in order, decoded in a thread beside the one that asks."""

    def decode(source: Source) -> Image.Image | MMCoreError:
        try:
            return decode_image(source, settings)
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


def batches(items: Iterable[Item | MMCoreError], size: int = BATCH) -> Iterator[list[Item | MMCoreError]]:
    """At most ``size`` items a batch; of pictures about BATCH_PIXELS pixels."""
    batch: list[Item | MMCoreError] = []
    pixels = 0
    for item in items:
        batch.append(item)
        pixels += item.width * item.height if isinstance(item, Image.Image) else 0
        if len(batch) == size or pixels >= BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def attempt(work: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item]) -> list[Answer | MMCoreError]:
    """The batch's answers. What fails together is tried one by one, so that each item answers for itself."""
    if not items:
        return []
    try:
        return list(work(items))
    except (InputError, CapacityError) as error:
        if len(items) == 1:
            return [error]
        return [outcome for item in items for outcome in attempt(work, [item])]
    except WeightsError as error:  # the same for every item
        return [error] * len(items)
