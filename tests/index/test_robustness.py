"""Killed processes, many threads, full disks: nothing is lost, nothing hangs, nothing is wrong."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcore.errors import CapacityError, InputError, MMCoreError, UnknownNameError
from mmcore.index import Collection, Hit, Library, maintenance
from mmcore.index.store import FILE
from mmcore.types import Vectors
from tests.index import kill
from tests.index.world import MADE_BY, embed, paint, vector_of

BOUND = 600.0
"""Seconds beyond which something hangs; far more than the work takes."""


def test_killed_again_and_again(tmp_path: Path):
    done = kill.run(tmp_path, pictures=600, kills=5, sample=20)
    assert done["killed"] >= 3, "the process was too quick to be killed"
    assert done["rows"] == 600


def together(*work: Callable[[], None]) -> None:
    """Run them at once; the first failure is raised here, and so is a lock-up."""
    failures: list[BaseException] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    end = time.monotonic() + BOUND
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if failures:
        raise failures[0]


def test_eight_threads_add_search_and_remove(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(maintenance, "GAPS", 8)  # vectors are moved while others search
    collection = library.create("busy", MADE_BY)
    shared = paint(tmp_path / "shared", range(24))
    collection.add([tmp_path / "shared"], embed, checkpoint=MADE_BY)
    known = {str(file): vector_of(file) for file in shared}
    adding = threading.Semaphore(0)
    searches = 0

    def add(part: int) -> Callable[[], None]:
        def work() -> None:
            mine = library.open("busy")  # as another process would
            files = paint(tmp_path / f"part{part}", range(1000 * part, 1000 * part + 100))
            for first in range(0, 100, 20):
                report = mine.add(files[first : first + 20], embed, checkpoint=MADE_BY)
                assert len(report.added) == 20
                assert mine.remove(files[first + 10 : first + 20]) == 10
            mine.close()
            adding.release()

        return work

    def search(seed: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal searches
            chance, left = random.Random(seed), 4
            while left:
                path = chance.choice(list(known))
                hits = collection.search(known[path], checkpoint=MADE_BY, top=3)
                assert hits[0].entry.path == path
                assert hits[0].score == pytest.approx(1, abs=2e-3)
                assert len({hit.entry.id for hit in hits}) == 3
                for hit in hits:  # the score belongs to the entry, also while rows move
                    true = float(known[path] @ vector_of(Path(hit.entry.path)))
                    assert hit.score == pytest.approx(true, abs=4e-3)
                searches += 1
                left = 4 - adding._value

        return work

    together(*(add(part) for part in range(1, 5)), *(search(seed) for seed in range(4)))
    assert searches > 20
    assert len(collection) == 24 + 4 * 50
    assert kill.check(collection, 200) == 224
    collection.close()


def test_two_that_add_the_same_add_it_once(library: Library, tmp_path: Path):
    library.create("once", MADE_BY).close()
    paint(tmp_path / "in", range(120))
    reports = []

    def work() -> None:
        mine = library.open("once")
        reports.append(mine.add([tmp_path / "in"], embed, checkpoint=MADE_BY))
        mine.close()

    together(work, work, work)
    assert sum(len(report.added) for report in reports) == 120
    assert all(len(report.added) + len(report.unchanged) == 120 for report in reports)
    collection = library.open("once")
    assert kill.check(collection, 20) == 120
    collection.close()


def test_readers_do_not_wait_for_a_writer(collection: Collection, library: Library, tmp_path: Path):
    files = paint(tmp_path, range(5))
    collection.add(files, embed, checkpoint=MADE_BY)
    with collection._store.write() as db:
        db.execute("DELETE FROM entries")
        reader = library.open("things")
        hits: list[Hit] = []
        together(lambda: hits.extend(reader.search(vector_of(files[0]), checkpoint=MADE_BY)))
        assert len(hits) == len(reader) == 5, "nothing of it is seen before it is done"
        reader.close()
    assert len(collection) == 0


def test_what_fails_in_the_middle_changes_nothing(collection: Collection, tmp_path: Path):
    collection.add(paint(tmp_path, range(5)), embed, checkpoint=MADE_BY)
    before = collection.facts

    def half_done() -> None:
        with collection._store.write() as db:
            db.execute("DELETE FROM entries")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        half_done()
    assert collection.facts == before
    assert len(collection) == 5


def test_a_writer_that_waits_too_long_says_so(
    library: Library, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from mmcore.index import store

    monkeypatch.setattr(store, "PATIENCE", 0.2)
    paint(tmp_path, [1])
    with collection._store.write():
        other = library.open("things")
        with pytest.raises(CapacityError, match="Another program is writing to the collection things"):
            other.add([tmp_path], embed, checkpoint=MADE_BY)
        other.close()
    assert len(collection.add([tmp_path], embed, checkpoint=MADE_BY).added) == 1


FULL = """
import resource, sys
from pathlib import Path
from mmcore.errors import CapacityError
from mmcore.index import Library
from mmcore.settings import Settings
from tests.index.world import MADE_BY, embed

collection = Library(Settings(home=Path(sys.argv[1]))).open("things")
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    collection.add([sys.argv[2]], embed, checkpoint=MADE_BY)
except CapacityError as error:
    print(error.key, len(collection))
"""


CREATE_FULL = (
    FULL.split("collection =")[0]
    + """
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))
try:
    Library(Settings(home=Path(sys.argv[1]))).create("more", MADE_BY)
except CapacityError as error:
    print(error.key, Library(Settings(home=Path(sys.argv[1]))).names())
"""
)


def test_a_disk_that_is_full_before_a_collection_is_there_is_said(settings):
    pytest.importorskip("resource", reason="only Unix can limit the size of files")
    settings.home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", CREATE_FULL, str(settings.home)]
    done = subprocess.run(command, cwd=kill.ROOT, capture_output=True, text=True, timeout=BOUND)
    assert done.stdout == "collection_disk []\n", done.stderr


def test_a_full_disk_is_said_and_what_was_there_stays(collection: Collection, settings, tmp_path: Path):
    pytest.importorskip("resource", reason="only Unix can limit the size of files")
    paint(tmp_path / "first", range(20))
    collection.add([tmp_path / "first"], embed, checkpoint=MADE_BY)
    collection.close()
    paint(tmp_path / "more", range(100, 400))
    command = [sys.executable, "-c", FULL, str(settings.home), str(tmp_path / "more")]
    done = subprocess.run(command, cwd=kill.ROOT, capture_output=True, text=True, timeout=BOUND)
    assert done.stdout.startswith("collection_disk "), done.stderr
    there = len(collection)
    assert there >= 20
    assert kill.check(collection, 50) == there
    assert len(collection.add([tmp_path / "more"], embed, checkpoint=MADE_BY).added) == 320 - there


# Another checkpoint


def test_vectors_of_two_models_are_never_mixed(collection: Collection, library: Library, tmp_path: Path):
    from tests.index.world import other_embed

    files = paint(tmp_path, range(5))
    collection.add(files, embed, checkpoint=MADE_BY)
    for refused in (
        lambda: collection.add(files, other_embed, checkpoint="other"),
        lambda: collection.refresh(other_embed, checkpoint="other"),
        lambda: collection.search(vector_of(files[0]), checkpoint="other"),
        lambda: collection.require("other"),
        lambda: library.open_or_create("things", "other"),
    ):
        with pytest.raises(InputError, match='mmcore index embed "things" --model other'):
            refused()
    assert len(collection) == 5


def test_a_collection_can_be_embedded_with_another_model(collection: Collection, tmp_path: Path):
    from tests.index.world import other_embed

    files = paint(tmp_path, range(70))
    collection.add(files, embed, checkpoint=MADE_BY)
    gone, broken = files[5], files[6]
    gone.unlink()
    broken.write_bytes(b"")
    entries, seen = collection.entries(), []
    report = collection.reembed(
        other_embed, checkpoint="other", progress=lambda done, total: seen.append((done, total))
    )
    assert (len(report.added), report.missing, len(report.broken)) == (68, (str(gone),), 2)
    assert seen[-1] == (70, 70)
    assert (collection.checkpoint, collection.width, collection.facts.rows) == ("other", 16, 68)
    assert [entry.id for entry in collection.entries()] == [entry.id for entry in entries]
    assert [entry.path for entry in collection.entries() if not entry.searchable] == [str(gone), str(broken)]
    with Image.open(files[9]) as image:
        query = other_embed([image])[0]
    assert collection.search(query, checkpoint="other", top=1)[0].entry.path == str(files[9])
    assert len(list(collection.folder.glob("vectors-*"))) == 1
    paint(tmp_path, [5])
    assert collection.add([gone], other_embed, checkpoint="other").added == (str(gone),), "it is back"


def test_embedding_anew_goes_on_after_a_stop_and_searches_work_meanwhile(collection: Collection, tmp_path: Path):
    from tests.index.world import other_embed

    files = paint(tmp_path, range(100))
    collection.add(files, embed, checkpoint=MADE_BY)
    count = 0

    def counting(pictures: Sequence[Image.Image]) -> Vectors:
        nonlocal count
        count += len(pictures)
        return other_embed(pictures)

    assert collection.reembed(counting, checkpoint="other", cancelled=lambda: count > 40).cancelled
    assert 40 < count < 100
    assert collection.checkpoint == MADE_BY
    assert collection.search(vector_of(files[3]), checkpoint=MADE_BY, top=1)[0].entry.path == str(files[3])
    paint(tmp_path, [200])
    collection.add([tmp_path], embed, checkpoint=MADE_BY)
    collection.remove(files[:2])
    assert not collection.reembed(counting, checkpoint="other").cancelled
    assert (collection.checkpoint, len(collection), collection.facts.rows) == ("other", 99, 101)
    assert count == 101
    for entry, vector in zip(collection.entries(), collection.vectors(), strict=True):
        with Image.open(entry.path) as image:
            np.testing.assert_allclose(vector, other_embed([image])[0], atol=2e-3)


# What other processes do to the files


def test_a_collection_that_was_removed_and_made_anew_is_seen(library: Library, tmp_path: Path):
    first = library.create("again", MADE_BY)
    first.add(paint(tmp_path / "a", range(3)), embed, checkpoint=MADE_BY)
    reader = library.open("again")
    assert len(reader.search(vector_of(tmp_path / "a" / "000000.png"), checkpoint=MADE_BY)) == 3
    library.remove("again")
    with pytest.raises(UnknownNameError, match="no collection called 'again'"):
        reader.entries()
    with pytest.raises(UnknownNameError):
        len(first)
    second = library.create("again", MADE_BY)
    second.add(paint(tmp_path / "b", range(10, 13)), embed, checkpoint=MADE_BY)
    (hit,) = reader.search(vector_of(tmp_path / "b" / "000011.png"), checkpoint=MADE_BY, top=1)
    assert hit.entry.path == str(tmp_path / "b" / "000011.png")
    for one in (first, reader, second):
        one.close()


def test_a_catalogue_that_is_none(library: Library, collection: Collection):
    collection.close()
    (collection.folder / FILE).write_bytes(b"this is no database, and long enough to be sure of it" * 20)
    for file in collection.folder.glob(f"{FILE}-*"):
        file.unlink()
    with pytest.raises(InputError, match="are damaged: its catalogue cannot be read"):
        len(library.open("things"))
    assert library.summaries() == []
    library.remove("things")
    assert library.names() == []


def test_a_catalogue_of_a_later_version(library: Library, collection: Collection):
    with collection._store.write() as db:
        db.execute("UPDATE facts SET format = 99")
    collection.close()
    with pytest.raises(InputError, match="newer version of mmcore"):
        len(library.open("things"))


def test_an_error_survives_being_stored():
    from mmcore.errors import Phrase
    from mmcore.index.ingest import read_error, write_error

    error: MMCoreError = InputError("image_damaged", format="PNG", detail=Phrase("damage_ends"))
    again = read_error(write_error(error))
    assert (type(again), again.key, str(again)) == (InputError, "image_damaged", str(error))
    assert again.values["detail"].key == "damage_ends"  # type: ignore[attr-defined]


def test_vectors_of_an_earlier_version_are_never_mixed(library: Library, tmp_path: Path):
    name = "compact-retriever"
    collection = library.create("old", name)
    files = paint(tmp_path, range(5))
    collection.add(files, embed, checkpoint=name)
    with closing(sqlite3.connect(library.folder / "old" / FILE)) as db:
        assert db.execute("SELECT checkpoint FROM facts").fetchone() == (f"{name}@2",)
        db.execute("UPDATE facts SET checkpoint = ?", (name,))  # as the first version left it
        db.commit()
    assert collection.checkpoint == name
    for refused in (
        lambda: collection.add(files, embed, checkpoint=name),
        lambda: collection.search(vector_of(files[0]), checkpoint=name),
        lambda: library.open_or_create("old", name),
    ):
        with pytest.raises(InputError, match=f'an earlier version.*mmcore index embed "old" --model {name}'):
            refused()
    assert len(collection.reembed(embed, checkpoint=name).added) == 5
    assert library.open_or_create("old", name).checkpoint == name
    assert collection.search(vector_of(files[0]), checkpoint=name, top=1)[0].entry.path == str(files[0])
