"""Sentiment of a post: a text, a picture or both in; negative, neutral, positive and why out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mmcore.checkpoints import fusion_heads
from mmcore.checkpoints.registry import Checkpoint
from mmcore.errors import InputError, MMCoreError
from mmcore.families._vader import polarity
from mmcore.families.base import SentimentJudge
from mmcore.io.images import clean_text, decode_image
from mmcore.io.tables import file_beside, read_table
from mmcore.io.texts import clean_post, windows_of
from mmcore.pool import ModelPool
from mmcore.results.notices import Notice, notices_of
from mmcore.results.ocr import one_line
from mmcore.results.sentiment import (
    FUSIONS,
    Interaction,
    Modality,
    Post,
    SentimentOptions,
    SentimentPrediction,
    SentimentResult,
    SentimentScores,
)
from mmcore.settings import Settings
from mmcore.tasks.batching import run_in_batches
from mmcore.tasks.contributions import explain_post
from mmcore.tasks.late_fusion import LateJudge
from mmcore.tasks.ocr import full_size, read_text
from mmcore.tasks.reading import read_as, word_by_word
from mmcore.tasks.unread import balanced, no_evidence, readable, unread
from mmcore.types import IsCancelled, Progress

TASK = "sentiment"
NOT_SURE = SentimentScores(0.333, 0.334, 0.333)
"""Without evidence; the label is then neutral, and a notice says why."""
WINDOW = 90
"""Words that are read at once: the encoders take 128 tokens."""
LEAST_WEIGHT = 0.05
"""Of a window without any rated word; VADER's |compound| is added."""

BATCH = 16
"""Posts that a model sees at once."""
NEEDED, OPTIONAL = ("text",), ("image",)
"""Columns of a table of posts."""

Outcome: TypeAlias = "SentimentResult | MMCoreError"


