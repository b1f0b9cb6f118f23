"""What the audio tab asks of the core: one sound, the evidence of a label, or many sounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcore.errors import InputError, MMCoreError
from mmcore.pool import ModelPool
from mmcore.results import AudioOptions, AudioResult, TranscribeOptions, TranscribeResult
from mmcore.results.options import from_form
from mmcore.tasks.audio import TASK, classify_audio, classify_audio_many, explain_audio
from mmcore.tasks.transcribe import default_model, transcribe
from mmcore.types import IsCancelled, Progress

from ..ui import batch_rows, examples, uploads
from ..ui.batch_rows import BatchKind, BatchRow
from ..ui.events import Failure, Step, Stop, attempt, failure, in_background
from ..ui.html import percent
from . import label_names
from .label_names import label_text
from .spectrogram_picture import clock
from .view import AudioView, Explained, explained, heard

__all__ = ["TASK", "Request", "describe_many", "example_file", "explain", "listen", "listen_for_api", "options_of"]

LONG = 60
"""Seconds of sound from which on progress is shown."""
EVENTS_TOLD = 6
"""Events of one file that a batch's table names."""


@dataclass(frozen=True)
class Request:
    """What an answer was asked with, so that its evidence can be asked for later."""

    path: Path
    options: AudioOptions
    model: str


def options_of(form: Mapping[str, Any]) -> AudioOptions:
    """Options from raw form values by name. Raises InputError for a value out of range or of the wrong kind."""
    values = {**form, "labels": label_names.parse(form.get("labels", ""))}
    return from_form(AudioOptions, values)


def path_of(payload: Mapping[str, Any] | None) -> Path:
    """The uploaded or recorded file of a raw ``gr.Audio`` value. Raises InputError."""
    if not payload:
        raise InputError("sound_nothing_given")
    return uploads.path_of(payload)


def listen(
    pool: ModelPool,
    payload: Mapping[str, Any] | None,
    model: str,
    form: Mapping[str, Any],
    button: Stop | None = None,
) -> Iterator[Step | tuple[AudioView, Explained | Failure | None, Request] | Failure]:
    """Classify one upload: a Step now and then while a long one is read, then the answer or what went wrong.

    After the answer it comes once more, with the evidence of its headline, which takes several times as long. Pressing
    ``button`` ends it with a Failure that is ``stopped``, or without the evidence.
    """
    try:
        request = Request(path_of(payload), options_of(form), model)

        def work(progress: Progress, cancelled: IsCancelled) -> AudioResult:
            return classify_audio(pool, request.path, request.options, model, progress, cancelled)

        for item in in_background(work, button):
            if not isinstance(item, Step):
                answer = heard(item)
                yield answer, None, request
                if item.windows:
                    evidence = _evidence(pool, item, request, button)
                    if not (isinstance(evidence, Failure) and evidence.stopped):
                        yield answer, evidence, request
            elif item.total >= LONG or (not item.total and item.done >= LONG):
                yield item
    except Exception as error:
        yield failure(error)


def _evidence(pool: ModelPool, result: AudioResult, request: Request, button: Stop | None) -> Explained | Failure:
    """Where in the spectrogram the model found the headline."""
    start, length = result.windows[[one.label for one in result.labels].index(result.headline)]

    def work(progress: Progress, cancelled: IsCancelled) -> Explained:
        options, label = request.options, result.headline
        return explained(explain_audio(pool, request.path, label, options, request.model, start, cancelled, length))

    def found() -> Explained:
        *_, last = in_background(work, button)
        assert isinstance(last, Explained)
        return last

    return attempt(found)


def explain(
    pool: ModelPool, request: Request, label: str, start: float | None, length: float | None = None
) -> Explained | Failure:
    """Where in the spectrogram the model found a label: in the window at ``start`` seconds, or where it was surest."""

    def work() -> Explained:
        return explained(explain_audio(pool, request.path, label, request.options, request.model, start, length=length))

    return attempt(work)


def listen_for_api(pool: ModelPool, payload: Mapping[str, Any] | None, model: str, **form: Any) -> AudioResult:
    """The same for programs: no evidence, errors are raised."""
    return classify_audio(pool, path_of(payload), options_of(form), model)


def transcribe_upload(
    pool: ModelPool, payload: Mapping[str, Any] | None, language: str, button: Stop | None = None
) -> Iterator[Step | TranscribeResult | Failure]:
    """What is said in one upload: a Step now and then, then the answer or what went wrong; ``button`` ends it."""
    try:
        path, options = path_of(payload), from_form(TranscribeOptions, {"language": language})

        def work(progress: Progress, cancelled: IsCancelled) -> TranscribeResult:
            return transcribe(pool, path, options, default_model(pool), progress, cancelled)

        yield from in_background(work, button)
    except Exception as error:
        yield failure(error)


def transcribe_for_api(pool: ModelPool, payload: Mapping[str, Any] | None, model: str, **form: Any) -> TranscribeResult:
    """The same for programs: errors are raised."""
    return transcribe(pool, path_of(payload), from_form(TranscribeOptions, form), model or default_model(pool))


def describe_many(
    pool: ModelPool,
    payload: Sequence[Mapping[str, Any]] | None,
    model: str,
    form: Mapping[str, Any],
    button: Stop | None = None,
) -> Iterator[tuple[list[BatchRow[AudioResult]], int]]:
    """Classify many uploads, as ``batch_rows.describe_many`` says."""
    options = options_of(form)
    if not payload:
        raise InputError("sound_nothing_given")
    files = uploads.paths_of(payload, pool.settings.files)

    def outcomes(progress: Progress, cancelled: IsCancelled) -> Iterator[AudioResult | MMCoreError]:
        return classify_audio_many(pool, [path for _, path in files], options, model, progress, cancelled)

    return batch_rows.describe_many(outcomes, lambda row: files[row][0], button, len(files))


def example_file(index: int) -> str:
    """Copy of an example sound in the folder of uploads, as if the visitor had uploaded it."""
    from gradio.processing_utils import save_file_to_cache
    from gradio.utils import get_upload_folder

    return str(save_file_to_cache(examples.sounds()[index].path, cache_dir=get_upload_folder()))


def _named(result: AudioResult, language: str) -> str:
    ordered = [result.labels[place] for place in result.reading_order]
    return "; ".join(f"{label_text(language, one.label)} {percent(one.score)}" for one in ordered)


def _events(result: AudioResult, language: str) -> str:
    told = [
        f"{clock(one.start, 0.1)}-{clock(one.end, 0.1)} {label_text(language, one.label)}"
        for one in result.events[:EVENTS_TOLD]
    ]
    return "; ".join(told) + (" …" if len(result.events) > EVENTS_TOLD else "")


def _values(result: AudioResult) -> list[str]:
    best = result.labels[0] if result.labels else None
    return [
        best.label if best else "",
        f"{best.score:.4f}" if best else "",
        "; ".join(f"{one.label}={one.score:.4f}" for one in result.labels),
        "; ".join(f"{one.start:.2f}-{one.end:.2f} {one.label}" for one in result.events),
        f"{result.duration:.3f}",
    ]


SOUNDS: BatchKind[AudioResult] = BatchKind(
    stem="sounds",
    headers=("text.sounds.labels", "text.sounds.events"),
    cells=lambda result, language: [_named(result, language), _events(result, language)],
    columns=("label", "score", "labels", "events", "duration"),
    values=_values,
    progress="text.sounds.batch_progress",
    finished="text.sounds.batch_finished",
)
