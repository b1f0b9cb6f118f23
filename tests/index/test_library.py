"""Names, sessions and who may write."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mmcore.errors import InputError, UnknownNameError
from mmcore.index import Collection, Library, SessionLibrary
from mmcore.settings import Settings
from tests.index.kill import ROOT
from tests.index.world import MADE_BY, embed, paint, vector_of


def test_collections_lie_under_mmcore_home(settings: Settings, library: Library):
    assert library.folder == settings.home / "collections"
    assert library.names() == []
    assert library.summaries() == []


def test_collections_are_created_listed_opened_and_removed(library: Library, tmp_path: Path):
    pictures = paint(tmp_path / "in", range(3))
    for name in ("holidays 2024", "图库", "b.c_d-e"):
        library.create(name, MADE_BY).close()
    assert library.names() == sorted(("holidays 2024", "图库", "b.c_d-e"))
    collection = library.open("图库")
    collection.add(pictures, embed, checkpoint=MADE_BY)
    (summary,) = [one for one in library.summaries() if one.name == "图库"]
    assert (summary.checkpoint, summary.pictures, summary.read_only) == (MADE_BY, 3, False)
    assert summary.bytes > 1000
    collection.close()
    library.remove("图库")
    assert library.names() == ["b.c_d-e", "holidays 2024"]
    assert all(file.is_file() for file in pictures), "pictures are never deleted"
    assert not [path for path in library.folder.iterdir() if path.name.startswith(".")]


def test_a_collection_is_there_for_the_next_process(library: Library, collection: Collection, tmp_path: Path):
    files = paint(tmp_path, range(3))
    collection.add(files, embed, checkpoint=MADE_BY)
    collection.close()
    again = library.open("things")
    assert again.search(vector_of(files[1]), checkpoint=MADE_BY, top=1)[0].entry.path == str(files[1])
    again.close()


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../up", "a/b", "a\\b", "/etc", "C:", "a:b", ".hidden", "-x", " x", "x ", "x.", "a\0b", "a\n"),
        *("con", "NUL", "com1.x", "x" * 65, "*", "a?b", "~", "$HOME", "\udcff"),
    ],
)
def test_names_that_are_not_allowed(library: Library, name: str):
    with pytest.raises(InputError, match="cannot be the name of a collection"):
        library.create(name, MADE_BY)
    with pytest.raises(InputError, match="cannot be the name of a collection"):
        library.open_or_create(name, MADE_BY)
    with pytest.raises(UnknownNameError):
        library.open(name)
    with pytest.raises(UnknownNameError):
        library.remove(name)
    assert not library.folder.exists()


def test_a_name_is_taken_once(library: Library, collection: Collection):
    with pytest.raises(InputError, match="There is a collection called things already"):
        library.create("things", MADE_BY)
    assert library.open_or_create("things", MADE_BY).name == "things"
    assert library.open_or_create("new", MADE_BY).checkpoint == MADE_BY


def test_an_unknown_name_lists_the_known(library: Library, collection: Collection):
    with pytest.raises(UnknownNameError, match=r"no collection called 'nothing'\. Did you mean things\? Known: things"):
        library.open("nothing")
    with pytest.raises(UnknownNameError):
        library.remove("nothing")


def test_shared_collections_are_read_only(settings: Settings, collection: Collection, tmp_path: Path):
    files = paint(tmp_path, range(3))
    collection.add(files, embed, checkpoint=MADE_BY)
    shared = Library(settings, read_only=True)
    visible = shared.open("things")
    assert visible.summary().read_only
    (hit,) = visible.search(vector_of(files[2]), checkpoint=MADE_BY, top=1)
    assert hit.entry.path == str(files[2])
    assert visible.thumbnail(hit.entry)
    for refused in (
        lambda: visible.add(files, embed, checkpoint=MADE_BY),
        lambda: visible.refresh(embed, checkpoint=MADE_BY),
        lambda: visible.reembed(embed, checkpoint="other"),
        lambda: visible.remove([hit.entry]),
        visible.remove_missing,
        lambda: shared.remove("things"),
        lambda: shared.create("mine", MADE_BY),
        lambda: shared.open_or_create("mine", MADE_BY),
    ):
        with pytest.raises(InputError, match="is shared: it can be searched, but not changed"):
            refused()
    visible.prepare(everything=True)
    visible.close()
    assert len(collection) == 3


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_read_only_medium_can_be_searched(settings: Settings, collection: Collection, tmp_path: Path):
    files = paint(tmp_path, range(3))
    collection.add(files, embed, checkpoint=MADE_BY)
    collection.close()
    collection.folder.chmod(0o500)
    try:
        shared = Library(settings, read_only=True).open("things")
        assert len(shared.search(vector_of(files[0]), checkpoint=MADE_BY)) == 3
        shared.close()
    finally:
        collection.folder.chmod(0o700)


def test_a_session_keeps_its_own_and_vanishes(settings: Settings, tmp_path: Path):
    with SessionLibrary(settings) as mine, SessionLibrary(settings) as theirs:
        collection = mine.create("uploads", MADE_BY)
        collection.add(paint(mine.uploads, range(3)), embed, checkpoint=MADE_BY)
        assert len(collection) == 3
        assert theirs.names() == []
        assert Library(settings).names() == []
        folder = mine.uploads.parent
        assert folder.is_dir()
    assert not folder.exists()
    assert mine.closed
    mine.close()
    with pytest.raises(ValueError, match="closed"):
        mine.create("late", MADE_BY)
    assert mine.names() == []


def test_a_session_that_is_forgotten_vanishes(settings: Settings):
    mine = SessionLibrary(settings)
    mine.create("uploads", MADE_BY)
    folder = mine.uploads.parent
    del mine
    gc.collect()
    assert not folder.exists()


def test_a_session_vanishes_with_its_process(tmp_path: Path):
    code = (
        "from mmcore.index import SessionLibrary; from mmcore.settings import Settings; "
        "mine = SessionLibrary(Settings()); mine.create('x', 'y'); print(mine.uploads)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert str(tmp_path) in done.stdout, done.stderr
    assert not list(tmp_path.glob("mmcore-session-*"))


def test_what_a_killed_process_left_of_its_sessions_goes_with_the_next(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code = (
        "import os, signal, sys; from mmcore.index import SessionLibrary; from mmcore.settings import Settings; "
        "mine = SessionLibrary(Settings()); print(mine.uploads.parent, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    left = Path(done.stdout.strip())
    assert left.is_dir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with SessionLibrary(settings) as living:
        assert left.is_dir(), "it may be a session that begins at this moment"
        for folder in (left, living.uploads.parent):
            os.utime(folder, (1, 1))
        with SessionLibrary(settings):
            assert not left.exists()
            assert living.uploads.is_dir(), "its process lives"


def test_what_a_killed_process_left_half_made_is_cleared_away(library: Library, collection: Collection):
    old, new = library.folder / ".new-old", library.folder / ".gone-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (1, 1))
    library.create("another", MADE_BY).close()
    assert not old.exists()
    assert new.exists(), "it may belong to a process that is at work"
    assert library.names() == ["another", "things"]


def test_a_closed_collection_can_be_used_again(collection: Collection, tmp_path: Path):
    collection.add(paint(tmp_path, [1]), embed, checkpoint=MADE_BY)
    collection.close()
    assert len(collection) == 1
