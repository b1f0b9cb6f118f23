"""How something is said: measures of a voice, which are shown beside a transcript and never judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mmcore.results.transcribe import TranscribeResult


@dataclass(frozen=True)
class Voice:
    """Loudness and pitch of a recording. What they mean depends on speaker, language and microphone."""

    seconds: float
    """Of the recording that were measured."""
    level: float
    """Decibels below full scale (dBFS) where there is sound: root mean square of the louder half."""
    level_range: float
    """Decibels between quiet and loud stretches: 10th to 95th percentile where there is sound."""
    pitch: tuple[float, float, float] | None
    """Hertz: 10th, 50th and 90th percentile of the fundamental frequency; None where nothing is voiced."""
    voiced: float
    """Share of the sounding time that has a pitch, 0-1."""

    @property
    def semitones(self) -> float | None:
        """Range of the pitch, from the 10th to the 90th percentile."""
        return None if self.pitch is None else 12 * math.log2(self.pitch[2] / self.pitch[0])

    def to_dict(self) -> dict[str, Any]:
        """{"seconds", "level_db", "level_range_db", "pitch_hz": [3 numbers], "pitch_range_semitones", "voiced"}."""
        semitones = self.semitones
        return {
            "seconds": round(self.seconds, 2),
            "level_db": round(self.level, 1),
            "level_range_db": round(self.level_range, 1),
            "pitch_hz": None if self.pitch is None else [round(one, 1) for one in self.pitch],
            "pitch_range_semitones": None if semitones is None else round(semitones, 1),
            "voiced": round(self.voiced, 3),
        }


@dataclass(frozen=True)
class SpokenPart:
    """The spoken part of a post: what is said, and how."""

    transcript: TranscribeResult
    voice: Voice

    @property
    def words_a_minute(self) -> float | None:
        """Words (in Chinese: signs) a minute, from the first word's beginning to the last one's end."""
        words = self.transcript.words
        if len(words) < 2 or words[-1].end <= words[0].start:
            return None
        return 60 * len(words) / (words[-1].end - words[0].start)

    def to_dict(self) -> dict[str, Any]:
        """{"text", "language", "model", "words_a_minute", "voice"}."""
        rate = self.words_a_minute
        return {
            "text": self.transcript.text,
            "language": self.transcript.language,
            "model": self.transcript.model,
            "words_a_minute": None if rate is None else round(rate),
            "voice": self.voice.to_dict(),
        }
