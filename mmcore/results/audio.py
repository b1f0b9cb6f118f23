"""Options and results of audio classification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmcore.results.notices import Notice, as_json
from mmcore.results.options import check, one_of, ranged
from mmcore.types import Floats

Pooling = Literal["max", "mean"]
POOLINGS: tuple[Pooling, ...] = ("max", "mean")
MAX_LABELS_SHOWN = 1000
SILENCE = "Silence"
"""AudioSet's own name. Here silence is told by the level of the sound, never by a model."""


@dataclass(frozen=True)
class AudioOptions:
    """How to classify sounds. Raises InputError for a value out of range."""

    top: int = ranged(5, 1, MAX_LABELS_SHOWN)
    """How many labels are listed, best first (1-1000; a model may know fewer)."""
    threshold: float = ranged(0.0, 0.0, 1.0)
    """Labels with a lower score are not listed (0-1)."""
    labels: tuple[str, ...] = ()
    """Only these. A model with free labels (CLAP) takes any words; others take their own names, in any case."""
    pooling: Pooling = one_of("max", POOLINGS)
    """Score of a file from those of its windows: "max" (does it sound anywhere?) or "mean" (how much of it is it?).

    A file that is longer than a window has finer ones as well, and "max" asks those too."""
    timeline: bool = True
    """Also find the events: what sounds from when to when."""
    hop: float | None = ranged(None, 0.1, 10.0)
    """Seconds from one window of the timeline to the next (0.1-10); None takes the model's own."""
    event_threshold: float = ranged(0.25, 0.01, 1.0)
    """An event begins where a label reaches this score (0.01-1), and goes on while it keeps half of it."""
    event_seconds: float = ranged(0.3, 0.0, 60.0)
    """Shorter events are left out, and shorter gaps are closed (0-60)."""
    silence_level: float = ranged(-60.0, -120.0, 0.0)
    """Root mean square in dBFS (-120 to 0) below which a tenth of a second counts as silent."""
    explain: bool = False
    """Also compute the evidence of the best label over the spectrogram."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class SoundLabel:
    """A label and its score for the whole file, 0-1."""

    label: str
    score: float


@dataclass(frozen=True)
class SoundEvent:
    """A sound and its place in the file. Events of different labels may overlap; silence overlaps with none."""

    label: str
    start: float
    """Seconds from the beginning of the file."""
    end: float
    score: float
    """Highest score within the event, 0-1; 1 for silence."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """The waveform for drawing: lowest and highest value (-1 to 1) of equal pieces, at most 4,000."""

    low: Floats
    high: Floats
    hop: float
    """Seconds a piece; the last may reach beyond the end of the sound."""


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """Log-mel spectrogram for drawing, as librosa computes and draws it: seconds to the right, Hz upwards."""

    values: Floats
    """(mels, frames) in dB below full scale (a sine of amplitude 1 is near 0), cut off at -100; row 0 is lowest."""
    frequencies: Floats
    """(mels,): the middle of each row in Hz, rising."""
    hop: float
    """Seconds a frame. Frame 0 begins at ``start``."""
    start: float = 0.0
    """Seconds from the beginning of the file."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """Scores of the finer windows, of the labels that matter: those that lead, those listed, others with an event.

    At most 20.
    """

    labels: tuple[str, ...]
    scores: Floats
    """(cells, labels), 0-1: cell i lasts from ``i * hop`` to ``(i + 1) * hop`` seconds; 0 where it is silent."""
    hop: float
    leading: tuple[str, ...] = ()
    """Labels whose event is the best of some moment, whatever the labels of the whole file are; longest first."""


@dataclass(frozen=True, eq=False)
class SoundEvidence:
    """Where in the spectrogram of one window a model found a label."""

    label: str
    start: float
    """Of the window, in seconds from the beginning of the file."""
    end: float
    values: Floats
    """(mels, frames) over the rows of ``spectrogram``, >= 0 with the sum 1; the frames part start to end equally."""
    spectrogram: Spectrogram
    """Of the window alone, with its full resolution."""
    score: float
    """Of the label in this window."""


@dataclass(frozen=True, eq=False)
class AudioResult:
    """Answer of the audio task for one file."""

    labels: tuple[SoundLabel, ...]
    """Best first, at most ``top``, all at or above ``threshold``. Of a silent file it is silence alone."""
    events: tuple[SoundEvent, ...]
    """By start, then by falling score."""
    duration: float
    """Seconds of sound."""
    sample_rate: int
    """Of the file, in Hz."""
    channels: int
    """Of the file, before they were averaged to one."""
    format: str
    """Of the file ("WAV", "WebM", ...), by its content."""
    envelope: Envelope
    spectrogram: Spectrogram
    timeline: Timeline
    model: str
    device: str
    seconds: float
    """Time the model took, without decoding and loading."""
    level: float = float("-inf")
    """Root mean square of the whole file in dBFS; -inf for digital silence."""
    evidence: SoundEvidence | None = None
    """Of the headline, where ``explain`` asked for it and the file is not silent."""
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""
    windows: tuple[tuple[float, float], ...] = ()
    """(start, length) in seconds of the window in which each of ``labels`` scores highest, for ``explain_audio``."""
    headline: str = ""
    """The label to show first: the best one, or a kind of it that is nearly as sure ("Dog", not "Animal")."""
    doubted: Mapping[str, str] = field(default_factory=dict)
    """Listed kinds that models are known to be as sure of where they are not -> the listed label they are a kind of."""

    @property
    def reading_order(self) -> tuple[int, ...]:
        """Places in ``labels`` in the order to read them: the headline, then the best first.

        A doubted kind comes right below the label that it is a kind of.
        """
        score = {one.label: one.score for one in self.labels}

        def place(index: int) -> tuple[bool, float, bool]:
            label = self.labels[index].label
            above = self.doubted.get(label, label)
            return above != self.headline, -score[above], above != label

        return tuple(sorted(range(len(self.labels)), key=place))

    @property
    def silent(self) -> bool:
        """Whether nothing in the file reaches the silence level."""
        return len(self.labels) == 1 and self.labels[0] == SoundLabel(SILENCE, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"labels": [{"label", "score"}], "events": [{"label", "start", "end", "score"}], ...}."""
        return {
            "labels": [{"label": one.label, "score": round(one.score, 4)} for one in self.labels],
            "events": [
                {
                    "label": event.label,
                    "start": round(event.start, 2),
                    "end": round(event.end, 2),
                    "score": round(event.score, 4),
                }
                for event in self.events
            ],
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            "duration": round(self.duration, 3),
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            **as_json(self.notices),
        }
