"""Errors on their way to the visitor, and long work on its way to the page."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable

import pytest

from demo.ui import events
from mmcore.errors import Cancelled, InputError


def test_our_errors_become_messages_in_the_language() -> None:
    import gradio as gr

    @events.reported
    def handler(value: int, language: str) -> None:
        raise InputError("image_empty")

    with pytest.raises(gr.Error) as caught:
        handler(1, "zh")
    assert caught.value.message == "文件是空的（0 字节）。请换一张图片。"
    assert caught.value.print_exception is False


def test_other_errors_are_logged_under_a_reference_and_hidden(caplog: pytest.LogCaptureFixture) -> None:
    import gradio as gr

    @events.reported
    def handler(language: str) -> None:
        raise ZeroDivisionError("secret detail")

    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        handler("en")
    assert "secret" not in caught.value.message
    [record] = caplog.records
    reference = record.getMessage().split()[-1]
    assert f"(ref {reference})" in caught.value.message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_a_handler_keeps_its_name_and_result() -> None:
    @events.reported
    def choose(language: str) -> str:
        return language.upper()

    assert choose("en") == "EN"
    assert choose.__name__ == "choose"


def test_attempt_gives_the_result_or_the_failure() -> None:
    assert events.attempt(int, "7") == 7

    def fail() -> None:
        raise InputError("image_svg")

    problem = events.attempt(fail)
    assert isinstance(problem, events.Failure)
    assert "SVG" in problem.message("en")


def test_work_in_the_background_reports_and_returns() -> None:
    seen = threading.Event()

    def work(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> str:
        progress(1, 2)
        assert seen.wait(300)
        return "done"

    running = events.in_background(work)
    assert next(running) == events.Step(1, 2)
    seen.set()
    assert list(running) == ["done"]


def test_only_the_latest_of_many_reports_is_passed_on() -> None:
    reported = threading.Event()

    def work(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> str:
        progress(0, 5)
        for done in range(1, 6):
            progress(done, 5)
        reported.set()
        while not cancelled():
            pass
        return "done"

    running = events.in_background(work)
    first = next(running)
    assert reported.wait(300)
    assert first == events.Step(5, 5) or next(running) == events.Step(5, 5)
    running.close()  # type: ignore[attr-defined]


def test_work_that_fails_raises_where_it_is_awaited() -> None:
    def work(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        raise InputError("image_empty")

    with pytest.raises(InputError):
        list(events.in_background(work))


def test_the_button_ends_it_at_once_and_each_visitor_has_their_own() -> None:
    stopped = threading.Event()

    def work(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        progress(3, 10)
        while not cancelled():
            pass
        stopped.set()
        raise Cancelled("cancelled", done=3, total=10)

    button = events.Stop()
    running = events.in_background(work, button)
    assert next(running) == events.Step(3, 10)
    copy.deepcopy(button).press()  # gradio copies the value of a State for every session
    assert not stopped.is_set()
    button.press()
    with pytest.raises(Cancelled) as caught:
        next(running)
    assert (caught.value.values["done"], caught.value.values["total"]) == (3, 10)
    assert stopped.wait(300)
    button.press()  # nothing runs any more


def test_the_button_does_not_wait_for_work_that_does_not_listen() -> None:
    over = threading.Event()

    def work(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> str:
        progress(0, 1)
        assert over.wait(300)
        return "too late"

    button = events.Stop()
    running = events.in_background(work, button)
    next(running)
    button.press()
    with pytest.raises(Cancelled):
        next(running)
    over.set()


def test_closing_the_iterator_stops_the_work() -> None:
    stopped = threading.Event()

    def work(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        progress(0, 10)
        while not cancelled():
            pass
        stopped.set()
        raise Cancelled("cancelled", done=0, total=10)

    running = events.in_background(work)
    assert next(running) == events.Step(0, 10)
    running.close()  # type: ignore[attr-defined]
    assert stopped.wait(300)
