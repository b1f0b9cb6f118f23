"""Videos in a collection: an entry for each key frame, found as a moment, following its file as pictures do."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mmcore.index import Collection, Library
from mmcore.settings import Settings
from tests import clips
from tests.index.world import MADE_BY, embed, other_embed, paint, picture

SHOTS = ((1, 2.0), (2, 1.0), (3, 3.0))
"""(seed of the picture, its seconds)."""


def film(path: Path, *shots: tuple[int, float]) -> Path:
    return clips.make(path, [(picture(seed, 96), seconds) for seed, seconds in shots or SHOTS], size=(96, 96))


def found(collection: Collection, seed: int, checkpoint: str = MADE_BY) -> tuple[str, float | None]:
    how = embed if checkpoint == MADE_BY else other_embed
    (hit,) = collection.search(how([picture(seed)])[0], checkpoint=checkpoint, top=1)
    return Path(hit.entry.path).name, hit.entry.moment


@pytest.fixture
def clip(tmp_path: Path, collection: Collection) -> Path:
    """A video in a folder with a picture; both are added."""
    path = film(tmp_path / "film" / "clip.mp4") if (tmp_path / "film").mkdir() is None else tmp_path
    paint(tmp_path / "film", [9])
    report = collection.add([tmp_path / "film"], embed, checkpoint=MADE_BY)
    assert [Path(one).name for one in report.added] == ["000009.png", "clip.mp4"]
    return path


def test_the_answer_is_a_moment(collection: Collection, clip: Path):
    assert len(collection) == 4
    starts = [0.0, 2.0, 3.0, 6.0]
    for place, (seed, _) in enumerate(SHOTS):
        name, moment = found(collection, seed)
        assert name == "clip.mp4"
        assert moment is not None
        assert starts[place] - 0.01 <= moment < starts[place + 1]
    assert found(collection, 9) == ("000009.png", None)
    entry = collection.entry(clip)
    assert entry is not None
    assert (entry.moment, entry.missing, entry.name) == (pytest.approx(0, abs=2), False, "clip.mp4")
    assert collection.thumbnail(entry)[:2] == b"\xff\xd8"


def test_a_known_video_is_not_decoded_again_and_a_copy_is_told(collection: Collection, clip: Path, tmp_path: Path):
    again = collection.add([clip.parent], embed, checkpoint=MADE_BY)
    assert (again.added, len(again.unchanged)) == ((), 2)
    shutil.copy(clip, clip.parent / "copy.mp4")
    report = collection.add([clip.parent], embed, checkpoint=MADE_BY)
    assert [Path(one.path).name for one in report.duplicates] == ["copy.mp4"]
    contents = {entry.content for entry in collection.entries() if entry.moment is not None}
    assert len(contents) == 1
    assert all(len(group.entries) == 2 and group.exact for group in collection.duplicates())


def test_a_moved_video_keeps_its_entries_and_a_changed_one_loses_those_that_are_gone(
    collection: Collection, clip: Path
):
    before = {entry.id for entry in collection.entries()}
    moved = clip.rename(clip.parent / "moved.mp4")
    report = collection.add([clip.parent], embed, checkpoint=MADE_BY)
    assert [(Path(one.path).name, Path(one.of).name) for one in report.moved] == [("moved.mp4", "clip.mp4")]
    assert {entry.id for entry in collection.entries()} == before
    film(moved, (5, 2.0))
    report = collection.add([moved], embed, checkpoint=MADE_BY)
    assert [Path(one).name for one in report.added] == ["moved.mp4"]
    assert len(collection) == 2
    assert found(collection, 5)[0] == "moved.mp4"
    assert collection.remove([moved]) == 1


def test_another_model_and_a_reader_see_the_same_moments(collection: Collection, clip: Path):
    assert collection.reembed(other_embed, checkpoint="other").broken == ()
    assert all(entry.searchable for entry in collection.entries())
    assert found(collection, 2, "other")[0] == "clip.mp4"
    assert collection.read_texts(lambda pictures: [() for _ in pictures]).read == 4
    clip.unlink()
    report = collection.add([clip.parent], embed, checkpoint="other")
    assert [Path(one).name for one in report.missing] == ["clip.mp4"]
    assert collection.remove_missing() == 3


def test_a_video_that_is_too_long_is_told(tmp_path: Path, settings: Settings):
    made = Library(replace(settings, video_seconds=2.0)).create("short", MADE_BY)
    report = made.add([film(tmp_path / "long.mp4")], embed, checkpoint=MADE_BY)
    assert [one.error.key for one in report.broken] == ["video_too_long"]
    assert len(made) == 0
