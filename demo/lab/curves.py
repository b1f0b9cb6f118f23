"""Training runs -> the values of the two line plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..ui.i18n import text
from .service import Run

if TYPE_CHECKING:
    import pandas

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a6761d", "#56b4e9", "#e69f00", "#666666")
"""One a run, told apart with every kind of colour blindness (M. Okabe and K. Ito, 2008)."""
TOLD_APART = 40
"""Runs whose curves have names of their own; no more than MAX_RUNS of them are drawn at a time."""
ZERO_WIDTH, JOINER = "\u200b", "\u2060"
"""Letters that nobody sees."""
FAINT = 0.55
"""How far the training curve goes from the run's colour towards white."""

Kind = Literal["loss", "accuracy"]


def colour_of(run: Run) -> str:
    """The colour of a run, the same in the plots and in the table."""
    return COLOURS[(run.number - 1) % len(COLOURS)]


def _faint(colour: str) -> str:
    channels = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (255 - channel) * FAINT):02x}" for channel in channels)


def _name(number: int, training: bool = False) -> str:
    """What a curve is called, in every language: as its run in the table is."""
    return f"{(number - 1) % TOLD_APART + 1}{' ○' if training else ''}"


def colour_map() -> dict[str, str]:
    """Name of a curve -> its colour, of all that there may be.

    It never changes: gradio's plot gives no colour to a curve whose name comes before its colour does.
    """
    found: dict[str, str] = {}
    for number in range(1, TOLD_APART + 1):
        colour = COLOURS[(number - 1) % len(COLOURS)]
        found |= {_name(number): colour, _name(number, training=True): _faint(colour)}
    return found


def curves(runs: Sequence[Run], kind: Kind) -> list[tuple[str, list[tuple[int, float]]]]:
    """(name, points) of each curve: of every run what was held back, of the last one the training too."""
    found = []
    for run in runs:
        reports = [report for report in run.reports if report.finite]
        if run is runs[-1]:
            values = [(one.epoch, one.train_loss if kind == "loss" else one.train_accuracy) for one in reports]
            found.append((_name(run.number, training=True), values))
        values = [(one.epoch, one.dev_loss if kind == "loss" else one.dev.accuracy) for one in reports]
        found.append((_name(run.number), values))
    return found


def plot(runs: Sequence[Run], kind: Kind, language: str, *, busy: bool = False) -> dict[str, Any]:
    """Properties of a ``gr.LinePlot``: its value and its titles in that language.

    gradio's plot takes new points, but a curve more it draws only as it draws itself anew, and while it draws it loses
    what arrives. A change of the caption makes it draw: it shows nothing, and is another for other curves and once
    training is over.
    """
    drawn = [curve for curve in curves(runs, kind) if curve[1]]
    return {
        "value": _frame(drawn),
        "label": text(language, f"text.lab.{kind}"),
        "x_title": text(language, "text.lab.epoch_axis"),
        "caption": ZERO_WIDTH * len(drawn) + ("" if busy else JOINER) if drawn else None,
    }


def _frame(drawn: Sequence[tuple[str, list[tuple[int, float]]]]) -> pandas.DataFrame:
    import pandas

    rows = [(name, epoch, value) for name, points in drawn for epoch, value in points]
    return pandas.DataFrame(rows, columns=["curve", "epoch", "value"])
