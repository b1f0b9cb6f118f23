"""Groups of pictures in a collection that are the same."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations, groupby
from operator import itemgetter

import numpy as np

from mmcore.index import perceptual_hash
from mmcore.index.ingest import as_path
from mmcore.index.matrix import Matrix
from mmcore.index.records import DuplicateGroup, Entry
from mmcore.index.searching import COLUMNS, entry_of

CROWD = 500
"""A band that so many pictures share says nothing about them."""


def groups(db: sqlite3.Connection, matrix: Matrix) -> list[DuplicateGroup]:
    """Exact duplicates first, then pictures that look the same, each in the order they were added.

    Of files that are the same byte for byte the first stands for all among those that look the same.
    """
    same: dict[bytes, list[int]] = defaultdict(list)
    for number, sha256 in db.execute("SELECT id, sha256 FROM entries ORDER BY id"):
        same[sha256].append(number)
    exact = [ids for ids in same.values() if len(ids) > 1]
    firsts = {ids[0] for ids in same.values()}
    alike = _alike(db, matrix, firsts)
    return [
        DuplicateGroup(tuple(_entries(db, ids)), is_exact)
        for is_exact, found in ((True, exact), (False, alike))
        for ids in found
    ]


def _entries(db: sqlite3.Connection, ids: list[int]) -> list[Entry]:
    query = f"SELECT {COLUMNS} FROM entries WHERE id = ?"
    return [entry_of(db.execute(query, (number,)).fetchone()) for number in ids]


def _alike(db: sqlite3.Connection, matrix: Matrix, firsts: set[int]) -> list[list[int]]:
    """Connected pictures: hashes within BITS of each other, vectors within COSINE."""
    query = "SELECT id, look, row, path FROM entries WHERE look IS NOT NULL AND row IS NOT NULL"
    rows = db.execute(query).fetchall()
    known = {number: (look, row) for number, look, row, _ in rows if number in firsts}
    paths = {number: as_path(stored) for number, _, _, stored in rows}
    kin = _Kin(known)
    for _, band in groupby(db.execute("SELECT band, entry FROM looks ORDER BY band, entry"), itemgetter(0)):
        crowd = [number for _, number in band if number in known]
        if len(crowd) > CROWD:
            continue
        for one, other in combinations(crowd, 2):
            if paths[one] == paths[other]:
                continue  # key frames of one video
            if perceptual_hash.distance(known[one][0], known[other][0]) > perceptual_hash.BITS or kin.same(one, other):
                continue
            first, second = matrix.take(np.array([known[one][1], known[other][1]]))
            if float(first @ second) >= perceptual_hash.COSINE:
                kin.join(one, other)
    return kin.families()


class _Kin:
    """Disjoint sets: what is joined to the same is the same."""

    def __init__(self, members: Iterable[int]) -> None:
        self._leader = {member: member for member in members}

    def _lead(self, member: int) -> int:
        while self._leader[member] != member:
            self._leader[member] = self._leader[self._leader[member]]
            member = self._leader[member]
        return member

    def same(self, one: int, other: int) -> bool:
        return self._lead(one) == self._lead(other)

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self._lead(one), self._lead(other)))
        self._leader[second] = first

    def families(self) -> list[list[int]]:
        """Sets of two and more, sorted."""
        found: dict[int, list[int]] = defaultdict(list)
        for member in sorted(self._leader):
            found[self._lead(member)].append(member)
        return sorted(members for members in found.values() if len(members) > 1)
