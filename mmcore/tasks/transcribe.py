"""Speech as text: a sound in, its words with their times out; alone or many at a time, of any length.

A sound is heard in pieces of half a minute at most, cut where it is quietest, so that a long one needs little memory,
others get their turn in between, and it can be stopped. Chinese is written in simplified characters, which the models
mix with traditional ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from mmcore.audio import voice
from mmcore.audio.pieces import PieceCutter
from mmcore.audio.windows import Window
from mmcore.checkpoints import locate
from mmcore.checkpoints.registry import Checkpoint, of_task
from mmcore.errors import Cancelled, InputError, MMCoreError
from mmcore.families.base import Transcriber
from mmcore.io.audio_files import open_sound
from mmcore.io.chinese import simplified
from mmcore.pool import ModelPool
from mmcore.results.notices import Notice
from mmcore.results.spoken import SpokenPart
from mmcore.results.transcribe import Heard, SpokenWord, TranscribeOptions, TranscribeResult, joined, language_name
from mmcore.settings import Settings
from mmcore.tasks.batching import check_sources, run_in_batches
from mmcore.types import Floats, IsCancelled, Progress, Source

TASK = "transcribe"

SILENT = 1e-6
"""Mean power (-60 dB) below which nothing can be heard."""
LEFT_OUT_SECONDS = 2.0
"""Sound without speech from which on a notice says that it was left out."""
VOICE_SECONDS = 120
"""Of a post's sound that are measured: enough for the range of a voice."""
SURE = 0.6
"""Probability of a language from which on it is not called a guess."""

Outcome: TypeAlias = "TranscribeResult | MMCoreError"


@dataclass(frozen=True)
class _Piece:
    """A piece of a sound, in seconds, and what was heard in it."""

    start: float
    end: float
    heard: Heard


def unavailable(settings: Settings) -> MMCoreError | None:
    """Why speech cannot be transcribed here, with the command that changes it; None where it can. Costs nothing."""
    if any(locate.is_cached(checkpoint, settings) for checkpoint in of_task(TASK)):
        return None
    return locate.availability(of_task(TASK)[0], settings).problem


def default_model(pool: ModelPool) -> str:
    """The recogniser of the settings' tier if it is here, else the first that is, else that of the extra."""
    wanted = pool.choose(TASK)
    ready = (one for one in (wanted, *of_task(TASK)) if locate.is_cached(one, pool.settings))
    return next(ready, of_task(TASK)[0]).name


def checked(checkpoint: Checkpoint, options: TranscribeOptions) -> Checkpoint:
    """The recogniser, if it knows the language. Raises InputError, which names one that does."""
    if options.language != "auto" and options.language not in checkpoint.languages:
        others = (one.name for one in of_task(TASK) if options.language in one.languages)
        raise InputError(
            "speech_language",
            model=checkpoint.title,
            language=options.language,
            known=", ".join(checkpoint.languages),
            other=next(others, "-"),
        )
    return checkpoint


