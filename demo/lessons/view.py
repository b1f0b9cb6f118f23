"""A step of a lesson as HTML: predict, do and see, say why, check. ``web/lessons.js`` brings it to life."""

from __future__ import annotations

from html import escape

from ..ui.i18n import escaped as _t
from . import classes
from .catalogue import LESSONS
from .excerpts import excerpt
from .glossary import Marker
from .mathml import line
from .plan import Code, Formula, Lesson, Seen, Step


def page(lesson: Lesson, number: int, seen: Seen, language: str) -> str:
    """The whole view of step ``number``, from 1."""
    step = lesson.steps[number - 1]
    marker = Marker(language)

    def words(part: str) -> str:
        said = _t(language, lesson.key(step, part))
        return said if part == "title" else marker.mark(said)

    return (
        f"{navigation(lesson, number, language)}"
        f'<article class="mm-step" data-lesson="{lesson.number}" data-step="{number}" '
        f'data-answer="{step.answer}" data-check="{step.check}">'
        f'<h2 tabindex="-1">{words("title")}</h2><p>{words("lead")}</p>'
        f"{_question(lesson, step, words('question'), language)}"
        f'<div class="mm-after" hidden>'
        f"<section><h3>{_t(language, 'lessons.see')}</h3><p>{words('seen')}</p>{seen.html}</section>"
        f"<section><h3>{_t(language, 'lessons.why')}</h3><p>{words('why')}</p>"
        f"{_formula(lesson, step.formula, seen.filled, marker, language)}{_code(step.code, language)}</section>"
        f"{_check(lesson, step, words('check'), language)}</div>"
        f"{_turning(lesson, number, language)}</article>"
    )


def navigation(lesson: Lesson | None, number: int, language: str) -> str:
    """Lessons and steps to choose from; without a lesson, at the page for teachers, there are no steps."""
    lessons = "".join(
        _go(one.number, 1, f"{one.number}. " + _t(language, f"lessons.{one.number:02d}.title"), one is lesson)
        for one in LESSONS
    )
    lessons += _go("classes", 1, _t(language, "lessons.classes.title"), False)
    lessons += _go("teachers", 1, _t(language, "lessons.teachers.title"), lesson is None)
    nav = f'<nav class="mm-lesson-nav" aria-label="{_t(language, "lessons.choose")}">{lessons}</nav>'
    nav += classes.panel(language)
    if lesson is None:
        return nav
    steps = "".join(
        _go(lesson.number, place, f"{place}. " + _t(language, lesson.key(step, "title")), place == number)
        for place, step in enumerate(lesson.steps, 1)
    )
    minutes = _t(language, "lessons.minutes", minutes=lesson.minutes)
    return (
        f'{nav}<p class="mm-hint">{_t(language, f"lessons.{lesson.number:02d}.about")} <span>{minutes}</span></p>'
        f'<nav class="mm-step-nav" aria-label="{_t(language, "lessons.steps")}">{steps}</nav>'
    )


def _go(lesson: int | str, step: int, label: str, here: bool) -> str:
    current = ' aria-current="step"' if here else ""
    return f'<button type="button" class="mm-action" data-go="{lesson},{step}"{current}>{label}</button>'


def _question(lesson: Lesson, step: Step, asked: str, language: str) -> str:
    choices = "".join(
        f'<button type="button" class="mm-choice" data-vote="{place}" aria-pressed="false">'
        f"{_t(language, lesson.key(step, f'choice.{place}'))}{classes.tally(language)}</button>"
        for place in range(step.choices)
    )
    return (
        f'<fieldset class="mm-vote"><legend><strong>{_t(language, "lessons.predict")}</strong> '
        f"{asked}</legend>{choices}"
        f'<p class="mm-said" aria-live="polite" data-right="{_t(language, "lessons.right")}" '
        f'data-wrong="{_t(language, "lessons.wrong")}"></p>{classes.voted("vote", language)}</fieldset>'
    )


def _check(lesson: Lesson, step: Step, asked: str, language: str) -> str:
    choices = "".join(
        f'<button type="button" class="mm-choice" data-try="{place}" aria-pressed="false" '
        f'data-said="{_t(language, lesson.key(step, f"said.{place}"))}">'
        f"{_t(language, lesson.key(step, f'check.{place}'))}{classes.tally(language)}</button>"
        for place in range(step.choices)
    )
    return (
        f'<fieldset class="mm-check"><legend><strong>{_t(language, "lessons.check")}</strong> '
        f"{asked}</legend>{choices}"
        f'<p class="mm-said" aria-live="polite"></p>{classes.voted("check", language)}</fieldset>'
    )


def _formula(lesson: Lesson, formula: Formula, filled: str, marker: Marker, language: str) -> str:
    rows = "".join(
        f'<div data-explains="{name}"><dt><math>{mathml}</math></dt>'
        f"<dd>{marker.mark(_t(language, f'lessons.{lesson.number:02d}.symbol.{name}'))}</dd></div>"
        for mathml, name in formula.symbols
    )
    return (
        f'<div class="mm-formula">{line(formula.mathml)}<p class="mm-filled">{filled}</p></div>'
        f'<dl class="mm-symbols">{rows}</dl>'
    )


def _code(code: Code, language: str) -> str:
    first, source = excerpt(code)
    where = f"{code.root.name}/{code.file}:{first} {code.name}"
    return (
        f'<details class="mm-source"><summary>{_t(language, "lessons.code")} <code>{escape(where)}</code></summary>'
        f'<pre tabindex="0"><code>{escape(source)}</code></pre></details>'
    )


def _turning(lesson: Lesson, number: int, language: str) -> str:
    back = forward = ""
    if number > 1:
        back = f'<button type="button" class="mm-action" data-go="{lesson.number},{number - 1}">' + (
            f"{_t(language, 'lessons.back')}</button>"
        )
    if number < len(lesson.steps):
        forward = f'<button type="button" class="mm-action" data-go="{lesson.number},{number + 1}">' + (
            f"{_t(language, 'lessons.next')}</button>"
        )
    elif following := next((one for one in LESSONS if one.number > lesson.number), None):
        title = _t(language, f"lessons.{following.number:02d}.title")
        forward = _go(following.number, 1, f"{following.number}. {title} →", False)
    return f'<div class="mm-turning">{back}{forward}</div>'
