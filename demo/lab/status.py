"""What the Lab says while it works: one line, and which run is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from mmcore.errors import InputError, MMCoreError
from mmcore.pool import ModelPool

from ..sentiment.view import fusion_title
from ..ui.events import Failure, Step
from ..ui.html import notice, percent, problem, progress_bar, seconds_text
from ..ui.i18n import error_text, text
from ..ui.refusals import Refusal
from ..ui.rooms import Rooms
from . import links, service, view


@dataclass(frozen=True)
class LabView:
    """Everything that the panels are drawn from."""

    line: str
    """HTML above the curves."""
    runs: tuple[service.Run, ...]
    run: service.Run | None
    """The one that is looked at closely."""
    busy: bool = False
    """Whether a run is under way."""
    moved: bool = True
    """Whether a run has come further since the last look."""

    @property
    def chosen(self) -> int | None:
        """Its number."""
        return self.run.number if self.run is not None else None


def announced(visitor: service.LabSession, message: Step | service.Run | None, language: str) -> LabView:
    """While training is under way."""
    visitor.line = None
    if message is None:
        line = progress_bar(0, 1, text(language, "text.lab.preparing"))
    elif isinstance(message, Step):
        label = text(language, "text.lab.reading", done=message.done, total=message.total)
        line = progress_bar(message.done, message.total, label)
    else:
        line = _epoch_line(message, language)
    if isinstance(message, service.Run) and message.over:
        visitor.chosen = None  # the new run is looked at
    moved = isinstance(message, service.Run)
    return LabView(line, visitor.runs, visitor.find(visitor.chosen), busy=True, moved=moved)


def _epoch_line(run: service.Run, language: str) -> str:
    report = run.reports[-1] if run.reports else None
    label = text(
        language,
        "text.lab.epoch",
        number=run.number,
        fusion=fusion_title(run.options.fusion, language),
        epoch=report.epoch if report else 0,
        epochs=run.options.epochs,
        seconds=seconds_text(report.seconds if report else 0.0),
    )
    return progress_bar(report.epoch if report else 0, run.options.epochs, label)


def finished(visitor: service.LabSession, language: str, failure: Failure | None = None) -> LabView:
    """When a training is over, or could not begin."""
    visitor.line = partial(_ended, visitor.runs, visitor.stopped, failure)
    return again(visitor, language)


def again(visitor: service.LabSession, language: str) -> LabView:
    """While nothing is under way: what was told last, in that language."""
    line = visitor.line(language) if visitor.line is not None else ""
    return LabView(line, visitor.runs, visitor.find(visitor.chosen))


def _ended(runs: Sequence[service.Run], stopped: bool, failure: Failure | None, language: str) -> str:
    if failure is not None:
        return problem(failure, language)
    if runs and runs[-1].blown_up:
        last = runs[-1]
        fusion = fusion_title(last.options.fusion, language)
        return notice(text(language, "text.lab.blown_up", number=last.number, fusion=fusion, epoch=len(last.reports)))
    if stopped:
        return notice(text(language, "text.lab.stopped" if runs else "text.lab.stopped_early"))
    return progress_bar(1, 1, text(language, "text.lab.finished", count=len(runs)))


def title_of(run: service.Run, language: str) -> str:
    """A run in the chooser."""
    assert run.scores is not None
    fusion = fusion_title(run.options.fusion, language)
    accuracy = percent(run.scores.accuracy)
    return text(language, "text.lab.run_title", number=run.number, fusion=fusion, accuracy=accuracy)


def about(data: str, language: str) -> str:
    """What a set is, under the chooser."""
    return view.about(data, service.MAX_ROWS, language)


def keep(pool: ModelPool, visitor: service.LabSession, title: str, language: str) -> tuple[str, str]:
    """Keep the run that is looked at: (title, name of the head). Raises InputError where there is none."""
    run = visitor.find(visitor.chosen)
    if run is None or not run.files:
        raise InputError("nothing_to_keep")
    fusion = fusion_title(run.options.fusion, language)
    given = title.strip() or text(language, "text.lab.default_name", fusion=fusion, number=run.number)
    kept = service.keep(pool, visitor, run, given)
    visitor.line = partial(kept_line, kept[0])
    return kept


def kept_line(title: str, language: str) -> str:
    """That it is kept."""
    return notice(text(language, "text.lab.kept", title=title))


def restored(visitor: service.LabSession, setting: links.Setting, wrong: MMCoreError | None, language: str) -> str:
    """What came of a link; it stays until something else is told."""
    visitor.line = partial(link_line, setting, wrong)
    return link_line(setting, wrong, language)


def link_line(setting: links.Setting, wrong: MMCoreError | None, language: str) -> str:
    """The sentences about a link."""
    key = "text.lab.link_own" if setting.data == service.OWN else "text.lab.link_taken"
    line = notice(text(language, key))
    if wrong is not None:
        said = text(language, "text.lab.link_wrong", problem=error_text(language, wrong))
        line += f'<p class="mm-line">{escape(said)}</p>'
    return line


def send(
    rooms: Rooms, visitor: service.LabSession, team: str, code: str, address: str, language: str
) -> tuple[str, str]:
    """Put the chosen run on the board of a class: (what stays in the field, HTML of what is said)."""
    run = visitor.find(visitor.chosen)
    if run is None or run.scores is None or run.data == service.OWN:
        return team, notice(text(language, "text.lab.nothing_to_send"))
    try:
        name, _ = rooms.add_result(code, team, (run.data, run.options.fusion, run.scores.accuracy), address)
    except Refusal as refused:
        return team, notice(text(language, f"text.refused.{refused.key}", **dict(refused.values)))
    said = text(language, "text.lab.sent", run=title_of(run, language), team=name)
    return name, f'<p class="mm-hint">{escape(said)}</p>'
