"""Options and results of retrieval models without a collection: labels, sentences, maps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mmcore.errors import InputError
from mmcore.results.notices import Notice, as_json
from mmcore.types import Floats

_PARTED = re.compile(r'\s*(?:"((?:[^"]|"")*)"|“([^”]*)”)\s*(?=[,;\n，；、]|$)|([^,;\n，；、]*)')
"""A label in quotes, with what may stand around it, or one without."""

MapMethod = Literal["exact", "patches", "occlusion"]


@dataclass(frozen=True)
class LabelScore:
    """A text with how well it fits a picture."""

    label: str
    score: float
    """Zero-shot classification: probability, all sum to 1. Ranking of texts: calibrated score of the text alone."""
    cosine: float


def separated(labels: str) -> list[str]:
    """'a cat, "two dogs, outside"' -> the two labels, as CSV has them; quotes that surround no whole label are kept."""
    found, place = [], 0
    while place <= len(labels):
        part = _PARTED.match(labels, place)
        assert part is not None  # the last choice fits everything, also nothing
        straight, curly, plain = part.groups()
        found.append(straight.replace('""', '"') if straight is not None else curly if curly is not None else plain)
        place = part.end() + 1
    return found


@dataclass(frozen=True)
class ZeroShotOptions:
    """Words to tell apart, with the sentences they are put into. Raises InputError for fewer than one label."""

    labels: tuple[str, ...]
    templates: tuple[str, ...] | None = None
    """Sentences with ``{}`` in the place of the label, whose vectors are averaged (prompt ensembling: Radford et al.,
    2021). None: the checkpoint's own."""

    def __post_init__(self) -> None:
        if not self.labels or not all(label.strip() for label in self.labels):
            raise InputError("labels_missing")
        for template in ("",) if self.templates == () else self.templates or ():
            if "{}" not in template:
                raise InputError("template_without_place", template=template)

    @classmethod
    def of(cls, labels: str | Sequence[str], templates: Sequence[str] | None = None) -> ZeroShotOptions:
        """Labels of "a cat, a dog" (commas, semicolons, line ends, their Chinese forms) or a list; each counts once.

        A label in quotes may hold commas: '"two dogs, outside","a cat, inside"'. "cat" and "Cat" are one label.
        """
        given = separated(labels) if isinstance(labels, str) else labels
        clean = [" ".join(label.split()) for label in given]
        once: dict[str, str] = {}
        for label in filter(None, clean):
            once.setdefault(label.casefold(), label)
        return cls(
            tuple(once.values()),
            None if templates is None else tuple(templates),
        )


@dataclass(frozen=True)
class ZeroShotResult:
    """Answer of zero-shot classification for one picture."""

    labels: tuple[LabelScore, ...]
    """Most probable first, all labels; the probabilities sum to 1."""
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"labels": [{"label", "score"}], "model", "seconds"} and what else is known."""
        return {
            "labels": [
                {"label": one.label, "score": round(one.score, 4), "cosine": round(one.cosine, 4)}
                for one in self.labels
            ],
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


@dataclass(frozen=True)
class TextRanking:
    """Sentences ranked by how well they fit a picture (image -> text)."""

    texts: tuple[LabelScore, ...]
    """Best first; the scores are calibrated and independent of each other."""
    cutoff: float
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    def to_dict(self) -> dict[str, Any]:
        """{"texts": [{"text", "score"}], "model", "seconds"} and what else is known."""
        return {
            "texts": [
                {"text": one.label, "score": round(one.score, 4), "cosine": round(one.cosine, 4)} for one in self.texts
            ],
            "cutoff": self.cutoff,
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


@dataclass(frozen=True, eq=False)
class SimilarityMatrix:
    """Every picture with every sentence: the picture of contrastive learning."""

    pictures: tuple[str, ...]
    texts: tuple[str, ...]
    cosines: Floats
    """(pictures, texts), -1 to 1."""
    scores: Floats
    """(pictures, texts), calibrated, 0-1."""
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    def to_dict(self) -> dict[str, Any]:
        """{"pictures", "texts", "scores": rows of numbers, "cosines", "model", "seconds"}."""
        return {
            "pictures": list(self.pictures),
            "texts": list(self.texts),
            "scores": np.round(self.scores.astype(float), 4).tolist(),
            "cosines": np.round(self.cosines.astype(float), 4).tolist(),
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


@dataclass(frozen=True, eq=False)
class MatchMap:
    """Where in a picture a query matches."""

    query: str
    heat: Floats
    """(rows, columns), signed: above 0 speaks for the match, below 0 against it."""
    method: MapMethod
    """exact: what each place adds to the cosine; what belongs to no place is left out. patches: what the cosine would
    lose, to first order, if the patch looked like the picture's average. occlusion: what the cosine loses where the
    place is covered."""
    score: float
    cosine: float
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    def to_dict(self) -> dict[str, Any]:
        """{"query", "heat": rows of numbers, "method", "score", "model", "seconds"}."""
        return {
            "query": self.query,
            "heat": np.round(self.heat.astype(float), 5).tolist(),
            "method": self.method,
            "score": round(self.score, 4),
            "cosine": round(self.cosine, 4),
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }
