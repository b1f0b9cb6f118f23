"""Classes in the memory of this process: votes, what a page hides, a board. A new process knows none of them.

A class holds no name of a person and no address: a pupil is a random word of the browser's own making, a team on the
board is what the class calls it. Who opened how many classes, and who guesses at codes, is counted by a hash of the
address whose key dies with the process.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .refusals import Refusal

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Of codes: no two of its letters are taken for each other, and it spells no words."""
LENGTH = 6
CLASSES = 100
"""Classes at a time."""
PUPILS = 120
"""Browsers in one class."""
RESULTS = 60
"""Lines of one class's board."""
TEAM_LENGTH = 24
"""Characters of a team's name."""
IDLE_SECONDS = 3 * 3600.0
"""A class in which nothing happened for so long is forgotten."""
LIFE_SECONDS = 12 * 3600.0
"""No class lives longer."""
OPENED = 20
"""Classes that one address may have open: the teachers of a school share one."""
WRONG = 60
"""Wrong codes of one address in WRONG_SECONDS: pupils mistype, and share an address."""
WRONG_SECONDS = 60.0
ADDRESSES = 10_000
"""Addresses whose wrong codes are counted; beyond them the oldest are forgotten."""
HIDEABLE = ("tiers", "downloads", "uploads")
"""What a class can be spared: larger models, the tab that downloads them, files and recordings of one's own."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


@dataclass(frozen=True)
class Result:
    """A line of the board: a run of the Lab, as the server saw it end."""

    number: int
    team: str
    data: str
    fusion: str
    accuracy: float
    """Share of the held-back posts that it got right, 0 to 1."""


@dataclass
class _Room:
    """One class."""

    key: str
    """Only the browser of the one who opened it knows it."""
    owner: bytes
    opened: float
    used: float
    hidden: tuple[str, ...]
    pupils: dict[str, bytearray] = field(default_factory=dict)
    """A pupil's word -> a byte a question: 0, or 1 and the place of the choice."""
    results: list[Result] = field(default_factory=list)
    counted: int = 0
    """Results so far."""


