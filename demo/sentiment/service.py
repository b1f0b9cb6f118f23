"""What the sentiment tab asks of the core: one post, or a table of posts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mmcore.checkpoints import fusion_heads as kept_heads
from mmcore.errors import InputError, MMCoreError
from mmcore.io.images import decode_image
from mmcore.pool import ModelPool
from mmcore.results import FUSIONS, Post, SentimentOptions, SentimentResult, SpokenPart
from mmcore.settings import Settings
from mmcore.tasks.ocr import full_size
from mmcore.tasks.sentiment import classify_sentiment, classify_sentiment_table
from mmcore.tasks.transcribe import spoken_part
from mmcore.types import IsCancelled, Progress

from ..ui import batch_rows, uploads
from ..ui.batch_rows import BatchKind, BatchRow
from ..ui.events import Failure, Stop, failure, in_background
from ..ui.i18n import text
from ..ui.table_archives import TableUpload
from .view import Judged, fusion_title, interaction_key, judged, label_name

TASK = "sentiment"

HEAD = "head:"
"""Begins the value of a fusion of the visitor's own in the chooser."""
SHORT = 90
"""Characters of a text that the batch table shows."""


def titles(heads: object) -> list[tuple[str, str]]:
    """The pairs of strings in what the browser remembered."""
    listed = heads if isinstance(heads, list | tuple) else []
    return [
        (one[0], one[1])
        for one in listed
        if isinstance(one, list | tuple) and len(one) == 2 and all(isinstance(part, str) and part for part in one)
    ]


def still_there(pool: ModelPool, heads: object) -> list[tuple[str, str]]:
    """Those of the heads that the browser remembers that are still on this machine."""
    known = set(kept_heads.kept(pool.settings))
    return [(title, name) for title, name in titles(heads) if name in known]


def choices(offered: Iterable[str], heads: object, language: str) -> list[tuple[str, str]]:
    """(title, value) of the chooser of the fusion: the model's default, those it has, those the visitor kept."""
    own = [(text(language, "text.sentiment.head", title=title), HEAD + name) for title, name in titles(heads)]
    known = [(fusion_title(name, language), name) for name in offered]
    return [(text(language, "text.sentiment.fusion_default"), ""), *known, *own]


def options_of(fusion: Any = None, *, explain: bool = False, read_text: Any = False) -> SentimentOptions:
    """Options from the form's raw values. Raises InputError for a fusion that there is not."""
    if isinstance(fusion, str) and fusion.startswith(HEAD):
        return SentimentOptions(head=fusion.removeprefix(HEAD), explain=explain, read_text=read_text is True)
    return SentimentOptions(fusion=fusion or None, explain=explain, read_text=read_text is True)


def describe(
    pool: ModelPool,
    words: str | None,
    payload: Mapping[str, Any] | None,
    model: str,
    fusion: Any,
    heads: object = (),
    sound: Mapping[str, Any] | None = None,
    read_text: Any = False,
) -> Iterator[Judged | Failure | None]:
    """Judge one post: first the answer, then the answer with its explanation, which takes many times as long.

    None where nothing is given yet; a Failure is the last item.
    """
    said = words or ""
    if not said.strip() and payload is None and sound is None:
        yield None
        return
    own = {name: title for title, name in titles(heads)}
    try:
        plain = options_of(fusion, read_text=read_text)
        image = None if payload is None else decode_image(uploads.path_of(payload), _decoding(pool, plain))
        post = Post(said if said.strip() else None, image, _spoken(pool, sound))
        head = own.get(plain.head or "", plain.head or "")
        answer = _in_slot(lambda: classify_sentiment(pool, post, plain, model))
        yield judged(answer, image, head)
        post = replace(post, reads=answer.reads)  # it is read once
        explained = _in_slot(lambda: classify_sentiment(pool, post, replace(plain, explain=True), model))
        yield judged(replace(explained, seconds=answer.seconds), image, head)  # what the answer took
    except Exception as error:
        yield failure(error)


def _decoding(pool: ModelPool, options: SentimentOptions) -> Settings:
    return full_size(pool.settings) if options.read_text else pool.settings


