"""Image captioning: a picture in, sentences about it out; alone or many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Protocol, TypeAlias, cast

import numpy as np
from PIL import Image

from mmcore.checkpoints.registry import Checkpoint, of_task
from mmcore.errors import InputError, MMCoreError, Phrase
from mmcore.families.base import Captioner, Grounder
from mmcore.pool import ModelPool
from mmcore.results import Caption, CaptionOptions, CaptionResult, notices_of
from mmcore.tasks.batching import answers, check_sources
from mmcore.tasks.occlusion import BATCH, CELLS, SIDE, covered
from mmcore.tasks.ocr import full_size, read_text
from mmcore.types import Floats, IsCancelled, Progress, Source

TASK = "captioning"

OPEN = "compact-captioner"
"""The checkpoint whose inside ``word_attention`` and ``word_occlusion`` show."""

Outcome: TypeAlias = "CaptionResult | MMCoreError"


class OpenCaptioner(Protocol):
    """What our own captioner offers beyond ``Captioner``."""

    def word_attention(self, image: Image.Image, caption: Caption) -> Floats:
        """(words, layers, heads, rows, columns)."""

    def word_log_probabilities(self, images: Sequence[Image.Image], caption: Caption) -> Floats:
        """(N, words)."""


def checked(checkpoint: Checkpoint, options: CaptionOptions) -> Checkpoint:
    """The captioner, if it takes the options.

    Raises InputError for a level of detail that it does not have, for a language that it does not write, and for boxes
    where it finds none.
    """
    # Of a folder, or a repository whose card names none, English is all that can be expected.
    if options.language not in (checkpoint.languages or ("en",)):
        able = [other.title for other in of_task(TASK) if options.language in other.languages]
        raise InputError(
            "language_not_written",
            model=checkpoint.title,
            language=Phrase("language_zh") if options.language == "zh" else Phrase("language_en"),
            others=", ".join(able) or "-",
        )
    if options.detail is not None and options.detail not in checkpoint.details:
        raise InputError(
            "option_not_offered",
            model=checkpoint.title,
            name="detail",
            value=options.detail,
            offered=", ".join(checkpoint.details) or "-",
        )
    if options.ground and not checkpoint.grounds:
        able = [other.title for other in of_task(TASK) if other.grounds]
        raise InputError("grounding_not_offered", model=checkpoint.title, others=", ".join(able) or "-")
    return checkpoint


def caption(
    pool: ModelPool, image: Image.Image, options: CaptionOptions | None = None, model: str | None = None
) -> CaptionResult:
    """Caption one RGB picture (see ``mmcore.decode_image``); ``seconds`` leaves out the loading of the model.

    ``model`` is a checkpoint's name; None takes the one of the settings' tier.
    Raises InputError, UnknownNameError, WeightsError and CapacityError.
    """
    options = options or CaptionOptions()
    checkpoint = checked(pool.choose(TASK, model), options)
    return _run(pool, checkpoint, [image], options)[0]


def caption_images(
    pool: ModelPool, images: Sequence[Image.Image], options: CaptionOptions, model: str
) -> list[CaptionResult]:
    """Caption decoded pictures as one batch; a picture each. Raises what ``caption`` raises."""
    return _run(pool, checked(pool.choose(TASK, model), options), images, options)


def caption_many(
    pool: ModelPool,
    sources: Sequence[Source],
    options: CaptionOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
) -> Iterator[Outcome]:
    """Caption files (paths or their bytes): for each, in order, its CaptionResult or the error that it met.

    A broken file does not keep the others from being done. ``progress(done, total)`` is called after each file.
    When ``cancelled()`` turns true, Cancelled is raised after the results so far. ``limit`` is the number of files
    that may be given at once, ``settings.files`` unless said otherwise.
    Raises InputError (nothing given, too many files) and what ``checked`` and ``ModelPool.choose`` raise, at once.
    """
    options = options or CaptionOptions()
    check_sources(pool.settings, sources, limit)
    checkpoint = checked(pool.choose(TASK, model), options)

    def work(images: Sequence[Image.Image]) -> list[CaptionResult]:
        return _run(pool, checkpoint, images, options)

    settings = full_size(pool.settings) if options.read_text else pool.settings
    return answers(settings, sources, work, progress, cancelled)


def word_attention(pool: ModelPool, image: Image.Image, caption: Caption) -> Floats:
    """The bundled captioner's cross-attention, nothing averaged: (words, layers, heads, 7, 7).

    The weights of one word, layer and head sum to at most 1: the rest goes to the recognised tags.
    Raises WeightsError and CapacityError.
    """

    def work(model: Captioner, pictures: Sequence[Image.Image]) -> list[Floats]:
        return [cast(OpenCaptioner, model).word_attention(picture, caption) for picture in pictures]

    return pool.run(OPEN, work, [image])[0]


def word_occlusion(pool: ModelPool, image: Image.Image, caption: Caption) -> Floats:
    """What covering each place costs each word of the caption: (words, 7, 7), log-probability lost, signed.

    Raises WeightsError and CapacityError.
    """

    def work(model: Captioner, pictures: Sequence[Image.Image]) -> list[Floats]:
        return [_lost(cast(OpenCaptioner, model), picture, caption) for picture in pictures]

    return pool.run(OPEN, work, [image])[0]


def _lost(model: OpenCaptioner, image: Image.Image, caption: Caption) -> Floats:
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    pictures = [small, *covered(small)]
    rows = [
        model.word_log_probabilities(pictures[start : start + BATCH], caption)
        for start in range(0, len(pictures), BATCH)
    ]
    whole, *without = np.concatenate(rows)
    lost: Floats = (whole - np.stack(without)).T.reshape(-1, CELLS, CELLS).astype(np.float32)
    return lost


def _run(
    pool: ModelPool, checkpoint: Checkpoint, images: Sequence[Image.Image], options: CaptionOptions
) -> list[CaptionResult]:
    def work(model: Captioner, pictures: Sequence[Image.Image]) -> list[CaptionResult]:
        start = perf_counter()
        found = []
        for picture, captions in zip(pictures, model.caption(pictures, options), strict=True):
            if options.explain:
                captions = tuple(_explained(model, picture, one) for one in captions)
            found.append(
                (
                    captions,
                    model.tags(picture, options.language),
                    model.confident(picture, captions[0]),
                    notices_of(picture),
                    cast(Grounder, model).ground(picture, captions[0]) if options.ground else None,
                )
            )
        seconds = (perf_counter() - start) / len(pictures)
        return [
            CaptionResult(
                captions=captions,
                model=checkpoint.name,
                device=model.device,
                seconds=seconds,
                tags=tags,
                confident=confident,
                notices=notices,
                phrases=phrases,
            )
            for captions, tags, confident, notices, phrases in found
        ]

    # A seed makes one row of random numbers, which the pictures of a batch share.
    alike = None if options.decoding == "nucleus" else ("captions", options)
    found = pool.run(checkpoint.name, work, images, alike=alike)
    if not options.read_text:
        return found
    return [replace(one, reads=read_text(pool, image)) for one, image in zip(found, images, strict=True)]


def _explained(model: Captioner, picture: Image.Image, one: Caption) -> Caption:
    return replace(one, maps=model.word_maps(picture, one))
