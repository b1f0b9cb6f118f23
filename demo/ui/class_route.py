"""The one route of classes: a JSON object in, a JSON object out, without gradio's queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .refusals import Refusal
from .rooms import Rooms

PATH = "/class"


class Route:
    """What the guard asks for PATH. ``do`` in the body says what: open, look, vote, change or close."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def __call__(self, given: Mapping[str, Any], address: str) -> dict[str, Any]:
        """The answer. Raises Refusal: those of ``Rooms``, and 422 for anything else that is asked."""
        code, key, pupil = given.get("code"), given.get("key"), given.get("pupil")
        match given.get("do"):
            case "open":
                opened, secret = self._rooms.open(given.get("hidden"), address)
                return {"code": opened, "key": secret}
            case "look":
                return self._rooms.look(code, given.get("question"), pupil, address)
            case "vote":
                return self._rooms.vote(code, given.get("question"), given.get("choice"), pupil, address)
            case "change":
                return self._rooms.change(code, key, given, address)
            case "close":
                return self._rooms.close(code, key, address)
        raise Refusal(422, "class_request")
