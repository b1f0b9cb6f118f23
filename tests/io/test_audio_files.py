"""Sound files of every kind: each gives the right samples or a sentence that says what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.io import images
from mmcore.io.audio_files import load_audio, open_sound
from mmcore.settings import Settings
from tests.sounds import contained, encoded, noise, tone

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings()


def frequency(samples: Any, rate: int) -> float:
    """Of the loudest sine, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def refused(data: Any, settings: Settings = SETTINGS) -> InputError:
    with pytest.raises(InputError) as caught:
        load_audio(data, settings)
    return caught.value


FILES = {
    "WAV": lambda: encoded(tone(1.0)),
    "WAV, 8 bits": lambda: encoded(tone(1.0), subtype="PCM_U8"),
    "WAV, 24 bits": lambda: encoded(tone(1.0), subtype="PCM_24"),
    "WAV, float": lambda: encoded(tone(1.0), subtype="FLOAT"),
    "FLAC": lambda: encoded(tone(1.0), format="FLAC"),
    "MP3": lambda: encoded(tone(1.0), format="MP3"),
    "AIFF": lambda: encoded(tone(1.0), format="AIFF"),
    "AU": lambda: encoded(tone(1.0), format="AU"),
    "CAF": lambda: encoded(tone(1.0), format="CAF"),
    "Ogg Vorbis": lambda: encoded(tone(1.0), format="OGG"),
    "Ogg Opus": lambda: encoded(tone(1.0, rate=48000), 48000, "OGG", "OPUS"),
    "WebM": lambda: contained(tone(1.0, rate=48000)),
    "Matroska": lambda: contained(tone(1.0, rate=48000), container="matroska"),
    "M4A": lambda: contained(tone(1.0, rate=48000), container="ipod", codec="aac"),
    "MP4": lambda: contained(tone(1.0, rate=48000), container="mp4", codec="aac", video=True),
    "AAC": lambda: contained(tone(1.0, rate=48000), container="adts", codec="aac"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_sound_that_was_put_in(name: str, tmp_path: Path):
    data = FILES[name]()
    path = tmp_path / "sound.txt"  # the name is not believed
    path.write_bytes(data)
    for source in (data, path, str(path)):
        sound = load_audio(source, SETTINGS, 16000)
        assert sound.sample_rate == 16000
        assert sound.samples.dtype == np.float32
        assert sound.seconds == pytest.approx(1.0, abs=0.05)  # encoders add a frame
        assert frequency(sound.samples, 16000) == pytest.approx(440, abs=2)
        middle = sound.samples[4000:12000]
        assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.1)
        assert np.abs(sound.samples).max() <= 1
    with open_sound(data, SETTINGS) as opened:
        assert opened.format == name.split(" ")[0].rstrip(",")
        assert opened.seconds == pytest.approx(1.0, abs=0.05)


def test_a_recording_that_does_not_say_how_long_it_is():
    data = contained(tone(1.0, rate=48000), live=True)
    with open_sound(data, SETTINGS) as sound:
        assert sound.seconds is None
        assert sum(map(len, sound.blocks())) == pytest.approx(48000, abs=1000)
    assert refused(data, replace(SETTINGS, audio_seconds=0.5)).key == "sound_too_long"


def test_it_is_to_be_had_from_media():
    assert images.load_audio is load_audio


def test_lossless_samples_come_back_as_they_were():
    samples = noise(0.5)
    sound = load_audio(encoded(samples, subtype="FLOAT"), SETTINGS)
    assert sound.sample_rate == 32000
    assert np.array_equal(sound.samples, samples)


@pytest.mark.parametrize("channels", [2, 8])
def test_channels_are_averaged(channels: int):
    levels = np.linspace(-0.4, 0.8, channels)
    data = encoded(np.outer(tone(0.5), levels), subtype="FLOAT")
    with open_sound(data, SETTINGS) as sound:
        assert sound.channels == channels
        samples = np.concatenate(list(sound.blocks()))
    assert samples == pytest.approx(tone(0.5) * levels.mean(), abs=1e-6)


@pytest.mark.parametrize(("rate", "pitch"), [(400, 100.0), (8000, 440.0), (44100, 440.0), (192000, 440.0)])
def test_any_rate_is_resampled_to_any_other(rate: int, pitch: float):
    sound = load_audio(encoded(tone(1.0, pitch, rate=rate), rate), SETTINGS, 32000)
    assert len(sound.samples) == pytest.approx(32000, abs=2)
    assert frequency(sound.samples, 32000) == pytest.approx(pitch, abs=2)


def test_resampling_in_pieces_leaves_no_seam():
    # 20 s are several pieces; a seam would put energy beside the sine
    sound = load_audio(encoded(tone(20.0, rate=44100), 44100), SETTINGS, 16000)
    spectrum = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples))))
    peak = int(spectrum.argmax())
    assert spectrum[: peak - 10].max() < 1e-3 * spectrum[peak]
    assert spectrum[peak + 10 :].max() < 1e-3 * spectrum[peak]


