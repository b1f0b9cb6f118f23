"""What the tab of one's own classes asks of the core: examples become features, features a head, a head an answer.

Everything of a visitor is in one ``ClassSession`` in the page's state. Of an example it holds the encoder's numbers and
a thumbnail; the file itself stays where uploads are, and goes with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from mmcore.audio.spectrogram import StreamingSpectrogram
from mmcore.checkpoints.class_heads import ClassHead
from mmcore.errors import InputError, MMCoreError
from mmcore.pool import ModelPool
from mmcore.results import ClassAnswer, FewShotReport, Kind, Spectrogram
from mmcore.results.few_shot import KINDS, LONGEST_NAME
from mmcore.tasks import few_shot
from mmcore.tasks.few_shot import ENCODERS, Seen
from mmcore.tasks.sliding_window import on_rows
from mmcore.types import Floats, IsCancelled, Progress

from ..ui import examples, uploads
from ..ui.colours import data_uri, shrink
from ..ui.events import Failure, Step, attempt, failure, in_background
from ..ui.i18n import text

MOST_CLASSES = 6
MOST_EACH = 30
"""Examples of a class."""
THUMBNAIL = 72
SHOWN = 560
"""Longer side of the picture that an answer is shown with."""
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "birds": ("perched-osprey", "owl", "canyon-wren", "nuthatch"),
    "drawings": ("drawn-hedgehog", "drawn-cow", "drawn-frog", "drawn-giraffe", "drawn-snail", "drawn-horse"),
    "buildings": ("chinese-temple", "storefront", "casa-mila", "glass-building", "windmill"),
}
"""Classes to begin with, of our own pictures."""


@dataclass(frozen=True, eq=False)
class Shown:
    """An example."""

    number: int
    name: str
    mean: Floats
    """The encoder's features of it, of length 1."""
    picture: str
    """A thumbnail as a data: address; "" for a sound."""
    duration: float


@dataclass(frozen=True, eq=False)
class Taught:
    """A class with its examples."""

    number: int
    name: str = ""
    shown: tuple[Shown, ...] = ()

    def named(self, language: str) -> str:
        """Its name, or "Class 2" where none was given."""
        return self.name or text(language, "text.classes.default", number=self.number)


class ClassSession:
    """What one visitor teaches. Lives in the page's state and is used by that page only."""

    def __init__(self, kind: Kind = "picture") -> None:
        self.made = 0
        self.begin(kind)

    def begin(self, kind: Kind) -> None:
        """Forget everything; two empty classes."""
        self.kind: Kind = kind
        self.classes: tuple[Taught, ...] = (Taught(1), Taught(2))
        self.active = 1
        """Number of the class that new examples go to."""
        self.learned: tuple[ClassHead, FewShotReport, tuple[Shown, ...]] | None = None
        self.problems: tuple[tuple[str, Failure], ...] = ()
        """Files that the last upload could not use."""

    def find(self, number: int) -> Taught | None:
        """The class of that number."""
        return next((one for one in self.classes if one.number == number), None)

    def put(self, changed: Taught) -> None:
        """A class in the place of its earlier state."""
        self.classes = tuple(changed if one.number == changed.number else one for one in self.classes)

    def add(self, number: int, name: str, seen: Seen) -> None:
        """One more example of a class. Raises InputError where it has MOST_EACH."""
        taught = self.find(number)
        if taught is None:  # removed meanwhile
            return
        if len(taught.shown) >= MOST_EACH:
            raise InputError("class_full", name=taught.name or f"{number}", limit=MOST_EACH)
        self.made += 1
        picture = "" if seen.image is None else data_uri(shrink(seen.image, THUMBNAIL), "JPEG")
        shown = Shown(self.made, name, seen.mean, picture, seen.duration)
        self.put(replace(taught, shown=(*taught.shown, shown)))
        self.learned = None


def kind_of(value: Any) -> Kind:
    """The kind that the page names, pictures for anything else."""
    return value if value in KINDS else "picture"


def change(session: ClassSession, data: Any) -> None:
    """What the board's script asks for: a class added, renamed, chosen or removed, an example removed, all forgotten.

    What does not fit the present state is left undone: two clicks may cross.
    """
    given = data if isinstance(data, dict) else {}
    action, taught = given.get("do"), session.find(given.get("class", 0))
    session.problems = ()
    if action == "add" and len(session.classes) < MOST_CLASSES:
        number = next(one for one in range(1, MOST_CLASSES + 1) if session.find(one) is None)
        session.classes = (*session.classes, Taught(number))
        session.active = number
        session.learned = None
    elif action == "clear":
        session.begin(session.kind)
    elif taught is None:
        return
    elif action == "choose":
        session.active = taught.number
    elif action == "name":
        session.put(replace(taught, name=" ".join(str(given.get("name", "")).split())[:LONGEST_NAME]))
        session.learned = None
    elif action == "remove" and len(session.classes) > 2:
        session.classes = tuple(one for one in session.classes if one is not taught)
        session.active = session.classes[0].number if session.active == taught.number else session.active
        session.learned = None
    elif action == "drop":
        kept = tuple(one for one in taught.shown if one.number != given.get("item"))
        session.put(replace(taught, shown=kept))
        session.learned = None


