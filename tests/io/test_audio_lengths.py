"""A corpus of writers: whatever a header says, a sound is as long as what was written."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.io.audio_files import load_audio, open_sound
from mmcore.results import Notice
from mmcore.settings import Settings
from tests.sounds import contained, encoded, noise, silence, tone

SETTINGS = Settings()
LOW, HIGH = 440.0, 1500.0


def heard(data: bytes, settings: Settings = SETTINGS) -> tuple[Any, tuple[Notice, ...]]:
    """The samples at 16 kHz, and the notices."""
    with open_sound(data, settings) as sound:
        samples = np.concatenate(list(sound.blocks(16000)))
        return samples, sound.notices


def pitch(samples: Any) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * 16000 / len(samples))


def codes(notices: tuple[Notice, ...]) -> list[str]:
    return [notice.code for notice in notices]


def changed(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    made = bytearray(data)
    for place, value in changes:
        made[place : place + len(value)] = value
    return bytes(made)


def two(form: str, **more: Any) -> bytes:
    return encoded(tone(1.0, LOW), format=form, **more) + encoded(tone(1.0, HIGH), format=form, **more)


def riff(said: int, samples: Any = None, tail: bytes = b"", order: str = "<") -> bytes:
    """A WAV of 2 s whose data chunk says that it has ``said`` bytes."""
    data = encoded(tone(2.0) if samples is None else samples) + tail
    return changed(data, (40, struct.pack(order + "I", said)))


def mp3_without_xing(seconds: float = 5.0) -> bytes:
    """Frames of very different sizes, the first of silence: their bit rate says nothing of the length."""
    samples = np.concatenate([silence(0.5), tone(seconds - 0.5)])
    samples[16000:] += noise(seconds - 0.5, amplitude=0.2)
    from io import BytesIO

    import soundfile

    file = BytesIO()
    with soundfile.SoundFile(file, "w", 32000, 1, "MPEG_LAYER_III", format="MP3", bitrate_mode="VARIABLE") as sound:
        sound.write(samples)
    data = file.getvalue()
    assert b"Xing" in data[:300]
    second = re.search(rb"\xff[\xfa\xfb]", data[10:])
    assert second is not None
    return data[10 + second.start() :]


def aiff(said: int, frames: int) -> bytes:
    data = encoded(tone(2.0), format="AIFF")
    return changed(
        data,
        (data.index(b"COMM") + 10, struct.pack(">I", frames)),
        (data.index(b"SSND") + 4, struct.pack(">I", said)),
    )


def caf(said: int) -> bytes:
    data = encoded(tone(2.0), format="CAF")
    return changed(data, (data.index(b"data") + 4, struct.pack(">q", said)))


def flac(frames: int) -> bytes:
    data = encoded(tone(2.0), format="FLAC")
    kept = int.from_bytes(data[18:26], "big") >> 36 << 36
    return changed(data, (18, (kept | frames).to_bytes(8, "big")))


def rf64(said: int) -> bytes:
    body = encoded(tone(2.0))
    sound = body[44:]
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 0, said, 0, 0)
    return b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + body[12:36] + b"data" + b"\xff" * 4 + sound


LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf61.7.100\0\0"

WRITERS: dict[str, tuple[Callable[[], bytes], float]] = {
    "WAV, length 0": (lambda: riff(0), 2.0),
    "WAV, length of the first second": (lambda: riff(64000), 2.0),
    "WAV, length of a third, silent from there": (lambda: riff(64000, np.concatenate([tone(1.0), silence(1)])), 2.0),
    "WAV, length unknown": (lambda: riff(0xFFFFFFFF), 2.0),
    "WAV, length as sox says": (lambda: riff(0x7FFFF000), 2.0),
    "WAV, tags behind it": (lambda: encoded(tone(2.0)) + LIST, 2.0),
    "WAV, tags behind it, odd": (lambda: encoded(tone(2.0)) + LIST + b"\0", 2.0),
    "WAV, RF64 of a pipe": (lambda: rf64(0), 2.0),
    "WAV, RF64": (lambda: rf64(128000), 2.0),
    "WAV, joined": (lambda: two("WAV"), 2.0),
    "WAV, joined, other rate": (lambda: encoded(tone(1.0)) + encoded(tone(1.0, HIGH, 44100), 44100), 2.0),
    "WAV, joined, other channels": (lambda: encoded(tone(1.0)) + encoded(np.stack([tone(1.0, HIGH)] * 2, 1)), 2.0),
    "AIFF of a pipe": (lambda: aiff(0, 0), 2.0),
    "AIFF, half": (lambda: aiff(64008, 32000), 2.0),
    "AIFF, no frames": (lambda: aiff(128008, 0), 2.0),
    "AIFF": (lambda: aiff(128008, 64000), 2.0),
    "AU, length 0": (lambda: changed(encoded(tone(2.0), format="AU"), (8, bytes(4))), 2.0),
    "AU, length unknown": (lambda: changed(encoded(tone(2.0), format="AU"), (8, b"\xff" * 4)), 2.0),
    "CAF, length unknown": (lambda: caf(-1), 2.0),
    "CAF, length 0": (lambda: caf(0), 2.0),
    "FLAC of a pipe": (lambda: flac(0), 2.0),
    "FLAC, half": (lambda: flac(32000), 2.0),
    "FLAC, joined": (lambda: two("FLAC"), 2.0),
    "FLAC, joined, other rate": (
        lambda: encoded(tone(1.0), format="FLAC") + encoded(tone(1.0, HIGH, 44100), 44100, "FLAC"),
        2.0,
    ),
    "MP3": (lambda: encoded(tone(2.0), format="MP3"), 2.0),
    "MP3, variable, without Xing": (mp3_without_xing, 5.0),
    "MP3, joined": (lambda: two("MP3"), 2.07),
    "MP3, joined thrice": (lambda: two("MP3") + encoded(tone(1.0), format="MP3"), 3.1),
    "MP3, tag behind it": (lambda: encoded(tone(2.0), format="MP3") + b"TAG" + bytes(125), 2.0),
    "MP3, another rate joined": (
        lambda: encoded(tone(1.0), format="MP3") + encoded(tone(1.0, HIGH, 22050), 22050, "MP3"),
        2.1,
    ),
    "MP3, begun in the middle of a frame": (lambda: encoded(tone(2.0), format="MP3")[777:], 2.0),
    "MP3, behind empty bytes": (lambda: bytes(5000) + encoded(tone(2.0), format="MP3"), 2.0),
    "AAC, begun in the middle of a frame": (
        lambda: contained(tone(2.0, rate=48000), container="adts", codec="aac")[777:],
        1.95,
    ),
    "W64": (lambda: encoded(tone(2.0), format="W64"), 2.0),
    "Ogg, joined": (lambda: two("OGG"), 2.0),
    "Ogg, joined, other rate": (
        lambda: encoded(tone(1.0), format="OGG") + encoded(tone(1.0, HIGH, 16000), 16000, "OGG"),
        2.0,
    ),
    "Ogg, joined, other codec": (
        lambda: encoded(tone(1.0), format="OGG") + encoded(tone(1.0, HIGH, 48000), 48000, "OGG", "OPUS"),
        2.0,
    ),
    "Ogg, joined, other channels": (
        lambda: encoded(tone(1.0), format="OGG") + encoded(np.stack([tone(1.0, HIGH)] * 2, 1), format="OGG"),
        2.0,
    ),
    "WebM, joined": (lambda: contained(tone(1.0, rate=48000)) + contained(tone(1.0, HIGH, 48000)), 2.0),
    "WebM, streamed": (lambda: contained(tone(2.0, rate=48000), live=True), 2.0),
    "AAC": (lambda: contained(tone(2.0, rate=48000), container="adts", codec="aac"), 2.0),
    "AIFF, joined": (lambda: two("AIFF"), 2.0),
    "CAF, joined": (lambda: two("CAF"), 2.0),
    "M4A, joined": (
        lambda: (
            contained(tone(1.0, rate=48000), container="ipod", codec="aac")
            + contained(tone(1.0, HIGH, 48000), container="ipod", codec="aac")
        ),
        2.05,
    ),
    "AAC, joined": (
        lambda: (
            contained(tone(1.0, rate=48000), container="adts", codec="aac")
            + contained(tone(1.0, HIGH, 48000), container="adts", codec="aac")
        ),
        2.05,
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_sound_is_as_long_as_what_was_written(name: str) -> None:
    build, seconds = WRITERS[name]
    samples, notices = heard(build())
    assert len(samples) / 16000 == pytest.approx(seconds, abs=0.1)
    assert pitch(samples[2000:14000]) == pytest.approx(LOW, abs=3) or "Xing" in name
    if "joined" in name and "thrice" not in name:
        assert pitch(samples[-12000:-2000]) == pytest.approx(HIGH, abs=3)
    assert notices == ()


CUT: dict[str, tuple[Callable[[], bytes], float]] = {
    "AIFF": (lambda: encoded(tone(4.0), format="AIFF")[:128054], 2.0),
    "AU": (lambda: encoded(tone(4.0), format="AU")[:128024], 2.0),
    "CAF": (lambda: (data := encoded(tone(4.0), format="CAF"))[: len(data) // 2 + 1024], 2.0),
    "WAV": (lambda: encoded(tone(4.0))[:128044], 2.0),
    "FLAC": (lambda: (data := encoded(noise(4.0), format="FLAC"))[: len(data) // 2], 2.0),
    "MP3 that keeps its Xing": (lambda: (data := encoded(tone(4.0), format="MP3"))[: len(data) // 2], 2.0),
    "WebM": (lambda: (data := contained(noise(4.0, rate=48000)))[: len(data) // 2], 2.0),
}


@pytest.mark.parametrize("name", CUT)
def test_a_file_that_ends_early_is_read_so_far_and_says_so(name: str) -> None:
    build, seconds = CUT[name]
    samples, notices = heard(build())
    assert len(samples) / 16000 == pytest.approx(seconds, abs=0.3)
    assert codes(notices) == ["sound_ends_early"]
    assert dict(notices[0].params)["claimed"] == pytest.approx(4.0, abs=0.2)


def test_a_header_longer_than_the_limit_refuses_nothing() -> None:
    data = encoded(tone(60.0, rate=32000), format="MP3")
    samples, notices = heard(data[: len(data) // 30], Settings(audio_seconds=30.0))
    assert 1.5 < len(samples) / 16000 < 2.3
    assert codes(notices) == ["sound_ends_early"]


@pytest.mark.parametrize("build", [mp3_without_xing, lambda: two("OGG"), lambda: two("WAV"), lambda: riff(0)])
def test_the_limit_counts_what_was_decoded(build: Callable[[], bytes]) -> None:
    with pytest.raises(InputError) as caught:
        load_audio(build(), Settings(audio_seconds=1.5))
    assert caught.value.key == "sound_too_long"


def test_what_comes_behind_damage_is_kept() -> None:
    data = bytearray(encoded(np.concatenate([tone(2.0, LOW), tone(2.0, HIGH)]), format="MP3"))
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    samples, _ = heard(bytes(data))
    assert len(samples) / 16000 == pytest.approx(4.0, abs=0.6)
    assert pitch(samples[-12000:-2000]) == pytest.approx(HIGH, abs=3)
    damaged = encoded(tone(1.0, LOW), format="OGG") + encoded(tone(1.0, HIGH), format="OGG")[:60]
    samples, notices = heard(damaged)
    assert len(samples) / 16000 == pytest.approx(1.0, abs=0.1)
    assert codes(notices) == ["sound_damaged_part"]
