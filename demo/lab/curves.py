"""Training runs -> the values of the two line plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..sentiment.view import fusion_title
from ..ui.i18n import text
from .service import Run

if TYPE_CHECKING:
    import pandas

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a6761d", "#56b4e9", "#e69f00", "#666666")
"""One a run, told apart with every kind of colour blindness (M. Okabe and K. Ito, 2008)."""
ZERO_WIDTH = "\u200b"
FAINT = 0.55
"""How far the training curve goes from the run's colour towards white."""

Kind = Literal["loss", "accuracy"]


def colour_of(run: Run) -> str:
    """The colour of a run, the same in the plots and in the table."""
    return COLOURS[(run.number - 1) % len(COLOURS)]


def _faint(colour: str) -> str:
    channels = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (255 - channel) * FAINT):02x}" for channel in channels)


def curves(runs: Sequence[Run], kind: Kind, language: str) -> list[tuple[str, str, list[tuple[int, float]]]]:
    """(name, colour, points) of each curve: of every run what was held back, of the last one the training too."""
    found = []
    for run in runs:
        title = fusion_title(run.options.fusion, language)
        reports = [report for report in run.reports if report.finite]
        if run is runs[-1]:
            name = text(language, "text.lab.curve_train", number=run.number, fusion=title)
            values = [(one.epoch, one.train_loss if kind == "loss" else one.train_accuracy) for one in reports]
            found.append((name, _faint(colour_of(run)), values))
        name = text(language, "text.lab.curve_dev", number=run.number, fusion=title)
        values = [(one.epoch, one.dev_loss if kind == "loss" else one.dev.accuracy) for one in reports]
        found.append((name, colour_of(run), values))
    return found


def plot(runs: Sequence[Run], kind: Kind, language: str, *, busy: bool = False) -> dict[str, Any]:
    """Properties of a ``gr.LinePlot``: its value, its colours and its titles in that language.

    While it still draws, gradio's plot loses what arrives; a change of the caption makes it draw itself anew. So there
    is one, which shows nothing, once training is over.
    """
    drawn = [curve for curve in curves(runs, kind, language) if curve[2]]
    return {
        "value": _frame(drawn),
        "color_map": {name: colour for name, colour, _ in drawn},
        "label": text(language, f"text.lab.{kind}"),
        "x_title": text(language, "text.lab.epoch_axis"),
        "caption": None if busy or not drawn else ZERO_WIDTH,
    }


def _frame(drawn: Sequence[tuple[str, str, list[tuple[int, float]]]]) -> pandas.DataFrame:
    import pandas

    rows = [(name, epoch, value) for name, _, points in drawn for epoch, value in points]
    return pandas.DataFrame(rows, columns=["curve", "epoch", "value"])
