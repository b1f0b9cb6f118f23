"""What the Lab asks of the core: data as features, training runs with live reports, heads to keep.

Everything of a visitor is in one ``LabSession`` in the page's state; the only thing shared are the bundled sets, which
nobody changes.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mmcore.checkpoints import fusion_heads
from mmcore.errors import CapacityError, InputError, UnknownNameError
from mmcore.fusion import feature_sets
from mmcore.fusion.feature_sets import FeatureSet
from mmcore.fusion.labelled_posts import original_of
from mmcore.io.tables import ALL_ROWS
from mmcore.pool import ModelPool
from mmcore.results import EpochReport, Scores, TrainingOptions
from mmcore.results.options import from_form
from mmcore.types import IsCancelled, Progress

from ..ui import examples, uploads
from ..ui.colours import data_uri, shrink
from ..ui.events import Step, Stop, in_background
from ..ui.i18n import DEFAULT_LANGUAGE
from ..ui.table_archives import TableUpload

if TYPE_CHECKING:
    from mmcore.fusion.trainer import Training

T = TypeVar("T")

MADE = ("pairs", "taste")
"""Tables in assets/lab, made up for this page."""
OWN = "own"
MAX_RUNS = 8
MAX_ROWS = 2000
"""Of a visitor's own table: the encoders read some forty posts a second."""
MISTAKES = 9
THUMBNAIL = 128
HEADS_KEPT = 2000
"""Heads of all visitors on this machine; beyond that no more are kept until some are too old."""
HEADS_EACH = 10
"""Heads of one visit; beyond that the visitor's own oldest goes."""
HEADS_DAYS = 30
"""Days for which a head is kept."""
EVERY = 0.7
"""Seconds between two looks at the curves at least: an epoch may take less, but a browser that draws without a pause
does not hear the Stop button."""


@dataclass(frozen=True)
class WrongAnswer:
    """A held-back post that a run gets wrong, ready to be shown."""

    row: int
    truth: str
    scores: Any
    """The Distribution of the answer."""
    text: str = ""
    picture: str = ""
    """data: address, or "" where the set has no pictures."""