def test_blocks_are_few_whatever_the_frames_of_the_format():
    """Each costs a little everywhere that they pass: Opus comes in frames of 20 ms."""
    with open_sound(contained(tone(30.0, rate=48000)), SETTINGS) as sound:
        assert sum(1 for _ in sound.blocks(16000)) < 15


def test_louder_than_full_scale_is_cut_off():
    sound = load_audio(encoded(4 * tone(0.5), subtype="FLOAT"), SETTINGS)
    assert np.abs(sound.samples).max() == 1


@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        (b"", "sound_empty", "0 bytes"),
        ("", "sound_nothing_given", "record a sound"),
        (b"<!doctype html><html></html>", "sound_not_a_sound", r"not a sound but a web page \(HTML\)"),
        (b"dear diary", "sound_not_a_sound", "a text file"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "sound_not_a_sound", "a picture"),
        (b"%PDF-1.7", "sound_not_a_sound", "a PDF document"),
        (b"FLV\1" + bytes(100), "sound_not_a_sound", "a video"),
        (bytes(range(256)) * 20, "sound_not_a_sound", "an unknown kind"),
        (b"MThd" + bytes(100), "sound_unsupported", "MIDI files cannot be read"),
        (b"ID3" + b"<html>" * 100, "sound_damaged", "MP3"),
    ],
)
def test_what_is_no_sound_is_told_by_its_content(data: Any, key: str, words: str):
    error = refused(data)
    assert error.key == key
    with pytest.raises(InputError, match=words):
        raise error


@pytest.mark.parametrize("name", ["FLAC", "Ogg Vorbis", "Ogg Opus", "WebM", "M4A", "MP4", "MP3", "WAV"])
@pytest.mark.parametrize("kept", [0.02, 0.66])
def test_a_file_that_was_cut_off_is_refused_or_read_as_far_as_it_goes(name: str, kept: float):
    data = FILES[name]()
    short = data[: int(len(data) * kept)]
    try:
        sound = load_audio(short, SETTINGS)
    except InputError:
        assert refused(short).key in ("sound_damaged", "sound_without_samples", "sound_too_short", "sound_not_a_sound")
        return
    assert sound.seconds < 0.99
    assert frequency(sound.samples, sound.sample_rate) == pytest.approx(440, rel=0.1)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("seed", range(3))
def test_hostile_bytes_give_sound_or_an_input_error(name: str, seed: int):
    generator = np.random.default_rng(seed)
    data = bytearray(FILES[name]())
    for place in generator.integers(8, len(data), 30):
        data[place] = generator.integers(256)
    try:
        sound = load_audio(bytes(data), SETTINGS, 16000)
    except InputError:
        return
    assert np.isfinite(sound.samples).all()
    assert np.abs(sound.samples).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused_with_their_place(value: float):
    samples = tone(0.5)
    samples[8000] = value
    assert str(refused(encoded(samples, subtype="FLOAT"))) == (
        "The sound holds values that are no numbers (NaN or infinite), the first at 0.250 s. Export it again."
    )


