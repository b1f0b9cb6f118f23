"""Captions and sounds of videos over fakes and over the bundle: the right ones at the right times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from PIL import Image

from mmcore.errors import Cancelled, InputError
from mmcore.pool import ModelPool
from mmcore.results import CaptionResult, ClipResult
from mmcore.settings import Settings
from mmcore.tasks.clip_captions import caption_clip, caption_pictures_and_clips
from tests import clips
from tests.fakes.families import fake_pool

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def shots(*seconds: float) -> list[tuple[Image.Image, float]]:
    return [(Image.new("RGB", (32, 24), ("red", "blue", "green")[place % 3]), one) for place, one in enumerate(seconds)]


def test_a_caption_for_each_key_frame_and_one_for_all(tmp_path: Path, settings: Settings):
    path = clips.make(tmp_path / "clip.mp4", shots(1, 2))
    steps: list[tuple[int, int]] = []
    result = caption_clip(
        fake_pool(settings), path, model="compact-captioner", progress=lambda *step: steps.append(step)
    )
    assert [moment.seen.captions[0].text for moment in result.moments] == ["a picture 160 by 120"] * 2
    assert [notice.code for notice in result.notices] == ["video_silent"]
    assert steps == [(2, 2)]
    answer = result.to_dict()
    assert answer["captions"][0]["text"] == "a picture 160 by 120"
    assert [one["start"] for one in answer["moments"]] == pytest.approx([0, 1], abs=0.51)
    assert answer["duration"] == pytest.approx(3, abs=0.1)


def test_pictures_and_videos_keep_their_order(tmp_path: Path, settings: Settings):
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png")
    clip = clips.make(tmp_path / "b.mp4", shots(1))
    broken = tmp_path / "c.mp4"
    broken.write_bytes(clip.read_bytes()[:60])
    sources = [tmp_path / "a.png", clip, broken, tmp_path / "a.png", tmp_path / "none.mp4"]
    outcomes = list(caption_pictures_and_clips(fake_pool(settings), sources))
    assert [type(one) for one in outcomes] == [CaptionResult, ClipResult, InputError, CaptionResult, InputError]


def test_it_is_stopped_between_key_frames(tmp_path: Path, settings: Settings):
    path = clips.make(tmp_path / "clip.mp4", shots(1))
    with pytest.raises(Cancelled):
        caption_clip(fake_pool(settings), path, cancelled=lambda: True)


DOG = ("Dog", "Bark", "Animal", "Domestic animals, pets", "Bow-wow")
MADE = (
    # file, its pictures with their seconds and a word of their captions, its sound with begin, seconds and labels
    ("clip.mp4", (("cat", 3, "cat"), ("coffee", 2, "espresso"), ("monkey", 4, "monkey")), ("dog", 5, 3, DOG)),
    (
        "clip.webm",
        (("waiting-room", 2.5, "television"), ("mountain-path", 2.5, "mountain")),
        ("rain", 3, 2, ("Rain", "Rain on surface", "Raindrop")),
    ),
    (
        "clip.mov",
        (("coffee", 2.5, "espresso"), ("cat", 2.5, "cat"), ("monkey", 2.5, "monkey"), ("waiting-room", 2.5, "room")),
        ("speech", 4, 3, ("Speech",)),
    ),
)
"""Three videos of example pictures and sounds."""


@pytest.fixture(scope="module")
def bundle() -> ModelPool:
    return ModelPool(Settings(offline=True, device="cpu"))


@pytest.mark.parametrize(("name", "shown", "heard"), MADE, ids=lambda one: one if isinstance(one, str) else "")
def test_the_bundle_sees_and_hears_the_right_things_at_the_right_times(
    bundle: ModelPool,
    tmp_path: Path,
    name: str,
    shown: tuple[tuple[str, float, str], ...],
    heard: tuple[str, float, float, tuple[str, ...]],
):
    file, begin, long, labels = heard
    samples, rate = soundfile.read(ASSETS / "sounds" / f"{file}.ogg", dtype="float32", always_2d=True)
    seconds = [one for _, one, _ in shown]
    sound = np.zeros(round(sum(seconds) * clips.RATE), np.float32)
    first = round(begin * clips.RATE)
    sound[first : first + round(long * clips.RATE)] = soxr.resample(samples.mean(1), rate, clips.RATE)[
        : round(long * clips.RATE)
    ]
    pictures = [Image.open(ASSETS / "examples" / f"{picture}.jpg") for picture, *_ in shown]
    path = clips.make(tmp_path / name, list(zip(pictures, seconds, strict=True)), sound, size=(320, 240))
    result = caption_clip(bundle, path)
    assert [moment.start for moment in result.moments] == pytest.approx(
        [sum(seconds[:n]) for n in range(len(shown))], abs=0.51
    )
    for moment, (_, _, word) in zip(result.moments, shown, strict=True):
        assert word in moment.seen.captions[0].text
    found = [event for event in result.events if event.label in labels]
    assert found
    assert all(event.start >= begin - 1 and event.end <= begin + long + 1.2 for event in found)
    assert any(event.label == "Silence" and event.start == 0 and event.end > begin - 2 for event in result.events)
    assert result.best.seen.confident
