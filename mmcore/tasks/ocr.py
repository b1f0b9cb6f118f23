"""Text in pictures: a picture in, its lines of text with their places out; alone or many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeAlias

from PIL import Image

from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import Checkpoint, of_task
from mmcore.errors import MMCoreError
from mmcore.families.base import TextReader
from mmcore.index import ReadLines
from mmcore.pool import ModelPool
from mmcore.results.notices import Notice, notices_of
from mmcore.results.ocr import OcrOptions, OcrResult, TextLine
from mmcore.settings import Settings
from mmcore.tasks.batching import answers, check_sources
from mmcore.types import IsCancelled, Progress, Source

TASK = "ocr"

SMALL_SIDE = 2000
"""Pixels of the longer side beyond which readers look at a picture smaller than it is."""

Outcome: TypeAlias = "OcrResult | MMCoreError"


def unavailable(settings: Settings) -> MMCoreError | None:
    """Why no text can be read in pictures here, with the command that changes it; None where it can. Costs nothing."""
    return locate.availability(of_task(TASK)[0], settings).problem


def full_size(settings: Settings) -> Settings:
    """Settings for decoding a picture that is to be read: large photographs keep their size, as letters are small."""
    return replace(settings, reduced=False)


def chosen(pool: ModelPool, model: str | None = None) -> Checkpoint:
    """The reader of that name, or the first there is: one serves every tier. Raises UnknownNameError."""
    return pool.choose(TASK, model, tier=of_task(TASK)[0].tier)


def read_text(
    pool: ModelPool, image: Image.Image, options: OcrOptions | None = None, model: str | None = None
) -> OcrResult:
    """The text in one RGB picture (see ``mmcore.decode_image``); ``seconds`` leaves out the loading of the model.

    Raises InputError, UnknownNameError, CapacityError, and WeightsError, which says the command that installs what is
    missing.
    """
    return _run(pool, chosen(pool, model).name, [image], options or OcrOptions())[0]


def read_text_many(
    pool: ModelPool,
    sources: Sequence[Source],
    options: OcrOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
) -> Iterator[Outcome]:
    """The text in picture files (paths or their bytes): for each, in order, its OcrResult or the error that it met.

    ``progress(done, total)`` is called after each file. When ``cancelled()`` turns true, Cancelled is raised after the
    results so far. ``limit`` is the number of files that may be given at once, ``settings.files`` unless said
    otherwise. Raises InputError (nothing given, too many files) and what ``ModelPool.choose`` raises, at once.
    """
    options = options or OcrOptions()
    check_sources(pool.settings, sources, limit)
    name = chosen(pool, model).name

    def work(images: Sequence[Image.Image]) -> list[OcrResult]:
        return _run(pool, name, images, options)

    return answers(full_size(pool.settings), sources, work, progress, cancelled)


def reader(pool: ModelPool, model: str | None = None, options: OcrOptions | None = None) -> ReadLines:
    """What a collection takes to read its pictures: ``collection.read_texts(reader(pool))``.

    Raises UnknownNameError, and WeightsError, which says the command that installs what is missing.
    """
    name = chosen(pool, model).name
    pool.get(name)  # what is missing is said before anything is read
    how = options or OcrOptions()
    return lambda pictures: [result.lines for result in _run(pool, name, pictures, how)]


def _run(pool: ModelPool, name: str, images: Sequence[Image.Image], options: OcrOptions) -> list[OcrResult]:
    def work(model: TextReader, pictures: Sequence[Image.Image]) -> list[OcrResult]:
        start = perf_counter()
        found = model.read(pictures)
        seconds = (perf_counter() - start) / len(pictures)
        return [
            _result(picture, lines, options, name, model.device, seconds)
            for picture, lines in zip(pictures, found, strict=True)
        ]

    return pool.run(name, work, images)


def _result(
    picture: Image.Image, lines: Sequence[TextLine], options: OcrOptions, name: str, device: str, seconds: float
) -> OcrResult:
    sure = tuple(line for line in lines if line.score >= options.threshold)
    # A reader looks for lines in a picture of any shape: that it would be squeezed does not concern it.
    notices = [notice for notice in notices_of(picture) if notice.code != "image_squeezed"]
    if max(picture.size) > SMALL_SIDE:
        notices.append(Notice.of("ocr_smaller", width=picture.width, height=picture.height, side=SMALL_SIDE))
    if len(sure) < len(lines):
        notices.append(Notice.of("ocr_unsure", count=len(lines) - len(sure), threshold=options.threshold))
    return OcrResult(sure, *picture.size, name, device, seconds, tuple(notices))