def take(pool: ModelPool, session: ClassSession, payload: Any) -> Iterator[Step]:
    """Let the encoder look at what was uploaded, for the class that is active; a Step after each file.

    What cannot be used is in ``session.problems``. Raises InputError for no file or more than MOST_EACH.
    """
    number, kind = session.active, session.kind
    files = uploads.paths_of(payload if isinstance(payload, list) else [payload] if payload else None, MOST_EACH)
    session.problems = ()
    yield from _take_files(pool, session, [(number, name, path) for name, path in files], kind)


def take_examples(pool: ModelPool, session: ClassSession, language: str) -> Iterator[Step]:
    """Begin anew with EXAMPLES."""
    session.begin("picture")
    session.classes = tuple(
        Taught(place, text(language, f"text.classes.example.{name}")) for place, name in enumerate(EXAMPLES, 1)
    )
    known = {item.path.stem: item.path for item in examples.collection()}
    files = [(place, name, known[name]) for place, names in enumerate(EXAMPLES.values(), 1) for name in names]
    yield from _take_files(pool, session, files, "picture")


def _take_files(
    pool: ModelPool, session: ClassSession, files: Sequence[tuple[int, str, Path]], kind: Kind
) -> Iterator[Step]:
    def work(progress: Progress, cancelled: IsCancelled) -> bool:
        for done, (number, name, path) in enumerate(files):
            if cancelled() or session.kind != kind:
                return False
            try:
                session.add(number, name, few_shot.look(pool, kind, path))
            except MMCoreError as error:
                session.problems = (*session.problems, (name, failure(error)))
            progress(done + 1, len(files))
        return True

    for item in in_background(work):
        if isinstance(item, Step):
            yield item


def learn(pool: ModelPool, session: ClassSession, language: str) -> None:
    """Train a head on the examples. Raises InputError for too few of them, or names that are there twice."""
    from mmcore.fusion.class_training import check_classes, train

    names = tuple(one.named(language) for one in session.classes)
    labels = np.array([place for place, one in enumerate(session.classes) for _ in one.shown], np.int64)
    check_classes(names, labels)
    shown = tuple(item for one in session.classes for item in one.shown)
    features = np.stack([item.mean for item in shown])
    head, report = train(session.kind, features, labels, names, few_shot.fingerprint(pool, session.kind))
    session.problems = ()
    session.learned = head, report, shown


@dataclass(frozen=True, eq=False)
class Tried:
    """An answer, ready to be shown."""

    answer: ClassAnswer
    picture: str
    """The picture, or the spectrogram, as a data: address."""
    size: tuple[int, int]
    spectrogram: Spectrogram | None
    maps: Floats
    """(C, rows, columns), >= 0, in the order of the answer's labels: what speaks for each class, with the sum 1."""


def attempt_one(pool: ModelPool, session: ClassSession, payload: Any) -> Tried | Failure | None:
    """What the head says of one upload; None where nothing was given."""
    return attempt(_one, pool, session, payload) if payload else None


def _one(pool: ModelPool, session: ClassSession, payload: Any) -> Tried:
    if session.learned is None:
        raise InputError("class_untrained")
    head = session.learned[0]
    begin = perf_counter()
    seen = few_shot.look(pool, head.kind, uploads.path_of(payload))
    answer = few_shot.answer(pool, head, seen, begin)
    if seen.image is not None:
        small = shrink(seen.image, SHOWN)
        return Tried(answer, data_uri(small, "JPEG"), small.size, None, _shares(answer.cells))
    from ..audio.spectrogram_picture import grey_picture

    tagger = pool.get(ENCODERS["sound"])
    drawing = StreamingSpectrogram(tagger.sample_rate)
    assert seen.samples is not None
    drawing.add(seen.samples)
    _, spectrogram = drawing.finish()
    bands = tagger.mel_frequencies
    tall = np.repeat(np.repeat(np.maximum(answer.cells, 0), len(bands) // answer.cells.shape[1], 1), 4, 2)
    maps = np.stack([on_rows(one, bands, spectrogram.frequencies) for one in tall])
    return Tried(answer, grey_picture(spectrogram), (1000, 192), spectrogram, maps)


def _shares(cells: Floats) -> Floats:
    """What speaks for each class, as shares of 1; even where nothing does."""
    weights = np.maximum(cells, 0)
    totals = weights.sum((1, 2), keepdims=True)
    even = np.full_like(weights, 1 / max(weights[0].size, 1))
    return np.where(totals > 0, weights / np.maximum(totals, 1e-12), even)


def classify_for_api(pool: ModelPool, file: Any, head: Any) -> ClassAnswer:
    """A file by a head that comes with it. Raises InputError."""
    learned = few_shot.read_head(pool, uploads.path_of(head))
    return few_shot.classify(pool, learned, uploads.path_of(file))
