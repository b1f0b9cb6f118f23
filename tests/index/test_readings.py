"""Text inside the pictures of a collection: read once, kept by content, gone with its pictures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from mmcore.errors import InputError
from mmcore.index import Collection, Library
from mmcore.results.ocr import TextLine
from tests.index.world import MADE_BY, embed, paint

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class Reader:
    """Reads the red of a picture's first pixel, and remembers how many pictures it was given."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, pictures: Sequence[Image.Image]) -> list[tuple[TextLine, ...]]:
        self.seen += len(pictures)
        return [(TextLine(f"red {one.getpixel((0, 0))[0]}", 0.9, WHOLE),) for one in pictures]  # type: ignore[index]


@pytest.fixture
def files(tmp_path: Path, collection: Collection) -> list[Path]:
    files = paint(tmp_path / "pictures", range(10))
    collection.add(files, embed, checkpoint=MADE_BY)
    return files


def text_of(collection: Collection, file: Path) -> str:
    entry = collection.entry(file)
    assert entry is not None
    return "".join(line.text for line in collection.reading(entry) or ())


def test_each_content_is_read_once(collection: Collection, files: list[Path], tmp_path: Path):
    reader = Reader()
    done: list[tuple[int, int]] = []
    report = collection.read_texts(reader, progress=lambda *counts: done.append(counts))
    assert (report.read, report.with_text, report.broken, report.cancelled) == (10, 10, (), False)
    assert done == [(8, 10), (10, 10)]
    revision = collection.revision
    assert collection.read_texts(reader).read == 0
    assert collection.revision == revision  # nothing to do changes nothing
    shutil.copy(files[0], tmp_path / "copy.png")
    new = paint(tmp_path / "more", [99])
    collection.add([tmp_path / "copy.png", *new], embed, checkpoint=MADE_BY)
    assert collection.unread() == 1
    assert collection.read_texts(reader).read == 1
    assert reader.seen == 11
    assert text_of(collection, tmp_path / "copy.png") == text_of(collection, files[0]) != ""


def test_a_run_that_was_stopped_goes_on(collection: Collection, files: list[Path]):
    asked = iter([False, True])
    report = collection.read_texts(Reader(), cancelled=lambda: next(asked))
    assert (report.read, report.cancelled, collection.unread()) == (8, True, 2)
    assert collection.read_texts(Reader()).read == 2


def test_what_was_read_follows_its_file_and_goes_with_it(collection: Collection, files: list[Path], tmp_path: Path):
    collection.read_texts(Reader())
    text = text_of(collection, files[0])
    moved = tmp_path / "pictures" / "moved.png"
    files[0].rename(moved)
    collection.add([moved], embed, checkpoint=MADE_BY)
    assert text_of(collection, moved) == text
    paint(tmp_path / "other", [50])[0].replace(files[1])  # another picture under its name
    collection.add([files[1]], embed, checkpoint=MADE_BY, how=None)
    assert collection.unread() == 1
    collection.remove([moved])
    assert len(collection.readings().entries) == 8


def test_files_that_are_gone_or_another_are_told(collection: Collection, files: list[Path], tmp_path: Path):
    files[0].unlink()
    paint(tmp_path / "other", [51])[0].replace(files[1])
    report = collection.read_texts(Reader())
    assert report.read == 8
    assert {Path(one.path): one.error.key for one in report.broken} == {
        files[0]: "file_missing",
        files[1]: "picture_exchanged",
    }
    assert collection.unread() == 2


def test_pictures_are_found_by_what_stands_in_them(collection: Collection, files: list[Path]):
    assert len(collection.readings().texts) == 0
    collection.read_texts(Reader())
    readings = collection.readings()
    assert (len(readings.entries), readings.total) == (10, 10)
    wanted = text_of(collection, files[3])
    best = readings.entries[int(readings.texts.scores(wanted).argmax())]
    assert text_of(collection, Path(collection.entry(best).path)) == wanted  # type: ignore[union-attr]
    assert len(collection.readings("000003*").entries) == 1


def test_a_shared_collection_is_searched_but_not_read(collection: Collection, library: Library, files: list[Path]):
    collection.read_texts(Reader())
    shared = Library(library.settings, read_only=True).open(collection.name)
    assert len(shared.readings().entries) == 10
    with pytest.raises(InputError, match="shared"):
        shared.read_texts(Reader())