def fusions_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The fusions that a checkpoint offers: all where the heads are ours, else late fusion with a retrieval model."""
    return FUSIONS if checkpoint.family == "compact_sentiment" else LateJudge.fusions


def checked(checkpoint: Checkpoint, options: SentimentOptions, settings: Settings) -> Checkpoint:
    """The model, if it takes the options.

    Raises InputError for a fusion that it does not have, UnknownNameError for a head that is not there.
    """
    offered = fusions_of(checkpoint)
    for name, value, known in (
        ("fusion", options.fusion, offered),
        ("head", options.head, (options.head,) if offered == FUSIONS else ()),
    ):
        if value is not None and value not in known:
            raise InputError(
                "option_not_offered", model=checkpoint.title, name=name, value=value, offered=", ".join(offered)
            )
    if options.head is not None:
        fusion_heads.find(settings, options.head)
    return checkpoint


def classify_sentiment(
    pool: ModelPool, post: Post, options: SentimentOptions | None = None, model: str | None = None
) -> SentimentResult:
    """Judge one post; ``seconds`` leaves out the loading of the model. The text is cleaned here.

    What is said in the post's sound, and what was read in its picture, is put behind what was written.

    Places of words in an explanation count in the text as the model read it (``Explanation.text``): cleaned, and in
    English where Chinese was read word by word.
    Raises InputError (neither text nor picture, text too long, a script that the model does not read),
    UnknownNameError, WeightsError and CapacityError.
    """
    options = options or SentimentOptions()
    checkpoint = checked(pool.choose(TASK, model), options, pool.settings)
    return _run(pool, checkpoint, [_cleaned(pool, post, options)], options)[0]


def classify_sentiment_many(
    pool: ModelPool,
    posts: Sequence[Post | MMCoreError],
    options: SentimentOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Iterator[Outcome]:
    """Judge posts: for each, in order, its result or the error that it met (an error given comes back).

    When ``cancelled()`` turns true, Cancelled is raised after the results so far. Raises what ``checked`` and
    ``ModelPool.choose`` raise, at once.
    """
    options = options or SentimentOptions()
    checkpoint = checked(pool.choose(TASK, model), options, pool.settings)
    return _outcomes(pool, checkpoint, posts, len(posts), options, progress, cancelled)


def classify_sentiment_table(
    pool: ModelPool,
    table: Path,
    options: SentimentOptions | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    limit: int | None = None,
) -> Iterator[tuple[dict[str, str], Outcome]]:
    """Judge the rows of a .tsv, .csv or .xlsx with a column text, and perhaps image: each row with its result or error.

    Images are paths relative to the table; one that leads outside its folder is an InputError of its row. Either may
    be empty. Raises InputError at once for a file that is no such table or has more than ``limit`` rows
    (``settings.files`` unless said otherwise), and what ``classify_sentiment_many`` raises.
    """
    options = options or SentimentOptions()
    most = pool.settings.files if limit is None else limit
    rows = read_table(table, NEEDED, most, optional=OPTIONAL, apart=pool.settings.apart)
    checkpoint = checked(pool.choose(TASK, model), options, pool.settings)

    decoding = full_size(pool.settings) if options.read_text else pool.settings

    def post_of(row: dict[str, str]) -> Post | MMCoreError:
        try:
            name = row["image"].strip()
            image = decode_image(file_beside(table, name), decoding) if name else None
        except MMCoreError as error:
            return error
        return Post(row["text"], image)

    outcomes = _outcomes(pool, checkpoint, map(post_of, rows), len(rows), options, progress, cancelled)
    return zip(rows, outcomes, strict=True)


def interaction_of(
    text: SentimentScores, image: SentimentScores, together: SentimentScores
) -> tuple[Interaction, Modality | None]:
    """Name how text and image interact (see ``results.sentiment.INTERACTIONS``), and whose label the answer has.

    The second is None where both have it or neither has.
    """
    said, seen, answer = text.label, image.label, together.label
    dominant: Modality | None = None
    if said != seen and answer in (said, seen):
        dominant = "text" if answer == said else "image"
    if {said, seen} == {"negative", "positive"}:
        return "conflict", dominant
    return ("dominance" if dominant else "complement"), dominant


def _outcomes(
    pool: ModelPool,
    checkpoint: Checkpoint,
    posts: Iterable[Post | MMCoreError],
    total: int,
    options: SentimentOptions,
    progress: Progress | None,
    cancelled: IsCancelled | None,
) -> Iterator[Outcome]:
    ready = (_attempt_cleaned(pool, item, options) for item in posts)

    def work(some: Sequence[Post]) -> list[SentimentResult]:
        return _run(pool, checkpoint, some, options)

    return run_in_batches(ready, total, work, BATCH, progress, cancelled)


def _attempt_cleaned(pool: ModelPool, item: Post | MMCoreError, options: SentimentOptions) -> Post | MMCoreError:
    try:
        return _cleaned(pool, item, options) if isinstance(item, Post) else item
    except InputError as error:
        return error


def _cleaned(pool: ModelPool, post: Post, options: SentimentOptions) -> Post:
    if options.read_text and post.image is not None and post.reads is None:
        post = replace(post, reads=read_text(pool, post.image))
    parts = (
        post.text,
        None if post.spoken is None else post.spoken.transcript.text,
        None if post.reads is None else one_line(post.reads.lines),
    )
    given = "\n".join(part for part in parts if part and part.strip())
    text = clean_text(given, pool.settings) if given else ""
    if not text and post.image is None:
        raise InputError("post_empty")
    # The heads have seen links beside pictures; alone, a text is judged as without them. It may be empty then.
    return replace(post, text=clean_post(text, stand_ins=post.image is not None) if text else None)


def _not_sure(name: str, fusions: Sequence[str], model: str, device: str) -> SentimentResult:
    """The answer without evidence: every sentiment as likely as the others."""
    return SentimentResult(
        scores=NOT_SURE,
        text=NOT_SURE,
        image=None,
        interaction=None,
        dominant=None,
        fusion=name,
        fusions=tuple((fusion, NOT_SURE) for fusion in fusions),
        gate=None,
        model=model,
        device=device,
        seconds=0.0,
        notices=(Notice.of("not_sure"),),
    )


def _judged(model: SentimentJudge, posts: Sequence[Post], fusion: str | Path) -> list[SentimentPrediction]:
    """As ``model.judge``; a text beyond WINDOW words is read in windows, and those that say more count more."""
    parts = [windows_of(post.text, WINDOW) if post.text else [] for post in posts]
    spread = [[replace(post, text=text) for text in texts] or [post] for post, texts in zip(posts, parts, strict=True)]
    answers = iter(model.judge([one for many in spread for one in many], fusion) if posts else ())
    found = []
    for many in spread:
        some = list(islice(answers, len(many)))
        weights = np.array([LEAST_WEIGHT + abs(float(polarity(one.text or "")[3])) for one in many])
        found.append(_together(some, weights / weights.sum()) if len(many) > 1 else some[0])
    return found


def _together(some: Sequence[SentimentPrediction], weights: npt.NDArray[np.float64]) -> SentimentPrediction:
    """The predictions of a text's windows as one, by a weighted mean of their probabilities."""

    def mean(scores: Sequence[SentimentScores]) -> SentimentScores:
        rows = np.array([[one.negative, one.neutral, one.positive] for one in scores])
        return SentimentScores(*(weights @ rows).tolist())

    texts = [one.text for one in some if one.text is not None]
    names = [name for name, _ in some[0].fusions]
    return replace(
        some[0],
        text=mean(texts) if len(texts) == len(some) else some[0].text,
        fusions=tuple((name, mean([one.fusions[place][1] for one in some])) for place, name in enumerate(names)),
    )


