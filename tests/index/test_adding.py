"""Adding: what is skipped, what is reported, what is found to be the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore.errors import CapacityError, InputError
from mmcore.index import AddOptions, AddReport, Collection, Library, ingest, ready_vectors
from mmcore.types import Vectors
from tests.index.world import MADE_BY, embed, paint, picture, vector_of
from tests.pictures import png_of_damaged_pixels


class Counting:
    """``embed`` that knows how many pictures it has seen."""

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, pictures: Sequence[Image.Image]) -> Vectors:
        self.pictures += len(pictures)
        return embed(pictures)


def test_pictures_are_added_with_what_is_known_of_them(collection: Collection, tmp_path: Path):
    files = paint(tmp_path / "in", range(40))
    report = collection.add([tmp_path / "in"], embed, checkpoint=MADE_BY)
    assert report.added == tuple(map(str, files))
    assert report == AddReport(added=report.added, seconds=report.seconds)
    entries = collection.entries()
    assert len(collection) == len(entries) == 40
    assert [entry.path for entry in entries] == list(map(str, files))
    first = entries[0]
    assert (first.name, first.size, first.width, first.height) == ("000000.png", files[0].stat().st_size, 48, 48)
    assert len(first.sha256) == 64
    assert not first.missing
    assert collection.width == 32
    np.testing.assert_allclose(collection.vectors(), [vector_of(file) for file in files], atol=2e-3)


def test_vectors_that_are_ready_are_not_made_again(
    collection: Collection, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    files = paint(tmp_path / "in", range(3))
    vectors = {hashlib.sha256(file.read_bytes()).digest(): vector_of(file) for file in files[:2]}
    stored = tmp_path / "ready.npz"
    ready_vectors.write(stored, MADE_BY, "weights", vectors)
    counting, ready = Counting(), ready_vectors.read(stored, MADE_BY, "weights")
    assert len(collection.add(files, counting, checkpoint=MADE_BY, ready=ready).added) == 3
    assert counting.pictures == 1
    np.testing.assert_allclose(collection.vectors(), [vector_of(file) for file in files], atol=2e-3)
    assert not caplog.messages
    assert ready_vectors.read(stored, MADE_BY, "other weights") == {}
    assert "pictures are embedded anew" in caplog.text
    assert ready_vectors.read(tmp_path / "none.npz", MADE_BY, "weights") == {}


def test_a_second_run_adds_nothing_and_embeds_nothing(collection: Collection, tmp_path: Path):
    paint(tmp_path / "in", range(5))
    collection.add([tmp_path / "in"], embed, checkpoint=MADE_BY)
    revision, counting = collection.revision, Counting()
    report = collection.add([tmp_path / "in"], counting, checkpoint=MADE_BY)
    assert (len(report.added), len(report.unchanged), counting.pictures) == (0, 5, 0)
    assert collection.revision == revision


def test_a_touched_file_is_known_by_its_content(collection: Collection, tmp_path: Path):
    (file,) = paint(tmp_path, [1])
    collection.add([file], embed, checkpoint=MADE_BY)
    os.utime(file, ns=(1, 1))
    counting = Counting()
    assert collection.add([file], counting, checkpoint=MADE_BY).unchanged == (str(file),)
    assert counting.pictures == 0
    assert collection.entries()[0].modified == 1


def test_a_changed_file_is_embedded_anew(collection: Collection, tmp_path: Path):
    files = paint(tmp_path, [1, 2])
    collection.add(files, embed, checkpoint=MADE_BY)
    before = collection.entries()
    picture(9).save(files[0])
    report = collection.add(files, embed, checkpoint=MADE_BY)
    assert (report.added, report.unchanged) == ((str(files[0]),), (str(files[1]),))
    after = collection.entries()
    assert [entry.id for entry in after] == [entry.id for entry in before]
    assert after[0].sha256 != before[0].sha256
    (hit,) = collection.search(vector_of(files[0]), checkpoint=MADE_BY, top=1)
    assert (hit.entry.path, hit.score) == (str(files[0]), pytest.approx(1, abs=1e-3))
    old = embed([picture(1)])[0]
    assert all(hit.score < 0.99 for hit in collection.search(old, checkpoint=MADE_BY)), "the old vector is gone"


def test_copies_are_entries_and_are_reported(collection: Collection, tmp_path: Path):
    (file,) = paint(tmp_path, [1])
    inside, later = tmp_path / "copy.png", tmp_path / "later.png"
    shutil.copy(file, inside)
    report = collection.add([file, inside], embed, checkpoint=MADE_BY)
    assert [(one.path, one.of) for one in report.duplicates] == [(str(inside), str(file))]
    shutil.copy(file, later)
    counting = Counting()
    report = collection.add([later], counting, checkpoint=MADE_BY)
    assert counting.pictures == 0, "its content is known"
    assert [(one.path, one.of, one.similarity) for one in report.duplicates] == [(str(later), str(file), 1.0)]
    assert [hit.score for hit in collection.search(vector_of(file), checkpoint=MADE_BY)] == [
        pytest.approx(1, abs=1e-3)
    ] * 3
    assert collection.thumbnail(collection.entries()[2]) == collection.thumbnail(collection.entries()[0])
    (group,) = collection.duplicates()
    assert group.exact
    assert [entry.path for entry in group.entries] == [str(file), str(inside), str(later)]


def test_a_moved_file_is_no_duplicate(collection: Collection, tmp_path: Path):
    (file,) = paint(tmp_path, [1])
    collection.add([file], embed, checkpoint=MADE_BY)
    file.rename(tmp_path / "moved.png")
    report = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    (moved,) = report.moved
    assert (moved.path, moved.of) == (str(tmp_path / "moved.png"), str(file))
    assert (report.added, report.duplicates, report.missing) == ((), (), ())
    (entry,) = collection.entries(where="moved")
    assert (entry.path, entry.missing, len(collection)) == (moved.path, False, 1)
    assert collection.add([tmp_path], embed, checkpoint=MADE_BY).unchanged == (moved.path,)


def test_files_that_were_exchanged_are_found_though_size_and_time_are_the_same(collection: Collection, tmp_path: Path):
    one, other = tmp_path / "a.bmp", tmp_path / "b.bmp"
    for file, seed in ((one, 1), (other, 2)):
        picture(seed).save(file)
        os.utime(file, (1.6e9, 1.6e9))
    collection.add([tmp_path], embed, checkpoint=MADE_BY)
    query = embed([picture(1)])[0]
    assert collection.search(query, checkpoint=MADE_BY, top=1)[0].entry.path == str(one)
    one.rename(tmp_path / "t")
    other.rename(one)
    (tmp_path / "t").rename(other)
    report = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert set(report.added) == {str(one), str(other)}
    assert collection.search(query, checkpoint=MADE_BY, top=1)[0].entry.path == str(other)
    assert len(collection.add([tmp_path], embed, checkpoint=MADE_BY).unchanged) == 2


def test_a_check_looks_at_the_content_whatever_the_file_system_says(collection: Collection, tmp_path: Path):
    file = tmp_path / "a.bmp"
    picture(1).save(file)
    collection.add([file], embed, checkpoint=MADE_BY)
    picture(2).save(file)
    status = file.stat()
    with closing(sqlite3.connect(collection.folder / "catalogue.sqlite")) as db, db:  # as if nothing had changed
        db.execute("UPDATE entries SET size = ?, modified = ?", (status.st_size, status.st_mtime_ns))
        db.execute("UPDATE stamps SET changed = ?, inode = ?", (status.st_ctime_ns, status.st_ino))
    assert collection.add([file], embed, checkpoint=MADE_BY).unchanged
    assert collection.add([file], embed, checkpoint=MADE_BY, how=AddOptions(check=True)).added
    assert collection.add([file], embed, checkpoint=MADE_BY, how=AddOptions(check=True)).unchanged


def test_pictures_are_told_by_content_and_what_is_left_out_is_counted(collection: Collection, tmp_path: Path):
    folder = tmp_path / "in"
    paint(folder, [1])
    paint(tmp_path / "elsewhere", [2])
    for seed, name in enumerate(("a.jpg_large", "b.mpo", "c", "d.apng"), 3):
        picture(seed).save(folder / name, "PNG")
    (folder / "notes.txt").write_text("no picture")
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    paint(folder / "thumbs", [8])
    (folder / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    report = collection.add([folder], embed, checkpoint=MADE_BY, how=AddOptions(exclude=("thumbs",)))
    assert {Path(path).name for path in report.added} == {"000001.png", "a.jpg_large", "b.mpo", "c", "d.apng"}
    counted = {"not_pictures": 1, "other_formats": 1, "linked_folders": 2, "excluded": 1}
    assert report.to_dict()["left_out"] == counted
    report = collection.add([folder], embed, checkpoint=MADE_BY, how=AddOptions(follow_links=True))
    assert {Path(path).name for path in report.added} == {"000002.png", "000008.png"}
    assert dict(report.left_out) == {"not_pictures": 1, "other_formats": 1}


def test_resized_and_compressed_copies_are_near_duplicates(collection: Collection, tmp_path: Path):
    files = paint(tmp_path / "in", range(30), size=160)
    collection.add([tmp_path / "in"], embed, checkpoint=MADE_BY)
    with Image.open(files[3]) as image:
        image.resize((90, 90)).convert("RGB").save(tmp_path / "small.jpg", quality=60)
    report = collection.add([tmp_path / "small.jpg"], embed, checkpoint=MADE_BY)
    (near,) = report.near_duplicates
    assert (near.path, near.of) == (str(tmp_path / "small.jpg"), str(files[3]))
    assert near.similarity > 0.95
    (group,) = collection.duplicates()
    assert not group.exact
    assert [entry.name for entry in group.entries] == ["000003.png", "small.jpg"]


def test_plain_pictures_are_not_called_alike(collection: Collection, tmp_path: Path):
    for name, colour in (("black", "black"), ("white", "white"), ("red", "red")):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{name}.png")
    report = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert (len(report.added), report.near_duplicates) == (3, ())


def test_broken_files_are_reported_and_not_tried_again(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    paint(tmp_path, [1, 2])
    broken = tmp_path / "broken.png"
    broken.write_bytes(png_of_damaged_pixels())
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture at all, only words")
    report = collection.add([tmp_path, tmp_path / "nowhere.png"], embed, checkpoint=MADE_BY)
    assert len(report.added) == 2
    assert {Path(one.path).name: one.error.key for one in report.broken} == {
        "broken.png": "image_damaged",
        "empty.jpg": "image_empty",
        "text.jpg": "image_not_a_picture",
        "nowhere.png": "file_missing",
    }
    decoded: list[str] = []
    real = ingest.read

    def watched(file: ingest.PictureFile, *rest: object) -> object:
        decoded.append(file.path)
        return real(file, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "read", watched)
    again = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert decoded == []
    first, second = ({one.path: str(one.error) for one in part.broken} for part in (report, again))
    assert second == {path: text for path, text in first.items() if not path.endswith("nowhere.png")}
    picture(3).save(broken)
    mended = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert mended.added == (str(broken),)
    assert decoded == [str(broken)]


def test_a_file_over_a_limit_is_tried_again_under_another(collection: Collection, library: Library, tmp_path: Path):
    paint(tmp_path, [1])
    strict = Library(replace(library.settings, image_pixels=100)).open("things")
    (broken,) = strict.add([tmp_path], embed, checkpoint=MADE_BY).broken
    strict.close()
    assert broken.error.key == "image_too_many_pixels"
    assert len(collection.add([tmp_path], embed, checkpoint=MADE_BY).added) == 1


def test_a_picture_that_the_model_refuses_does_not_spoil_the_others(collection: Collection, tmp_path: Path):
    paint(tmp_path, range(6))
    refused = embed([picture(4)])[0]

    def choosy(pictures: Sequence[Image.Image]) -> Vectors:
        vectors = embed(pictures)
        if any(np.allclose(vector, refused) for vector in vectors):
            raise InputError("image_empty")
        return vectors

    report = collection.add([tmp_path], choosy, checkpoint=MADE_BY)
    assert len(report.added) == 5
    assert [Path(one.path).name for one in report.broken] == ["000004.png"]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_useless_vectors_are_not_kept(collection: Collection, tmp_path: Path, value: float):
    files = paint(tmp_path, range(3))

    def failing(pictures: Sequence[Image.Image]) -> Vectors:
        vectors = embed(pictures)
        vectors[1] = value
        return vectors

    report = collection.add(files, failing, checkpoint=MADE_BY)
    assert [(one.path, one.error.key) for one in report.broken] == [(str(files[1]), "picture_without_vector")]
    assert len(collection) == 2


def test_a_failing_model_leaves_what_was_committed(collection: Collection, tmp_path: Path):
    paint(tmp_path, range(80))
    calls = 0

    def failing(pictures: Sequence[Image.Image]) -> Vectors:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise CapacityError("model_in_use", name="x")
        return embed(pictures)

    with pytest.raises(CapacityError):
        collection.add([tmp_path], failing, checkpoint=MADE_BY)
    assert len(collection) == ingest.BATCH
    assert len(collection.add([tmp_path], embed, checkpoint=MADE_BY).added) == 80 - ingest.BATCH


def test_progress_counts_every_file_and_a_cancel_keeps_what_is_done(collection: Collection, tmp_path: Path):
    paint(tmp_path, range(100))
    seen: list[tuple[int, int]] = []
    report = collection.add(
        [tmp_path],
        embed,
        checkpoint=MADE_BY,
        progress=lambda done, total: seen.append((done, total)),
        cancelled=lambda: len(seen) > 2,
    )
    assert report.cancelled
    assert seen == [(0, 100), (32, 100), (64, 100)]
    assert len(report.added) == len(collection) == 64
    seen.clear()
    rest = collection.add(
        [tmp_path], embed, checkpoint=MADE_BY, progress=lambda done, total: seen.append((done, total))
    )
    assert (len(rest.added), len(rest.unchanged)) == (36, 64)
    assert seen == [(64, 100), (96, 100), (100, 100)]


def test_hidden_files_and_circles_of_links(collection: Collection, tmp_path: Path):
    paint(tmp_path / "in" / "deep" / "er", [1])
    paint(tmp_path / "in" / ".hidden", [2])
    paint(tmp_path / "in", [3])
    picture(4).save(tmp_path / "in" / ".secret.png")
    try:
        (tmp_path / "in" / "deep" / "circle").symlink_to(tmp_path / "in", target_is_directory=True)
        (tmp_path / "in" / "nothing.png").symlink_to(tmp_path / "nowhere")
        (tmp_path / "in" / "self.png").symlink_to(tmp_path / "in" / "self.png")
    except OSError:
        pytest.skip("links cannot be made here")
    report = collection.add([tmp_path / "in"], embed, checkpoint=MADE_BY)
    assert {Path(path).name for path in report.added} == {"000001.png", "000003.png"}
    assert {Path(one.path).name for one in report.broken} == {"nothing.png", "self.png"}


def test_a_file_given_twice_is_added_once(collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    paint(tmp_path / "in", [1])
    monkeypatch.chdir(tmp_path)
    report = collection.add(["in", "in/000001.png", tmp_path / "in"], embed, checkpoint=MADE_BY)
    assert report.added == (str(tmp_path / "in" / "000001.png"),)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_text(collection: Collection, tmp_path: Path):
    name = os.fsencode(tmp_path) + b"/caf\xe9 \xff.png"
    try:
        picture(1).save(os.fsdecode(tmp_path / "x.png"))
        os.rename(tmp_path / "x.png", name)
    except OSError:
        pytest.skip("the file system takes text only")
    report = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert report.added == (os.fsdecode(name),)
    (entry,) = collection.entries(where="CAF")
    assert entry.name == "caf? ?.png"
    assert not entry.missing


def test_nothing_and_empty_folders(collection: Collection, tmp_path: Path):
    with pytest.raises(InputError, match="Nothing was given"):
        collection.add([], embed, checkpoint=MADE_BY)
    (tmp_path / "none").mkdir()
    report = collection.add([tmp_path / "none"], embed, checkpoint=MADE_BY)
    assert [one.error.key for one in report.broken] == ["folder_without_pictures"]


def test_a_pipe_does_not_hang(collection: Collection, tmp_path: Path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "pipe.png")
    report = collection.add([tmp_path], embed, checkpoint=MADE_BY)
    assert [one.error.key for one in report.broken] == ["file_unreadable"]


def test_vectors_of_another_shape_are_an_error_of_the_program(collection: Collection, tmp_path: Path):
    paint(tmp_path / "a", [1])
    paint(tmp_path / "b", [2])
    collection.add([tmp_path / "a"], embed, checkpoint=MADE_BY)
    with pytest.raises(ValueError, match="16 numbers; the collection has 32"):
        collection.add([tmp_path / "b"], lambda pictures: embed(pictures)[:, :16], checkpoint=MADE_BY)
    with pytest.raises(ValueError, match="shape"):
        collection.add([tmp_path / "b"], lambda pictures: embed(pictures)[:0], checkpoint=MADE_BY)
    assert len(collection) == 1


def test_what_a_report_says_as_json(collection: Collection, tmp_path: Path):
    files = paint(tmp_path / "in", [1])
    shutil.copy(files[0], tmp_path / "in" / "copy.png")
    (tmp_path / "in" / "empty.png").write_bytes(b"")
    said = collection.add([tmp_path / "in"], embed, checkpoint=MADE_BY).to_dict()
    assert said.pop("seconds") >= 0
    assert said == {
        "added": 2,
        "unchanged": 0,
        "broken": [
            {
                "path": str(tmp_path / "in" / "empty.png"),
                "error": {"type": "InputError", "message": str(InputError("image_empty"))},
            }
        ],
        "duplicates": [{"path": str(tmp_path / "in" / "copy.png"), "of": str(files[0])}],
        "near_duplicates": [],
        "missing": [],
        "cancelled": False,
    }
