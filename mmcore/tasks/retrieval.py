"""Text-image retrieval: search in a collection with texts, pictures and what must not be there.

``matching`` has what needs no collection: zero-shot labels, ranking of sentences, similarity matrix, heat map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import MMCoreError
from mmcore.index import Collection, Hit
from mmcore.pool import ModelPool
from mmcore.results import Match, Notice, Query, SearchOptions, SearchResult, notices_of
from mmcore.tasks.batching import run_in_batches
from mmcore.tasks.calibration import SAMPLE, CosineBaseline
from mmcore.tasks.embedding import TASK, Stopwatch, background, embed_images, embed_texts, traits
from mmcore.tasks.matching import rank_texts, similarity, zero_shot, zero_shot_many
from mmcore.tasks.queries import EmbeddedQuery, embed_queries, negation
from mmcore.tasks.reading import texts_of, word_by_word
from mmcore.tasks.unread import unread_texts
from mmcore.types import IsCancelled, Progress, Vectors

__all__ = [
    "TASK",
    "embed_images",
    "embed_texts",
    "rank_texts",
    "search",
    "search_many",
    "similarity",
    "zero_shot",
    "zero_shot_many",
]

QUERIES = 64
"""Queries that are embedded and searched at once."""
CANDIDATES = 200
"""A query of several parts ranks at least so many of the pictures that its summed vector finds."""
MOST_LOOKED_AT = 20_000
"""Hits that are looked through for pictures that are no copies of better ones."""
STRETCHES = 8
"""The sample of a collection's pictures is taken in so many stretches all over it."""


_backgrounds: WeakKeyDictionary[ModelPool, dict[tuple[str, str, int], CosineBaseline]] = WeakKeyDictionary()


def search(pool: ModelPool, collection: Collection, query: Query, options: SearchOptions | None = None) -> SearchResult:
    """Find the pictures of a collection that match a query, with the checkpoint that the collection was made with.

    The best ``options.top`` are given, whatever their scores; ``result.good`` has those that reach the cut-off.
    Raises InputError (text too long, another script, another checkpoint), UnknownNameError, WeightsError and
    CapacityError.
    """
    (outcome,) = search_many(pool, collection, [query], options)
    if isinstance(outcome, MMCoreError):
        raise outcome
    return outcome


def search_many(
    pool: ModelPool,
    collection: Collection,
    queries: Sequence[Query],
    options: SearchOptions | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Iterator[SearchResult | MMCoreError]:
    """The result, or the error, of each query in order; the queries are embedded and searched in batches.

    ``progress(done, total)`` is called after each query. When ``cancelled()`` turns true, Cancelled is raised after the
    results so far. Raises at once what concerns the collection or its checkpoint as a whole.
    """
    options = options or SearchOptions()
    name = pool.choose(TASK, collection.checkpoint).name
    traits(pool, name)  # loads the model, so that the results' seconds leave it out

    def work(some: Sequence[Query]) -> list[SearchResult]:
        return _found(pool, collection, name, some, options)

    return run_in_batches(queries, len(queries), work, QUERIES, progress, cancelled)


def _found(
    pool: ModelPool, collection: Collection, name: str, queries: Sequence[Query], options: SearchOptions
) -> list[SearchResult]:
    watch = Stopwatch()
    embedded = embed_queries(pool, name, queries)
    known = _background_of(pool, collection, name)
    hits: list[list[Hit]] = [[] for _ in queries]
    if len(collection):
        simple = all(len(query.parts) == 1 for query in queries)
        vectors = np.stack([one.summed(known) for one in embedded])
        wanted = options.top if simple else max(CANDIDATES, 4 * options.top)
        top, where = wanted, options.name or None
        while True:
            hits = collection.search_many(vectors, checkpoint=name, top=top, where=where)
            short = any(len(found) == top and len(_different(found)) < wanted for found in hits)
            if not short or top >= MOST_LOOKED_AT:
                break
            top = min(4 * top, MOST_LOOKED_AT)  # copies took the places of others
    matches = [_matches(collection, one, found, known, options) for one, found in zip(embedded, hits, strict=True)]
    device, seconds = traits(pool, name).device, watch.seconds / len(queries)
    return [
        SearchResult(
            *(str(one.query), found, options.cutoff, collection.name, name, device, seconds),
            notices=_notices_of(one.query, find(name)),
        )
        for one, found in zip(embedded, matches, strict=True)
    ]


def _notices_of(query: Query, checkpoint: Checkpoint) -> tuple[Notice, ...]:
    texts = texts_of(query)
    wanted = [part.content for part in query.parts if isinstance(part.content, str) and part.weight > 0]
    return (
        *notices_of(*(part.content for part in query.parts)),
        *word_by_word(checkpoint, texts),
        *unread_texts(checkpoint, texts),
        *(Notice.of("query_negation", word=word) for text in wanted if (word := negation(text))),
    )


def _matches(
    collection: Collection, one: EmbeddedQuery, hits: Sequence[Hit], known: CosineBaseline, options: SearchOptions
) -> tuple[Match, ...]:
    """The hits with their calibrated scores, best first."""
    if not hits:
        return ()
    same = _different(hits)
    hits = [copies[0] for copies in same.values()]
    if len(one.query.parts) == 1:  # scores rise with the cosine, which the search gives
        hits = hits[: options.top]
        scores = one.part_scores(0, [hit.score for hit in hits], known)
    else:
        scores = one.scores(collection.vectors([hit.entry for hit in hits]), known)
    order = sorted(range(len(hits)), key=lambda place: (-scores[place], -hits[place].score))[: options.top]
    return tuple(
        Match(
            path=hits[place].entry.path,
            score=float(scores[place]),
            cosine=hits[place].score,
            id=hits[place].entry.id,
            present=not hits[place].entry.missing,
            copies=tuple(hit.entry.path for hit in same[hits[place].entry.sha256][1:] if not hit.entry.missing),
        )
        for place in order
    )


def _different(hits: Sequence[Hit]) -> dict[str, list[Hit]]:
    """The hits of each content, best first; among copies those whose files are there come first."""
    same: dict[str, list[Hit]] = {}
    for hit in hits:
        same.setdefault(hit.entry.sha256, []).append(hit)
    for copies in same.values():
        if len(copies) > 1:
            copies.sort(key=lambda hit: hit.entry.missing)
    return same


def _background_of(pool: ModelPool, collection: Collection, name: str) -> CosineBaseline:
    """From a sample of the collection's pictures; made anew where the collection has changed, or is another."""
    known = _backgrounds.setdefault(pool, {})
    facts = collection.facts
    key = (facts.uuid, name, facts.revision)
    if key not in known:
        known.clear()  # the last collection's is enough
        known[key] = background(pool, name, _sample(collection))
    return known[key]


def _sample(collection: Collection) -> Vectors:
    """(N, C), N up to SAMPLE, in stretches all over the collection."""
    total = len(collection)
    starts = [0] if total <= SAMPLE else [total * part // STRETCHES for part in range(STRETCHES)]
    limit = SAMPLE if total <= SAMPLE else SAMPLE // STRETCHES
    entries = [one for start in starts for one in collection.entries(offset=start, limit=limit) if one.searchable]
    return collection.vectors(entries)
