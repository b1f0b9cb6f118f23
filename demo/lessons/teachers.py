"""The page for teachers: minutes, set-up, every question with its answer; without answers it is a worksheet."""

from __future__ import annotations

from html import escape

from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from . import classes, glossary
from .catalogue import LESSONS
from .controls import picks
from .plan import Lesson, Step

COLUMNS = ("lesson", "time", "steps", "needs")
ADVICE = ("install", "server", "machines", "projector", "kept", "sound")


def page(language: str) -> str:
    """All of it; nothing is asked of a model."""
    rows = "".join(
        f'<tr><th scope="row">{one.number}. {_t(language, f"lessons.{one.number:02d}.title")}</th>'
        f"<td>{one.minutes}</td><td>{len(one.steps)}</td>"
        f"<td>{_t(language, f'lessons.teachers.needs.{one.number:02d}')}</td></tr>"
        for one in LESSONS
    )
    heads = "".join(f'<th scope="col">{_t(language, f"lessons.teachers.{one}")}</th>' for one in COLUMNS)
    advice = "".join(f"<li>{_t(language, f'lessons.teachers.{one}')}</li>" for one in ADVICE)
    modes = [text(language, f"lessons.teachers.mode.{place}") for place in range(2)]
    return (
        f'<article class="mm-teachers mm-live" data-kind="teachers" data-data="{{}}">'
        f'<h2 tabindex="-1">{_t(language, "lessons.teachers.title")}</h2><p>{_t(language, "lessons.teachers.lead")}</p>'
        f'<div class="mm-scroll" tabindex="0"><table class="mm-counts"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div><h3>{_t(language, 'lessons.teachers.advice')}</h3><ul>{advice}</ul>"
        f"{classes.opening(language)}"
        f"<h3>{_t(language, 'lessons.teachers.questions')}</h3>"
        + picks("mode", modes, 0, text(language, "lessons.teachers.questions"))
        + f'<p><button type="button" class="mm-action" data-print>{_t(language, "lessons.teachers.print")}</button></p>'
        + "".join(_lesson(one, language) for one in LESSONS)
        + _glossary(language)
        + "</article>"
    )


def _glossary(language: str) -> str:
    """All terms in the order of the course, also on paper."""
    terms = "".join(
        f"<dt>{escape(forms[0])}</dt><dd>{escape(said)}</dd>" for forms, said in glossary.entries(language).values()
    )
    title = _t(language, "lessons.teachers.glossary")
    return f'<section class="mm-sheet"><h3>{title}</h3><dl class="mm-glossary">{terms}</dl></section>'


def _lesson(lesson: Lesson, language: str) -> str:
    title = f"{lesson.number}. " + _t(language, f"lessons.{lesson.number:02d}.title")
    steps = "".join(_step(lesson, step, place, language) for place, step in enumerate(lesson.steps, 1))
    return f'<section class="mm-sheet"><h3>{title}</h3>{steps}</section>'


def _step(lesson: Lesson, step: Step, place: int, language: str) -> str:
    def words(part: str) -> str:
        return _t(language, lesson.key(step, part))

    return (
        f"<h4>{lesson.number}.{place} {words('title')}</h4><p>{words('lead')}</p>"
        f"{_choices(words('question'), [words(f'choice.{one}') for one in range(step.choices)], step.answer)}"
        f'<p class="mm-solution">{words("why")}</p>'
        f"{_choices(words('check'), [words(f'check.{one}') for one in range(step.choices)], step.check)}"
        f'<p class="mm-solution">{words(f"said.{step.check}")}</p>'
    )


def _choices(question: str, choices: list[str], right: int) -> str:
    lines = "".join(
        f"<li{' class=mm-right' if place == right else ''}>{choice}</li>" for place, choice in enumerate(choices)
    )
    return f'<p><strong>{question}</strong></p><ul class="mm-boxes">{lines}</ul>'
