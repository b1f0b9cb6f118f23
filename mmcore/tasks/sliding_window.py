"""A model listens to a file: one pass over the stream, windows of one or two lengths, in little memory.

Windows that are silent by their level are not shown to the model: a network that has seldom seen silence makes
something up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from time import perf_counter

import numpy as np

from mmcore.audio.spectrogram import LEVEL_SECONDS, StreamingSpectrogram, audible_power, decibels
from mmcore.audio.windows import Window, WindowCutter, window_at
from mmcore.checkpoints.registry import Checkpoint, of_task
from mmcore.errors import Cancelled, InputError
from mmcore.families.base import SoundTagger
from mmcore.io.audio_files import Sound, open_sound
from mmcore.pool import ModelPool
from mmcore.results import SILENCE, AudioOptions, SoundEvidence
from mmcore.types import Floats, IsCancelled, Progress, Source

LEAST_LETTERS = 3
"""Of a word that may stand at the beginning of another: "purr" and "purring"."""
LITTLE = ("the", "and", "with", "from", "for")

BATCH_SECONDS = 20.0
"""Sound that a model is given at once: enough to be quick, little enough to be stopped at once."""


@dataclass(frozen=True)
class WindowSpec:
    """A length of windows, and the step from one to the next, in seconds."""

    seconds: float
    hop: float


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model said of the windows of one length."""

    starts: Floats
    """(windows,): seconds."""
    values: Floats
    """(windows, labels), 0-1; silent windows have zeros."""


@dataclass(frozen=True, eq=False)
class StreamScores:
    """A file after one pass."""

    sound: Sound
    drawing: StreamingSpectrogram
    scores: dict[WindowSpec, Scores]
    seconds: float
    """Time the model took."""

    @property
    def duration(self) -> float:
        """Of the sound, in seconds."""
        return self.drawing.samples / self.drawing.sample_rate


