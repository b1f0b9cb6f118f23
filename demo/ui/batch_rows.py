"""Batches as tables and files: pure functions, one ``BatchKind`` a task."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from mmcore.errors import MMCoreError
from mmcore.io.tag_names import tag_text
from mmcore.results import CaptionResult
from mmcore.types import IsCancelled, Progress

from .events import Failure, Stop, in_background
from .html import download_link, seconds_text
from .i18n import text
from .notice_html import notice_lines


class Result(Protocol):
    """What every task's result offers."""

    @property
    def model(self) -> str:
        """Name of the checkpoint."""

    @property
    def seconds(self) -> float:
        """What it took."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""


R = TypeVar("R", bound=Result)
ResultT = TypeVar("ResultT", bound=Result, covariant=True)


@dataclass(frozen=True)
class BatchRow(Generic[ResultT]):
    """One file of a batch and what became of it."""

    file: str
    outcome: ResultT | Failure
    picture: str = ""
    """The uploaded file, where its picture is to be seen in the table."""


@dataclass(frozen=True)
class BatchKind(Generic[R]):
    """How the batches of a task are shown and written."""

    stem: str
    """Of the names of the downloaded files."""
    headers: tuple[str, ...]
    """Keys of the titles of the columns between the file and the time."""
    cells: Callable[[R, str], list[str]]
    """What stands in them, in that language."""
    columns: tuple[str, ...]
    """CSV columns between the file and the model."""
    values: Callable[[R], list[str]]
    """What stands in those."""
    progress: str
    """Key of the line while the batch runs: {done}, {total}."""
    finished: str
    """Key of the line at its end: {done}, {failed}."""
    time: str = "text.batch.time"
    """Key of the title of the last column."""
    pictures: bool = False
    """Whether the first column shows pictures, and so is HTML."""


def describe_many(
    outcomes: Callable[[Progress, IsCancelled], Iterable[R | MMCoreError]],
    name_of: Callable[[int], str],
    button: Stop | None = None,
    total: int = 0,
    picture_of: Callable[[int], str] = lambda row: "",
) -> Iterator[tuple[list[BatchRow[R]], int]]:
    """Answer many inputs in the background: whenever one is done, (all rows so far, number of inputs in all).

    ``name_of(n)`` is what row n, from 0, is called; ``total`` is 0 where only the work finds out. An input that cannot
    be read becomes a row that says so. Raises Cancelled when ``button`` is pressed, and MMCoreError where nothing can
    be done at all.
    """
    rows: list[BatchRow[R]] = []

    def work(progress: Progress, cancelled: IsCancelled) -> None:
        def count(done: int, in_all: int) -> None:
            nonlocal total
            total = in_all

        for outcome in outcomes(count, cancelled):
            kept = Failure(outcome) if isinstance(outcome, MMCoreError) else outcome
            rows.append(BatchRow(name_of(len(rows)), kept, picture_of(len(rows))))
            progress(len(rows), total)

    yield [], total
    for _ in in_background(work, button):
        yield list(rows), max(total, len(rows))


TAGS_TOLD = 3
"""Recognised things that are named beside a caption that the model doubts."""


def _caption_cells(result: CaptionResult, language: str) -> list[str]:
    best = result.captions[0]
    if result.confident:
        return [best.text, f"{best.score:.2f}"]
    things = text(language, "text.list_separator").join(tag_text(language, tag.text) for tag in result.tags[:TAGS_TOLD])
    doubt = text(language, "text.unsure_recognise", things=things) if things else text(language, "text.unsure")
    return [f"{best.text} ({doubt})", f"{best.score:.2f}"]


def _caption_values(result: CaptionResult) -> list[str]:
    best = result.captions[0]
    recognised = "; ".join(f"{tag.text}={tag.probability:.4f}" for tag in result.tags)
    return [best.text, f"{best.score:.4f}", str(result.confident).lower(), recognised, best.language]


CAPTIONS: BatchKind[CaptionResult] = BatchKind(
    stem="captions",
    headers=("text.batch.caption", "text.batch.score"),
    cells=_caption_cells,
    columns=("caption", "score", "confident", "recognised", "language"),
    values=_caption_values,
    progress="text.batch.progress",
    finished="text.batch.finished",
    time="text.batch.time_shared",  # pictures are computed side by side
    pictures=True,
)


def headers(kind: BatchKind[R], language: str) -> list[str]:
    """Column titles of the table on the page."""
    return [text(language, key) for key in ("text.batch.file", *kind.headers, kind.time)]


def table(kind: BatchKind[R], rows: Iterable[BatchRow[R]], language: str) -> list[list[str]]:
    """Its cells. The column after the name also says what was not read, or why the file failed."""
    cells = []
    for row in rows:
        if isinstance(row.outcome, Failure):
            cells.append([_first(kind, row), row.outcome.message(language), *([""] * len(kind.headers))])
        else:
            first, *others = kind.cells(row.outcome, language)
            unread = notice_lines(row.outcome.to_dict(), language)
            said = f"{first} ({' '.join(unread)})" if unread else first
            cells.append([_first(kind, row), said, *others, seconds_text(row.outcome.seconds)])
    return cells


def _first(kind: BatchKind[R], row: BatchRow[R]) -> str:
    """The name of the file; in HTML, after its picture, where the kind shows them. The page serves uploads."""
    if not kind.pictures:
        return row.file
    shown = ""
    if row.picture and not isinstance(row.outcome, Failure):
        source = escape(f"gradio_api/file={quote(row.picture)}", quote=True)
        shown = f'<img class="mm-thumb" src="{source}" alt="" loading="lazy">'
    return f"{shown}{escape(row.file, quote=False)}"


def safe_cell(value: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; a file name can be anybody's."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def as_csv(kind: BatchKind[R], rows: Iterable[BatchRow[R]]) -> str:
    """The batch as CSV: file, the kind's columns, model, seconds, error; and notices where some file has one.

    Messages are English, as in the command line's JSON.
    """
    rows = list(rows)
    unread = ["" if isinstance(row.outcome, Failure) else _unread(row.outcome) for row in rows]
    more = ["notices"] if any(unread) else []
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", *kind.columns, "model", "seconds", "error", *more])
    for row, said in zip(rows, unread, strict=True):
        if isinstance(row.outcome, Failure):
            cells = [*([""] * (len(kind.columns) + 2)), row.outcome.message("en")]
        else:
            values = [safe_cell(value) for value in kind.values(row.outcome)]
            cells = [*values, row.outcome.model, f"{row.outcome.seconds:.4f}", ""]
        writer.writerow([safe_cell(row.file), *cells, *([said] if more else [])])
    return buffer.getvalue()


def _unread(result: Result) -> str:
    return " ".join(notice_lines(result.to_dict(), "en"))


def as_jsonl(rows: Iterable[BatchRow[R]]) -> str:
    """The batch as JSON lines, each as the command line writes it with ``--json``."""
    lines = []
    for row in rows:
        record: dict[str, object] = {"path": row.file}
        if isinstance(row.outcome, Failure):
            error = row.outcome.error
            hidden = {"type": "InternalError", "message": row.outcome.message("en")}
            record["error"] = hidden if error is None else error.to_dict()
        else:
            record.update(row.outcome.to_dict())
        lines.append(json.dumps(record, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def downloads(kind: BatchKind[R], rows: Sequence[BatchRow[R]], language: str) -> str:
    """The two download links, or nothing before the first row."""
    if not rows:
        return ""
    # Excel takes a CSV file for UTF-8 only with a byte-order mark.
    content = "\ufeff" + as_csv(kind, rows)
    table_link = download_link(text(language, "text.download_csv"), f"{kind.stem}.csv", "text/csv", content)
    lines = as_jsonl(rows)
    label = text(language, "text.download_jsonl")
    lines_link = download_link(label, f"{kind.stem}.jsonl", "application/x-ndjson", lines)
    return f'<div class="mm-actions">{table_link}{lines_link}</div>'
