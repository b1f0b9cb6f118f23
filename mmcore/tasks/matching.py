"""What a retrieval checkpoint can say without a collection: labels, sentences, a matrix of both, and where it looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from PIL import Image

from mmcore.checkpoints.registry import find
from mmcore.errors import InputError, MMCoreError
from mmcore.families.base import Retriever
from mmcore.io.images import clean_text
from mmcore.pool import ModelPool
from mmcore.results import (
    DEFAULT_CUTOFF,
    LabelScore,
    MapMethod,
    MatchMap,
    Query,
    SimilarityMatrix,
    TextRanking,
    ZeroShotOptions,
    ZeroShotResult,
    notices_of,
)
from mmcore.tasks.batching import answers, check_sources
from mmcore.tasks.embedding import TASK, Stopwatch, background, embed_images, embed_texts, traits, unit
from mmcore.tasks.occlusion import occlusion_map
from mmcore.tasks.prompts import sentences
from mmcore.tasks.queries import EmbeddedQuery, embed_queries, seen_parts
from mmcore.tasks.reading import read_as, texts_of, word_by_word
from mmcore.tasks.unread import unread_texts
from mmcore.types import IsCancelled, Progress, Source, Vectors


def zero_shot(
    pool: ModelPool, image: Image.Image, options: ZeroShotOptions, model: str | None = None
) -> ZeroShotResult:
    """Which of the labels is it? Probabilities, most probable first.

    Each label is put into the checkpoint's sentences ("a photo of a ...") and their vectors are averaged; the
    probabilities are the softmax over the labels of scale * cosine, with the scale that the checkpoint was trained to.
    ``model`` is a checkpoint's name; None takes the one of the settings' tier.
    Raises InputError (too many labels, too long, another script), UnknownNameError, WeightsError and CapacityError.
    """
    name = pool.choose(TASK, model).name
    return _classify(pool, name, label_vectors(pool, name, options), options, [image])[0]


def zero_shot_many(
    pool: ModelPool,
    sources: Sequence[Source],
    options: ZeroShotOptions,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
) -> Iterator[ZeroShotResult | MMCoreError]:
    """Classify files (paths or their bytes): for each, in order, its result or the error that it met.

    As ``caption_many``; the labels are embedded once. Raises at once what concerns the labels or the checkpoint.
    """
    check_sources(pool.settings, sources, limit)
    name = pool.choose(TASK, model).name
    labels = label_vectors(pool, name, options)

    def work(images: Sequence[Image.Image]) -> list[ZeroShotResult]:
        return _classify(pool, name, labels, options, images)

    return answers(pool.settings, sources, work, progress, cancelled)


def label_vectors(pool: ModelPool, name: str, options: ZeroShotOptions) -> Vectors:
    """(labels, C): the mean of each label's sentences, scaled to length 1. Raises InputError."""
    if len(options.labels) > pool.settings.labels:
        raise InputError("labels_too_many", count=len(options.labels), limit=pool.settings.labels)
    templates = options.templates or traits(pool, name).templates
    read = [read_as(find(name), clean_text(label, pool.settings)) for label in options.labels]
    each = [sentences(label, templates) for label in read]
    vectors = iter(embed_texts(pool, [sentence for some in each for sentence in some], name))
    return unit(np.stack([np.mean([next(vectors) for _ in some], axis=0) for some in each]))


def _classify(
    pool: ModelPool, name: str, labels: Vectors, options: ZeroShotOptions, images: Sequence[Image.Image]
) -> list[ZeroShotResult]:
    known = traits(pool, name)
    read = (*word_by_word(find(name), options.labels), *unread_texts(find(name), options.labels))
    watch = Stopwatch()
    cosines = (embed_images(pool, images, name) @ labels.T).astype(np.float64)
    logits = known.scale * cosines
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    seconds = watch.seconds / len(images)
    return [
        ZeroShotResult(_ranked(options.labels, scores, row), name, known.device, seconds, (*notices_of(image), *read))
        for image, scores, row in zip(images, probabilities, cosines, strict=True)
    ]