class Rooms:
    """All classes of one process. Its methods may be called from any thread; what they refuse is a Refusal.

    ``questions`` says how many choices each question has, by name. ``clock`` gives seconds.
    """

    def __init__(self, questions: Mapping[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self._questions = MappingProxyType(dict(questions))
        self._places = {name: place for place, name in enumerate(self._questions)}
        self._clock = clock
        self._rooms: dict[str, _Room] = {}
        self._wrong: dict[bytes, list[float]] = {}
        self._salt = secrets.token_bytes(32)
        self._lock = threading.Lock()

    def open(self, hidden: object, address: str) -> tuple[str, str]:
        """A new class: its code and the key of who opened it.

        Raises Refusal (429) where CLASSES are open, or OPENED from that address.
        """
        checked = _hidden(hidden)
        with self._lock:
            self._forget_old()
            owner = self._hashed(address)
            if len(self._rooms) >= CLASSES:
                raise Refusal(429, "classes_full", (("limit", CLASSES),))
            if sum(room.owner == owner for room in self._rooms.values()) >= OPENED:
                raise Refusal(429, "classes_yours", (("limit", OPENED),))
            code = self._new_code()
            now = self._clock()
            room = self._rooms[code] = _Room(secrets.token_urlsafe(18), owner, now, now, checked)
            return code, room.key

    def look(self, code: object, question: object, pupil: object, address: str) -> dict[str, Any]:
        """How a class stands, as JSON; a pupil that looks is one of the class.

        ``question`` is the beginning of names of questions ("4.2"), or None. Raises Refusal: 404 for a code that no
        class has, 429 for a class that is full and for an address that tries codes.
        """
        with self._lock:
            room, written = self._room(code, address, pupil)
            if pupil is not None:
                self._pupil(room, pupil)
            return self._state(room, written, question)

    def vote(self, code: object, question: object, choice: object, pupil: object, address: str) -> dict[str, Any]:
        """Count a vote, or put it in the place of the pupil's earlier one; how the class stands then.

        Raises Refusal: as ``look``, and 422 for a question or choice that there is not.
        """
        with self._lock:
            room, written = self._room(code, address, pupil)
            name = question if isinstance(question, str) else ""
            if name not in self._places or type(choice) is not int or not 0 <= choice < self._questions[name]:
                raise Refusal(422, "class_question")
            self._pupil(room, pupil)[self._places[name]] = 1 + choice
            return self._state(room, written, name.rpartition(".")[0])

    def change(self, code: object, key: object, change: Mapping[str, Any], address: str) -> dict[str, Any]:
        """What the one who opened a class may do: ``hidden``, ``clear`` ("votes", "board" or a result's number).

        Raises Refusal: as ``look``, and 403 for another key.
        """
        with self._lock:
            room, written = self._owned(code, key, address)
            if "hidden" in change:
                room.hidden = _hidden(change["hidden"])
            gone = change.get("clear")
            if gone == "votes":
                room.pupils.clear()
            elif gone == "board":
                room.results.clear()
            elif type(gone) is int:
                room.results = [one for one in room.results if one.number != gone]
            return self._state(room, written, None)

    def close(self, code: object, key: object, address: str) -> dict[str, Any]:
        """Forget a class. Raises Refusal as ``change``."""
        with self._lock:
            _, written = self._owned(code, key, address)
            del self._rooms[written]
            return {"code": None}

    def add_result(
        self, code: object, team: object, run: tuple[str, str, float], address: str
    ) -> tuple[str, Sequence[Result]]:
        """Put a run of the Lab, (data, fusion, accuracy), on the board; the team's name as it was written, and all.

        The best RESULTS stay. Raises Refusal: as ``look``, and 422 for a name that is none.
        """
        name = team_name(team)
        with self._lock:
            room, _ = self._room(code, address)
            room.counted += 1
            room.results.append(Result(room.counted, name, *run))
            room.results.sort(key=lambda one: (one.data, -one.accuracy, one.number))
            while len(room.results) > RESULTS:
                room.results.remove(min(room.results, key=lambda one: (one.accuracy, -one.number)))
            return name, tuple(room.results)

    def _room(self, code: object, address: str, known: object = None) -> tuple[_Room, str]:
        """The class of that code. Who guesses at codes is told of none, but a ``known`` pupil or key goes on."""
        self._forget_old()
        written = spelled(code)
        room = self._rooms.get(written)
        now, who = self._clock(), self._hashed(address)
        lately = [at for at in self._wrong.get(who, ()) if now - at < WRONG_SECONDS]
        if len(lately) >= WRONG and not (
            room and isinstance(known, str) and (known in room.pupils or known == room.key)
        ):
            seconds = int(WRONG_SECONDS - (now - lately[0])) + 1
            raise Refusal(429, "class_guessing", (("seconds", seconds),), retry=seconds)
        if room is None:
            self._count_wrong(who, [*lately, now])
            raise Refusal(404, "class_unknown", (("code", written or "?"),))
        room.used = now
        return room, written

    def _owned(self, code: object, key: object, address: str) -> tuple[_Room, str]:
        room, written = self._room(code, address, key)
        if not isinstance(key, str) or not hmac.compare_digest(room.key.encode(), key.encode("utf-8", "replace")):
            raise Refusal(403, "class_key")
        return room, written

    def _count_wrong(self, who: bytes, times: list[float]) -> None:
        self._wrong.pop(who, None)
        self._wrong[who] = times
        while len(self._wrong) > ADDRESSES:
            self._wrong.pop(next(iter(self._wrong)))

    def _pupil(self, room: _Room, token: object) -> bytearray:
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise Refusal(422, "class_pupil")
        votes = room.pupils.get(token)
        if votes is None:
            if len(room.pupils) >= PUPILS:
                raise Refusal(429, "class_full", (("limit", PUPILS),))
            votes = room.pupils[token] = bytearray(len(self._places))
        return votes

    def _state(self, room: _Room, code: str, question: object) -> dict[str, Any]:
        votes: dict[str, list[int]] = {}
        for kind in ("vote", "check") if isinstance(question, str) else ():
            name = f"{question}.{kind}"
            if name in self._places:
                given = [pupil[self._places[name]] for pupil in room.pupils.values()]
                votes[kind] = [given.count(1 + choice) for choice in range(self._questions[name])]
        left = LIFE_SECONDS - (self._clock() - room.opened)
        return {
            "code": code,
            "hidden": list(room.hidden),
            "pupils": len(room.pupils),
            "minutes": max(0, int(left // 60)),
            "question": question if votes else None,
            "votes": votes,
            "results": [
                {"number": one.number, "team": one.team, "data": one.data, "fusion": one.fusion,
                 "accuracy": round(one.accuracy, 4)}
                for one in room.results
            ],
        }  # fmt: skip

    def _forget_old(self) -> None:
        now = self._clock()
        for code, room in list(self._rooms.items()):
            if now - room.used > IDLE_SECONDS or now - room.opened > LIFE_SECONDS:
                del self._rooms[code]

    def _new_code(self) -> str:
        while True:
            code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
            if code not in self._rooms:
                return code

    def _hashed(self, address: str) -> bytes:
        return hmac.digest(self._salt, address.encode("utf-8", "replace"), "sha256")[:16]


def spelled(code: object) -> str:
    """A code as it is compared: capitals, without spaces and hyphens; "" for what can be none."""
    if not isinstance(code, str) or len(code) > 4 * LENGTH:
        return ""
    written = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", code)).upper()
    return written if len(written) == LENGTH and set(written) <= set(ALPHABET) else ""


def team_name(written: object) -> str:
    """A team's name without what cannot be seen. Raises Refusal (422) where nothing is left, or it is too long."""
    text = unicodedata.normalize("NFC", written[: 40 * TEAM_LENGTH]) if isinstance(written, str) else ""
    seen = "".join(" " if letter.isspace() else letter for letter in text)
    seen = " ".join("".join(letter for letter in seen if unicodedata.category(letter)[0] != "C").split())
    if not seen or len(seen) > TEAM_LENGTH:
        raise Refusal(422, "class_team", (("limit", TEAM_LENGTH),))
    return seen


def _hidden(names: object) -> tuple[str, ...]:
    given = names if isinstance(names, list) else []
    return tuple(name for name in HIDEABLE if name in given)
