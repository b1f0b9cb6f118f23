"""Queries as vectors: plus texts, plus pictures, minus what must not be there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmcore.errors import InputError
from mmcore.pool import ModelPool
from mmcore.results import Inscription, Query, QueryPart
from mmcore.tasks.calibration import CosineBaseline, combine
from mmcore.tasks.embedding import embed_images, embed_texts, unit
from mmcore.types import Vectors

NEGATION = re.compile(
    r"""
    \b(?:without|not|no|none|nobody|nothing|neither|nor|never|cannot|except|excluding|minus|lacking
        |(?:other|rather)\ than|instead\ of|anything\ but|free\ of|\w+n['’]t|non-\w+)\b
    |没有?|沒有?|不(?:要|是|在|含|带|帶|穿|戴|包含|包括|见|見|能|会|會)|并非|並非|除了|除去|无(?!人机|线|限|数|花果)|無(?!人機|線|限|數|花果)
    |非(?!洲|常|法)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def negation(text: str) -> str | None:
    """The first word of a text that denies something ("without", "not a", 没有): encoders read past it."""
    found = NEGATION.search(text)
    return None if found is None else found[0]


NO_VECTORS: Vectors = np.zeros((0, 0), np.float32)
"""Of a query that only looks for text inside pictures."""
LEAST = 1e-3
"""Length of a query's vector, as a part of its parts' weights, below which plus and minus have cancelled each other."""


@dataclass(frozen=True, eq=False)
class EmbeddedQuery:
    """A query with the vectors of its parts."""

    query: Query
    vectors: Vectors
    """(parts, C), each of length 1, of ``parts``."""

    @property
    def parts(self) -> tuple[QueryPart, ...]:
        """Those that are compared by vectors: all but texts inside pictures."""
        return seen_parts(self.query)

    @property
    def inscriptions(self) -> tuple[QueryPart, ...]:
        """Texts to be found inside the pictures."""
        return tuple(part for part in self.query.parts if isinstance(part.content, Inscription))

    @property
    def finds_by_vector(self) -> bool:
        """Whether something that is wanted has a vector."""
        return any(part.weight > 0 for part in self.parts)

    def summed(self, known: CosineBaseline) -> Vectors:
        """(C,), of length 1: the plus parts less the minus parts.

        Each part is divided by the spread of its kind's cosines, so that a picture does not outweigh a text where
        pictures are nearer to each other than to texts. Raises InputError where the parts cancel each other.
        """
        if not self.parts:
            raise InputError("query_empty")
        spreads = [
            known.spread.text_spread if isinstance(part.content, str) else known.spread.image_spread
            for part in self.parts
        ]
        weights = np.array([part.weight for part in self.parts]) / spreads
        total = (weights[:, None] * self.vectors).sum(0)
        if float(np.linalg.norm(total)) < LEAST * float(np.abs(weights).sum()):
            raise InputError("words_cancel")
        return unit(total)

    def scores(
        self, pictures: Vectors, known: CosineBaseline, found: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Calibrated scores (N,) of picture vectors (N, C) for the whole query.

        ``found`` (inscriptions, N) says how well each picture's text holds those.
        """
        seen = [self.part_scores(place, pictures @ vector, known) for place, vector in enumerate(self.vectors)]
        return combine(
            [*seen, *([] if found is None else found)],
            [part.weight for part in (*self.parts, *self.inscriptions)],
        )

    def part_scores(self, place: int, cosines: npt.ArrayLike, known: CosineBaseline) -> npt.NDArray[np.float64]:
        """Calibrated scores (N,) for one of its parts, from its cosines with N pictures."""
        if isinstance(self.parts[place].content, str):
            return known.text_scores(np.asarray(cosines)[:, None], self.vectors[place : place + 1])[:, 0]
        return known.image_scores(cosines)


def embed_queries(pool: ModelPool, name: str, queries: Sequence[Query]) -> list[EmbeddedQuery]:
    """The parts of all queries, embedded together. Raises what ``embed_texts`` and ``embed_images`` raise."""
    parts = [part.content for query in queries for part in seen_parts(query)]
    texts = iter(embed_texts(pool, [content for content in parts if isinstance(content, str)], name))
    images = iter(embed_images(pool, [content for content in parts if isinstance(content, Image.Image)], name))

    def vector(part: QueryPart) -> Vectors:
        if isinstance(part.content, np.ndarray):
            return unit(part.content)
        return next(texts) if isinstance(part.content, str) else next(images)

    return [
        EmbeddedQuery(query, np.stack([vector(part) for part in seen]) if (seen := seen_parts(query)) else NO_VECTORS)
        for query in queries
    ]


def seen_parts(query: Query) -> tuple[QueryPart, ...]:
    """The parts that are compared by vectors: all but texts inside pictures."""
    return tuple(part for part in query.parts if not isinstance(part.content, Inscription))
