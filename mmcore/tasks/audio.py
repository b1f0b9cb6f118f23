"""Audio classification: a sound in; what sounds, and when, out. Alone or many at a time, of any length.

Windows of the length that the model was trained on (10 s) say *what* sounds in the file; finer ones (2 s), *when*.

The score of a file is the highest of its windows' (``pooling="max"``): labels of AudioSet mean that a sound occurs
somewhere in a clip, and a dog that barks once in ten minutes should be found. In a file that is longer than a window of
10 s the finer ones count too, with a timeline or without: two seconds of speech are lost among ten. ``"mean"`` answers
another question: how much of the file is it?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from mmcore.audio.spectrogram import LEVEL_SECONDS
from mmcore.audio.timeline import cell_scores, find_events, leading_labels, silent_spans
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError, MMCoreError, UnknownNameError
from mmcore.families._audioset import kinds_of
from mmcore.pool import ModelPool
from mmcore.results import SILENCE, AudioOptions, AudioResult, SoundEvent, SoundEvidence, SoundLabel, Timeline
from mmcore.settings import Settings
from mmcore.tasks.batching import check_sources, run_in_batches
from mmcore.tasks.sliding_window import SlidingWindowTagger, StreamScores, WindowSpec
from mmcore.types import Floats, IsCancelled, Progress, Source

TASK = "audio"

LABELS_KEPT = 20
"""Labels in the timeline at most; only these have events. What leads at some moment comes first."""
CARRIES = 0.75
"""A kind of what is heard names it where its score is at least this part of the more general label's."""

UNTOLD = frozenset({"Speech synthesizer"})
"""Kinds that no headline says, and that stand below what they are a kind of: taggers are as sure of them where they are
not. EfficientAT mn04_as gives 0.93 of this one to a person who reads aloud (LibriSpeech, in the page's morning scene).
"""

Outcome: TypeAlias = "AudioResult | MMCoreError"


def checked(checkpoint: Checkpoint, options: AudioOptions, settings: Settings) -> Checkpoint:
    """The model, if it takes the options. Raises InputError for too many labels.

    Whether it knows the labels is seen when it is loaded.
    """
    if len(options.labels) > settings.labels:
        raise InputError("labels_too_many", count=len(options.labels), limit=settings.labels)
    return checkpoint


