"""What the retrieval tab asks of the core: search, the heat map of a match, the map of a collection, an upload."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from mmcore.errors import Cancelled, InputError
from mmcore.index import Collection, Entry
from mmcore.io.images import clean_text, decode_image
from mmcore.pool import ModelPool
from mmcore.results import (
    DEFAULT_CUTOFF,
    Inscription,
    Match,
    MatchMap,
    Query,
    SearchOptions,
    SearchResult,
    TextLine,
)
from mmcore.results.options import from_form, limits, number
from mmcore.tasks import ocr
from mmcore.tasks.matching import explain_match
from mmcore.tasks.queries import seen_parts
from mmcore.tasks.retrieval import search
from mmcore.types import Floats, IsCancelled, Progress

from ..ui import examples, uploads
from ..ui.colours import data_uri, heat_image, shrink
from ..ui.events import Failure, Step, Stop, attempt, failure, in_background
from ..ui.i18n import text
from . import collections
from .collections import EXAMPLES, CollectionChooser, UploadSession

TASK = "retrieval"
SHOWN = 24
"""Matches on the page unless the visitor asks for more."""
MAPPED = 500
"""Pictures on a map at most: it carries a thumbnail of each."""
DOT_SIDE = 96
"""Longer side of those thumbnails in pixels."""

NAMELESS = "image.webp"
"""What gradio calls the file of a picture that a function of ours put into the page."""

T = TypeVar("T")


@dataclass(frozen=True)
class SearchForm:
    """A visitor's question in raw form values."""

    choice: str
    model: str
    text: str = ""
    picture: Mapping[str, Any] | None = None
    without: str = ""
    picture_weight: Any = 1.0
    without_weight: Any = 1.0
    top: Any = SHOWN
    name: str = ""
    cutoff: Any = DEFAULT_CUTOFF
    reading: str = ""
    """Text to find inside the pictures."""
    reading_weight: Any = 1.0
    picture_called: str = ""
    """What the page put in as the picture, in words: the file that gradio makes of it has no name of its own."""

    @property
    def options(self) -> dict[str, Any]:
        """Raw values of SearchOptions."""
        return {"top": self.top, "name": str(self.name or "").strip(), "cutoff": self.cutoff}

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to look for yet, which is not an error on the page."""
        return not self.picture and not any((said or "").strip() for said in (self.text, self.without, self.reading))


@dataclass(frozen=True, eq=False)
class Shown:
    """A match with what the page shows of it."""

    match: Match
    called: Mapping[str, str]
    """Language -> what the picture is called."""
    thumbnail: str
    """data: address."""
    credit: examples.Example | None = None
    """Whose picture it is, where that is known."""


@dataclass(frozen=True, eq=False)
class SearchView:
    """The answer to a search, ready to be shown in any language and with any cut-off."""

    choice: str
    query: Query
    result: SearchResult
    shown: tuple[Shown, ...]
    pictures: int
    """In the collection."""


@dataclass(frozen=True, eq=False)
class CloseUp:
    """A match seen large, with the map of where it matches."""

    shown: Shown
    choice: str
    """Collection and model that it was found with, to search from it."""
    model: str
    map: MatchMap | None
    """None where only text inside the pictures was looked for."""
    picture: str
    overlay: str
    """Empty where there is no map."""
    read: tuple[TextLine, ...]
    """The text in the picture, where the query asked for such."""
    size: tuple[int, int]
    """Width and height of the small picture in pixels."""
    credit: examples.Example | None


@dataclass(frozen=True, eq=False)
class Dots:
    """A collection as dots on a plane: pictures that are alike lie close together."""

    query: str
    places: Floats
    """(N, 2), 0-1."""
    called: tuple[Mapping[str, str], ...]
    thumbnails: tuple[str, ...]
    scores: tuple[float, ...] | None
    """None where there was no query to colour by."""
    pictures: int
    """In the collection; only the first MAPPED are drawn."""


def query_of(pool: ModelPool, asked: SearchForm) -> Query:
    """The query of raw form values. Raises InputError for what cannot be one."""
    image = decode_image(uploads.path_of(asked.picture), pool.settings) if asked.picture else None
    name = Path(str((asked.picture or {}).get("orig_name") or NAMELESS)).name
    if name == NAMELESS:
        name = asked.picture_called
    return Query.of(
        _clean(asked.text, pool),
        image,
        _clean(asked.without, pool),
        image_weight=number("picture_weight", asked.picture_weight, 0.1, 5.0),
        without_weight=number("without_weight", asked.without_weight, 0.1, 5.0),
        image_name=name,
        reading=_clean(asked.reading, pool),
        reading_weight=number("reading_weight", asked.reading_weight, 0.1, 5.0),
    )


def _clean(words: str | None, pool: ModelPool) -> str:
    return clean_text(str(words), pool.settings) if words and str(words).strip() else ""


def find(
    pool: ModelPool,
    shelf: CollectionChooser,
    visitor: UploadSession | None,
    asked: SearchForm,
    button: Stop | None = None,
) -> Iterator[Step | SearchView | Failure]:
    """Search; Steps first where pictures must be embedded before. ``button`` ends it with a ``stopped`` Failure."""

    def work(progress: Progress, cancelled: IsCancelled) -> SearchView:
        query = query_of(pool, asked)
        options = from_form(SearchOptions, asked.options)
        collection = shelf.open(asked.choice, asked.model, visitor, progress, cancelled)
        read_before(pool, collection, query, progress, cancelled)
        result = search(pool, collection, query, options)
        return SearchView(asked.choice, query, result, _shown(result, collection), len(collection))

    return guarded(in_background(work, button))


def read_before(
    pool: ModelPool, collection: Collection, query: Query, progress: Progress | None, cancelled: IsCancelled | None
) -> None:
    """Read the text in those pictures where that was not done yet, if the query asks for text inside them.

    What the owner of the machine shares stays as it is: that takes `mmcore index read`. Raises Cancelled, and
    WeightsError where the extra is missing and nothing was read before.
    """
    if collection.read_only or not any(isinstance(part.content, Inscription) for part in query.parts):
        return
    left = collection.unread()
    if not left or (ocr.unavailable(pool.settings) is not None and left < len(collection)):
        return
    report = collection.read_texts(ocr.reader(pool), progress=progress, cancelled=cancelled)
    if report.cancelled:
        raise Cancelled("cancelled", done=report.read, total=left)


def guarded(steps: Iterator[Step | T]) -> Iterator[Step | T | Failure]:
    """The same, with an error as the last item in place of an exception."""
    try:
        yield from steps
    except Exception as error:
        yield failure(error)


def _shown(result: SearchResult, collection: Collection) -> tuple[Shown, ...]:
    found = []
    for match in result.matches:
        entry = _entry(collection, match)
        if entry is not None:  # else taken out by somebody since the search
            found.append(Shown(match, collections.described(entry), _uri(collection.thumbnail(entry)), _credit(entry)))
    return tuple(found)


def _credit(entry: Entry) -> examples.Example | None:
    return next((item for item in examples.collection() if str(item.path) == entry.path), None)


def _entry(collection: Collection, match: Match) -> Entry | None:
    return collection.entry(match.path if match.id is None else match.id)


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def search_for_api(pool: ModelPool, shelf: CollectionChooser, asked: SearchForm) -> dict[str, Any]:
    """The same for programs: errors are raised, and pictures are named without the server's folders."""
    query = query_of(pool, asked)
    options = from_form(SearchOptions, asked.options)
    if asked.choice == collections.UPLOADS:
        raise InputError("nothing_uploaded")
    collection = shelf.open(asked.choice, asked.model)
    read_before(pool, collection, query, None, None)
    answer = public(search(pool, collection, query, options)).to_dict()
    # gradio's clients take whatever has a "path" for a file of the server and ask for it.
    answer["matches"] = [{"file": one.pop("path"), **one} for one in answer["matches"]]
    return answer