def transcribe(
    pool: ModelPool,
    source: Source,
    options: TranscribeOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> TranscribeResult:
    """What is said in one sound file (path or its bytes).

    ``progress(done, total)`` gets whole seconds of sound; where the file does not say how long it is, ``total`` is 0.
    ``cancelled()`` is asked between pieces. Raises InputError, UnknownNameError, CapacityError, Cancelled, and
    WeightsError, which says the command that installs what is missing.
    """
    options = options or TranscribeOptions()
    return _transcribe(pool, checked(pool.choose(TASK, model), options), source, options, progress, cancelled)


def transcribe_many(
    pool: ModelPool,
    sources: Sequence[Source],
    options: TranscribeOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
    listening: Progress | None = None,
) -> Iterator[Outcome]:
    """What is said in files: for each, in order, its TranscribeResult or the error that it met.

    ``progress(done, total)`` gets files, ``listening(done, total)`` the seconds of the file at hand. When
    ``cancelled()`` turns true, Cancelled is raised after the results so far. ``limit`` is the number of files that may
    be given at once, ``settings.files`` unless said otherwise. Raises InputError (nothing given, too many files) and
    what ``checked`` and ``ModelPool.choose`` raise, at once.
    """
    options = options or TranscribeOptions()
    check_sources(pool.settings, sources, limit, "sound_nothing_given")
    checkpoint = checked(pool.choose(TASK, model), options)

    def work(some: Sequence[Source]) -> list[TranscribeResult]:
        return [_transcribe(pool, checkpoint, source, options, listening, cancelled) for source in some]

    given: Iterable[Any] = sources  # Source is a union, which mypy would join with the errors
    return run_in_batches(given, len(sources), work, 1, progress, cancelled)


def _transcribe(
    pool: ModelPool,
    checkpoint: Checkpoint,
    source: Source,
    options: TranscribeOptions,
    progress: Progress | None,
    cancelled: IsCancelled | None,
    listener: Callable[[Floats], None] | None = None,
) -> TranscribeResult:
    """``listener`` gets every block of the sound too, at the model's sample rate."""
    model: Transcriber = pool.get(checkpoint.name)  # only looked at; it runs in ``run``
    rate, device = model.sample_rate, model.device
    cutter = PieceCutter(rate, model.window_seconds * 2 / 3, model.window_seconds)
    pieces: list[_Piece] = []
    samples, took = 0, 0.0

    def hear(piece: Window) -> None:
        nonlocal took
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled", done=0, total=1)
        begin = perf_counter()
        heard = _hear(pool, checkpoint, options, piece)
        took += perf_counter() - begin
        pieces.append(_Piece(piece.start / rate, (piece.start + len(piece.samples)) / rate, heard))

    with open_sound(source, pool.settings) as sound:
        total = int(sound.seconds or 0)
        for block in sound.blocks(rate):
            samples += len(block)
            if listener is not None:
                listener(block)
            for piece in cutter.add(block):
                hear(piece)
            if progress is not None:
                done = samples // rate
                progress(min(done, total) if total else done, total)
        for piece in cutter.finish():
            hear(piece)
    duration = samples / rate
    language, score = _language(pieces)
    return TranscribeResult(
        words=tuple(word for piece in pieces for word in _moved(piece)),
        language=language,
        language_score=score,
        duration=duration,
        model=checkpoint.name,
        device=device,
        seconds=took,
        notices=(*sound.notices, *_notices(checkpoint, options, pieces, language, score, duration)),
    )


def _hear(pool: ModelPool, checkpoint: Checkpoint, options: TranscribeOptions, piece: Window) -> Heard:
    if float(np.square(piece.samples, dtype=np.float64).mean()) < SILENT:
        return Heard((), "", 0.0, 0.0)

    def work(model: Transcriber, items: Sequence[Window]) -> list[Heard]:
        language = None if options.language == "auto" else options.language
        return [model.hear(item.samples, language, options.beams) for item in items]

    return pool.run(checkpoint.name, work, [piece])[0]


def _moved(piece: _Piece) -> Iterator[SpokenWord]:
    """The words of a piece with their times in the sound, Chinese ones in simplified characters."""
    words = piece.heard.words
    if piece.heard.language == "zh":
        words = _simplified(words)
    for word in words:
        yield replace(word, start=piece.start + word.start, end=piece.start + word.end)


def _simplified(words: tuple[SpokenWord, ...]) -> tuple[SpokenWord, ...]:
    """The text is converted as a whole, since what a sign becomes may depend on its word."""
    text = simplified("".join(word.text for word in words))
    ends = np.cumsum([len(word.text) for word in words])
    return tuple(replace(word, text=text[end - len(word.text) : end]) for word, end in zip(words, ends, strict=True))


def _language(pieces: Sequence[_Piece]) -> tuple[str, float]:
    """The language of the most speech, and its mean probability over its speech; ("", 0.0) without speech."""
    seconds: dict[str, float] = defaultdict(float)
    sums: dict[str, float] = defaultdict(float)
    for one in (piece.heard for piece in pieces if piece.heard.speech_seconds):
        seconds[one.language] += one.speech_seconds
        sums[one.language] += one.speech_seconds * one.language_score
    if not seconds:
        return "", 0.0
    most = max(seconds, key=lambda name: seconds[name])
    return most, sums[most] / seconds[most]


def _notices(
    checkpoint: Checkpoint,
    options: TranscribeOptions,
    pieces: Sequence[_Piece],
    language: str,
    score: float,
    duration: float,
) -> Iterator[Notice]:
    spoken = sum(piece.heard.speech_seconds for piece in pieces)
    if not spoken:
        yield Notice.of("speech_none")
        return
    if duration - spoken >= LEFT_OUT_SECONDS:
        yield Notice.of("speech_left_out", seconds=duration - spoken, duration=duration)
    for piece in pieces:
        if piece.heard.repeating:
            yield Notice.of("speech_repeating", start=piece.start, end=piece.end)
    if options.language != "auto":
        return
    if checkpoint.languages == ("en",):
        yield Notice.of("speech_english_only", model=checkpoint.title)
        return
    if score < SURE:
        yield Notice.of("speech_language_unsure", language=language_name(language), percent=round(100 * score))
    elif checkpoint.languages and language not in checkpoint.languages:  # a folder's may not be stated
        english, chinese = zip(*map(language_name, checkpoint.languages), strict=True)
        known = (" and ".join(english), "和".join(chinese))
        yield Notice.of("speech_language_other", language=language_name(language), known=known)
    for piece in pieces:
        other = piece.heard.language
        if piece.heard.words and other != language and piece.heard.language_score >= SURE:
            yield Notice.of("speech_languages", start=piece.start, end=piece.end, language=language_name(other))


def spoken_part(
    pool: ModelPool,
    source: Source,
    options: TranscribeOptions | None = None,
    model: str | None = None,
    cancelled: IsCancelled | None = None,
) -> SpokenPart:
    """What is said in the sound of a post, and how: level, pitch and rate, which are measured and not judged.

    The voice is measured over the first VOICE_SECONDS of what the recogniser hears, so that the sound is decoded once.
    Raises as ``transcribe``.
    """
    import soxr

    options = options or TranscribeOptions()
    checkpoint = checked(pool.choose(TASK, model or default_model(pool)), options)
    rate = int(pool.get(checkpoint.name).sample_rate)
    heard: list[Floats] = [np.zeros(0, np.float32)]

    def keep(block: Floats) -> None:
        missing = VOICE_SECONDS * rate - sum(map(len, heard))
        if missing > 0:
            heard.append(block[:missing])

    answer = _transcribe(pool, checkpoint, source, options, None, cancelled, keep)
    return SpokenPart(answer, voice.measure(soxr.resample(np.concatenate(heard), rate, voice.RATE)))


def spoken_text(
    pool: ModelPool, source: Source, options: TranscribeOptions | None = None, model: str | None = None
) -> tuple[str, TranscribeResult]:
    """The transcript as what a field for typing takes, in one line, and the whole answer. Raises as ``transcribe``."""
    answer = transcribe(pool, source, options, model)
    return " ".join(joined(answer.words).split()), answer
