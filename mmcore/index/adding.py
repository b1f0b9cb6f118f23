"""Adding files to a collection: skip what is known, decode and embed the rest, commit batch by batch."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from mmcore.errors import CapacityError, InputError
from mmcore.index import matrix, perceptual_hash
from mmcore.index.ingest import (
    TRANSIENT,
    PictureFile,
    Read,
    as_path,
    as_stored,
    batches,
    find,
    folded,
    in_threads,
    of_file,
    read_all,
    read_error,
    write_error,
)
from mmcore.index.records import AddOptions, AddReport, Broken, Duplicate, Embed
from mmcore.index.store import STAMPS, Store, facts, unversioned, versioned
from mmcore.io.picture_folders import REASONS
from mmcore.settings import Settings
from mmcore.types import IsCancelled, Progress, Vectors

LOOK_UPS = 200
"""Near duplicates that are looked at for each picture, at most."""


@dataclass
class Tally:
    """An AddReport in the making."""

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    near_duplicates: list[Duplicate] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    moved: list[Duplicate] = field(default_factory=list)
    left_out: tuple[tuple[str, int], ...] = ()
    cancelled: bool = False
    started: float = field(default_factory=perf_counter)

    def take(self, other: Tally) -> None:
        """Put another one's files behind these."""
        for name in ("added", "unchanged", "broken", "duplicates", "near_duplicates", "missing", "moved"):
            getattr(self, name).extend(getattr(other, name))

    def report(self) -> AddReport:
        """What it comes to."""
        return AddReport(
            added=tuple(self.added),
            unchanged=tuple(self.unchanged),
            broken=tuple(self.broken),
            duplicates=tuple(self.duplicates),
            near_duplicates=tuple(self.near_duplicates),
            missing=tuple(path for path in self.missing if path not in {one.of for one in self.moved}),
            moved=tuple(self.moved),
            left_out=self.left_out,
            cancelled=self.cancelled,
            seconds=perf_counter() - self.started,
        )