def classify_audio(
    pool: ModelPool,
    source: Source,
    options: AudioOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> AudioResult:
    """Classify one sound file (path or its bytes); it is read in windows, so a long one needs little memory.

    ``progress(done, total)`` gets whole seconds of sound; where the file does not say how long it is, ``total`` is 0.
    ``cancelled()`` is asked between batches of windows.
    Raises InputError, UnknownNameError, WeightsError, CapacityError, and Cancelled.
    """
    options = options or AudioOptions()
    checkpoint = checked(pool.choose(TASK, model), options, pool.settings)
    return _classify(pool, checkpoint, source, options, progress, cancelled)


def classify_audio_many(
    pool: ModelPool,
    sources: Sequence[Source],
    options: AudioOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
    listening: Progress | None = None,
) -> Iterator[Outcome]:
    """Classify files: for each, in order, its AudioResult or the error that it met.

    ``progress(done, total)`` gets files, ``listening(done, total)`` the seconds of the file at hand.
    When ``cancelled()`` turns true, Cancelled is raised after the results so far. ``limit`` is the number of files
    that may be given at once, ``settings.files`` unless said otherwise.
    Raises InputError (nothing given, too many files) and what ``checked`` and ``ModelPool.choose`` raise, at once.
    """
    options = options or AudioOptions()
    check_sources(pool.settings, sources, limit, "sound_nothing_given")
    checkpoint = checked(pool.choose(TASK, model), options, pool.settings)

    def work(some: Sequence[Source]) -> list[AudioResult]:
        return [_classify(pool, checkpoint, source, options, listening, cancelled) for source in some]

    given: Iterable[Any] = sources  # Source is a union, which mypy would join with the errors
    return run_in_batches(given, len(sources), work, 1, progress, cancelled)


def explain_audio(
    pool: ModelPool,
    source: Source,
    label: str,
    options: AudioOptions | None = None,
    model: str | None = None,
    start: float | None = None,
    cancelled: IsCancelled | None = None,
    length: float | None = None,
) -> SoundEvidence:
    """Where in the spectrogram the model finds ``label``: in the window at ``start``, or in that of its best score.

    ``start`` and ``length`` are in seconds, as ``AudioResult.windows`` has them for the listed labels; without a start
    the whole file is heard again to find that window, and without a length it is the model's own. ``options.labels``
    must be those of the answer that is explained. Raises as ``classify_audio`` does, UnknownNameError for a label that
    the model does not have, and InputError for a length that it does not take.
    """
    options = options or AudioOptions()
    listener = SlidingWindowTagger.of(pool, checked(pool.choose(TASK, model), options, pool.settings), options)
    if label not in listener.labels:
        raise UnknownNameError("label", label, listener.labels)
    lengths = [spec.seconds for spec in (listener.whole, listener.fine)]
    if length is not None and length not in lengths:
        offered = ", ".join(f"{seconds:g}" for seconds in lengths)
        model = listener.checkpoint.title
        raise InputError("option_not_offered", model=model, name="length", value=length, offered=offered)
    if start is not None:
        return listener.explain(source, label, start, lengths[0] if length is None else length)
    heard = _hear(listener, source, options, None, cancelled)
    return listener.explain(source, label, *_best(listener, heard, options, label))


def _classify(
    pool: ModelPool,
    checkpoint: Checkpoint,
    source: Source,
    options: AudioOptions,
    progress: Progress | None,
    cancelled: IsCancelled | None,
) -> AudioResult:
    listener = SlidingWindowTagger.of(pool, checkpoint, options)
    heard = _hear(listener, source, options, progress, cancelled)
    envelope, spectrogram = heard.drawing.finish()
    levels = heard.drawing.levels()
    labels = _labels(listener, heard, levels, options)
    timeline, events = _timeline(listener, heard, levels, [one.label for one in labels], options)
    result = AudioResult(
        labels=labels,
        events=events,
        duration=heard.duration,
        sample_rate=heard.sound.sample_rate,
        channels=heard.sound.channels,
        format=heard.sound.format,
        envelope=envelope,
        spectrogram=spectrogram,
        timeline=timeline,
        model=checkpoint.name,
        device=listener.device,
        seconds=heard.seconds,
        level=heard.drawing.level,
        notices=heard.sound.notices,
        headline=most_specific(labels),
        doubted=_doubted([one.label for one in labels]),
    )
    if result.silent:
        return result
    result = replace(result, windows=tuple(_best(listener, heard, options, one.label) for one in labels))
    if options.explain and labels:
        place = [one.label for one in labels].index(result.headline)
        return replace(result, evidence=listener.explain(source, result.headline, *result.windows[place]))
    return result


def _hear(
    listener: SlidingWindowTagger,
    source: Source,
    options: AudioOptions,
    progress: Progress | None,
    cancelled: IsCancelled | None,
) -> StreamScores:
    """The scores of all windows that the answer needs: the labels are the same with a timeline and without."""
    heard = listener.hear(source, _lengths(listener, options), progress, cancelled)
    if options.timeline or options.pooling != "max" or heard.duration <= listener.whole.seconds:
        return heard
    finer = listener.hear(source, (listener.fine,), None, cancelled)  # only now is known that the file is long
    return replace(heard, scores={**heard.scores, **finer.scores}, seconds=heard.seconds + finer.seconds)


def _lengths(listener: SlidingWindowTagger, options: AudioOptions) -> tuple[WindowSpec, ...]:
    """The lengths of windows that the options ask for, each once."""
    return tuple(dict.fromkeys([listener.whole, listener.fine] if options.timeline else [listener.whole]))


def _decisive(listener: SlidingWindowTagger, heard: StreamScores, options: AudioOptions) -> list[WindowSpec]:
    """The lengths of windows that the score of the file comes from."""
    long = options.pooling == "max" and heard.duration > listener.whole.seconds
    return list(heard.scores) if long else [listener.whole]


def _labels(
    listener: SlidingWindowTagger, heard: StreamScores, levels: Floats, options: AudioOptions
) -> tuple[SoundLabel, ...]:
    """The labels of the whole file, best first."""
    if silent_spans(levels, options.silence_level, LEVEL_SECONDS) == [(0, len(levels))]:
        return (SoundLabel(SILENCE, 1.0),)
    scores = np.concatenate([heard.scores[length].values for length in _decisive(listener, heard, options)])
    scores = scores[:, listener.chosen]
    pooled = scores.max(axis=0) if options.pooling == "max" else scores.mean(axis=0)
    order = np.argsort(-pooled, kind="stable")[: options.top]
    return tuple(
        SoundLabel(listener.labels[listener.chosen[column]], float(pooled[column]))
        for column in order
        if pooled[column] >= options.threshold
    )


def most_specific(labels: Sequence[SoundLabel]) -> str:
    """The label that names a sound best: the first, or a kind of it that is nearly as sure ("Dog", not "Animal").

    A kind that is UNTOLD gives way to the label that it is a kind of. ``labels`` best first; "" where there is none.
    """
    doubted = _doubted([one.label for one in labels])
    labels = [one for one in labels if one.label not in doubted]
    if not labels:
        return ""
    best = labels[0]
    while kinds := [one for one in labels if one.label in kinds_of(best.label) and one.score >= CARRIES * best.score]:
        best = max(kinds, key=lambda one: one.score)
    return best.label


def _doubted(labels: Sequence[str]) -> dict[str, str]:
    """The labels that are UNTOLD -> the first that they are a kind of, where there is one."""
    above = {kind: [label for label in labels if kind in kinds_of(label)] for kind in labels if kind in UNTOLD}
    return {kind: parents[0] for kind, parents in above.items() if parents}


def _timeline(
    listener: SlidingWindowTagger,
    heard: StreamScores,
    levels: Floats,
    listed: Sequence[str],
    options: AudioOptions,
) -> tuple[Timeline, tuple[SoundEvent, ...]]:
    """What sounds when; both are empty where the options do not ask.

    Of LABELS_KEPT labels: first those that lead at some moment, then those ``listed`` for the file, then the best.
    """
    fine = listener.fine
    if not options.timeline:
        return Timeline((), np.zeros((0, 0), np.float32), fine.hop), ()
    found = heard.scores[fine]
    cells = cell_scores(found.values[:, listener.chosen], found.starts, fine.seconds, fine.hop, heard.duration)
    threshold = max(options.threshold, options.event_threshold)
    names = [listener.labels[place] for place in listener.chosen]
    peaks = cells.max(axis=0)
    order = [int(column) for column in np.argsort(-peaks, kind="stable")]
    matter = [column for column in order if names[column] in listed or peaks[column] >= threshold]
    names, cells = [names[column] for column in matter], cells[:, matter]
    events = find_events(
        cells,
        names,
        fine.hop,
        levels,
        LEVEL_SECONDS,
        heard.duration,
        threshold,
        options.event_seconds,
        options.silence_level,
    )
    above = {kind: [name for name in names if kind in kinds_of(name)] for kind in UNTOLD}
    leading = leading_labels(events, cells, names, fine.hop, above)
    kept = list(dict.fromkeys([*leading, *(name for name in names if name in listed), *names]))[:LABELS_KEPT]
    timeline = Timeline(tuple(kept), cells[:, [names.index(name) for name in kept]], fine.hop, leading)
    return timeline, tuple(event for event in events if event.label == SILENCE or event.label in kept)


def _best(listener: SlidingWindowTagger, heard: StreamScores, options: AudioOptions, label: str) -> tuple[float, float]:
    """(start, length) in seconds of the window in which the label scores highest."""
    column = listener.labels.index(label)
    length = max(_decisive(listener, heard, options), key=lambda one: heard.scores[one].values[:, column].max())
    scores = heard.scores[length]
    return float(scores.starts[scores.values[:, column].argmax()]), length.seconds
