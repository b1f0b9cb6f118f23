"""Trainings of a lesson that run in the background, once for a whole class, while the page asks how far they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any
from weakref import WeakKeyDictionary

from mmcore.pool import ModelPool

from ..ui.i18n import escaped as _t


@dataclass
class Course:
    """How far one training is. The thread that trains writes it, the page reads it."""

    accuracy: list[float] = field(default_factory=list)
    """On what was held back, after each epoch."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else the page is to draw."""
    over: bool = False
    error: Exception | None = None


class Courses:
    """The trainings of one step on one pool of models."""

    def __init__(self) -> None:
        self.common: dict[str, Any] = {}
        """What all of them share, such as data that were prepared."""
        self._courses: dict[str, Course] = {}
        self._starting, self._working = threading.Lock(), threading.Lock()

    def of(self, name: str, work: Callable[[Course], None]) -> Course:
        """The training of that name, begun with the first call. Raises what it met."""
        with self._starting:
            course = self._courses.get(name)
            if course is None:
                course = self._courses[name] = Course()
                threading.Thread(target=self._run, args=(work, course), daemon=True).start()
            elif course.error is not None:
                del self._courses[name]  # the next one may have more luck
                raise course.error
        return course

    def _run(self, work: Callable[[Course], None], course: Course) -> None:
        try:
            with self._working:  # one at a time: the machine has other visitors
                work(course)
                course.over = True
        except Exception as error:
            course.error = error


class Board:
    """The trainings of one step, for every pool."""

    def __init__(self) -> None:
        self._courses: WeakKeyDictionary[ModelPool, Courses] = WeakKeyDictionary()
        self._opening = threading.Lock()

    def of(self, pool: ModelPool) -> Courses:
        """Those on that pool."""
        with self._opening:
            return self._courses.setdefault(pool, Courses())


def named(asked: str, names: Sequence[str]) -> str:
    """The name that ``asked`` begins with; the first where there is no such one."""
    first = asked.split()[0] if asked.split() else ""
    return first if first in names else names[0]


def told(name: str, course: Course, more: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's script draws of a training."""
    accuracy = [round(value, 4) for value in course.accuracy]
    return {"name": name, "accuracy": accuracy, "over": course.over, **course.more, **more}


def panel(key: str, names: Sequence[str], language: str) -> str:
    """Buttons that train, a plot of accuracy by epoch and a table; ``key`` is ``lessons.<nn>``."""
    titles = [_t(language, f"{key}.name.{name}") for name in names]
    row = "".join(
        f'<button type="button" class="mm-action" data-pick="course" data-value="{place}" aria-pressed="false">'
        f"{title}</button>"
        for place, title in enumerate(titles)
    )
    rows = "".join(
        f'<tr data-result="{name}" class="mm-line-{place}"><th scope="row">{title}</th><td data-accuracy></td>'
        f"<td data-epoch></td></tr>"
        for place, (name, title) in enumerate(zip(names, titles, strict=True))
    )
    lines = "".join(
        f'<polyline data-line="{escape(name)}" class="mm-line-{place}"/>' for place, name in enumerate(names)
    )
    axes = "".join(
        f'<line x1="30" x2="314" y1="{y}" y2="{y}" stroke="var(--mm-line)"/>'
        f'<text x="26" y="{y + 4}" text-anchor="end">{percent}</text>'
        for percent, y in ((100, 14), (50, 92), (0, 170))
    )
    words = {part: _t(language, f"{key}.{part}") for part in ("reading", "training", "done")}
    status = " ".join(f'data-{part}="{said}"' for part, said in words.items())
    return (
        f'<div class="mm-row" role="group" aria-label="{_t(language, f"{key}.train")}">{row}</div>'
        f'<p data-status aria-live="polite" {status}>{_t(language, f"{key}.press")}</p>'
        f'<div class="mm-grids"><svg class="mm-curve" viewBox="0 0 320 180" role="img" '
        f'aria-label="{_t(language, f"{key}.curve")}">{axes}{lines}</svg>'
        f'<table class="mm-byhand"><thead><tr><td></td><th scope="col">{_t(language, f"{key}.accuracy")}</th>'
        f'<th scope="col">{_t(language, f"{key}.epoch")}</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
