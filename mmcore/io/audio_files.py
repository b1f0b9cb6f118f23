"""Sound files as people have them -> mono float32 at any rate, in pieces. Limits come before decoding.

    path | bytes -> one waveform          (load_audio)
    path | bytes -> an open sound         (open_sound), whose ``blocks`` a long file is read by in little memory

No header is believed: a sound is as long as what can be decoded of it, and the limit counts that.

Every failure is an InputError whose sentence says what is wrong with the file. Formats are told by the file's
content, never by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mmcore.errors import InputError, Phrase
from mmcore.io import audio_readers, decoder_process
from mmcore.io.audio_mixing import Mixer
from mmcore.io.files import size_of, unreadable
from mmcore.io.filetypes import HEAD, FileType, sniff
from mmcore.results.notices import Notice
from mmcore.settings import Settings
from mmcore.types import Floats

SOUND_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64"),
    *(".m4a", ".mp4", ".aac", ".3gp", ".amr", ".webm", ".mka", ".mkv", ".mov"),
)
"""Usual endings of the files that can be read, for file choosers."""
LEAST_SECONDS = 0.02
"""A shorter sound is a click in which nothing can be heard."""
RATES = (100, 1_000_000)
"""Sample rates in Hz beyond which a header is not believed."""
LOUDEST = 16.0
"""Float samples beyond 1 are cut off as a player does; beyond this they are no sound in the usual scale."""


Resample = Callable[[Floats, bool], Floats]


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono sound."""

    samples: Floats
    """(samples,) in [-1, 1]"""
    sample_rate: int
    """In Hz."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, eq=False)
class Sound:
    """An open sound file."""

    format: str
    """Name of the format, by content ("WAV", "WebM")."""
    sample_rate: int
    """Of the file, in Hz."""
    channels: int
    """Of the file."""
    seconds: float | None
    """Length as the header says, a guess; None where it does not (recordings of browsers)."""
    _blocks: Callable[[int], Iterator[Floats]]
    _notices: Callable[[], Iterable[Notice]]

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was not read, or was assumed; all of it is known when ``blocks`` has ended."""
        return tuple(dict.fromkeys(self._notices()))

    def blocks(self, sample_rate: int | None = None) -> Iterator[Floats]:
        """The sound from the beginning, once: mono pieces of any length, in [-1, 1], at ``sample_rate`` (or its own).

        Time is that of the file: what begins late or has holes in a video has silence there. The channels in which
        something sounds are averaged (``Mixer``); soxr resamples, from piece to piece as if it were one. Raises
        InputError: damaged, values that are no numbers, longer than ``settings.audio_seconds`` whatever the header
        said, too short.
        """
        return self._blocks(sample_rate or self.sample_rate)


@dataclass(frozen=True, eq=False)
class _Reading:
    """What ``Sound.blocks`` does where the file is decoded in this process."""

    format: str
    opened: audio_readers.AudioReader
    limit: float

    def blocks(self, target: int) -> Iterator[Floats]:
        rate, count = self.opened.sample_rate, 0
        mixer = Mixer(self.opened.channels, rate)
        resample = _resampler(rate, target)
        for block in self._decoded():
            start, count = count, count + len(block)
            if count / rate > self.limit:
                raise _too_long(count / rate, self.limit)
            yield resample(mixer.mix(self._checked(block, start)), False)
        seconds = count / rate
        if seconds < LEAST_SECONDS:
            key = "sound_too_short" if count else "sound_without_samples"
            raise InputError(key, samples=count, milliseconds=seconds * 1000, limit=LEAST_SECONDS * 1000)
        if mixer.turned:
            self.opened.notices.append(Notice.of("sound_channels", count=self.opened.channels))
        yield resample(np.zeros(0, np.float32), True)

    def _decoded(self) -> Iterator[audio_readers.Block]:
        try:
            yield from self.opened.blocks
        except Exception as error:  # libraries raise what they like for hostile bytes
            raise _damaged(self.format, error) from error

    def _checked(self, block: audio_readers.Block, start: int) -> audio_readers.Block:
        peak = float(np.abs(block).max(initial=0.0))
        if not np.isfinite(peak):
            row = int(np.argmin(np.isfinite(block).all(axis=1)))
            raise InputError("sound_not_numbers", seconds=(start + row) / self.opened.sample_rate)
        if peak > LOUDEST:
            raise InputError("sound_not_scaled", peak=peak)
        return np.clip(block, -1, 1)