def public(result: SearchResult) -> SearchResult:
    """The result with file names in place of paths: where things lie on this machine is nobody's business."""
    return replace(result, matches=tuple(map(_named, result.matches)))


def _named(match: Match) -> Match:
    return replace(match, path=Path(match.path).name, copies=tuple(Path(path).name for path in match.copies))


def look(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession | None, found: SearchView, place: int
) -> CloseUp | Failure:
    """The match at that place, large and with its heat map."""

    def work() -> CloseUp:
        one = found.shown[place]
        collection = shelf.open(found.choice, found.result.model, visitor)
        entry = _entry(collection, one.match)
        if entry is None:
            raise InputError("file_missing", path=Path(one.match.path).name)
        image = collections.picture_of(entry, collection, pool)
        small = shrink(image, 640)
        explained, overlay = None, ""
        if any(part.weight > 0 for part in seen_parts(found.query)):
            explained = explain_match(pool, image, found.query, found.result.model)
            overlay = data_uri(heat_image(shares(explained.heat), *small.size), "PNG")
        read = collection.reading(entry) if one.match.reading else None
        model = found.result.model
        picture = data_uri(small, "JPEG")
        return CloseUp(one, found.choice, model, explained, picture, overlay, read or (), small.size, _credit(entry))

    return attempt(work)


