"""What is seen and heard in a short video, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmcore.results.audio import SoundEvent
from mmcore.results.captioning import CaptionResult
from mmcore.results.notices import Notice, as_json

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """One stretch of a video and its picture."""

    start: float
    end: float
    """In seconds from the beginning."""
    at: float
    """When its picture is seen."""
    picture: Image.Image
    """RGB, upright."""


@dataclass(frozen=True, eq=False)
class Clip:
    """What was read of a video."""

    seconds: float
    """How long it is, as far as it could be decoded."""
    width: int
    height: int
    """Of the video, in pixels."""
    frames: tuple[KeyFrame, ...]
    """In order; never empty."""
    notices: tuple[Notice, ...] = ()
    """What was not read."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One stretch of a video in which little changes, with the captions of its key frame."""

    start: float
    end: float
    """In seconds from the beginning."""
    at: float
    """When the key frame is seen."""
    seen: CaptionResult
    picture: Image.Image | None = None
    """The key frame, RGB; not in the JSON."""

    def to_dict(self) -> dict[str, Any]:
        """{"start", "end", "at", "text", "score", "confident", "tags"}."""
        best = self.seen.captions[0]
        return {
            **{"start": round(self.start, 3), "end": round(self.end, 3), "at": round(self.at, 3)},
            **{"text": best.text, "score": round(best.score, 4), "confident": self.seen.confident},
            "tags": [{"text": tag.text, "score": round(tag.probability, 4)} for tag in self.seen.tags],
        }


@dataclass(frozen=True, eq=False)
class ClipResult:
    """Captions of a video's key frames, and the sounds over the same time line."""

    moments: tuple[Moment, ...]
    """In order; never empty."""
    duration: float
    """Of the video in seconds."""
    events: tuple[SoundEvent, ...]
    """What sounds, and when; empty where there is no sound track, or it was not listened to."""
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read."""

    @property
    def best(self) -> Moment:
        """The one whose caption stands for the whole video: the surest that the model stands by, else the surest."""
        return max(self.moments, key=lambda one: (one.seen.confident, one.seen.captions[0].score))

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract of a picture (captions of the best key frame) and "moments", "events", "duration"."""
        seen = self.best.seen
        return {
            "captions": [{"text": one.text, "score": round(one.score, 4)} for one in seen.captions],
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            "confident": seen.confident,
            "tags": [{"text": tag.text, "score": round(tag.probability, 4)} for tag in seen.tags],
            "moments": [moment.to_dict() for moment in self.moments],
            "events": [
                {
                    "label": event.label,
                    "start": round(event.start, 2),
                    "end": round(event.end, 2),
                    "score": round(event.score, 4),
                }
                for event in self.events
            ],
            "duration": round(self.duration, 3),
            **as_json(self.notices),
        }