def _spoken(pool: ModelPool, sound: Mapping[str, Any] | None) -> SpokenPart | None:
    if not sound:
        return None
    path = uploads.path_of(sound)
    *_, part = in_background(lambda progress, cancelled: spoken_part(pool, path, cancelled=cancelled))
    assert isinstance(part, SpokenPart)
    return part


def _in_slot(work: Callable[[], SentimentResult]) -> SentimentResult:
    """The result of work that waits for the models' slot, and holds it until it ends."""
    *_, result = in_background(lambda progress, cancelled: work())
    assert isinstance(result, SentimentResult)
    return result


def describe_for_api(
    pool: ModelPool,
    words: Any,
    payload: Mapping[str, Any] | None,
    model: str,
    fusion: Any,
    sound: Mapping[str, Any] | None = None,
    read_text: Any = False,
) -> SentimentResult:
    """The same for programs: no explanation, and errors are raised."""
    if fusion and fusion not in FUSIONS:
        raise InputError("option_not_offered", model=model, name="fusion", value=fusion, offered=", ".join(FUSIONS))
    options = options_of(fusion, read_text=read_text)
    image = None if not payload else decode_image(uploads.path_of(payload), _decoding(pool, options))
    said = words if isinstance(words, str) and words.strip() else None
    spoken = spoken_part(pool, uploads.path_of(sound)) if sound else None
    return classify_sentiment(pool, Post(said, image, spoken), options, model)


@dataclass(frozen=True, eq=False)
class TableRow:
    """A row of a table with its answer."""

    result: SentimentResult
    text: str
    image: str

    @property
    def model(self) -> str:
        """Name of the checkpoint."""
        return self.result.model

    @property
    def seconds(self) -> float:
        """What it took."""
        return self.result.seconds

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract, with what was judged."""
        return {"text": self.text, "image": self.image, **self.result.to_dict()}


def _cells(row: TableRow, language: str) -> list[str]:
    scores = (row.result.scores.negative, row.result.scores.neutral, row.result.scores.positive)
    interaction = interaction_key(row.result)
    named = text(language, f"text.sentiment.interaction.{interaction}") if interaction else ""
    said = row.text if len(row.text) <= SHORT else f"{row.text[: SHORT - 1]}…"
    return [said, row.image, label_name(row.result.label, language), *(f"{score:.2f}" for score in scores), named]


def _values(row: TableRow) -> list[str]:
    scores = (row.result.scores.negative, row.result.scores.neutral, row.result.scores.positive)
    return [
        row.text,
        row.image,
        row.result.label,
        *(f"{score:.4f}" for score in scores),
        row.result.interaction or "",
        row.result.fusion,
    ]


_COLUMNS = ("text", "image", "label", "negative", "neutral", "positive", "interaction")

POSTS: BatchKind[TableRow] = BatchKind(
    stem="sentiment",
    headers=tuple(f"text.sentiment.batch.{name}" for name in _COLUMNS),
    cells=_cells,
    columns=(*_COLUMNS, "fusion"),
    values=_values,
    progress="text.sentiment.batch.progress",
    finished="text.sentiment.batch.finished",
)


def describe_many(
    pool: ModelPool, payload: Any, model: str, form: Mapping[str, Any], button: Stop | None = None
) -> Iterator[tuple[list[BatchRow[TableRow]], int]]:
    """Judge the rows of an uploaded table or ZIP, as ``batch_rows.describe_many`` says."""
    options = options_of(form["fusion"])
    name, path = uploads.paths_of(payload, 1)[0]

    def outcomes(progress: Progress, cancelled: IsCancelled) -> Iterator[TableRow | MMCoreError]:
        opened = TableUpload(path, pool.settings, pool.settings.files)
        for row, outcome in classify_sentiment_table(pool, opened.table, options, model, progress, cancelled):
            yield outcome if isinstance(outcome, MMCoreError) else TableRow(outcome, row["text"], row["image"])

    return batch_rows.describe_many(outcomes, lambda row: f"{name}, {row + 1}", button)
