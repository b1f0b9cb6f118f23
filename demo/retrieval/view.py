"""Search result -> what the page shows: the gallery with its scores, and one match large with its heat map.

Pure functions. ``web/gallery.js`` tells the server which match was clicked.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from html import escape

from mmcore.results import export_rows

from ..ui import text_boxes
from ..ui.batch_rows import safe_cell
from ..ui.events import Failure, Step
from ..ui.html import download_link, empty, foot, legend, notice, problem, progress_bar, score_bar, similarity
from ..ui.i18n import escaped as _t
from ..ui.i18n import text
from .service import CloseUp, SearchView, Shown, public

READ_SHOWN = 60
"""Letters of the text in a picture that its place in the gallery shows."""
CSV_COLUMNS = ("query", "rank", "file", "score", "cosine", "good", "present", "model")


def panel(content: SearchView | Failure | Step | None, language: str) -> str:
    """The right side of the search: matches, progress, an error, or the hint that they will come."""
    if content is None:
        return empty(language, "text.retrieval.empty")
    if isinstance(content, Failure):
        return empty(language, "text.retrieval.stopped") if content.stopped else problem(content, language)
    if isinstance(content, Step):
        return f'<div class="mm-empty mm-wide">{progress(content, language)}</div>'
    good = [one for one in content.shown if content.result.is_good(one.match)]
    others = [one for one in content.shown if not content.result.is_good(one.match)]
    parts = [
        _summary(content, len(good), language),
        _gallery(good, 0, language) if good else "",
        _below(others, len(good), bool(good), language) if others else "",
        foot(
            content.result.model,
            content.result.device,
            content.result.seconds,
            public(content.result).to_dict(),
            "search.json",
            language,
        ),
        downloads(content, language),
    ]
    label = _t(language, "text.retrieval.results")
    said = "\n".join(f"{one.called[language]}: {similarity(one.match.score)}" for one in good or content.shown)
    return (
        f'<section class="mm-answer mm-found" aria-label="{label}" data-text="{escape(said, quote=True)}">'
        f"{''.join(parts)}</section>"
    )


def query_chips(queries: Sequence[Mapping[str, str]], language: str) -> str:
    """Example queries (language -> words), one click away."""
    buttons = "".join(
        f'<button type="button" data-index="{place}">{escape(query[language])}</button>'
        for place, query in enumerate(queries)
    )
    return f'<div class="mm-examples">{buttons}</div>'


def progress(step: Step, language: str) -> str:
    """How far the embedding of a collection is."""
    label = text(language, "text.retrieval.embedding", done=step.done, total=step.total)
    return progress_bar(step.done, step.total, label)


def _summary(found: SearchView, good: int, language: str) -> str:
    query = f'<p class="mm-query"><q>{escape(str(found.query))}</q></p>'
    cutoff = similarity(found.result.cutoff)
    if not found.shown:
        return query + notice(text(language, "text.retrieval.no_name"))
    if not good:
        best = similarity(found.shown[0].match.score)
        return query + notice(text(language, "text.retrieval.no_match", cutoff=cutoff, best=best))
    line = _t(language, "text.retrieval.good", good=good, cutoff=cutoff, pictures=found.pictures)
    return f'{query}<p class="mm-hint" role="status">{line}</p>'


def _below(others: Sequence[Shown], offset: int, folded: bool, language: str) -> str:
    title = _t(language, "text.retrieval.below", count=len(others))
    gallery = _gallery(others, offset, language)
    return f'<details class="mm-below"{"" if folded else " open"}><summary>{title}</summary>{gallery}</details>'


def _gallery(matches: Sequence[Shown], offset: int, language: str) -> str:
    items = "".join(_item(one, offset + place, language) for place, one in enumerate(matches))
    return f'<ol class="mm-gallery" start="{offset + 1}">{items}</ol>'


def _item(one: Shown, place: int, language: str) -> str:
    name, score = one.called[language], similarity(one.match.score)
    label = _t(language, "text.retrieval.match", name=name, score=score)
    # Whose licence asks for it is named under a saved picture of the answer.
    credit = "" if one.credit is None else f' data-credit="{one.credit.path.stem}"'
    read = f'<span class="mm-read">{escape(one.match.reading[:READ_SHOWN])}</span>' if one.match.reading else ""
    gone = "" if one.match.present else f'<span class="mm-gone">{_t(language, "text.retrieval.gone")}</span>'
    return (
        f'<li{credit}><button type="button" data-pick="{place}" aria-pressed="false" title="{label}" '
        f'aria-label="{label}">'
        f'<img src="{one.thumbnail}" alt=""><span class="mm-badge">'
        f"{score_bar(one.match.score)}{score}</span>{read}{gone}"
        f"</button></li>"
    )


def downloads(found: SearchView, language: str) -> str:
    """The matches as CSV and as JSON lines, those below the cut-off included and marked."""
    rows = [{name: row[name] for name in CSV_COLUMNS} for row in export_rows([public(found.result)])]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(
        [safe_cell(str(value)) if isinstance(value, str) else value for value in row.values()] for row in rows
    )
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    # Excel takes a CSV file for UTF-8 only with a byte-order mark.
    as_csv = download_link(text(language, "text.download_csv"), "search.csv", "text/csv", "\ufeff" + table.getvalue())
    as_lines = download_link(text(language, "text.download_jsonl"), "search.jsonl", "application/x-ndjson", lines)
    return f'<div class="mm-actions mm-exports">{as_csv}{as_lines}</div>'


def close_up(content: CloseUp | Failure | None, language: str) -> str:
    """Under the gallery: the chosen match with its map, or the hint that one can be chosen."""
    if content is None:
        return ""
    if isinstance(content, Failure):
        return problem(content, language)
    one, explained = content.shown, content.map
    width, height = content.size
    name = escape(one.called[language], quote=True)
    facts = _t(language, "text.retrieval.facts_read", score=similarity(one.match.score))
    if one.match.cosine is not None:
        facts = _t(
            language, "text.retrieval.facts", score=similarity(one.match.score), cosine=f"{one.match.cosine:.3f}"
        )
    credit = content.credit
    made = (
        ""
        if credit is None
        else '<p class="mm-hint">'
        f"{_t(language, 'text.credit', title=credit.title, author=credit.author, licence=credit.licence)}</p>"
    )
    read = text_boxes.reading(content.read, content.picture, content.size, language) if content.read else ""
    like = f'<button type="button" class="mm-action" data-like>{_t(language, "text.retrieval.search_from")}</button>'
    if explained is None:
        shown = f'{read}<div class="mm-readout"><p><strong>{name}</strong></p><p>{facts}</p>{made}</div>'
        query, shown = "", f'{shown}<div class="mm-actions">{like}</div>'
    else:
        query = f" <q>{escape(explained.query)}</q>"
        how = _t(language, f"text.retrieval.method.{explained.method}")
        shown = (
            f'<figure><div class="mm-stage" style="aspect-ratio:{width}/{height};--ratio:{width / height:.4f}">'
            f'<img src="{content.picture}" alt="{name}" width="{width}" height="{height}">'
            f'<img class="mm-overlay" src="{content.overlay}" alt=""></div>'
            f'<figcaption><div class="mm-readout"><p><strong>{name}</strong></p><p>{facts}</p>'
            f'<p class="mm-hint">{how}</p>{made}</div>{legend(language)}'
            f'<div class="mm-actions">{like}'
            f'<button type="button" class="mm-action" data-heat aria-pressed="true">'
            f"{_t(language, 'text.retrieval.heat')}</button></div>"
            f"</figcaption></figure>{read}"
        )
    return (
        f'<section class="mm-answer mm-closeup" aria-label="{_t(language, "text.retrieval.closeup")}">'
        f'<details class="mm-why" open><summary>{_t(language, "text.why")}{query}</summary>{shown}</details></section>'
    )
