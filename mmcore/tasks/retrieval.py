"""Text-image retrieval: search in a collection with texts, pictures, text inside pictures, and what must not be there.

``matching`` has what needs no collection: zero-shot labels, ranking of sentences, similarity matrix, heat map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import InputError, MMCoreError
from mmcore.index import Collection, Entry, Hit
from mmcore.pool import ModelPool
from mmcore.results import Inscription, Match, Notice, Query, SearchOptions, SearchResult, notices_of
from mmcore.results.ocr import one_line
from mmcore.tasks.batching import run_in_batches
from mmcore.tasks.calibration import SAMPLE, CosineBaseline, combine
from mmcore.tasks.embedding import TASK, Stopwatch, background, embed_images, embed_texts, traits
from mmcore.tasks.matching import rank_texts, similarity, zero_shot, zero_shot_many
from mmcore.tasks.queries import EmbeddedQuery, embed_queries, negation, seen_parts
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
    if any(seen_parts(query) for query in queries):
        traits(pool, name)  # loads the model, so that the results' seconds leave it out

    def work(some: Sequence[Query]) -> list[SearchResult]:
        return _found(pool, collection, name, some, options)

    return run_in_batches(queries, len(queries), work, QUERIES, progress, cancelled)


def _found(
    pool: ModelPool, collection: Collection, name: str, queries: Sequence[Query], options: SearchOptions
) -> list[SearchResult]:
    watch = Stopwatch()
    embedded = embed_queries(pool, name, queries)
    by_vector = [place for place, one in enumerate(embedded) if one.finds_by_vector]
    # A search for text inside pictures alone asks no model.
    known = _background_of(pool, collection, name) if any(len(one.parts) for one in embedded) else None
    hits: list[list[Hit]] = [[] for _ in queries]
    if len(collection) and by_vector and known is not None:
        simple = all(len(queries[place].parts) == 1 for place in by_vector)
        vectors = np.stack([embedded[place].summed(known) for place in by_vector])
        wanted = options.top if simple else max(CANDIDATES, 4 * options.top)
        top, where = wanted, options.name or None
        while True:
            found_by_vector = collection.search_many(vectors, checkpoint=name, top=top, where=where)
            short = any(len(found) == top and len(_different(found)) < wanted for found in found_by_vector)
            if not short or top >= MOST_LOOKED_AT:
                break
            top = min(4 * top, MOST_LOOKED_AT)  # copies took the places of others
        for place, found in zip(by_vector, found_by_vector, strict=True):
            hits[place] = found
    read = _Read(collection, options) if any(one.inscriptions for one in embedded) else None
    matches = [
        _matches(collection, one, found, known, options)
        if read is None or not one.inscriptions
        else _with_text(collection, one, found, known, options, read)
        for one, found in zip(embedded, hits, strict=True)
    ]
    device = pool.settings.device if known is None else traits(pool, name).device
    seconds = watch.seconds / len(queries)
    return [
        SearchResult(
            *(str(one.query), found, options.cutoff, collection.name, name, device, seconds),
            notices=(
                *_notices_of(one.query, find(name)),
                *(read.notices if read is not None and one.inscriptions else ()),
            ),
        )
        for one, found in zip(embedded, matches, strict=True)
    ]


class _Read:
    """What was read in the pictures that a search may find. Raises InputError where that is nothing at all."""

    def __init__(self, collection: Collection, options: SearchOptions) -> None:
        self._readings = collection.readings(options.name or None)
        read, total = len(self._readings.entries), self._readings.total
        if total and not read and collection.unread() == len(collection):
            raise InputError("collection_unread", name=collection.name)
        self.notices = (Notice.of("pictures_unread", count=total - read, total=total),) if read < total else ()
        self._places = {entry: place for place, entry in enumerate(self._readings.entries)}

    def scores(self, text: str) -> npt.NDArray[np.float64]:
        """(N,), how well each picture that was read holds the text."""
        return self._readings.texts.scores(text)

    def best(self, scores: npt.NDArray[np.float64], count: int) -> list[int]:
        """Ids of the pictures with the highest scores above 0."""
        order = np.argsort(-scores, kind="stable")[:count]
        return [self._readings.entries[place] for place in order if scores[place] > 0]

    def of(self, scores: npt.NDArray[np.float64], entries: Sequence[Entry]) -> list[float]:
        """Those of these pictures; 0 for one that was not read."""
        return [float(scores[place]) if (place := self._places.get(one.id)) is not None else 0.0 for one in entries]


def _with_text(
    collection: Collection,
    one: EmbeddedQuery,
    hits: Sequence[Hit],
    known: CosineBaseline | None,
    options: SearchOptions,
    read: _Read,
) -> tuple[Match, ...]:
    """Matches of a query that also, or only, looks for text inside the pictures."""
    asked = [part for part in one.inscriptions if isinstance(part.content, Inscription)]
    scores = [read.scores(part.content.text) for part in asked if isinstance(part.content, Inscription)]
    entries = {hit.entry.id: hit.entry for hit in hits}
    for part, found in zip(asked, scores, strict=True):
        if part.weight > 0:
            for number in read.best(found, max(CANDIDATES, 4 * options.top)):
                if number not in entries and (entry := collection.entry(number)) is not None:
                    entries[number] = entry
    listed = [entry for entry in entries.values() if entry.searchable]
    if not listed:
        return ()
    texts = np.array([read.of(found, listed) for found in scores])
    if known is None:
        whole, cosines = combine(texts, [part.weight for part in asked]), [None] * len(listed)
    else:
        vectors = collection.vectors(listed)
        whole, cosines = one.scores(vectors, known, texts), list((vectors @ one.summed(known)).astype(float))
    by_id = {entry.id: place for place, entry in enumerate(listed)}
    same = _different([Hit(entry, float(whole[by_id[entry.id]])) for entry in listed])
    best = sorted((copies[0] for copies in same.values()), key=lambda hit: -hit.score)[: options.top]
    return tuple(
        _match(hit, hit.score, cosines[by_id[hit.entry.id]], same, one_line(collection.reading(hit.entry) or ()))
        for hit in best
    )


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
    collection: Collection,
    one: EmbeddedQuery,
    hits: Sequence[Hit],
    known: CosineBaseline | None,
    options: SearchOptions,
) -> tuple[Match, ...]:
    """The hits with their calibrated scores, best first."""
    if not hits or known is None:
        return ()
    same = _different(hits)
    hits = [copies[0] for copies in same.values()]
    if len(one.query.parts) == 1:  # scores rise with the cosine, which the search gives
        hits = hits[: options.top]
        scores = one.part_scores(0, [hit.score for hit in hits], known)
    else:
        scores = one.scores(collection.vectors([hit.entry for hit in hits]), known)
    order = sorted(range(len(hits)), key=lambda place: (-scores[place], -hits[place].score))[: options.top]
    return tuple(_match(hits[place], float(scores[place]), hits[place].score, same) for place in order)


def _match(hit: Hit, score: float, cosine: float | None, same: Mapping[str, Sequence[Hit]], reading: str = "") -> Match:
    return Match(
        path=hit.entry.path,
        score=score,
        cosine=cosine,
        id=hit.entry.id,
        present=not hit.entry.missing,
        reading=reading,
        moment=hit.entry.moment,
        copies=tuple(
            dict.fromkeys(
                other.entry.path
                for other in same[hit.entry.content][1:]
                if other.entry.path != hit.entry.path and not other.entry.missing
            )
        ),
    )


def _different(hits: Sequence[Hit]) -> dict[str, list[Hit]]:
    """The hits of each content, best first; the moments of a video are of one.

    Among copies those whose files are there come first.
    """
    same: dict[str, list[Hit]] = {}
    for hit in hits:
        same.setdefault(hit.entry.content, []).append(hit)
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
        collection.require(name)  # the search itself asks, too, but what follows fails on vectors of another version
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