@dataclass(frozen=True)
class Run:
    """One training run, finished or under way."""

    number: int
    data: str
    options: TrainingOptions
    reports: tuple[EpochReport, ...] = ()
    scores: Scores | None = None
    """None while it is under way, and for a run that was stopped before its first epoch was over."""
    wrong: tuple[WrongAnswer, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The trained head: file name -> content."""
    stopped: bool = False
    over: bool = False
    """Whether it has ended, in whatever way."""

    @property
    def best(self) -> EpochReport | None:
        """The report of the epoch whose weights are kept."""
        return next((report for report in reversed(self.reports) if report.best), None)

    @property
    def blown_up(self) -> bool:
        """Whether the loss left the numbers."""
        return bool(self.reports) and not self.reports[-1].finite


class LabSession:
    """What one visitor has done in the Lab. Lives in the page's state and is used by that page only."""

    def __init__(self) -> None:
        self.runs: tuple[Run, ...] = ()
        self.button = Stop()
        self.stopped = False
        """Whether the button ended the last training, or is about to."""
        self.made = 0
        """Runs so far; the next one gets the number after it."""
        self.chosen: int | None = None
        """Number of the run that is looked at; None for the last."""
        self.language = DEFAULT_LANGUAGE
        """Of the page; it may change while a training is under way."""
        self.line: Callable[[str], str] | None = None
        """What the line above the curves says while nothing is under way, as HTML in a language; None for nothing."""
        self.kept: tuple[str, ...] = ()
        """Names of the heads of this visit, oldest first."""
        self.own: tuple[Path, TableUpload, FeatureSet] | None = None
        """The visitor's own upload, what was unpacked of it, and its features."""

    def add(self, run: Run) -> None:
        """Put a run at the end, or in the place of its earlier state."""
        others = tuple(other for other in self.runs if other.number != run.number)
        self.runs = (*others, run)[-MAX_RUNS:]

    def forget(self) -> None:
        """Drop all runs."""
        self.runs, self.chosen = (), None

    def find(self, number: int | None) -> Run | None:
        """The finished run of that number, or the last finished one."""
        done = [run for run in self.runs if run.scores is not None]
        return next((run for run in done if run.number == number), done[-1] if done else None)


class LabFeatures:
    """The sets that come with the page, read when they are first asked for and then shared by all visitors."""

    def __init__(self, pool: ModelPool) -> None:
        self._pool = pool
        self._sets: dict[str, FeatureSet] = {}
        self._locks = {name: threading.Lock() for name in (*MADE, *feature_sets.BUNDLED)}
        """One a set: who waits for one does not keep others from another."""

    def take(self, name: str, progress: Progress, cancelled: IsCancelled) -> FeatureSet:
        """The set of that name. Raises UnknownNameError, Cancelled, and what the encoders raise."""
        if name not in self._locks:
            raise UnknownNameError("feature set", name, self._locks)
        with self._locks[name]:
            if name not in self._sets:
                if name in MADE:
                    table, ready = examples.assets() / "lab" / f"{name}.tsv", examples.ready_file(name)
                    found = feature_sets.features_of(
                        self._pool, table, progress, cancelled, limit=ALL_ROWS, ready=ready
                    )
                    self._sets[name] = replace(found, name=name, groups=_by_original(found.pictures))
                else:
                    self._sets[name] = feature_sets.bundled(name)
            return self._sets[name]


def _by_original(pictures: Sequence[str]) -> Any:
    """The looks of one picture belong together when a part is held back."""
    originals = [original_of(picture) for picture in pictures]
    _, groups = np.unique(originals, return_inverse=True)
    return groups.astype(np.int64)


def data_names() -> tuple[str, ...]:
    """Values of the chooser of the data."""
    return (*MADE, *feature_sets.BUNDLED, OWN)


def options_of(fusion: Any, form: Mapping[str, Any]) -> TrainingOptions:
    """Options from raw form values by name. Raises InputError for one that is out of range or no number."""
    seed = form.get("seed")  # the field may be empty
    return from_form(TrainingOptions, {**form, "fusion": fusion, "seed": 0 if seed is None else seed})


def train(
    pool: ModelPool,
    shelf: LabFeatures,
    visitor: LabSession,
    data: str,
    payload: Any,
    fusions: Sequence[str],
    form: Mapping[str, Any],
) -> Iterator[Step | Run]:
    """Train each of the fusions on the data, one after the other.

    Yields whenever there is something to show: a Step while posts are read, a Run that has come further.
    ``visitor.button`` ends the run that is under way, whose best epoch is kept, and begins no other; closing the
    iterator does the same. Raises MMCoreError.
    """
    asked = dict.fromkeys(map(str, fusions))
    wanted = [options_of(fusion, form) for fusion in asked]  # all are checked before the first begins
    if not wanted:
        raise InputError("no_fusion")
    visitor.stopped = False

    def stop() -> None:
        visitor.stopped = True

    with visitor.button.stops(stop):
        features = None
        for message in _features(pool, shelf, visitor, data, payload):
            if isinstance(message, Step):
                yield message
            else:
                features = message
        assert features is not None
        for options in wanted:
            if visitor.stopped:
                return
            yield from _train_one(features, visitor, data, options)


def _features(
    pool: ModelPool, shelf: LabFeatures, visitor: LabSession, data: str, payload: Any
) -> Iterator[Step | FeatureSet]:
    def own(progress: Progress, cancelled: IsCancelled) -> FeatureSet:
        path = uploads.paths_of(payload, 1)[0][1]
        if visitor.own is None or visitor.own[0] != path:
            opened = TableUpload(path, pool.settings, MAX_ROWS)
            features = feature_sets.features_of(pool, opened.source, progress, cancelled, MAX_ROWS)
            visitor.own = path, opened, features
        return visitor.own[2]

    def work(progress: Progress, left: IsCancelled) -> FeatureSet:
        def cancelled() -> bool:
            return left() or visitor.stopped

        if data == OWN:
            if not payload:
                raise InputError("no_table")
            return own(progress, cancelled)
        return shelf.take(data, progress, cancelled)

    return _seldom(in_background(work, models=False))


def _seldom(messages: Iterator[Step | T]) -> Iterator[Step | T]:
    """The same with a Step every EVERY seconds at most."""
    last = 0.0
    with closing(messages):  # type: ignore[type-var]  # in_background is a generator
        for message in messages:
            if not isinstance(message, Step) or time.monotonic() - last >= EVERY:
                last = time.monotonic() if isinstance(message, Step) else last
                yield message


def _train_one(features: FeatureSet, visitor: LabSession, data: str, options: TrainingOptions) -> Iterator[Run]:
    from mmcore.fusion.trainer import Training  # brings torch, which the page does without until now

    visitor.made += 1
    number = visitor.made
    training = Training(features, options)
    visitor.add(Run(number, data, options))

    def work(progress: Progress, left: IsCancelled) -> Run:
        for report in training.run(lambda: left() or visitor.stopped):
            visitor.add(Run(number, data, options, training.reports()))
            progress(report.epoch, report.epochs)
        stopped = visitor.stopped or left()
        run = Run(number, data, options, training.reports(), stopped=stopped, over=True)
        return replace(run, **_outcome(training, features)) if run.best is not None else run

    # Not given the button, which would end it at once: what was trained until then is kept.
    for message in _seldom(in_background(work, models=False)):
        if isinstance(message, Step):
            yield visitor.runs[-1]
            continue
        if message.reports:
            visitor.add(message)
        else:  # stopped before there was anything to see
            visitor.runs = tuple(run for run in visitor.runs if run.number != number)
        yield message


def _outcome(training: Training, features: FeatureSet) -> dict[str, Any]:
    """What is kept of a training that is over: figures, mistakes and the head's files."""
    wrong = []
    for mistake in training.mistakes(MISTAKES):
        said = features.texts[mistake.row] if features.texts else ""
        picture = features.pictures[mistake.row] if features.pictures else ""
        wrong.append(WrongAnswer(mistake.row, mistake.truth, mistake.scores, said, _thumbnail(picture)))
    with tempfile.TemporaryDirectory(prefix="mmcore-lab-") as folder:
        training.save(Path(folder))
        files = {name: (Path(folder) / name).read_bytes() for name in fusion_heads.FILES}
    return {"scores": training.scores(), "wrong": tuple(wrong), "files": files}


def _thumbnail(picture: str) -> str:
    """A small copy as a data: address; "" where there is no such file any more."""
    from PIL import Image

    if not picture or not Path(picture).is_file():
        return ""
    with Image.open(picture) as image:
        return data_uri(shrink(image.convert("RGB"), THUMBNAIL), "JPEG")


def keep(pool: ModelPool, visitor: LabSession, run: Run, title: str) -> tuple[str, str]:
    """Write the head of a run to this machine: (title, its name), as the list of the visitor's heads holds them.

    The name is drawn, so that nobody writes over somebody else's, and nobody who was not told it can use it.
    """
    title = " ".join(title.split())[:60]
    name = f"lab-{run.options.fusion.replace('_', '-')}-{secrets.token_hex(16)}"
    folder = fusion_heads.folder_for(pool.settings, name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if _prune(folder.parent) >= HEADS_KEPT:
            raise CapacityError("heads_full", limit=HEADS_KEPT)
        _write(run, folder)
    except OSError as error:
        raise CapacityError("head_disk", detail=error.strerror or str(error)) from error
    visitor.kept = (*visitor.kept, name)
    while len(visitor.kept) > HEADS_EACH:
        shutil.rmtree(folder.parent / visitor.kept[0], ignore_errors=True)
        visitor.kept = visitor.kept[1:]
    return title, name


def _write(run: Run, folder: Path) -> None:
    # Made beside its place and moved there, so that a half-written head is never found.
    with tempfile.TemporaryDirectory(prefix="new.", dir=folder.parent) as temporary:
        made = Path(temporary) / folder.name
        made.mkdir()
        for file, content in run.files.items():
            (made / file).write_bytes(content)
        made.rename(folder)


def _prune(home: Path) -> int:
    """Delete visitors' heads, which have names of their own, that are older than HEADS_DAYS; how many are left."""
    left = 0
    for folder in home.glob("lab-*-" + "?" * 32):
        try:
            old = time.time() - folder.stat().st_mtime > HEADS_DAYS * 86_400
        except OSError:  # another visitor's pruning was quicker
            continue
        if old:
            shutil.rmtree(folder, ignore_errors=True)
        left += not old
    return left