@dataclass(frozen=True, eq=False)
class SlidingWindowTagger:
    """A loaded model with the labels settled, ready for files."""

    pool: ModelPool
    checkpoint: Checkpoint
    device: str
    sample_rate: int
    labels: tuple[str, ...]
    """What the columns of the scores mean."""
    chosen: tuple[int, ...]
    """Columns that may be shown."""
    free: tuple[str, ...]
    """Labels that are given to the model; empty for one with its own."""
    silence_level: float
    whole: WindowSpec
    """Windows that say what sounds in the file."""
    fine: WindowSpec
    """Windows that say when."""

    @classmethod
    def of(cls, pool: ModelPool, checkpoint: Checkpoint, options: AudioOptions) -> SlidingWindowTagger:
        """Load the model, and settle the labels with it. Raises InputError for labels that it does not know."""
        # Only looked at. It may be evicted and loaded again before it runs: what is kept of it here stays the same.
        model: SoundTagger = pool.get(checkpoint.name)
        given = tuple(dict.fromkeys(label.strip() for label in options.labels if label.strip()))
        free = given if model.open_vocabulary else ()
        if len(free) == 1:
            raise InputError("labels_need_two", model=checkpoint.title, count=1)
        labels = free or model.names
        if given and not free:
            chosen = tuple(dict.fromkeys(place_of(checkpoint, label, labels) for label in given))
        else:
            chosen = tuple(range(len(labels)))
        if not free:  # silence is told by the level
            chosen = tuple(place for place in chosen if labels[place] != SILENCE)
        whole = WindowSpec(model.window_seconds, model.window_seconds)
        hop = model.timeline_hop if options.hop is None else options.hop
        fine = WindowSpec(model.timeline_seconds, min(hop, model.timeline_seconds))
        if fine.seconds == whole.seconds:
            whole = fine  # one pass answers both questions
        device, rate = model.device, model.sample_rate
        return cls(pool, checkpoint, device, rate, labels, chosen, free, options.silence_level, whole, fine)

    def hear(
        self,
        source: Source,
        lengths: Sequence[WindowSpec],
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> StreamScores:
        """Read the file once, draw it, and score its windows of each length.

        Raises what ``open_sound`` and ``ModelPool.run`` raise, and Cancelled.
        """
        scorers = {length: _Scorer(self, length, cancelled) for length in lengths}
        with open_sound(source, self.pool.settings) as sound:
            drawing = StreamingSpectrogram(self.sample_rate)
            total = int(sound.seconds or 0)
            for block in sound.blocks(self.sample_rate):
                _stop_if(cancelled)
                drawing.add(block)
                for scorer in scorers.values():
                    scorer.add(block)
                if progress is not None:
                    done = drawing.samples // self.sample_rate
                    progress(min(done, total) if total else done, total)
        scores = {length: scorer.finish() for length, scorer in scorers.items()}
        return StreamScores(sound, drawing, scores, sum(scorer.seconds for scorer in scorers.values()))

    def score(self, windows: Sequence[Floats]) -> list[Floats]:
        """The model's scores, one row a window; all windows have one length."""

        def work(model: SoundTagger, items: Sequence[Floats]) -> list[Floats]:
            return list(model.scores(np.stack(items), self.free))

        alike = ("windows", self.free, len(windows[0]))
        return self.pool.run(self.checkpoint.name, work, windows, alike=alike)

    def silent(self, samples: Floats) -> bool:
        """Whether no tenth of a second reaches the silence level."""
        size = round(LEVEL_SECONDS * self.sample_rate)
        pieces = np.split(samples, range(size, len(samples), size))
        loudest = max(float(audible_power(piece[None])[0]) for piece in pieces)
        return bool(decibels(loudest) < self.silence_level)

    def explain(self, source: Source, label: str, start: float, length: float) -> SoundEvidence:
        """The evidence of a label in the window of ``length`` seconds at ``start`` seconds, or in the last one."""
        size, first = round(length * self.sample_rate), max(0, round(start * self.sample_rate))
        with open_sound(source, self.pool.settings) as sound:
            window = window_at(sound.blocks(self.sample_rate), first, size)
        begin = window.start / self.sample_rate
        drawing = StreamingSpectrogram(self.sample_rate, begin)
        drawing.add(window.samples)
        _, spectrogram = drawing.finish()
        column = self.labels.index(label)

        def work(model: SoundTagger, items: Sequence[Floats]) -> list[tuple[Floats, float]]:
            found = model.evidence(items[0], label, self.free)
            rows = on_rows(found, model.mel_frequencies, spectrogram.frequencies)
            return [(rows, float(model.scores(items[0][None], self.free)[0, column]))]

        ((values, score),) = self.pool.run(self.checkpoint.name, work, [window.samples])
        end = begin + len(window.samples) / self.sample_rate
        return SoundEvidence(label, begin, end, values, spectrogram, score)


class _Scorer:
    """Scores the windows of one length in batches, as they come."""

    def __init__(self, listener: SlidingWindowTagger, length: WindowSpec, cancelled: IsCancelled | None) -> None:
        rate = listener.sample_rate
        self._listener, self._cancelled = listener, cancelled
        self._cutter = WindowCutter(max(1, round(length.seconds * rate)), max(1, round(length.hop * rate)))
        self._batch = max(1, int(BATCH_SECONDS / length.seconds))
        self._waiting: list[tuple[int, Window]] = []
        """With its row."""
        self._starts: list[int] = []
        self._rows: list[Floats] = []
        self.seconds = 0.0
        """Time the model took."""

    def add(self, block: Floats) -> None:
        for window in self._cutter.add(block):
            self._take(window)

    def finish(self) -> Scores:
        for window in self._cutter.finish():
            self._take(window)
        self._flush()
        starts = np.array(self._starts, np.float32) / self._listener.sample_rate
        return Scores(starts.astype(np.float32), np.stack(self._rows))

    def _take(self, window: Window) -> None:
        self._starts.append(window.start)
        self._rows.append(np.zeros(len(self._listener.labels), np.float32))
        if self._listener.silent(window.samples):
            return
        self._waiting.append((len(self._rows) - 1, window))
        if len(self._waiting) == self._batch:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        _stop_if(self._cancelled)
        begin = perf_counter()
        found = self._listener.score([window.samples for _, window in self._waiting])
        self.seconds += perf_counter() - begin
        for (row, _), values in zip(self._waiting, found, strict=True):
            self._rows[row] = values
        self._waiting = []


def _stop_if(cancelled: IsCancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled("cancelled", done=0, total=1)


def place_of(checkpoint: Checkpoint, label: str, names: Sequence[str]) -> int:
    """The column of a label as people write it: in any case, or one of several names ("Male speech, man speaking").

    Raises InputError for another, with the closest names.
    """
    wanted = label.casefold()
    for place, name in enumerate(names):
        if name.casefold() == wanted:
            return place
    for place, name in enumerate(names):
        if wanted in [part.strip().casefold() for part in name.split(",")]:
            return place
    close = ", ".join(closest(wanted, names))
    free = ", ".join(known.name for known in of_task(checkpoint.task) if known.family == "clap")
    raise InputError("labels_not_free", model=checkpoint.title, label=label, close=close, free=free)


def closest(wanted: str, names: Sequence[str], count: int = 3) -> list[str]:
    """Names that share a word with ``wanted`` ("a purring cat": Purr, Cat), then those that are spelt like it."""

    def alike(one: str, other: str) -> bool:
        short, long = sorted((one, other), key=len)
        return len(short) >= LEAST_LETTERS and long.startswith(short)

    def words(text: str) -> list[str]:
        return [word for word in re.findall(r"[a-z]+", text.casefold()) if word not in LITTLE]

    def shared(name: str) -> float:
        own = words(name)
        return sum(any(alike(one, other) for other in words(wanted)) for one in own) / max(1, len(own))

    folded = {name.casefold(): name for name in names}
    spelt = [folded[name] for name in get_close_matches(wanted.casefold(), folded, n=count, cutoff=0.0)]
    return list(dict.fromkeys([*(name for name in sorted(names, key=shared, reverse=True) if shared(name)), *spelt]))[
        :count
    ]


def on_rows(evidence: Floats, frequencies: Floats, rows: Floats) -> Floats:
    """(mels, frames) of a model's bands -> of bands in the middle of ``rows`` (Hz), with the sum 1.

    Nothing is beyond the model's range. Where nothing speaks for the label, the map is even.
    """
    values = np.stack([np.interp(rows, frequencies, column, left=0, right=0) for column in evidence.T], axis=1)
    total = float(values.sum())
    if total <= 0:
        return np.full(values.shape, 1 / values.size, np.float32)
    scaled: Floats = (values / total).astype(np.float32)
    return scaled