def embedded(reads: Sequence[Read], embed: Embed, checkpoint: str) -> list[Vectors | Broken]:
    """The unit vector of each picture. What fails together is tried one by one, so that each answers for itself."""
    pictures = [one.picture for one in reads if one.picture is not None]
    if not pictures:
        return []
    try:
        vectors = np.asarray(embed(pictures), np.float32)
    except InputError as error:
        if len(reads) == 1:
            return [Broken(reads[0].file.path, error)]
        return [outcome for one in reads for outcome in embedded([one], embed, checkpoint)]
    if vectors.ndim != 2 or len(vectors) != len(pictures) or not vectors.shape[1]:
        raise ValueError(f"embed gave vectors of shape {vectors.shape} for {len(pictures)} pictures")
    lengths = np.linalg.norm(vectors, axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    useless = InputError("picture_without_vector", model=checkpoint)
    return [
        vector / length if good else Broken(one.file.path, useless)
        for one, vector, length, good in zip(reads, vectors, lengths, usable, strict=True)
    ]


class Adder:
    """One run of adding files to the collection of ``store``."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        embed: Embed,
        checkpoint: str,
        how: AddOptions,
        ready: Mapping[bytes, Vectors] | None = None,
    ) -> None:
        self._store, self._settings, self._embed, self._checkpoint = store, settings, embed, checkpoint
        self._how, self._ready = how, ready or {}
        self._tally = Tally()

    def run(self, sources: Iterable[str | Path], progress: Progress | None, cancelled: IsCancelled | None) -> AddReport:
        """Add them; the report says what became of each."""
        sources, tally = list(sources), self._tally
        files, tally.broken, left_out = find(sources, self._how.exclude, follow_links=self._how.follow_links)
        tally.left_out = tuple((reason, left_out[reason]) for reason in REASONS if left_out[reason])
        total, done = len(files) + len(tally.broken), len(tally.broken)
        new = self._new(files)
        tally.missing = self._missing([str(source) for source in sources], {file.path for file in files})

        def report_progress() -> None:
            if progress is not None:
                progress(done, total)

        done += len(files) - len(new)
        report_progress()
        stopped = cancelled or (lambda: False)
        todo, known = new, self._has_content
        while todo:
            work = in_threads(self._reader(known), todo)
            try:
                for batch in batches(work):
                    if stopped():
                        tally.cancelled = True
                        return tally.report()
                    tally.take(self._commit(batch))
                    done += len(_paths(batch)) if todo is new else 0
                    report_progress()
            finally:
                work.close()
            if todo is not new:
                break
            # files that were exchanged: the content that was known when one was read had left its entry afterwards
            left = {one.path for one in tally.broken if one.error.key == "collection_busy"}
            tally.broken = [one for one in tally.broken if one.path not in left]
            todo, known = [file for file in new if file.path in left], lambda sha256: False
        return tally.report()

    def _new(self, files: Sequence[PictureFile]) -> list[PictureFile]:
        """Those that are not in the catalogue as they are now."""
        if self._how.check:
            return list(files)
        new = []
        with self._store.read() as db:
            stamped = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'stamps'").fetchone() is not None
            for file in files:
                if stamped:
                    stamp = db.execute("SELECT changed, inode FROM stamps WHERE path = ?", (as_stored(file.path),))
                    if stamp.fetchone() not in (None, (file.changed, file.inode)):
                        new.append(file)
                        continue
                key, state = as_stored(file.path), (file.size, file.modified)
                text, values = of_file(file.path)
                known = db.execute(f"SELECT size, modified FROM entries WHERE {text} LIMIT 1", values)
                if known.fetchone() == state:
                    self._tally.unchanged.append(file.path)
                    continue
                row = db.execute("SELECT size, modified, error FROM broken WHERE path = ?", (key,)).fetchone()
                if row is not None and row[:2] == state:
                    self._tally.broken.append(Broken(file.path, read_error(row[2])))
                    continue
                new.append(file)
        return new

    def _missing(self, sources: Sequence[str], there: set[str]) -> list[str]:
        """Entries that were below the given folders (or are the given files) and have disappeared."""
        missing = []
        with self._store.read() as db:
            for source in sources:
                path = os.path.abspath(source)
                below = os.path.join(path, "")
                beyond = below[:-1] + chr(ord(below[-1]) + 1)  # the first that does not begin with it
                text, values = of_file(path)
                rows = db.execute(
                    f"SELECT path FROM entries WHERE {text} OR (path > ? AND path < ?) ORDER BY path",
                    (*values, as_stored(below), as_stored(beyond)),
                )
                paths = [as_path(row[0]) for row in rows]
                missing += [path for path in paths if path not in there and not Path(path).is_file()]
        return list(dict.fromkeys(missing))

    def _reader(self, known: Callable[[bytes], bool]) -> Callable[[PictureFile], list[Read | Broken]]:
        return lambda file: read_all(file, self._settings, known)

    def _has_content(self, sha256: bytes) -> bool:
        """Whether a vector of these very bytes is there, so that the file need not be decoded."""
        with self._store.read() as db:
            query = "SELECT 1 FROM entries WHERE sha256 = ? AND row IS NOT NULL LIMIT 1"
            return db.execute(query, (sha256,)).fetchone() is not None

    def _commit(self, batch: Sequence[Read | Broken]) -> Tally:
        """Embed a batch and write it down. What another process has added meanwhile is left as it is."""
        pictures = [one for one in batch if isinstance(one, Read) and one.picture is not None]
        new = [one for one in pictures if one.sha256 not in self._ready]
        outcomes: dict[int, Vectors | Broken] = {id(one): self._ready[one.sha256] for one in pictures if one not in new}
        outcomes |= zip(map(id, new), embedded(new, self._embed, self._checkpoint), strict=True)
        tally = Tally()
        with self._store.write() as db:
            now = facts(db)
            if now.checkpoint != versioned(self._checkpoint):
                raise other_checkpoint(self._store.name, now.checkpoint, self._checkpoint)
            vectors: list[Vectors] = []
            db.execute(STAMPS)
            files = [one.file for one in batch if isinstance(one, Read)]
            db.executemany(
                "INSERT OR REPLACE INTO stamps VALUES (?, ?, ?)",
                [(as_stored(file.path), file.changed, file.inode) for file in files],
            )
            writer = _Writer(
                db, self._store.folder, vectors, now.rows, now.generation, now.width, tally, self._store.name
            )
            for path, keys in _keys(batch).items():
                writer.forget_others(path, keys)
            for one in batch:
                outcome = one if isinstance(one, Broken) else outcomes.get(id(one))
                if isinstance(outcome, Broken):
                    tally.broken.append(outcome)
                    remember_broken(db, outcome, one)
                else:
                    assert isinstance(one, Read)
                    writer.put(one, outcome)
            if vectors:
                width = len(vectors[0])
                if now.width not in (None, width):
                    raise ValueError(f"embed gave vectors of {width} numbers; the collection has {now.width}")
                matrix.append(matrix.vector_file(self._store.folder, now.generation), np.stack(vectors), now.rows)
                db.execute("UPDATE facts SET rows = ?, width = ?", (now.rows + len(vectors), width))
        return tally


def _paths(batch: Sequence[Read | Broken]) -> set[str]:
    return {one.path if isinstance(one, Broken) else one.file.path for one in batch}


def _keys(batch: Sequence[Read | Broken]) -> dict[str, set[bytes]]:
    """Path -> what the catalogue will call its entries."""
    keys: dict[str, set[bytes]] = {}
    for one in batch:
        if isinstance(one, Read):
            keys.setdefault(one.file.path, set()).add(one.key)
    return keys


def other_checkpoint(name: str, made: str, asked: str) -> InputError:
    """The error of whoever would mix the vectors of two models, or of two versions of one; ``made`` as stored."""
    made = unversioned(made)
    if made == asked:
        return InputError("collection_other_version", name=name, model=asked)
    return InputError("collection_other_checkpoint", name=name, made=made, asked=asked)


def remember_broken(db: sqlite3.Connection, broken: Broken, one: Read | Broken) -> None:
    """So that the file is not tried again until it changes."""
    if broken.error.key in TRANSIENT:
        return
    try:
        status = Path(broken.path).stat()
    except OSError:
        return
    size, modified = (
        (one.file.size, one.file.modified) if isinstance(one, Read) else (status.st_size, status.st_mtime_ns)
    )
    row = (as_stored(broken.path), size, modified, write_error(broken.error))
    db.execute("INSERT OR REPLACE INTO broken VALUES (?, ?, ?, ?)", row)


def _append(listed: list[Any], item: Any) -> None:
    """The key frames of a video come one after the other, and count once."""
    if not listed or listed[-1] != item:
        listed.append(item)


@dataclass
class _Writer:
    """Writes the entries of one batch; their vectors are collected for the rows from ``first`` on."""

    db: sqlite3.Connection
    folder: Path
    vectors: list[Vectors]
    first: int
    generation: int
    width: int | None
    tally: Tally
    name: str

    def put(self, one: Read, vector: Vectors | None) -> None:
        """Enter a file. Without a vector it has the content of an entry, whose vector it gets too."""
        path, file = one.file.path, one.file
        key = one.key
        known = self.db.execute("SELECT id, sha256, row FROM entries WHERE path = ?", (key,)).fetchone()
        if known is not None and known[1] == one.sha256 and known[2] is not None:
            self.db.execute(
                "UPDATE entries SET size = ?, modified = ? WHERE id = ?", (file.size, file.modified, known[0])
            )
            _append(self.tally.unchanged, path)
            return
        twins = self.db.execute(
            "SELECT id, path, row, look, width, height FROM entries "
            "WHERE sha256 = ? AND row IS NOT NULL AND path != ? ORDER BY id",
            (one.sha256, key),
        ).fetchall()
        gone = next((other for other in twins if not Path(as_path(other[1])).is_file()), None)
        if known is None and gone is not None:
            self._follow(gone[0], one)
            _append(self.tally.moved, Duplicate(path, as_path(gone[1])))
            return
        twin = twins[0] if twins else None
        if vector is None:
            if twin is None:  # it has been removed since this file was read
                self.tally.broken.append(Broken(path, CapacityError("collection_busy", name=self.name)))
                return
            vector, look, size = self._vector(twin[2]), twin[3], twin[4:6]
            jpeg = self.db.execute("SELECT jpeg FROM thumbnails WHERE entry = ?", (twin[0],)).fetchone()[0]
        else:
            assert one.picture is not None
            look, size, jpeg = one.look, one.picture.size, one.jpeg
        if twin is not None and Path(as_path(twin[1])).is_file():  # else it was moved
            _append(self.tally.duplicates, Duplicate(path, as_path(twin[1])))
        elif look is not None and one.moment is None:  # the key frames of a video may be much alike
            self._near(path, key, one.sha256, look, vector)
        entry = self._enter(None if known is None else known[0], one, size, look)
        self.vectors.append(vector)
        self.db.execute("INSERT OR REPLACE INTO thumbnails VALUES (?, ?)", (entry, jpeg))
        self.db.execute("DELETE FROM looks WHERE entry = ?", (entry,))
        if look is not None:
            self.db.executemany(
                "INSERT INTO looks VALUES (?, ?)", [(band, entry) for band in perceptual_hash.bands(look)]
            )
        self.db.execute("DELETE FROM broken WHERE path = ?", (as_stored(path),))
        self.db.execute("DELETE FROM renewed WHERE entry = ?", (entry,))
        _append(self.tally.added, path)

    def forget_others(self, path: str, keys: set[bytes]) -> None:
        """Take out what else a file was: other key frames, or a picture where there is a video now."""
        text, values = of_file(path)
        rows = self.db.execute(f"SELECT id, path FROM entries WHERE {text}", values).fetchall()
        gone = [(number,) for number, stored in rows if bytes(stored) not in keys]
        self.db.executemany("DELETE FROM entries WHERE id = ?", gone)
        for table in ("thumbnails", "looks", "renewed"):
            self.db.executemany(f"DELETE FROM {table} WHERE entry = ?", gone)

    def _follow(self, entry: int, one: Read) -> None:
        """The entry is the file under its new name; its vector and number stay."""
        path = folded(one.file.path)
        self.db.execute(
            "UPDATE entries SET path = ?, folded = ?, name = ?, size = ?, modified = ? WHERE id = ?",
            (one.key, path, path.rpartition("/")[2], one.file.size, one.file.modified, entry),
        )
        self.db.execute("DELETE FROM broken WHERE path = ?", (as_stored(one.file.path),))

    def _enter(self, entry: int | None, one: Read, size: tuple[int, int], look: int | None) -> int:
        path, row = folded(one.file.path), self.first + len(self.vectors)
        values = {
            **{"path": one.key, "folded": path, "name": path.rpartition("/")[2], "row": row},
            **{"size": one.file.size, "modified": one.file.modified, "sha256": one.sha256},
            **{"width": size[0], "height": size[1], "look": look},
        }
        if entry is None:
            columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
            cursor = self.db.execute(f"INSERT INTO entries ({columns}) VALUES ({places})", values)
            return int(cursor.lastrowid or 0)
        changes = ", ".join(f"{name} = :{name}" for name in values)
        self.db.execute(f"UPDATE entries SET {changes} WHERE id = :id", {**values, "id": entry})
        return entry

    def _vector(self, row: int) -> Vectors:
        """The vector of a row, of this batch or from the file."""
        if row >= self.first:
            return self.vectors[row - self.first]
        file = matrix.vector_file(self.folder, self.generation)
        vector = np.fromfile(file, np.float16, self.width or 0, offset=row * (self.width or 0) * matrix.ITEM)
        return vector.astype(np.float32)

    def _near(self, path: str, key: bytes, sha256: bytes, look: int, vector: Vectors) -> None:
        """Report the picture that looks most like this one, if there is one that looks the same."""
        keys = perceptual_hash.bands(look)
        candidates = self.db.execute(
            "SELECT DISTINCT e.path, e.look, e.row FROM looks JOIN entries e ON e.id = looks.entry "
            f"WHERE looks.band IN ({', '.join('?' * len(keys))}) AND e.path != ? AND e.sha256 != ? "
            "AND e.row IS NOT NULL LIMIT ?",
            (*keys, key, sha256, LOOK_UPS),
        ).fetchall()
        alike = [
            Duplicate(path, as_path(other), float(np.dot(self._vector(row), vector)))
            for other, its_look, row in candidates
            if perceptual_hash.distance(look, its_look) <= perceptual_hash.BITS
        ]
        best = max(alike, key=lambda one: one.similarity, default=None)
        if best is not None and best.similarity >= perceptual_hash.COSINE:
            self.tally.near_duplicates.append(best)
