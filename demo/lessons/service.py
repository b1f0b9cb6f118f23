"""Which lesson and step a visitor is at, and its HTML."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from mmcore.pool import ModelPool
from mmcore.settings import Settings

from ..ui import events, html
from . import ahead, teachers, view
from .catalogue import LESSONS
from .plan import Lesson, Setup

LONGEST = 2000
"""Characters of a query, or of what is typed into a step, that are looked at."""

TEACHERS, CLASSES = "teachers", "classes"
"""In an address, in place of a lesson's number: the page for teachers, and the tab of one's own classes."""


@dataclass(frozen=True)
class Place:
    """Where a visitor is."""

    lesson: int = LESSONS[0].number
    step: int = 1
    """From 1."""
    picture: str = ""
    run: bool = False
    choice: str = ""
    teachers: bool = False
    """At the page for teachers, in no lesson."""
    classes: bool = False
    """At the tab where one teaches classes of one's own."""

    @property
    def tab(self) -> str:
        """The tab that shows it."""
        return "classes" if self.classes else "lessons"


def lesson_of(place: Place) -> Lesson:
    """The lesson of a place, which ``checked`` made sure of."""
    return next(lesson for lesson in LESSONS if lesson.number == place.lesson)


def checked(place: Place) -> Place:
    """The place itself, or the nearest that there is: addresses are typed by people."""
    if all(lesson.number != place.lesson for lesson in LESSONS):
        return Place()
    return replace(place, step=min(max(place.step, 1), len(lesson_of(place).steps)))


def place_of(query: str) -> Place | None:
    """The place of an address "?lesson=4&step=2"; None where it is not about a lesson."""
    given = {name: values[0] for name, values in parse_qs(query.lstrip("?")[:LONGEST]).items()}
    if "lesson" not in given:
        return None
    if given["lesson"] == TEACHERS:
        return Place(teachers=True)
    if given["lesson"] == CLASSES:
        return Place(classes=True)
    return checked(Place(_whole(given["lesson"]), _whole(given.get("step", "1"))))


def asked(data: Any) -> Place:
    """The place that the page's script asks for."""
    given = data if isinstance(data, dict) else {}
    if given.get("lesson") == TEACHERS:
        return Place(teachers=True)
    if given.get("lesson") == CLASSES:
        return Place(classes=True)
    picture, choice = (one if isinstance(one, str) else "" for one in (given.get("picture"), given.get("choice")))
    return checked(
        Place(_whole(given.get("lesson")), _whole(given.get("step")), picture, given.get("run") is True, choice)
    )


def told(written: str) -> Place:
    """The place that the page's script writes as JSON, or the address of a page that has none yet; else the first."""
    if written.startswith("?"):
        return place_of(written) or Place()
    try:
        return asked(json.loads(written[:LONGEST]))
    except (ValueError, RecursionError):
        return Place()


def answer(pool: ModelPool, settings: Settings, data: Any, language: str) -> str:
    """JSON of the step's answer to what a visitor typed: ``{"lesson", "step", "text", "count", "answer"}``.

    All but the answer is the question, so that a late answer can be told. The answer has ``"problem"``, HTML, where
    the step has none.
    """
    place = asked(data)
    step = lesson_of(place).steps[place.step - 1]
    given = data if isinstance(data, dict) else {}
    text = given.get("text", "")
    typed = text[:LONGEST] if isinstance(text, str) else ""
    found: Any = None
    if step.ask is not None:
        found = events.attempt(step.ask, Setup(pool, settings, language, place.picture, place.run), typed)
        if isinstance(found, events.Failure):
            found = {"problem": html.problem(found, language)}
    question = {"lesson": place.lesson, "step": place.step, "text": typed, "count": _whole(given.get("count"))}
    return json.dumps({**question, "answer": found}, ensure_ascii=False)


def _whole(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def look_ahead(pool: ModelPool, settings: Settings, place: Place) -> None:
    """Work out in the background what comes after that place; before a class, at the page for teachers, everything."""
    if place.teachers:
        ahead.prepare(pool, settings, list(ahead.all_steps()))
    elif not place.classes:
        ahead.after(pool, settings, place.lesson, place.step)


def page(pool: ModelPool, settings: Settings, place: Place, language: str) -> str:
    """The lesson's HTML, or why it cannot be shown."""
    if place.teachers:
        return view.navigation(None, 0, language) + teachers.page(language)
    lesson = lesson_of(place)
    step = lesson.steps[place.step - 1]
    ahead.wait(pool, lesson.number, place.step)
    seen = events.attempt(step.view, Setup(pool, settings, language, place.picture, place.run, place.choice))
    if isinstance(seen, events.Failure):
        return view.navigation(lesson, place.step, language) + html.problem(seen, language)
    return view.page(lesson, place.step, seen, language)
