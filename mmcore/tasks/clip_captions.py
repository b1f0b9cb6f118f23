"""Captions of short videos: a sentence for each key frame, with its time; and what sounds, over the same time line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TypeAlias

from mmcore.errors import Cancelled, InputError, MMCoreError
from mmcore.io.audio_files import open_sound
from mmcore.io.video_frames import is_video, read_clip, told
from mmcore.pool import ModelPool
from mmcore.results import CaptionOptions, CaptionResult, ClipResult, Moment, Notice, SoundEvent
from mmcore.tasks.audio import classify_audio
from mmcore.tasks.batching import BATCH, check_sources
from mmcore.tasks.captioning import TASK, caption_images, caption_many, checked
from mmcore.types import IsCancelled, Progress, Source

Outcome: TypeAlias = "CaptionResult | ClipResult | MMCoreError"


def caption_clip(
    pool: ModelPool,
    source: Source,
    options: CaptionOptions | None = None,
    model: str | None = None,
    *,
    sounds: bool = True,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> ClipResult:
    """Caption the key frames of a video file (path or its bytes), and listen to its sound track unless told not to.

    The sound is heard by the audio checkpoint of the settings' tier. ``progress(done, total)`` counts key frames.
    Raises what ``read_clip`` and ``caption`` raise, and Cancelled.
    """
    options = options or CaptionOptions()
    checkpoint = checked(pool.choose(TASK, model), options)
    clip = read_clip(source, pool.settings)
    pool.get(checkpoint.name)
    start = perf_counter()
    seen: list[CaptionResult] = []
    pictures = told(clip)
    for first in range(0, len(pictures), BATCH):
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled", done=len(seen), total=len(pictures))
        seen += caption_images(pool, pictures[first : first + BATCH], options, checkpoint.name)
        if progress is not None:
            progress(len(seen), len(pictures))
    moments = tuple(
        Moment(frame.start, frame.end, frame.at, one, picture)
        for frame, one, picture in zip(clip.frames, seen, pictures, strict=True)
    )
    seconds = perf_counter() - start
    events, heard = _heard(pool, source, cancelled) if sounds else ((), ())
    notices = (*clip.notices, *heard)
    return ClipResult(moments, clip.seconds, events, checkpoint.name, seen[0].device, seconds, notices)


def _heard(
    pool: ModelPool, source: Source, cancelled: IsCancelled | None
) -> tuple[tuple[SoundEvent, ...], tuple[Notice, ...]]:
    """What sounds, and what was not heard; a video without sound is nothing wrong."""
    try:
        with open_sound(source, pool.settings):  # before a model is loaded for nothing
            pass
        result = classify_audio(pool, source, cancelled=cancelled)
    except InputError as error:
        if error.key in ("sound_no_track", "sound_without_samples"):
            return (), (Notice.of("video_silent"),)
        raise
    return result.events, result.notices


def caption_pictures_and_clips(
    pool: ModelPool,
    sources: Sequence[Source],
    options: CaptionOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Caption files, in order: pictures as ``caption_many`` does, videos as ``caption_clip``; told by their content.

    Raises what ``caption_many`` raises, at once; ``progress(done, total)`` counts files.
    """
    check_sources(pool.settings, sources, len(sources))
    options = options or CaptionOptions()
    checked(pool.choose(TASK, model), options)
    videos = [is_video(source) for source in sources]
    still = [source for source, video in zip(sources, videos, strict=True) if not video]
    pictures = iter(caption_many(pool, still, options, model, limit=len(still)) if still else ())
    for place, (source, video) in enumerate(zip(sources, videos, strict=True)):
        outcome: Outcome
        if video:
            try:
                outcome = caption_clip(pool, source, options, model)
            except Cancelled:
                raise
            except MMCoreError as error:
                outcome = error
        else:
            outcome = next(pictures)
        if progress is not None:
            progress(place + 1, len(sources))
        yield outcome
