"""What the tagger of sounds learns from: sounds on disk, made sounds, variations of them."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mmcore.nets.log_mel import FLOOR, SAMPLE_RATE, SCALE, SHIFT, SILENT_MEL, LogMel
from mmcore.recipes.audio import acoustics, made_hits, made_noises, made_sounds, sound_sources
from mmcore.recipes.audio.sound_store import SoundStore, windows
from mmcore.recipes.audio.spectrograms import Spectrograms, VariationRecipe, Variations, read_at, variation


def tone(seconds: float, hertz: float = 440.0, rate: int = SAMPLE_RATE) -> np.ndarray:
    return np.asarray(0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate), np.float32)


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * SAMPLE_RATE / len(samples))


@pytest.fixture
def store(tmp_path: Path) -> SoundStore:
    filled = SoundStore(tmp_path / "sounds")
    with filled.adding() as add:
        add("a", "low.wav", tone(1.0, 300.0))
        add("a", "high.wav", tone(4.0, 3000.0), held_out=True)
        add("a", "nothing.wav", np.zeros(SAMPLE_RATE, np.float32))
        add("a", "click.wav", tone(0.001))
        add("esc10", "1-1.ogg", tone(2.0, 1000.0), label="dog", fold=1)
    return filled


def test_the_store_keeps_sounds_and_passes_over_silence_and_clicks(store: SoundStore, tmp_path: Path) -> None:
    again = SoundStore(tmp_path / "sounds")
    assert [entry.path for entry in again.entries] == ["low.wav", "high.wav", "1-1.ogg"]
    assert again.entries == store.entries
    assert again.sources() == {"a", "esc10"}
    np.testing.assert_allclose(again.samples(2), tone(2.0, 1000.0), atol=1e-4)
    assert (again.entries[2].label, again.entries[2].fold) == ("dog", 1)


def test_windows_are_spread_over_a_long_file_at_the_right_rate(tmp_path: Path) -> None:
    file = tmp_path / "long.wav"
    long = np.concatenate([tone(4.0, 500.0, 16_000), tone(4.0, 1500.0, 16_000)])
    soundfile.write(file, np.stack([long, long], 1), 16_000)
    found = list(windows(file, 2, 3.0))
    assert [len(window) for window in found] == [3 * SAMPLE_RATE] * 2
    assert [round(pitch(window), -1) for window in found] == [500.0, 1500.0]
    assert [len(window) for window in windows(file, 5, 10.0)] == [8 * SAMPLE_RATE]
    (tmp_path / "broken.ogg").write_bytes(b"OggS nothing")
    assert list(windows(tmp_path / "broken.ogg", 2, 3.0)) == []


def test_sounds_come_out_of_game_archives(tmp_path: Path) -> None:
    package = tmp_path / "game" / "data"
    package.mkdir(parents=True)
    soundfile.write(tmp_path / "cat.wav", tone(0.5), SAMPLE_RATE)
    with zipfile.ZipFile(package / "all.pk3", "w") as archive:
        archive.write(tmp_path / "cat.wav", "sounds/cat.wav")
        archive.writestr("readme.txt", "not a sound")
    (package / "broken.zip").write_bytes(b"no archive")
    soundfile.write(package / "dog_desc.wav", tone(0.5), SAMPLE_RATE)
    sound_sources.unpack_archives(tmp_path / "game")
    source = sound_sources.Source("game", passed_over=("_desc",))
    assert [path.name for path in sound_sources.files_of(tmp_path, source)] == ["cat.wav"]


def test_packages_are_listed_once_and_some_are_held_out() -> None:
    names = [source.name for source in sound_sources.PACKAGES]
    assert len(names) == len(set(names))
    assert 3 <= sum(source.held_out for source in sound_sources.PACKAGES) < len(names) / 4


def test_noises_are_of_every_kind_and_in_range() -> None:
    draw = np.random.default_rng(0)
    for kind, _ in made_noises.KINDS:
        sound = kind(draw, 2.0)
        assert sound.shape == (2 * SAMPLE_RATE,)
        assert np.isfinite(sound).all(), kind.__name__
        assert np.abs(sound).max() > 0


def test_a_midi_file_plays_each_piece_in_its_own_time() -> None:
    notes = [(0, 480, 0, 60, 100), (480 * 40, 480, 0, 64, 100)]  # the second would begin after 20 seconds: left out
    song = made_sounds.midi([made_sounds.Piece("a", notes, {0: 5}), made_sounds.Piece("b", notes, {0: 7}, bpm=60)])
    assert song[:8] == b"MThd\x00\x00\x00\x06"
    assert int.from_bytes(song[18:22], "big") == len(song) - 22
    assert song.endswith(b"\x00\xff\x2f\x00")
    assert song.count(bytes([0x90, 60, 100])) == 2
    assert bytes([0x90, 64, 100]) not in song
    assert bytes([0xC0, 5]) in song
    assert bytes([0xC0, 7]) in song


def test_melodies_stay_in_their_range() -> None:
    notes = made_sounds.melody(random.Random(1), 2, 48, 74, 16)
    assert notes
    assert all(channel == 2 and 48 <= key < 74 and length > 0 for _, length, channel, key, _ in notes)
    assert made_sounds.held_out("program-104-1")
    assert not made_sounds.held_out("program-000-0")
    assert not made_sounds.held_out("drum-104")


def test_a_short_sound_lies_in_silence_and_a_long_one_is_cut() -> None:
    draw, sound = np.random.default_rng(3), tone(1.0)
    for _ in range(10):
        out = acoustics.placed(sound, 3 * SAMPLE_RATE, draw)
        assert out.shape == (3 * SAMPLE_RATE,)
        assert np.count_nonzero(out) >= 0.9 * SAMPLE_RATE
    assert acoustics.placed(tone(5.0), SAMPLE_RATE, draw).shape == (SAMPLE_RATE,)


def test_shaping_changes_a_sound_but_keeps_it_finite() -> None:
    draw, sound = np.random.default_rng(0), tone(1.0)
    shaped = [acoustics.shaped(sound, draw) for _ in range(20)]
    assert all(np.isfinite(one).all() and len(one) > 0.5 * SAMPLE_RATE for one in shaped)
    assert len({len(one) for one in shaped}) > 5


def onsets(sound: np.ndarray) -> int:
    """Stretches of 20 ms that are much louder than the one before."""
    frames = sound[: len(sound) // 640 * 640].reshape(-1, 640)
    power = np.square(frames).mean(1) + 1e-6
    return int((power[1:] > 8 * power[:-1]).sum())


def test_hits_are_short_blows_with_quiet_between_them() -> None:
    draw = np.random.default_rng(0)
    assert onsets(made_hits.typing(draw, 5.0)) > 5
    recorded = [np.asarray(draw.standard_normal(3000) * 0.1, np.float32)]
    assert len(made_hits.typing(draw, 3.0, recorded)) == 3 * SAMPLE_RATE
    assert np.isfinite(made_hits.clapping(draw, 4.0)).all()
    assert 2 < onsets(made_hits.snapping(draw, 5.0)) < 25


def test_spectrograms_are_those_of_the_sounds_and_are_made_once(store: SoundStore, tmp_path: Path) -> None:
    file = tmp_path / "some.f16"
    kept = Spectrograms(store, [0, 2], file)
    assert len(kept) == 2
    assert kept.sources == ["a", "esc10"]
    assert kept.chances().sum() == pytest.approx(1.0)
    expected = LogMel()(torch.from_numpy(store.samples(2))[None])[0].numpy()
    np.testing.assert_allclose(np.log(kept.powers(1) + FLOOR), expected * SCALE - SHIFT, atol=0.01)
    changed = file.stat().st_mtime_ns
    assert len(Spectrograms(store, [0, 2], file)) == 2
    assert file.stat().st_mtime_ns == changed
    with pytest.raises(ValueError, match="holds 2 sounds, not 1: delete it"):
        Spectrograms(store, [0], file)


def test_reading_between_places_is_linear_and_outside_is_silence() -> None:
    powers = np.arange(12, dtype=np.float32).reshape(3, 4)
    found = read_at(powers, np.array([0.0, 0.5, 5.0]), np.array([-1.0, 0.5, 2.0]))
    np.testing.assert_allclose(found, [[0, 0.5, 2], [0, 2.5, 4], [0, 0, 0]])


def test_variations_are_new_each_time_and_stay_in_the_spectrograms_range(store: SoundStore, tmp_path: Path) -> None:
    drawn = Variations(Spectrograms(store, [0, 2], tmp_path / "some.f16"), VariationRecipe(), 3)
    batch = drawn.batch(40, 60)
    assert batch.shape == (40, 128, 60)
    assert batch.dtype == torch.float32
    assert torch.isfinite(batch).all()
    assert float(batch.min()) >= SILENT_MEL - 1e-3
    assert float(batch.max()) < 4
    assert len({float(one.mean()) for one in batch}) > 30  # some shifts leave nothing of a pure tone


def test_a_plain_variation_is_a_cut_of_the_sound() -> None:
    powers = np.exp(np.random.default_rng(0).normal(0, 1, (128, 50))).astype(np.float32)
    plain = VariationRecipe(synthetic=0, plain=1)
    found = variation(np.random.default_rng(1), lambda: powers, 20, plain)
    whole = (np.log(powers + FLOOR) + SHIFT) / SCALE
    starts = [start for start in range(31) if np.allclose(whole[:, start : start + 20], found, atol=1e-4)]
    assert len(starts) == 1