def _resampler(source: int, target: int) -> Resample:
    """(samples, is last) -> samples at the other rate; what comes late comes with a later piece."""
    if source == target:
        return lambda samples, last: samples
    import soxr

    stream = soxr.ResampleStream(source, target, 1, dtype="float32")

    def resample(samples: Floats, last: bool) -> Floats:
        made: Floats = stream.resample_chunk(samples, last=last)
        return np.clip(made, -1, 1)  # a filter overshoots a little at steep edges

    return resample


@contextmanager
def open_sound(source: str | Path | bytes, settings: Settings) -> Iterator[Sound]:
    """Open a sound file and read its header.

    Takes WAV, W64, FLAC, Ogg (Vorbis, Opus), MP3, AIFF, AU, CAF, M4A, AAC, AMR, WebM, and the sound of MP4 and Matroska
    videos, at any rate and with any number of channels.

    Raises InputError: no file, a folder, more bytes than ``settings.audio_bytes``, longer than
    ``settings.audio_seconds`` by its bytes or its packets (``blocks`` counts again), not a sound, damaged.
    """
    if settings.apart:
        with decoder_process.open_sound(source, settings) as distant:
            yield Sound(*distant.facts, distant.blocks, lambda: distant.notices)
        return
    if not source or not str(source):
        raise InputError("sound_empty" if isinstance(source, bytes) else "sound_nothing_given")
    size = len(source) if isinstance(source, bytes) else size_of(source)
    if not size:
        raise InputError("sound_empty")
    if size > settings.audio_bytes:
        raise InputError("sound_too_large", megabytes=size / 1e6, limit=settings.audio_bytes / 1e6)
    with _file(source) as file:
        kind = sniff(file.read(HEAD))
        file.seek(0)
        name = _readable(kind)
        with _header(name, file) as header:
            if not RATES[0] <= header.sample_rate <= RATES[1]:
                raise InputError("sound_rate", rate=header.sample_rate, low=RATES[0], high=RATES[1])
            seconds = None if header.frames is None else header.frames / header.sample_rate
            if seconds is not None and seconds > settings.audio_seconds:
                if name not in audio_readers.STORED:
                    seconds = audio_readers.seconds_of_packets(name, file)
                if seconds is not None and seconds > settings.audio_seconds:
                    raise _too_long(seconds, settings.audio_seconds)
            reading = _Reading(name, header, settings.audio_seconds)
            yield Sound(name, header.sample_rate, header.channels, seconds, reading.blocks, lambda: header.notices)


def _file(source: str | Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return BytesIO(source)
    with unreadable(source):
        return Path(source).open("rb")


def _readable(kind: FileType) -> str:
    """The name of a kind that can be read. Raises InputError for another."""
    name = str(kind.name)
    if name in audio_readers.FFMPEG:
        return name
    if kind.group == "sound":
        raise InputError("sound_unsupported", format=kind.name)
    if kind.group in ("picture", "other picture", "svg"):
        raise InputError("sound_not_a_sound", kind=Phrase("kind_picture"))
    raise InputError("sound_not_a_sound", kind=Phrase("kind_video") if kind.group == "video" else kind.name)


@contextmanager
def _header(name: str, file: BinaryIO) -> Iterator[audio_readers.AudioReader]:
    manager = audio_readers.opened(name, file)
    try:
        header = manager.__enter__()
    except audio_readers.NoSoundTrack:
        raise InputError("sound_no_track", format=name) from None
    except Exception as error:
        raise _damaged(name, error, Phrase("damage_header")) from error
    try:
        yield header
    finally:
        manager.__exit__(None, None, None)


def _damaged(name: str, error: Exception, otherwise: Phrase | None = None) -> InputError:
    if isinstance(error, InputError):
        return error
    text = str(error).lower()
    ends = isinstance(error, EOFError) or any(part in text for part in ("truncated", "end of file", "unexpected end"))
    detail = Phrase("damage_ends") if ends else otherwise or Phrase("damage_decode")
    return InputError("sound_damaged", format=name, detail=detail)


def _too_long(seconds: float, limit: float) -> InputError:
    return InputError("sound_too_long", minutes=seconds / 60, limit=limit / 60)


def load_audio(source: str | Path | bytes, settings: Settings, sample_rate: int | None = None) -> Waveform:
    """A whole sound file as one mono waveform, at ``sample_rate`` or the file's own.

    30 minutes at 32 kHz are 230 MB: read long files with ``open_sound``. Raises InputError as that does.
    """
    with open_sound(source, settings) as sound:
        rate = sample_rate or sound.sample_rate
        return Waveform(np.concatenate(list(sound.blocks(rate))), rate)