def shares(heat: Floats) -> Floats:
    """What speaks for the match, as shares of 1; even where nothing does."""
    weights = np.maximum(np.nan_to_num(heat), 0).astype(np.float32)
    total = float(weights.sum())
    return weights / total if total > 0 else np.full_like(weights, 1 / max(weights.size, 1))


def picture_to_search_from(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession | None, seen: CloseUp
) -> Image.Image | None:
    """The picture of a match, small, to be put in as the next query."""
    collection = shelf.open(seen.choice, seen.model, visitor)
    entry = _entry(collection, seen.shown.match)
    return None if entry is None else shrink(collections.picture_of(entry, collection, pool), 512)


def draw(
    pool: ModelPool, shelf: CollectionChooser, visitor: UploadSession | None, choice: str, model: str, words: str
) -> Iterator[Step | Dots | Failure]:
    """The map of a collection, coloured by how well each picture matches ``words`` if there are any."""

    def work(progress: Progress, cancelled: IsCancelled) -> Dots:
        collection = shelf.open(choice, model, visitor, progress, cancelled)
        entries = [entry for entry in collection.entries(limit=MAPPED) if entry.searchable]
        if len(entries) < 2:
            raise InputError("map_needs_two", count=len(entries))
        query = _clean(words, pool)
        scores = None
        if query:
            result = search(pool, collection, Query.of(query), SearchOptions(top=1000))
            by_entry = {match.id: match.score for match in result.matches}
            scores = tuple(by_entry.get(entry.id, 0.0) for entry in entries)
        return Dots(
            query,
            collection.map(entries),
            tuple(collections.described(entry) for entry in entries),
            tuple(_dot(collection.thumbnail(entry)) for entry in entries),
            scores,
            len(collection),
        )

    return guarded(in_background(work))


def _dot(jpeg: bytes) -> str:
    with Image.open(io.BytesIO(jpeg)) as image:
        return data_uri(shrink(image.convert("RGB"), DOT_SIDE), "JPEG")


def judged(content: T, cutoff: Any) -> T | SearchView:
    """The same matches by another cut-off, for which no model is needed; anything else as it is."""
    if not isinstance(content, SearchView):
        return content
    limit = number("cutoff", cutoff, *limits(SearchOptions, "cutoff"))
    return replace(content, result=replace(content.result, cutoff=limit))


def choices(shelf: CollectionChooser, visitor: UploadSession | None, language: str) -> list[tuple[str, str]]:
    """(what it is called, word) of every collection that this visitor can search."""
    pictures = len(visitor.collection) if visitor is not None else 0
    return [
        (text(language, "text.retrieval.examples", pictures=len(examples.collection())), EXAMPLES),
        (text(language, "text.retrieval.uploads", pictures=pictures), collections.UPLOADS),
        *(
            (text(language, "text.retrieval.shared", name=name), f"{collections.SHARED}{name}")
            for name in shelf.shared()
        ),
    ]
