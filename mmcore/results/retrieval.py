"""Queries, options and results of text-image retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError
from mmcore.results.notices import Notice, as_json
from mmcore.results.options import check, ranged
from mmcore.types import Floats

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_CUTOFF = 0.5
"""Matches with a lower score are no good match. Scores are calibrated, so it is the same for every checkpoint."""
MAX_TOP = 1000
MAX_PARTS = 10
MAX_WEIGHT = 5.0


@dataclass(frozen=True)
class Inscription:
    """Words to be found as text inside the pictures, as OCR has read it. Raises InputError for an empty text."""

    text: str

    def __post_init__(self) -> None:
        if not any(sign.isalnum() for sign in self.text):
            raise InputError("query_empty")


@dataclass(frozen=True, eq=False)
class QueryPart:
    """One thing to look for, or to stay away from.

    Raises InputError for an empty text and a weight out of range.
    """

    content: str | Image.Image | Floats | Inscription
    """A text, an RGB picture, the vector (C,) of a picture that a collection holds already, or text in the picture."""
    weight: float = 1.0
    """How much it counts among the parts (-5 to 5, not 0); below 0 the picture must not match it."""
    name: str = ""
    """What a picture is called where the query is shown."""

    def __post_init__(self) -> None:
        if isinstance(self.content, str) and not self.content.strip():
            raise InputError("query_empty")
        if not 0 < abs(self.weight) <= MAX_WEIGHT:
            raise InputError("option_out_of_range", name="weight", value=self.weight, low=-MAX_WEIGHT, high=MAX_WEIGHT)

    @property
    def label(self) -> str:
        """The text itself, in quotes where it is text in the picture, or the picture's name."""
        if isinstance(self.content, Inscription):
            return f'"{self.content.text}"'
        return self.content if isinstance(self.content, str) else self.name or "picture"


@dataclass(frozen=True, eq=False)
class Query:
    """What to look for: texts, pictures and text inside pictures, with weights. ``Query.of`` makes the usual ones.

    Raises InputError where nothing is looked for (only minus parts, or none) and for more than ten parts.
    """

    parts: tuple[QueryPart, ...]

    def __post_init__(self) -> None:
        if not any(part.weight > 0 for part in self.parts):
            raise InputError("query_only_minus" if self.parts else "query_empty")
        if len(self.parts) > MAX_PARTS:
            raise InputError("option_out_of_range", name="parts", value=len(self.parts), low=1, high=MAX_PARTS)

    @classmethod
    def of(
        cls,
        text: str | None = None,
        image: Image.Image | Floats | None = None,
        without: str | None = None,
        *,
        image_weight: float = 1.0,
        without_weight: float = 1.0,
        image_name: str = "",
        reading: str | None = None,
        reading_weight: float = 1.0,
    ) -> Query:
        """Text, picture, text inside the picture (``reading``), and what must not be in the result.

        Empty strings count as not given.
        """
        parts = []
        if text and text.strip():
            parts.append(QueryPart(text))
        if image is not None:
            parts.append(QueryPart(image, image_weight, image_name))
        if reading and reading.strip():
            parts.append(QueryPart(Inscription(reading.strip()), reading_weight))
        if without and without.strip():
            parts.append(QueryPart(without, -without_weight))
        return cls(tuple(parts))

    def __str__(self) -> str:
        """A text as it is; several parts as "a dog + cat.jpg - snow"; weights other than 1 as "0.5 x snow"."""
        shown = ""
        for part in self.parts:
            sign = ("- " if part.weight < 0 else "+ ") if shown else ("-" if part.weight < 0 else "")
            size = "" if abs(part.weight) == 1 else f"{abs(part.weight):g} x "
            shown += (" " if shown else "") + sign + size + part.label
        return shown


@dataclass(frozen=True)
class SearchOptions:
    """How to search. Raises InputError for a value out of range."""

    top: int = ranged(10, 1, MAX_TOP)
    """How many matches, best first (1-1000)."""
    cutoff: float = ranged(DEFAULT_CUTOFF, 0, 1)
    """Least score (0-1) of a good match. Matches below it are given too, but marked."""
    name: str = ""
    """Only pictures whose file name contains these letters, in any case; with ``*`` or ``?`` in it, whose whole name
    matches the pattern. Empty: all."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Match:
    """A picture of the collection that was found."""

    path: str
    score: float
    """Calibrated, 0-1: how well it matches; comparable between queries and checkpoints."""
    cosine: float | None
    """Cosine of the picture's vector with the query's, -1 to 1: differs in range from checkpoint to checkpoint. None
    where only text inside pictures was looked for, which has no vector."""
    id: int | None = None
    """Its entry in the collection (``collection.entry(id)``): for the thumbnail, and to search from it."""
    present: bool = True
    """False where the file is gone since it was added."""
    reading: str = ""
    """The text that was read in the picture, in one line, where the query asked for such."""
    moment: float | None = None
    """Seconds from the beginning at which it is seen, where ``path`` is a video; its best moment stands for it."""
    copies: tuple[str, ...] = ()
    """Paths of the entries whose files are this very picture, byte for byte; they take no places of their own."""
    good: bool = True
    """Whether the score reaches the cut-off of the search; the ``SearchResult`` that holds it says so."""


@dataclass(frozen=True)
class SearchResult:
    """Answer of a search."""

    query: str
    matches: tuple[Match, ...]
    """Best first, also those below the cut-off; empty only where no picture passes the name filter."""
    cutoff: float
    collection: str
    model: str
    device: str
    seconds: float
    notices: tuple[Notice, ...] = ()
    """What was not read, or was assumed."""

    def __post_init__(self) -> None:
        """Mark the matches; a copy with another cut-off marks them anew."""
        object.__setattr__(self, "matches", tuple(replace(one, good=self.is_good(one)) for one in self.matches))

    @property
    def good(self) -> tuple[Match, ...]:
        """The matches that reach the cut-off; empty: no good match."""
        return tuple(match for match in self.matches if match.good)

    def is_good(self, match: Match) -> bool:
        """Whether its score reaches the cut-off."""
        return match.score >= self.cutoff

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: {"query", "matches": [{"path", "score"}], "model", "seconds"} and what else is known."""
        return {
            "query": self.query,
            "matches": [
                {
                    "path": match.path,
                    "score": round(match.score, 4),
                    "cosine": None if match.cosine is None else round(match.cosine, 4),
                    "good": match.good,
                    **({"reading": match.reading} if match.reading else {}),
                    **({} if match.moment is None else {"moment": round(match.moment, 2)}),
                    **({} if match.present else {"present": False}),
                    **({"copies": list(match.copies)} if match.copies else {}),
                }
                for match in self.matches
            ],
            "good_matches": len(self.good),
            "cutoff": self.cutoff,
            "collection": self.collection,
            "model": self.model,
            "device": self.device,
            "seconds": round(self.seconds, 4),
            **as_json(self.notices),
        }


def export_rows(results: Sequence[SearchResult]) -> list[dict[str, Any]]:
    """A row for every match, for CSV or JSON lines: query, rank, path, file, score, cosine, good, present, model."""
    return [
        {
            "query": result.query,
            "rank": rank,
            "path": match.path,
            "file": Path(match.path).name,
            "score": round(match.score, 4),
            "cosine": None if match.cosine is None else round(match.cosine, 4),
            "good": match.good,
            "present": match.present,
            "model": result.model,
        }
        for result in results
        for rank, match in enumerate(result.matches, 1)
    ]