def _run(
    pool: ModelPool, checkpoint: Checkpoint, posts: Sequence[Post], options: SentimentOptions
) -> list[SentimentResult]:
    fusion: str | Path = options.fusion or ""
    if options.head is not None:
        fusion = fusion_heads.find(pool.settings, options.head)

    def work(loaded: SentimentJudge, given: Sequence[Post]) -> list[SentimentResult]:
        start = perf_counter()
        some, parts = [], []
        for post in given:
            text, left_out = readable(checkpoint, read_as(checkpoint, post.text)) if post.text else (post.text, ())
            some.append(replace(post, text=text))
            parts.append(left_out)
        model: SentimentJudge = loaded if loaded.fusions else LateJudge(pool, loaded)
        name = options.head or options.fusion or model.fusions[0]
        silent = [no_evidence(checkpoint, post.text, alone=post.image is None) for post in some]
        # A text that is no evidence leaves the picture; without a picture there is nothing to judge by.
        read = [replace(post, text=None) if why else post for post, why in zip(some, silent, strict=True)]
        judged = iter(_judged(model, [post for post in read if post.text or post.image is not None], fusion))
        found = []
        for one, post, why, cleaned, part in zip(given, read, silent, some, parts, strict=True):
            notices = (
                *notices_of(post.image),
                *(one.reads.notices if one.reads is not None else ()),
                *(one.spoken.transcript.notices if one.spoken is not None else ()),
                *word_by_word(checkpoint, [one.text] if one.text else []),
                *unread(checkpoint, cleaned.text),
                *part,
                *(balanced(checkpoint, post.text) if post.image is None else ()),
                *((why,) if why is not None else ()),
            )
            if why is not None and post.image is None:
                nothing = _not_sure(name, model.fusions, checkpoint.name, model.device)
                found.append(replace(nothing, notices=(*notices, *nothing.notices)))
                continue
            pieces = len(windows_of(post.text, WINDOW)) if post.text else 0
            found.append(
                replace(
                    _result(next(judged), name, checkpoint.name, model.device, 0.0),
                    explanation=explain_post(model, post, fusion) if options.explain else None,
                    notices=(*notices, *((Notice.of("text_windows", count=pieces),) if pieces > 1 else ())),
                )
            )
        seconds = (perf_counter() - start) / len(some)
        return [
            replace(result, seconds=seconds, reads=one.reads, spoken=one.spoken)
            for one, result in zip(given, found, strict=True)
        ]

    return pool.run(checkpoint.name, work, posts, alike=("sentiment", options))


def _result(judgement: SentimentPrediction, name: str, model: str, device: str, seconds: float) -> SentimentResult:
    answers, gates = dict(judgement.fusions), dict(judgement.gates)
    interaction: Interaction | None = None
    dominant: Modality | None = None
    if judgement.text is not None and judgement.image is not None:
        interaction, dominant = interaction_of(judgement.text, judgement.image, answers[name])
    return SentimentResult(
        scores=answers[name],
        text=judgement.text,
        image=judgement.image,
        interaction=interaction,
        dominant=dominant,
        fusion=name,
        fusions=judgement.fusions,
        gate=(("text", gates[name][0]), ("image", gates[name][1])) if name in gates else None,
        model=model,
        device=device,
        seconds=seconds,
    )