def test_samples_in_another_scale_are_refused():
    assert "reach 15000;" in str(refused(encoded(30000 * tone(0.5), subtype="FLOAT")))


def test_too_short_to_hear():
    assert "lasts 0.03 ms (samples: 1)" in str(refused(encoded(tone(1.0)[:1])))
    assert refused(encoded(tone(0.0))).key == "sound_without_samples"


def test_a_video_without_sound():
    data = contained(tone(0.0), container="mp4", video=True)
    assert str(refused(data)).startswith("This MP4 file has pictures but no sound.")


def test_files_that_are_not_there(tmp_path: Path):
    assert refused(tmp_path / "none.wav").key == "file_missing"
    assert refused(tmp_path).key == "file_is_folder"
    assert refused("/dev/null").key == "file_unreadable"


# Limits


def test_a_large_file_is_refused_by_its_size(tmp_path: Path):
    path = tmp_path / "large.wav"
    path.write_bytes(encoded(tone(1.0)))
    small = replace(SETTINGS, audio_bytes=1000)
    for source in (path, path.read_bytes()):
        assert str(refused(source, small)).startswith("The sound file has 0.06 MB; the limit is 0.001 MB.")


def test_a_long_sound_is_refused_by_its_header_before_decoding(monkeypatch: pytest.MonkeyPatch):
    import soundfile

    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("it was decoded"))
    limit = replace(SETTINGS, audio_seconds=60.0)
    assert str(refused(encoded(tone(90.0, rate=1000), 1000), limit)) == (
        "The sound lasts 1.50 minutes; the limit is 1 minutes. Cut it and try again."
    )


def test_a_long_sound_is_refused_whatever_its_header_says():
    data = bytearray(contained(tone(3.0, rate=48000)))
    place = data.find(b"\x44\x89")  # Duration in the segment's information, an 8-byte float
    assert place > 0
    data[place + 3 : place + 11] = np.array([500.0], ">f8").tobytes()
    limit = replace(SETTINGS, audio_seconds=2.0)
    with open_sound(bytes(data), limit) as sound:
        assert sound.seconds == pytest.approx(0.5)
    assert refused(bytes(data), limit).key == "sound_too_long"


def test_a_rate_that_cannot_be_is_refused():
    data = bytearray(encoded(tone(1.0)))
    data[24:28] = (7).to_bytes(4, "little")
    assert "7 samples a second" in str(refused(bytes(data)))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak of memory there")
def test_a_long_file_takes_little_memory(tmp_path: Path):
    """A FLAC file of 8 minutes is 61 MB as mono floats at 32 kHz and 184 MB as stereo floats at 48 kHz."""
    import soundfile

    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 48000, 2, format="FLAC") as file:
        minute = np.zeros((60 * 48000, 2), np.float32)
        minute[:, 0] = tone(60.0, rate=48000)
        for _ in range(8):
            file.write(minute)
    code = f"""
from tests.peak import peak
from mmcore.settings import Settings
from mmcore.io.audio_files import open_sound
import av, soundfile, soxr
before = peak()
with open_sound({str(path)!r}, Settings()) as sound:
    samples = sum(len(block) for block in sound.blocks(32000))
print(samples, peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    samples, growth = map(int, done.stdout.split())
    assert samples == pytest.approx(480 * 32000, abs=2)
    assert 0 < growth < 40_000  # KB


def test_nothing_outside_the_file_is_opened(tmp_path: Path):
    """Playlists and references to other files are no sounds: FFmpeg gets one demultiplexer and one file object."""
    (tmp_path / "secret.wav").write_bytes(encoded(tone(1.0)))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n".encode()
    concat = f"ffconcat version 1.0\nfile '{tmp_path / 'secret.wav'}'\n".encode()
    for data in (playlist, concat):
        assert refused(data).key == "sound_not_a_sound"
