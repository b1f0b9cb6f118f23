"""Kill a process that adds pictures, again and again, and look whether anything is lost or broken.

python -m tests.index.kill --pictures 20000 --kills 10
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mmcore.index import AddReport, Collection, Library
from mmcore.index.store import FILE
from mmcore.settings import Settings
from tests.index.world import MADE_BY, embed, paint, vector_of

ROOT = Path(__file__).resolve().parents[2]
NAME = "killed"
LONGEST = 600.0
"""Seconds that one life of the adding process may take; far more than it needs."""


def add(home: Path, pictures: Path) -> AddReport:
    """What the process that is killed does."""
    collection = Library(Settings(home=home)).open(NAME)
    report = collection.add([pictures], embed, checkpoint=MADE_BY)
    collection.close()
    return report


def check(collection: Collection, sample: int) -> int:
    """Everything that must hold at any moment; the number of pictures. ``sample`` vectors are computed again."""
    with sqlite3.connect(collection.folder / FILE) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counts = "SELECT count(*), count(row), count(DISTINCT row), count(DISTINCT path), max(row) FROM entries"
        pictures, with_row, rows, paths, last = db.execute(counts).fetchone()
        assert pictures == with_row == rows == paths
        assert (last or 0) < max(collection.facts.rows, 1)
        for table in ("thumbnails", "looks"):
            orphans = f"SELECT count(*) FROM {table} WHERE entry NOT IN (SELECT id FROM entries)"
            assert db.execute(orphans).fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM thumbnails").fetchone() == (pictures,)
    db.close()
    entries = collection.entries()
    chosen = random.Random(0).sample(entries, min(sample, len(entries)))
    for entry, vector in zip(chosen, collection.vectors(chosen), strict=True):
        np.testing.assert_allclose(vector, vector_of(Path(entry.path)), atol=2e-3)
        best = collection.search(vector, checkpoint=MADE_BY, top=1)[0]
        assert best.score > 0.999
    return int(pictures)


def run(folder: Path, pictures: int, kills: int, sample: int = 50) -> dict[str, int]:
    """Paint, add, kill, check, and so on; then add the rest, check, and add once more. What happened, in numbers."""
    painted = paint(folder / "pictures", range(pictures), size=24)
    library = Library(Settings(home=folder / "home"))
    collection = library.create(NAME, MADE_BY)
    chance, killed, before, losses = random.Random(1), 0, 0, []
    for number in range(kills):
        goal = pictures * (number + 1) // (kills + 2)
        worker = [sys.executable, "-m", "tests.index.kill", "--home", str(folder / "home")]
        child = subprocess.Popen([*worker, "--worker", str(folder / "pictures")], cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + LONGEST
            while len(collection) < goal and child.poll() is None:
                assert time.monotonic() < end, "the adding process hangs"
                time.sleep(0.002)
            time.sleep(chance.random() * 0.05)  # somewhere within the next batches
        finally:
            killed += child.poll() is None
            child.kill()
            child.wait()
        now = check(collection, sample)
        assert now >= before, "pictures were lost"
        losses.append(now - before)
        before = now
    report = add(folder / "home", folder / "pictures")
    assert len(report.unchanged) == before
    assert len(report.added) == pictures - before
    assert not report.broken
    assert check(collection, sample) == pictures
    assert [entry.path for entry in collection.entries()] == sorted(map(str, painted)), "in order, each once"
    again = add(folder / "home", folder / "pictures")
    assert (len(again.added), len(again.unchanged)) == (0, pictures)
    rows = collection.facts.rows
    collection.close()
    return {"pictures": pictures, "killed": killed, "left for the end": pictures - before, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--worker", type=Path)
    given = parser.parse_args()
    if given.worker is not None:
        add(given.home, given.worker)
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        print(run(Path(folder), given.pictures, given.kills), f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
