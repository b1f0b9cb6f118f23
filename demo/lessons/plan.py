"""What a lesson is made of. A step is predict, do, see, say why; its words are in ``locales/<language>/lessons``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcore.pool import ModelPool
from mmcore.settings import Settings


@dataclass(frozen=True)
class Setup:
    """What a step's view may ask of."""

    pool: ModelPool
    settings: Settings
    language: str
    picture: str
    """File name of the example picture that the visitor chose, "" for the step's own."""
    run: bool
    """Whether the visitor asked for what takes the model more than a moment."""
    choice: str = ""
    """What else of the step's own offers the visitor chose; "" or anything that is not offered is its first."""


@dataclass(frozen=True)
class Seen:
    """What a step's view found."""

    html: str
    """The control and its picture or numbers."""
    filled: str
    """MathML or HTML of the formula with the numbers of this example."""


@dataclass(frozen=True)
class Formula:
    """A formula, the same in every language."""

    mathml: str
    """What stands inside ``<math>``, made with ``mathml``."""
    symbols: tuple[tuple[str, str], ...]
    """(MathML of the symbol, last part of the key of its explanation)."""


@dataclass(frozen=True)
class Code:
    """The lines of ours that compute it."""

    root: Path
    """Folder of the package."""
    file: str
    """Path inside it."""
    name: str
    """``function`` or ``Class.method``."""


@dataclass(frozen=True)
class Step:
    """One step; ``<key>`` below is ``lessons.<nn>.<name>``.

    Its texts: ``<key>.title``, ``.lead``, ``.question``, ``.choice.<i>``, ``.seen``, ``.why``, ``.check``,
    ``.check.<i>`` and ``.said.<i>``, the feedback.
    """

    name: str
    view: Callable[[Setup], Seen]
    answer: int
    """Place of the right prediction."""
    check: int
    """Place of the right choice of the check question."""
    formula: Formula
    code: Code
    ask: Callable[[Setup, str], Any] | None = None
    """Answers what a visitor types, as JSON, without drawing the step again; None where nothing is typed."""
    choices: int = 3
    """How many there are, in both questions."""


@dataclass(frozen=True)
class Lesson:
    """A lesson and how long a class needs for it."""

    number: int
    minutes: int
    steps: tuple[Step, ...]

    def key(self, step: Step, part: str) -> str:
        """The key of a text of that step."""
        return f"lessons.{self.number:02d}.{step.name}.{part}"
