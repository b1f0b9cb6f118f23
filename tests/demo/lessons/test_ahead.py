"""The next step is worked out while a visitor reads."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from demo.lessons import ahead, service
from demo.lessons.catalogue import LESSONS
from demo.lessons.plan import Lesson, Seen, Setup, Step
from demo.lessons.service import Place
from mmcore import ModelPool, Settings
from mmcore.errors import InputError


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the steps that were worked out, of two lessons with two steps each; the last one always fails."""
    found: list[str] = []

    def step(name: str) -> Step:
        def view(_: Setup) -> Seen:
            found.append(name)
            if name == "2.2":
                raise InputError("post_empty")
            return Seen("", "")

        real = LESSONS[0].steps[0]
        return Step(name, view, 0, 0, real.formula, real.code)

    monkeypatch.setattr(ahead, "LESSONS", tuple(Lesson(one, 5, (step(f"{one}.1"), step(f"{one}.2"))) for one in (1, 2)))
    return found


def test_each_step_is_worked_out_once_before_it_is_asked_for(looked: list[str]) -> None:
    settings = Settings()
    pool = ModelPool(settings)

    def visit(lesson: int, step: int) -> list[str]:
        began = len(looked)
        if thread := ahead.after(pool, settings, lesson, step):
            thread.join()
        return looked[began:]

    assert visit(1, 1) == ["1.2"]
    assert visit(1, 1) == []  # another visitor
    assert visit(1, 2) == ["2.1"]
    assert visit(2, 2) == []  # the end of the course
    assert visit(2, 1) == []  # its next step was asked for already
    elsewhere = ModelPool(settings)
    thread = ahead.prepare(elsewhere, settings, list(ahead.all_steps()))
    assert thread is not None
    thread.join()
    assert looked[2:] == ["1.1", "1.2", "2.1", "2.2"]  # a step that fails will tell its visitor


def test_who_asks_for_a_step_that_is_being_worked_out_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end, order = threading.Event(), threading.Event(), []

    def slow(_: Setup) -> Seen:
        begun.set()
        may_end.wait()
        order.append("worked out")
        return Seen("", "")

    monkeypatch.setattr(ahead, "LESSONS", (replace(LESSONS[0], steps=(replace(LESSONS[0].steps[0], view=slow),)),))
    settings = Settings()
    pool = ModelPool(settings)
    ahead.prepare(pool, settings, [(1, 1)])
    begun.wait()

    def visit() -> None:
        ahead.wait(pool, 1, 1)
        order.append("asked for")

    visitor = threading.Thread(target=visit)
    visitor.start()
    may_end.set()
    visitor.join()
    assert order == ["worked out", "asked for"]


def test_nothing_is_done_outside_of_requests_where_a_gpu_is_lent(looked: list[str]) -> None:
    settings = replace(Settings(), zero_gpu=True)
    service.look_ahead(ModelPool(settings), settings, Place(teachers=True))
    assert looked == []


def test_the_tab_of_own_classes_asks_for_no_lesson(looked: list[str]) -> None:
    settings = Settings()
    service.look_ahead(ModelPool(settings), settings, Place(classes=True))
    assert looked == []