def _ranked(texts: Sequence[str], scores: Sequence[float], cosines: Sequence[float]) -> tuple[LabelScore, ...]:
    found = [LabelScore(text, float(score), float(c)) for text, score, c in zip(texts, scores, cosines, strict=True)]
    return tuple(sorted(found, key=lambda one: (-one.score, -one.cosine)))


def rank_texts(
    pool: ModelPool,
    image: Image.Image,
    texts: Sequence[str],
    model: str | None = None,
    cutoff: float = DEFAULT_CUTOFF,
) -> TextRanking:
    """Image -> text: sentences by how well they fit the picture, with calibrated scores of their own.

    Ordered by score: the order of the cosines, except that a text that means little needs a larger one.
    Raises InputError (no text, too many, too long, another script) and what ``zero_shot`` raises.
    """
    matrix = similarity(pool, [image], texts, model)
    ranked = _ranked(matrix.texts, matrix.scores[0].tolist(), matrix.cosines[0].tolist())
    return TextRanking(ranked, cutoff, matrix.model, matrix.device, matrix.seconds, matrix.notices)


def similarity(
    pool: ModelPool,
    images: Sequence[Image.Image],
    texts: Sequence[str],
    model: str | None = None,
    names: Sequence[str] | None = None,
) -> SimilarityMatrix:
    """Every picture with every sentence: cosines, and scores calibrated on these pictures.

    ``names`` are what the pictures are called, "1", "2", ... unless given.
    Raises InputError (nothing given, too many texts, too long, another script) and what ``zero_shot`` raises.
    """
    if not images or not texts:
        raise InputError("nothing_given" if not images else "query_empty")
    if len(texts) > pool.settings.labels:
        raise InputError("labels_too_many", count=len(texts), limit=pool.settings.labels)
    name = pool.choose(TASK, model).name
    known = traits(pool, name)
    watch = Stopwatch()
    pictures, sentences_ = embed_images(pool, images, name), embed_texts(pool, texts, name)
    cosines = pictures @ sentences_.T
    scores = background(pool, name, pictures).text_scores(cosines, sentences_).astype(np.float32)
    called = tuple(names) if names is not None else tuple(str(place + 1) for place in range(len(images)))
    device, seconds = known.device, watch.seconds
    notices = (*notices_of(*images), *word_by_word(find(name), texts), *unread_texts(find(name), texts))
    return SimilarityMatrix(called, tuple(texts), cosines, scores, name, device, seconds, notices)


def explain_match(
    pool: ModelPool,
    image: Image.Image,
    query: Query,
    model: str | None = None,
    method: Literal["occlusion"] | None = None,
) -> MatchMap:
    """Where in the picture the query matches: a signed map, of the checkpoint's own grid unless ``method`` is given.

    "occlusion" covers one place after the other and needs nothing of the model but its answer: slower, for every
    checkpoint, and a check of the other maps. Raises what ``zero_shot`` raises.
    """
    checkpoint = pool.choose(TASK, model)
    name = checkpoint.name
    known = traits(pool, name)
    watch = Stopwatch()
    picture = embed_images(pool, [image], name)
    likely = background(pool, name, picture)
    query = Query(seen_parts(query))  # where a text stands in a picture is what its reader says
    embedded: EmbeddedQuery = embed_queries(pool, name, [query])[0]
    vector = embedded.summed(likely)

    def work(retriever: Retriever, pictures: Sequence[Image.Image]) -> list[tuple[MapMethod, Vectors]]:
        if method == "occlusion" or retriever.map_method == "occlusion":
            return [("occlusion", occlusion_map(retriever.image_vectors, one, vector)) for one in pictures]
        return [(retriever.map_method, retriever.image_map(one, vector)) for one in pictures]

    ((used, heat),) = pool.run(name, work, [image])
    score = float(embedded.scores(picture, likely)[0])
    cosine, device = float(picture[0] @ vector), known.device
    said = texts_of(query)
    notices = (*notices_of(image), *word_by_word(checkpoint, said), *unread_texts(checkpoint, said))
    return MatchMap(str(query), heat, used, score, cosine, name, device, watch.seconds, notices)
