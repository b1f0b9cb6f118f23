"""Videos with known pictures: key frames at the right times, limits, damage, and the process apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore.errors import InputError
from mmcore.io import decoder_process, video_frames
from mmcore.io.video_frames import is_video, read_clip
from mmcore.settings import Settings
from tests import clips

COLOURS = ("red", "blue", "green", "yellow")


def shots(*seconds: float) -> list[tuple[Image.Image, float]]:
    return [(Image.new("RGB", (32, 24), COLOURS[place % 4]), length) for place, length in enumerate(seconds)]


def mean(picture: Image.Image) -> tuple[int, ...]:
    return tuple(np.asarray(picture).reshape(-1, 3).mean(0).round().astype(int))


@pytest.mark.parametrize("ending", ["mp4", "webm", "mkv"])
def test_a_stretch_for_each_picture_at_its_time(tmp_path: Path, settings: Settings, ending: str):
    clip = read_clip(clips.make(tmp_path / f"clip.{ending}", shots(2, 1.5, 3)), settings)
    assert clip.seconds == pytest.approx(6.5, abs=0.1)
    assert (clip.width, clip.height) == (160, 120)
    assert [frame.start for frame in clip.frames] == pytest.approx([0, 2, 3.5], abs=0.51)
    assert [frame.end for frame in clip.frames] == pytest.approx([2, 3.5, 6.5], abs=0.51)
    assert all(frame.start <= frame.at < frame.end for frame in clip.frames)
    wanted = [(255, 0, 0), (0, 0, 255), (0, 128, 0)]
    for frame, colour in zip(clip.frames, wanted, strict=True):
        assert np.abs(np.subtract(mean(frame.picture), colour)).max() < 12
    assert clip.notices == ()


def test_the_process_apart_gives_the_same(tmp_path: Path, settings: Settings):
    path = clips.make(tmp_path / "clip.mp4", shots(1, 2))
    here, there = read_clip(path, settings), read_clip(path, replace(settings, apart=True))
    assert (there.seconds, there.width, there.height) == (here.seconds, here.width, here.height)
    for one, other in zip(here.frames, there.frames, strict=True):
        assert (one.start, one.end, one.at) == (other.start, other.end, other.at)
        assert one.picture.tobytes() == other.picture.tobytes()
    with pytest.raises(InputError, match="not a video but"):
        read_clip(__file__, replace(settings, apart=True))
    decoder_process._decoder.stop()


def test_bytes_are_read_too(tmp_path: Path, settings: Settings):
    path = clips.make(tmp_path / "clip.mp4", shots(1))
    assert len(read_clip(path.read_bytes(), settings).frames) == 1
    assert is_video(path)
    assert is_video(path.read_bytes())
    assert not is_video(__file__)
    assert not is_video(tmp_path / "missing.mp4")


def test_a_longer_one_is_refused_in_a_sentence(tmp_path: Path, settings: Settings):
    path = clips.make(tmp_path / "clip.mp4", shots(3))
    with pytest.raises(InputError, match=r"The video lasts 0\.05 minutes; the limit is 0\.0333333 minutes\. Cut it"):
        read_clip(path, replace(settings, video_seconds=2.0))
    assert Settings().video_seconds == 120


def test_the_length_in_the_header_is_not_believed(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    path = clips.make(tmp_path / "clip.mkv", shots(3))
    checked: list[float] = []
    original = video_frames._check_length

    def check(seconds: float, limits: Settings) -> None:
        checked.append(seconds)
        if len(checked) > 1:  # the first is the header's, which says nothing wrong here
            original(seconds, limits)

    monkeypatch.setattr(video_frames, "_check_length", check)
    with pytest.raises(InputError, match="The video lasts"):
        read_clip(path, replace(settings, video_seconds=2.0))


def test_other_limits_and_other_files(tmp_path: Path, settings: Settings):
    path = clips.make(tmp_path / "clip.mp4", shots(1))
    with pytest.raises(InputError, match=r"The video file has .* MB; the limit is 0\.0001 MB"):
        read_clip(path, replace(settings, video_bytes=100))
    with pytest.raises(InputError, match="160 x 120"):
        read_clip(path, replace(settings, image_pixels=1000))
    with pytest.raises(InputError, match="There is no file"):
        read_clip(tmp_path / "missing.mp4", settings)
    with pytest.raises(InputError, match="is empty"):
        read_clip(b"", settings)
    with pytest.raises(InputError, match="AVI videos cannot be read"):
        read_clip(b"RIFF\0\0\0\0AVI " + bytes(100), settings)
    with pytest.raises(InputError, match="has sound but no pictures"):
        read_clip(clips.silent_track(tmp_path / "sound.mp4"), settings)


def test_damage_is_said(tmp_path: Path, settings: Settings):
    whole = clips.make(tmp_path / "clip.mkv", shots(2, 2, 2)).read_bytes()
    cut = read_clip(whole[: len(whole) * 2 // 3], settings)
    assert cut.seconds < 5
    assert [notice.code for notice in cut.notices] == ["video_ends_early"]
    with pytest.raises(InputError, match="damaged or cut off"):
        read_clip(whole[:300], settings)
    moov = clips.make(tmp_path / "clip.mp4", shots(1)).read_bytes()
    with pytest.raises(InputError, match="damaged or cut off"):
        read_clip(moov[: len(moov) // 2], settings)


def test_of_many_stretches_the_most_unlike_are_kept(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(video_frames, "MOST", 3)
    clip = read_clip(clips.make(tmp_path / "clip.mp4", shots(1, 1, 1, 1, 1)), settings)
    assert len(clip.frames) == 3
    assert clip.frames[0].start == 0
    assert clip.frames[-1].end == pytest.approx(5, abs=0.1)
    assert "changes 5 times; the 3 stretches" in clip.notices[0].text()
