"""The collections of the page: examples, a visitor's uploads, what the owner shares."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.retrieval import collections
from demo.retrieval.collections import Added, CollectionChooser, UploadSession
from demo.ui import examples, picture_archives
from mmcore.errors import Cancelled, InputError, UnknownNameError
from mmcore.index import Library, store
from mmcore.pool import ModelPool
from mmcore.settings import Settings
from tests import clips
from tests.fakes.demo import fake_pool

MODEL, OTHER = "compact-retriever", "clip-vit-b-32-laion"
COLOURS = {"rose": (230, 20, 20), "leaf": (20, 220, 20), "sea": (20, 20, 220)}


@pytest.fixture
def visitor(shelf: CollectionChooser) -> Iterator[UploadSession]:
    one = shelf.visitor(MODEL)
    yield one
    one.close()


@pytest.fixture
def few_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three example pictures in place of ninety-nine."""
    paths = [draw(tmp_path / f"{name}.png", colour) for name, colour in COLOURS.items()]
    few = tuple(
        examples.Example(path, path.stem, "somebody", "CC0 1.0", "https://", {"en": path.stem, "zh": path.stem})
        for path in paths
    )
    monkeypatch.setattr(collections, "example_pictures", lambda: few)
    return paths


def draw(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def sent(isolated: Path, *files: Path) -> list[dict[str, Any]]:
    """The raw value of a ``gr.File`` that these files were uploaded to."""
    folder = isolated / "gradio" / "token"
    folder.mkdir(parents=True, exist_ok=True)
    payload = []
    for file in files:
        copy = folder / file.name
        copy.write_bytes(file.read_bytes())
        payload.append({"path": str(copy), "orig_name": file.name})
    return payload


def add(shelf: CollectionChooser, visitor: UploadSession, payload: list[dict[str, Any]], model: str = MODEL) -> Added:
    return shelf.add(visitor, payload, model, lambda done, total: None, lambda: False)


def test_examples_are_embedded_once_and_kept(
    shelf: CollectionChooser, pool: ModelPool, few_examples: list[Path]
) -> None:
    steps: list[tuple[int, int]] = []
    collection = shelf.open("examples", MODEL, progress=lambda done, total: steps.append((done, total)))
    assert [entry.path for entry in collection.entries()] == [str(path) for path in few_examples]
    assert steps[-1] == (3, 3)
    later: list[tuple[int, int]] = []
    shelf.open("examples", MODEL, progress=lambda done, total: later.append((done, total)))
    assert later == []
    again = CollectionChooser(pool).open("examples", MODEL)  # after a restart of the server
    assert len(again) == 3


def test_examples_of_another_release_are_taken_out(
    shelf: CollectionChooser, pool: ModelPool, few_examples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.open("examples", MODEL)
    fewer = collections.example_pictures()[:2]
    monkeypatch.setattr(collections, "example_pictures", lambda: fewer)
    assert len(CollectionChooser(pool).open("examples", MODEL)) == 2


def test_examples_of_an_earlier_version_of_the_weights_are_embedded_anew(
    shelf: CollectionChooser, pool: ModelPool, few_examples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.open("examples", MODEL)
    newer = tuple(replace(one, version=9) if one.name == MODEL else one for one in store.CHECKPOINTS)
    monkeypatch.setattr(store, "CHECKPOINTS", newer)
    again = CollectionChooser(pool).open("examples", MODEL)
    assert again.facts.checkpoint == f"{MODEL}@9"
    assert len(again) == 3


def test_each_model_has_its_own_vectors_of_the_examples(shelf: CollectionChooser, few_examples: list[Path]) -> None:
    assert shelf.open("examples", MODEL).checkpoint == MODEL
    assert shelf.open("examples", OTHER).checkpoint == OTHER
    assert shelf.shared() == []  # they are not among what the owner shares


def test_embedding_the_examples_can_be_stopped_and_goes_on_later(
    shelf: CollectionChooser, few_examples: list[Path]
) -> None:
    with pytest.raises(Cancelled):
        shelf.open("examples", MODEL, cancelled=lambda: True)
    assert len(shelf.open("examples", MODEL)) == 3


def test_shared_collections_can_be_searched_and_not_changed(
    shelf: CollectionChooser, settings: Settings, tmp_path: Path
) -> None:
    library = Library(settings)
    made = library.create("holidays", MODEL)
    made.add([draw(tmp_path / "rose.png", COLOURS["rose"])], shelf.embed(MODEL), checkpoint=MODEL)
    assert shelf.shared() == []
    with pytest.raises(UnknownNameError) as unknown:
        shelf.open("shared:holidays", MODEL)
    assert "holidays" not in str(unknown.value).partition("Known:")[2]
    library.share("holidays")
    assert shelf.shared() == ["holidays"]
    collection = shelf.open("shared:holidays", OTHER)
    assert (len(collection), collection.checkpoint, collection.read_only) == (1, MODEL, True)
    with pytest.raises(InputError) as caught:
        collection.add([tmp_path], shelf.embed(MODEL), checkpoint=MODEL)
    assert caught.value.key == "collection_read_only"


@pytest.mark.parametrize("choice", ["", "everything", "/etc", "../examples"])
def test_only_words_that_are_offered_choose_a_collection(shelf: CollectionChooser, choice: str) -> None:
    with pytest.raises(UnknownNameError, match="examples"):
        shelf.open(choice, MODEL)


@pytest.mark.parametrize("name", ["../demo", "nothing", "/etc/passwd", ""])
def test_a_shared_collection_is_never_a_path(shelf: CollectionChooser, name: str) -> None:
    with pytest.raises((UnknownNameError, InputError)):
        shelf.open(f"shared:{name}", MODEL)


def test_before_an_upload_there_is_nothing_to_search(shelf: CollectionChooser, visitor: UploadSession) -> None:
    for who in (None, visitor):
        with pytest.raises(InputError) as caught:
            shelf.open("uploads", MODEL, who)
        assert caught.value.key == "nothing_uploaded"


def test_an_upload_becomes_a_collection(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    files = [draw(tmp_path / f"{name}.png", colour) for name, colour in COLOURS.items()]
    added = add(shelf, visitor, sent(isolated, *files))
    assert (added.new, added.pictures, added.known, added.broken, added.stopped) == (3, 3, 0, (), False)
    names = [entry.name for entry in shelf.open("uploads", MODEL, visitor).entries()]
    assert names == ["rose.jpg", "leaf.jpg", "sea.jpg"]
    again = add(shelf, visitor, sent(isolated, files[0]))
    assert (again.new, again.known, again.pictures) == (0, 1, 3)


def test_two_pictures_of_one_name_are_two(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    add(shelf, visitor, sent(isolated, draw(tmp_path / "a" / "x.png", COLOURS["rose"])))
    add(shelf, visitor, sent(isolated, draw(tmp_path / "b" / "x.png", COLOURS["sea"])))
    assert [entry.name for entry in visitor.collection.entries()] == ["x.jpg", "x (2).jpg"]


def test_broken_files_copies_and_archives_are_told_of(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    rose = draw(tmp_path / "rose.png", COLOURS["rose"])
    broken = tmp_path / "notes.jpg"
    broken.write_text("%PDF-1.7")
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(rose, "deep/rose again.png")
        file.write(draw(tmp_path / "sea.png", COLOURS["sea"]), "sea.png")
        file.writestr("readme.txt", "hello")
    added = add(shelf, visitor, sent(isolated, rose, broken, archive))
    assert added.new == added.pictures == 3
    assert [name for name, _ in added.broken] == ["notes.jpg", "readme.txt"]
    assert "PDF document" in added.broken[0][1].message("en")
    assert added.copies == (("rose again.jpg", "rose.jpg"),)


def test_an_upload_has_a_limit_with_its_archives_opened(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    limit = shelf.pool.settings.files
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for index in range(limit):
            file.writestr(f"{index}.png", b"")
    with pytest.raises(InputError) as caught:
        add(shelf, visitor, sent(isolated, draw(tmp_path / "rose.png", COLOURS["rose"]), archive))
    assert caught.value.values == {"count": limit, "limit": limit - 1}


def test_progress_counts_reading_and_embedding(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    files = [draw(tmp_path / f"{name}.png", colour) for name, colour in COLOURS.items()]
    steps: list[tuple[int, int]] = []
    shelf.add(visitor, sent(isolated, *files), MODEL, lambda done, total: steps.append((done, total)), lambda: False)
    assert steps[0] == (0, 6)
    assert steps[-1] == (6, 6)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_a_stopped_upload_keeps_what_it_had(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    payload = sent(isolated, draw(tmp_path / "rose.png", COLOURS["rose"]))
    added = shelf.add(visitor, payload, MODEL, lambda done, total: None, lambda: True)
    assert (added.stopped, added.pictures) == (True, 0)
    assert add(shelf, visitor, payload).pictures == 1


def test_another_model_embeds_the_uploads_anew(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    add(shelf, visitor, sent(isolated, draw(tmp_path / "rose.png", COLOURS["rose"])))
    assert shelf.open("uploads", OTHER, visitor).checkpoint == OTHER
    added = add(shelf, visitor, sent(isolated, draw(tmp_path / "sea.png", COLOURS["sea"])), MODEL)
    assert (added.pictures, visitor.collection.checkpoint) == (2, MODEL)


def test_large_pictures_are_kept_small_and_all_go_with_the_visitor(
    shelf: CollectionChooser, isolated: Path, tmp_path: Path
) -> None:
    visitor = shelf.visitor(MODEL)
    add(shelf, visitor, sent(isolated, draw(tmp_path / "wide.png", COLOURS["sea"], (3000, 1000))))
    (entry,) = visitor.collection.entries()
    assert max(entry.width, entry.height) == collections.KEPT_SIDE
    assert Path(entry.path).is_file()
    visitor.close()
    assert not Path(entry.path).exists()
    assert not visitor.library.uploads.exists()


def test_a_picture_whose_file_has_gone_is_shown_by_its_thumbnail(
    shelf: CollectionChooser, pool: ModelPool, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    add(shelf, visitor, sent(isolated, draw(tmp_path / "rose.png", COLOURS["rose"])))
    (entry,) = visitor.collection.entries()
    Path(entry.path).unlink()
    image = collections.picture_of(entry, visitor.collection, pool)
    red, green, blue = image.getpixel((5, 5))
    assert red > 200 > 60 > max(green, blue)


# Videos


def film(path: Path, *names: str) -> Path:
    """A second and a half of each colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return clips.make(path, [(Image.new("RGB", (64, 48), COLOURS[name]), 1.5) for name in names], size=(64, 48))


def test_what_is_found_in_a_video_is_a_moment(
    shelf: CollectionChooser, visitor: UploadSession, isolated: Path, tmp_path: Path
) -> None:
    clip, rose = film(tmp_path / "clip.mp4", "leaf", "sea"), draw(tmp_path / "rose.png", COLOURS["rose"])
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(clip, "deep/the same.mp4")
        file.write(film(tmp_path / "other.webm", "rose"), "other.webm")
    added = add(shelf, visitor, sent(isolated, rose, clip, archive))
    assert (added.new, added.pictures, added.clips, added.frames) == (4, 6, 3, 5)
    assert added.copies == (("the same.mp4", "clip.mp4"),)
    entries = shelf.open("uploads", MODEL, visitor).entries()
    assert [one.name for one in entries if one.moment is None] == ["rose.jpg"]
    assert [one.moment for one in entries if one.name == "clip.mp4"] == pytest.approx([0.5, 2], abs=0.6)
    assert collections.described(entries[2])["en"] in ("clip.mp4, 0:01", "clip.mp4, 0:02")
    assert collections.picture_of(entries[1], visitor.collection, shelf.pool).getpixel((30, 20))[1] > 180  # type: ignore[index]
    again = add(shelf, visitor, sent(isolated, clip), model=OTHER)  # another model looks at it anew
    assert (again.new, again.known, again.pictures) == (0, 1, 6)
    rose_again = draw(tmp_path / "later.png", COLOURS["rose"], (50, 50))
    assert add(shelf, visitor, sent(isolated, rose_again), model=OTHER).pictures == 7
    assert clip.read_bytes() == (visitor.library.uploads / "clip.mp4").read_bytes()


def test_videos_that_are_too_long_too_large_damaged_or_too_many_are_told_of(
    pool: ModelPool, settings: Settings, isolated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = CollectionChooser(fake_pool(replace(settings, video_seconds=2.0, video_bytes=100_000)))
    visitor = shelf.visitor(MODEL)
    monkeypatch.setattr(collections, "MOST_CLIPS", 1)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film(tmp_path / "short.mp4", "leaf").read_bytes()[:60])
    large = tmp_path / "large.mp4"
    large.write_bytes((tmp_path / "short.mp4").read_bytes() + bytes(100_000))
    files = [film(tmp_path / "long.mp4", "leaf", "sea"), large]
    told = dict(add(shelf, visitor, sent(isolated, *files)).broken)
    assert "limit is 0.1 MB" in told["large.mp4"].message("en")
    assert "视频长 0.05 分钟，上限是 0.0333333 分钟" in told["long.mp4"].message("zh")
    told = dict(add(shelf, visitor, sent(isolated, cut)).broken)
    assert "damaged" in told["cut.mp4"].message("en")
    told = dict(add(shelf, visitor, sent(isolated, tmp_path / "short.mp4", film(tmp_path / "b.mp4", "sea"))).broken)
    assert "1 videos already" in told["b.mp4"].message("en")
    assert "已有 1 个视频" in told["b.mp4"].message("zh")
    assert [path.name for path in visitor.library.uploads.iterdir()] == ["short.mp4"]
    visitor.close()


def test_a_large_video_inside_an_archive_is_told_to_come_by_itself(settings: Settings, tmp_path: Path) -> None:
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("film.MP4", bytes(2000))
    (member,) = picture_archives.members(archive, archive.name, replace(settings, image_bytes=1000), 10)
    assert isinstance(member.content, InputError)
    assert "inside an archive the limit is 0.001 MB. Upload it by itself" in str(member.content)
