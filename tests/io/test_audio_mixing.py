"""Channels, tracks and time stamps: no sound is lost between the file and the one channel that is listened to."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest

from mmcore.io.audio_files import open_sound
from mmcore.io.audio_mixing import Mixer
from mmcore.results import AudioOptions, Notice
from mmcore.settings import Settings
from mmcore.tasks.audio import classify_audio
from tests.fakes.families import fake_pool
from tests.sounds import Floats, PitchTagger, encoded, noise, silence, tone

SETTINGS = Settings()
RATE = 8000


def heard(data: bytes) -> tuple[Floats, tuple[Notice, ...]]:
    with open_sound(data, SETTINGS) as sound:
        return np.concatenate(list(sound.blocks())), sound.notices


def level(samples: Floats) -> float:
    return float(np.sqrt(2 * np.mean(np.square(samples))))


def stacked(*channels: Floats) -> bytes:
    return encoded(np.stack(channels, axis=1), RATE, subtype="FLOAT")


def filmed(*tracks: Floats, default: int | None = None, form: str = "matroska", begins: Any = 0.0) -> bytes:
    """A video of 1 frame a second with sound tracks at 48 kHz; ``begins`` are the seconds at which pieces begin."""
    import av
    from av.stream import Disposition

    file = BytesIO()
    with av.open(file, "w", format=form) as output:
        picture: Any = output.add_stream("mpeg4" if form != "webm" else "libvpx", rate=1)
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        sounds: list[Any] = []
        for place in range(len(tracks)):
            stream: Any = output.add_stream("aac" if form != "webm" else "libopus", rate=48000, layout="mono")
            stream.disposition = Disposition.default if place == default else 0
            sounds.append(stream)
        for second in range(10):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts = second
            output.mux(picture.encode(frame))
        output.mux(picture.encode())
        for stream, samples in zip(sounds, tracks, strict=True):
            size = stream.frame_size or 960
            hole, holes = 0, list(begins) if isinstance(begins, tuple) else [(0.0, begins)]
            for first in range(0, len(samples) - size, size):
                while holes and first >= holes[0][0] * 48000:
                    hole += round(holes.pop(0)[1] * 48000)
                sound = av.AudioFrame.from_ndarray(samples[None, first : first + size], format="fltp", layout="mono")
                sound.sample_rate, sound.pts = 48000, first + hole
                for packet in stream.encode(sound):
                    output.mux(packet)
            output.mux(stream.encode())
    return file.getvalue()


# channels


@pytest.mark.parametrize("other", [-1.0, -0.97, -0.8])
def test_channels_that_cancel_each_other_are_turned_over(other: float) -> None:
    samples, notices = heard(stacked(tone(3, 440, RATE), other * tone(3, 440, RATE)))
    assert level(samples) == pytest.approx(0.5 * (1 - other) / 2, rel=0.02)
    assert [notice.code for notice in notices] == ["sound_channels"]


def test_only_the_inverted_part_is_turned_over() -> None:
    left, right = tone(3, 440, RATE), tone(3, 440, RATE)
    right[RATE:] *= -1
    samples, notices = heard(stacked(left, right))
    assert level(samples[:RATE]) == pytest.approx(0.5, rel=0.02)
    assert level(samples[RATE:]) == pytest.approx(0.5, rel=0.02)
    assert len(notices) == 1


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_one_live_channel_is_as_loud_as_alone(channels: int) -> None:
    dead = [noise(2, RATE, 1e-5, seed) for seed in range(channels - 1)]
    samples, notices = heard(stacked(*dead, tone(2, 440, RATE)))
    assert level(samples) == pytest.approx(0.5, rel=0.02)
    assert notices == ()


def test_ordinary_stereo_is_the_mean() -> None:
    left, right = noise(2, RATE, 0.1, 1) + tone(2, 300, RATE), noise(2, RATE, 0.1, 2) + 0.3 * tone(2, 300, RATE)
    samples, notices = heard(stacked(left, right))
    # the constant part, below a thousandth, stays
    assert samples == pytest.approx((left + right) / 2, abs=2e-6)
    assert notices == ()


def test_a_mixer_takes_nothing() -> None:
    assert len(Mixer(2, RATE).mix(np.zeros((0, 2), np.float32))) == 0


# silence


def pool() -> Any:
    return fake_pool(None, lambda checkpoint, folder, device, dtype: PitchTagger(checkpoint, device))


@pytest.mark.parametrize("rate", [RATE, 16000])
@pytest.mark.parametrize("constant", [0.05, -0.4, 0.002])
@pytest.mark.parametrize("seconds", [2.0, 2.13])
def test_a_constant_is_silence(constant: float, seconds: float, rate: int) -> None:
    data = encoded(silence(seconds, rate) + np.float32(constant), rate, subtype="FLOAT")
    result = classify_audio(pool(), data, AudioOptions())
    assert result.silent
    assert result.level < -60
    hiss = encoded(noise(seconds, rate, 1e-4) + np.float32(constant), rate, subtype="FLOAT")
    assert classify_audio(pool(), hiss, AudioOptions()).silent


def test_a_constant_that_drifts_is_silence() -> None:
    drift = np.linspace(-0.2, 0.2, 5 * RATE).astype(np.float32)
    result = classify_audio(pool(), encoded(drift, RATE, subtype="FLOAT"), AudioOptions())
    assert [one.label for one in result.labels] == ["Silence"]


def test_a_sound_upon_a_constant_is_heard_with_its_own_level() -> None:
    data = encoded(tone(2.03, 300, RATE, 0.1) + np.float32(0.3), RATE, subtype="FLOAT")
    result = classify_audio(pool(), data, AudioOptions())
    assert result.labels[0].label == "Low"
    assert result.level == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.2)


def test_a_sound_in_channels_that_cancel_is_no_silence() -> None:
    result = classify_audio(pool(), stacked(tone(3, 300, RATE), -tone(3, 300, RATE)), AudioOptions())
    assert result.labels[0].label == "Low"
    assert result.to_dict()["notices"][0]["code"] == "sound_channels"


# tracks


@pytest.mark.parametrize(
    ("tracks", "default", "chosen", "pitch"),
    [
        ((0.0, 440.0), None, 2, 440),
        ((0.0, 440.0), 0, 2, 440),
        ((440.0, 1500.0), 1, 2, 1500),
        ((440.0, 1500.0), 0, 1, 440),
        ((440.0, 1500.0, 0.0), 2, 1, 440),
    ],
)
def test_a_track_in_which_something_sounds(tracks: Any, default: int | None, chosen: int, pitch: float) -> None:
    made = [tone(3, one, 48000) if one else silence(3, 48000) for one in tracks]
    samples, notices = heard(filmed(*made, default=default))
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * 48000 / len(samples) == pytest.approx(pitch, abs=3)
    assert [notice.to_dict()["values"] for notice in notices] == [{"count": len(tracks), "track": chosen}]


def test_tracks_that_are_all_empty_are_silence() -> None:
    samples, notices = heard(filmed(silence(2, 48000), silence(2, 48000)))
    assert level(samples) < 1e-4
    assert len(notices) == 1


# time


@pytest.mark.parametrize("form", ["matroska", "mp4", "webm"])
def test_a_sound_that_begins_late_is_late(form: str) -> None:
    samples, _ = heard(filmed(tone(3, 440, 48000), form=form, begins=4.0))
    assert len(samples) / 48000 == pytest.approx(7.0, abs=0.1)
    assert level(samples[: round(3.9 * 48000)]) < 1e-3
    assert level(samples[round(4.1 * 48000) : round(6.8 * 48000)]) == pytest.approx(0.5, rel=0.1)


def test_a_hole_between_packets_is_silence() -> None:
    samples, _ = heard(filmed(tone(5, 440, 48000), form="webm", begins=((0.0, 0.0), (2.0, 3.0))))
    assert len(samples) / 48000 == pytest.approx(8.0, abs=0.1)
    assert level(samples[round(2.2 * 48000) : round(4.8 * 48000)]) < 1e-3
    assert level(samples[round(5.2 * 48000) : round(7.8 * 48000)]) == pytest.approx(0.5, rel=0.1)
