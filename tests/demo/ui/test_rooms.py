"""Classes: who may do what, what is counted, and what cannot be filled, guessed or written into them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from demo.lab import service as lab
from demo.lab import status
from demo.lessons import catalogue
from demo.ui import class_route, guard, rooms
from demo.ui.i18n import LANGUAGES, texts
from demo.ui.refusals import Refusal
from demo.ui.rooms import Rooms
from mmcore import Settings
from mmcore.results import TrainingOptions

HOME = "192.0.2.1"
RUN = ("pairs", "late", 0.75)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def school(clock: Clock) -> Rooms:
    return Rooms(catalogue.questions(), clock)


def refused(call: Callable[..., Any], *arguments: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    for language in LANGUAGES:
        assert texts(language)[f"text.refused.{caught.value.key}"].format(**dict(caught.value.values))
    return caught.value.status, caught.value.key


def pupil(number: int) -> str:
    return f"pupil-{number:06d}"


def test_votes_are_counted_once_a_pupil(school: Rooms) -> None:
    code, _ = school.open([], HOME)
    for number, choice in enumerate([0, 1, 1, 2, 1]):
        state = school.vote(code, "4.2.vote", choice, pupil(number), HOME)
    assert state["votes"]["vote"] == [1, 3, 1]
    state = school.vote(f"{code[:3].lower()}-{code[3:]}", "4.2.vote", 0, pupil(1), HOME)
    assert state["votes"]["vote"] == [2, 2, 1]
    assert state["votes"]["check"] == [0, 0, 0]
    assert school.look(code, "4.3", None, HOME)["votes"]["vote"] == [0, 0, 0]
    assert (state["pupils"], state["question"]) == (5, "4.2")
    assert school.look(code, "99.1", pupil(1), HOME)["votes"] == {}


@pytest.mark.parametrize("question", ["4.2", "4.2.else", "99.1.vote", "", None, 5, ["4.2.vote"], "<b>", "x" * 10**5])
def test_a_question_that_there_is_not_takes_no_vote(school: Rooms, question: object) -> None:
    code, _ = school.open([], HOME)
    assert refused(school.vote, code, question, 0, pupil(1), HOME) == (422, "class_question")


@pytest.mark.parametrize("choice", [-1, 3, True, "0", 0.0, None, 10**9])
def test_a_choice_that_there_is_not_takes_no_vote(school: Rooms, choice: object) -> None:
    code, _ = school.open([], HOME)
    assert refused(school.vote, code, "4.2.vote", choice, pupil(1), HOME) == (422, "class_question")


@pytest.mark.parametrize("token", ["", "short", "x" * 65, "<b>bold</b>", "a b c d e f", 5, ["aaaaaaaa"], {}])
def test_a_pupil_is_a_plain_word(school: Rooms, token: object) -> None:
    code, _ = school.open([], HOME)
    assert refused(school.look, code, None, token, HOME) == (422, "class_pupil")
    assert school.look(code, None, None, HOME)["pupils"] == 0


@pytest.mark.parametrize(
    "code", ["", "AAAAA", "AAAAAAA", "aaa aaa a", "<i>AA", None, 5, [], "A" * 10**6, "０００００１", "../../"]
)
def test_a_wrong_code_is_told_of(school: Rooms, code: object) -> None:
    assert refused(school.look, code, None, None, HOME) == (404, "class_unknown")


def test_who_guesses_is_stopped_and_the_class_at_the_same_address_goes_on(school: Rooms, clock: Clock) -> None:
    code, key = school.open([], HOME)
    school.look(code, None, pupil(1), HOME)
    for _ in range(rooms.WRONG):
        assert refused(school.look, "AAAAAA", None, None, HOME)[0] == 404
    assert refused(school.look, "AAAAAA", None, None, HOME) == (429, "class_guessing")
    assert refused(school.look, code, None, pupil(2), HOME) == (429, "class_guessing")
    assert school.look(code, None, pupil(1), HOME)["pupils"] == 1
    assert school.change(code, key, {"hidden": ["tiers"]}, HOME)["hidden"] == ["tiers"]
    assert school.look(code, None, pupil(3), "192.0.2.9")["pupils"] == 2
    clock.now += rooms.WRONG_SECONDS
    assert school.look(code, None, pupil(2), HOME)["pupils"] == 3


def test_floods_meet_limits_and_take_little_memory(school: Rooms) -> None:
    code, _ = school.open([], "198.51.100.1")
    for number in range(rooms.PUPILS):
        school.vote(code, "1.1.vote", 0, pupil(number), HOME)
    assert refused(school.vote, code, "1.1.vote", 0, pupil(999), HOME) == (429, "class_full")
    assert school.vote(code, "1.1.vote", 1, pupil(0), HOME)["votes"]["vote"] == [rooms.PUPILS - 1, 1, 0]
    for _ in range(rooms.OPENED):
        school.open([], HOME)
    assert refused(school.open, [], HOME) == (429, "classes_yours")
    for number in range(rooms.CLASSES - rooms.OPENED - 1):
        school.open([], f"203.0.113.{number}")
    assert refused(school.open, [], "198.51.100.9") == (429, "classes_full")
    for number in range(rooms.ADDRESSES + 100):
        refused(school.look, "", None, None, str(number)) if number % 100 == 0 else school._count_wrong(
            b"%d" % number, [0]
        )
    assert len(school._wrong) <= rooms.ADDRESSES
    for number in range(rooms.RESULTS + 20):
        _, results = school.add_result(code, "W" * rooms.TEAM_LENGTH, ("pairs", "late", number / 100), HOME)
    assert len(results) == rooms.RESULTS
    assert results[0].accuracy == 0.79, "the best stay"
    room = school._rooms[code]
    size = sum(sys.getsizeof(token) + sys.getsizeof(votes) for token, votes in room.pupils.items())
    assert size < 40_000


def test_classes_end(school: Rooms, clock: Clock) -> None:
    code, key = school.open([], HOME)
    while clock.now < rooms.LIFE_SECONDS:
        assert school.look(code, None, None, HOME)["code"] == code
        clock.now += rooms.IDLE_SECONDS - 1
    assert refused(school.look, code, None, None, HOME)[0] == 404, "no class lives longer"
    code, key = school.open([], HOME)
    clock.now += rooms.IDLE_SECONDS + 1
    assert refused(school.look, code, None, None, HOME)[0] == 404, "nothing happened"
    code, key = school.open([], HOME)
    assert school.close(code, key, HOME) == {"code": None}
    assert refused(school.look, code, None, None, HOME)[0] == 404
    assert school._rooms == {}


def test_only_who_opened_a_class_changes_it(school: Rooms) -> None:
    code, key = school.open(["uploads", "everything", 5, "tiers"], HOME)
    assert school.look(code, None, None, HOME)["hidden"] == ["tiers", "uploads"]
    for wrong in ("", "x" * 24, None, 5, key[:-1], "é"):
        assert refused(school.change, code, wrong, {"hidden": []}, HOME) == (403, "class_key")
        assert refused(school.close, code, wrong, HOME) == (403, "class_key")
    assert key not in str(school.look(code, "1.1", pupil(1), HOME))
    school.vote(code, "1.1.vote", 1, pupil(1), HOME)
    school.add_result(code, "one", RUN, HOME)
    _, results = school.add_result(code, "two", ("pairs", "concat", 0.9), HOME)
    assert [one.team for one in results] == ["two", "one"]
    assert [one["team"] for one in school.change(code, key, {"clear": results[0].number}, HOME)["results"]] == ["one"]
    assert school.change(code, key, {"clear": "board"}, HOME)["results"] == []
    assert school.change(code, key, {"clear": "votes"}, HOME)["pupils"] == 0
    assert school.change(code, key, {"hidden": "tiers"}, HOME)["hidden"] == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  The\tblue \n ones ", "The blue ones"),
        ("<img src=x onerror=alert(1)>"[:24], "<img src=x onerror=alert"),  # text, and shown as text
        ("第三组", "第三组"),
        ("a\u202eb\u200bc\0", "abc"),
        ("", None), ("\u200b\u202e \0", None), ("x" * 25, None), ("x" * 10**6, None), (None, None), (7, None),
    ],
)  # fmt: skip
def test_names_of_teams(school: Rooms, written: object, kept: str | None) -> None:
    code, _ = school.open([], HOME)
    if kept is None:
        assert refused(school.add_result, code, written, RUN, HOME) == (422, "class_team")
    else:
        assert school.add_result(code, written, RUN, HOME)[0] == kept


@pytest.mark.parametrize(
    "given", [{}, {"do": "look"}, {"do": None}, {"do": ["open"]}, {"do": "drop", "code": "AAAAAA"}]
)
def test_other_requests_are_refused(school: Rooms, given: dict[str, Any]) -> None:
    assert refused(class_route.Route(school), given, HOME)[0] in (404, 422)


def test_the_board_takes_what_the_lab_measured(school: Rooms) -> None:
    """The accuracy comes from the visitor's own run on the server; the page sends no number."""
    code, _ = school.open([], HOME)
    visitor = lab.LabSession()
    team, said = status.send(school, visitor, "The <b>best</b>", code, HOME, "en")
    assert (team, "no finished run" in said) == ("The <b>best</b>", True)
    scores = type("Scores", (), {"accuracy": 0.625})()
    visitor.add(lab.Run(1, "pairs", TrainingOptions(fusion="late"), scores=scores, over=True))
    team, said = status.send(school, visitor, "The <b>best</b>", code, HOME, "en")
    assert "<b>" not in said
    (one,) = school.look(code, None, None, HOME)["results"]
    assert (one["team"], one["data"], one["fusion"], one["accuracy"]) == ("The <b>best</b>", "pairs", "late", 0.625)
    assert "no class" in status.send(school, visitor, "x", "AAAAAA", HOME, "en")[1]
    visitor.add(lab.Run(2, lab.OWN, TrainingOptions(), scores=scores, over=True))
    assert "no finished run" in status.send(school, visitor, "x", code, HOME, "en")[1]


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        ("", 401),
        ("access-token-here=stolen", 401),
        ("other=known", 401),
        ("access-token-here=known", 200),
        ("a=b; access-token-unsecure-here=known", 200),
    ],
)
def test_a_page_with_a_login_has_classes_for_who_is_logged_in(cookie: str, status: int, school: Rooms) -> None:
    page: Any = SimpleNamespace(app=SimpleNamespace(auth={"a": "b"}, cookie_id="here", tokens={"known": "a"}))
    answers: list[Any] = []

    async def nothing(*_: Any) -> None:
        raise AssertionError("gradio is not asked")

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"do": "open"}', "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    guarded = guard.Guard(nothing, page, Settings(), {class_route.PATH: class_route.Route(school)})
    headers = [(b"content-type", b"application/json"), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "POST", "path": "/class", "query_string": b"", "headers": headers}
    asyncio.run(guarded({**scope, "client": (HOME, 1), "server": ("127.0.0.1", 2)}, receive, send))
    assert answers[0]["status"] == status
