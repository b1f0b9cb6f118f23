"""The lessons in the order of the course. Another one is a module here, a line in LESSONS and two locale files."""

from __future__ import annotations

from . import (
    lesson_01_input,
    lesson_02_encoders,
    lesson_03_one_space,
    lesson_04_attention,
    lesson_05_fusion,
    lesson_06_training,
    lesson_07_evaluation,
    lesson_08_limits,
)
from .plan import Lesson

LESSONS: tuple[Lesson, ...] = (
    lesson_01_input.LESSON,
    lesson_02_encoders.LESSON,
    lesson_03_one_space.LESSON,
    lesson_04_attention.LESSON,
    lesson_05_fusion.LESSON,
    lesson_06_training.LESSON,
    lesson_07_evaluation.LESSON,
    lesson_08_limits.LESSON,
)


def questions() -> dict[str, int]:
    """How many choices each question has: "4.2.vote" and "4.2.check" are those of step 2 of lesson 4."""
    return {
        f"{lesson.number}.{place}.{kind}": step.choices
        for lesson in LESSONS
        for place, step in enumerate(lesson.steps, 1)
        for kind in ("vote", "check")
    }
