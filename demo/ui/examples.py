"""The example pictures and sounds, each with its credit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """One example file with what its licence asks us to say."""

    path: Path
    title: str
    author: str
    licence: str
    source: str
    alt: Mapping[str, str]
    """Language -> what can be seen or heard, in a few words."""
    names: tuple[str, ...] = ()
    """Of a picture that the captioning tab shows: a caption that is right has one of these words. Of a sound: labels
    of which one comes first in an answer that is right; none for a sound that is known to be misheard."""
    lanes: tuple[tuple[str, ...], ...] = ()
    """Of a sound in which one thing follows another: for each, in order, labels of which the timeline shows one."""


@cache
def assets() -> Path:
    """The folder of assets: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    inside = here / "assets"
    return inside if inside.is_dir() else here.parent / "assets"


def ready_file(name: str) -> Path:
    """What the bundled encoders say of examples, as ``mmcore/recipes/ready_made.py`` has written it; it may be missing.

    ``name`` is a model's, for its vectors of ``collection()``, or that of a table of the Lab.
    """
    return assets() / "ready" / f"{name}.npz"


def pictures() -> tuple[Example, ...]:
    """The example pictures in the order of credits.json."""
    return _credited("examples/")


def collection() -> tuple[Example, ...]:
    """The pictures of the example collection: those made for searching, then the example pictures."""
    return _credited("collection/") + pictures()


def named(stem: str) -> Example:
    """The picture of the example collection whose file has that name, without its suffix."""
    return next(item for item in collection() if item.path.stem == stem)


FAILURES = ("astronaut.jpg", "rocket.jpg", "raccoon.jpg")
"""Example pictures that the bundled captioner is known to get wrong; ``ui.captioning.failures_why`` says why."""


def captioned() -> tuple[Example, ...]:
    """Pictures whose captions by the bundled model are right in the main thing."""
    return tuple(item for item in collection() if item.names)


def failures() -> tuple[Example, ...]:
    """The pictures of FAILURES."""
    return tuple(item for item in pictures() if item.path.name in FAILURES)


def sounds() -> tuple[Example, ...]:
    """The example sounds in the order of credits.json."""
    return _credited("sounds/")


def credit(item: Example) -> str:
    """One line that its licence asks for."""
    return f"{item.title}, {item.author}, {item.licence} ({item.source})"


def credits_by_file() -> dict[str, str]:
    """Name of a file without its ending -> its credit, for every example picture and sound."""
    return {item.path.stem: credit(item) for item in (*collection(), *sounds())}


@cache
def _credited(folder: str) -> tuple[Example, ...]:
    records = json.loads((assets() / "credits.json").read_text(encoding="utf-8"))
    return tuple(
        Example(
            path=assets() / record["file"],
            title=record["title"],
            author=record["author"],
            licence=record["licence"],
            source=record["source"],
            alt=record["alt"],
            names=tuple(record.get("names", ())),
            lanes=tuple(map(tuple, record.get("lanes", ()))),
        )
        for record in records
        if record["file"].startswith(folder)
    )
