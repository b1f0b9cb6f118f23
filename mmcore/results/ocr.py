"""What is read in pictures: lines of text with their places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from mmcore.results.notices import Notice, as_json
from mmcore.results.options import check, ranged

Corner: TypeAlias = tuple[float, float]
"""(x, y) as shares of the picture's width and height, each 0-1."""


@dataclass(frozen=True)
class OcrOptions:
    """How to read. Raises InputError for a value out of range."""

    threshold: float = ranged(0.5, 0.0, 1.0)
    """Lines that were read less surely are left out, with a notice (0-1)."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TextLine:
    """One line of text in a picture."""

    text: str
    score: float
    """How sure the reader is, 0-1: the mean of its characters' probabilities."""
    box: tuple[Corner, Corner, Corner, Corner]
    """Its corners, clockwise, beginning at the upper left one as the text is read, which may be turned."""

    def to_dict(self) -> dict[str, Any]:
        """{"text", "score", "box": [[x, y] four times]}."""
        box = [[round(x, 4), round(y, 4)] for x, y in self.box]
        return {"text": self.text, "score": round(self.score, 4), "box": box}


@dataclass(frozen=True)
class OcrResult:
    """The text in one picture; without ``lines`` where none was found."""

    lines: tuple[TextLine, ...]
    """From top to bottom, and from left to right where they stand side by side."""
    width: int
    height: int
    """Of the picture that was read, in pixels."""
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    @property
    def text(self) -> str:
        """All lines, one below the other; "" where there are none."""
        return "\n".join(line.text for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"text", "lines": [{"text", "score", "box"}], "size", "model", "seconds"}."""
        return {
            "text": self.text,
            "lines": [line.to_dict() for line in self.lines],
            "size": [self.width, self.height],
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


def one_line(lines: Iterable[TextLine]) -> str:
    """The texts of lines as one, with blanks between them."""
    return " ".join(line.text for line in lines)
