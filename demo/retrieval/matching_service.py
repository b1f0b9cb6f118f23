"""Pictures against words without a collection: zero-shot labels, ranked sentences, the matrix of both.

What the tab asks of the core, and how the answers look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcore.errors import InputError
from mmcore.io.images import clean_text, decode_image
from mmcore.pool import ModelPool
from mmcore.results import SimilarityMatrix, TextRanking, ZeroShotOptions, ZeroShotResult
from mmcore.results.options import number
from mmcore.tasks.retrieval import rank_texts, similarity, zero_shot
from mmcore.types import Floats

from ..ui import examples, uploads
from ..ui.colours import data_uri, shrink, viridis
from ..ui.events import Failure, attempt
from ..ui.html import empty, foot, notice, percent, problem, score_bar
from ..ui.html import similarity as alike
from ..ui.i18n import escaped as _t
from ..ui.i18n import text

MATRIX_SIDE = 8
"""Pictures and sentences of a matrix at most: more cannot be read."""
MATRIX_EXAMPLES = ("cat.jpg", "mountain-path.jpg", "photographer.jpg", "two-dogs.jpg", "dandelion.jpg")
BARS = 20
"""Labels that are shown; the download has all."""
READINGS = ("cosine", "by_picture", "by_text")
"""Ways to read a matrix: as it is, which sentence for each picture, which picture for each sentence."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A similarity matrix and the pictures of its rows."""

    result: SimilarityMatrix
    called: tuple[Mapping[str, str], ...]
    thumbnails: tuple[str, ...]


def lines_of(words: str | None) -> list[str]:
    """The lines of a text that say something."""
    return [line.strip() for line in str(words or "").splitlines() if line.strip()]


def options_of(labels: Any, templates: str | None, pool: ModelPool) -> ZeroShotOptions:
    """Zero-shot options of raw form values. Raises InputError."""
    words = clean_text(str(labels or ""), pool.settings)
    return ZeroShotOptions.of(words, lines_of(templates) or None)


def classify(
    pool: ModelPool, payload: Mapping[str, Any], labels: str, templates: str, model: str
) -> ZeroShotResult | Failure:
    """Judge which of the visitor's own words it is."""
    return attempt(lambda: classify_for_api(pool, payload, labels, templates, model))


def classify_for_api(
    pool: ModelPool, payload: Mapping[str, Any] | None, labels: Any, templates: Any, model: str
) -> ZeroShotResult:
    """The same for programs: errors are raised."""
    options = options_of(labels, templates, pool)
    return zero_shot(pool, decode_image(uploads.path_of(payload), pool.settings), options, model)


def rank(pool: ModelPool, payload: Mapping[str, Any], sentences: str, model: str) -> TextRanking | Failure:
    """Image -> text: the visitor's sentences, one a line, by how well they fit."""
    return attempt(
        lambda: rank_texts(pool, decode_image(uploads.path_of(payload), pool.settings), lines_of(sentences), model)
    )


def compare(
    pool: ModelPool, payload: Sequence[Mapping[str, Any]] | None, sentences: str, model: str
) -> Matrix | Failure:
    """Every picture with every sentence; without an upload, of a few example pictures."""

    def work() -> Matrix:
        texts = lines_of(sentences)
        if len(texts) > MATRIX_SIDE:
            raise InputError("option_out_of_range", name="sentences", value=len(texts), low=1, high=MATRIX_SIDE)
        if payload:
            files = uploads.paths_of(payload, MATRIX_SIDE)
            called: list[Mapping[str, str]] = [{"en": name, "zh": name} for name, _ in files]
            paths = [path for _, path in files]
        else:
            chosen = {item.path.name: item for item in examples.pictures()}
            paths = [chosen[name].path for name in MATRIX_EXAMPLES]
            called = [chosen[name].alt for name in MATRIX_EXAMPLES]
        images = [decode_image(path, pool.settings) for path in paths]
        names = [Path(name["en"]).name for name in called]
        result = similarity(pool, images, texts, model, names)
        return Matrix(result, tuple(called), tuple(data_uri(shrink(image, 160), "JPEG") for image in images))

    return attempt(work)


def bars(content: ZeroShotResult | TextRanking | Failure | None, language: str, hint: str) -> str:
    """Labels with their probabilities, or sentences with their scores; ``hint`` is the key of the empty state."""
    if content is None:
        return empty(language, hint)
    if isinstance(content, Failure):
        return problem(content, language)
    ranked = content.labels if isinstance(content, ZeroShotResult) else content.texts
    said = ""
    if isinstance(content, ZeroShotResult):
        told, name = "text.retrieval.softmax", "zero-shot.json"
    else:
        told, name = "text.retrieval.ranking", "ranking.json"
        if not any(one.score >= content.cutoff for one in ranked):
            said = notice(text(language, "text.retrieval.no_sentence", cutoff=alike(content.cutoff)))
    shown = percent if isinstance(content, ZeroShotResult) else alike
    rows = "".join(
        f"<li><span>{escape(one.label)}</span>{score_bar(one.score)}<span>{shown(one.score)}</span></li>"
        for one in ranked[:BARS]
    )
    plain = escape("\n".join(f"{one.label}: {shown(one.score)}" for one in ranked), quote=True)
    under = foot(content.model, content.device, content.seconds, content.to_dict(), name, language)
    return (
        f'<section class="mm-answer" aria-label="{_t(language, "text.retrieval.results")}" data-text="{plain}">{said}'
        f'<ol class="mm-labels">{rows}</ol><p class="mm-hint">{_t(language, told)}</p>{under}</section>'
    )


def read(cosines: Floats, reading: str, temperature: Any) -> npt.NDArray[np.float64]:
    """The matrix as it is, or as probabilities: softmax of cosine / temperature over the sentences or the pictures.

    Raises InputError for a temperature out of 0.005-1 and for another way to read.
    """
    if reading not in READINGS:
        raise InputError(
            "option_not_offered", model="matrix", name="reading", value=reading, offered=", ".join(READINGS)
        )
    if reading == "cosine":
        return cosines.astype(np.float64)
    logits = cosines.astype(np.float64) / number("temperature", temperature, 0.005, 1.0)
    axis = 1 if reading == "by_picture" else 0
    shares = np.exp(logits - logits.max(axis, keepdims=True))
    probabilities: npt.NDArray[np.float64] = shares / shares.sum(axis, keepdims=True)
    return probabilities


def matrix(content: Matrix | Failure | None, reading: str, temperature: Any, language: str) -> str:
    """The table of pictures and sentences, coloured."""
    if content is None:
        return empty(language, "text.retrieval.matrix_empty")
    if isinstance(content, Failure):
        return problem(content, language)
    result = content.result
    values = read(result.cosines, reading, temperature)
    low, high = (float(values.min()), float(values.max())) if reading == "cosine" else (0.0, 1.0)
    best = values.argmax(1 if reading != "by_text" else 0)
    head = "".join(f'<th scope="col">{escape(words)}</th>' for words in result.texts)
    rows = ""
    for place, (name, thumbnail) in enumerate(zip(content.called, content.thumbnails, strict=True)):
        cells = ""
        for column, value in enumerate(values[place]):
            chosen = best[column] == place if reading == "by_text" else best[place] == column
            shown = f"{value:.2f}" if reading == "cosine" else percent(float(value))
            cells += _cell((value - low) / max(high - low, 1e-6), shown, bool(chosen))
        called = escape(name[language], quote=True)
        rows += f'<tr><th scope="row"><img src="{thumbnail}" alt="{called}" title="{called}"></th>{cells}</tr>'
    under = foot(result.model, result.device, result.seconds, result.to_dict(), "matrix.json", language)
    plain = "\n".join("\t".join(f"{value:.4f}" for value in line) for line in values)
    return (
        f'<section class="mm-answer" aria-label="{_t(language, "text.retrieval.results")}" data-text="{plain}">'
        '<div class="mm-scroll">'
        f'<table class="mm-matrix"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="mm-hint">{_t(language, f"text.retrieval.reading.{reading}")}</p>{under}</section>'
    )


def _cell(share: float, shown: str, chosen: bool) -> str:
    red, green, blue = (int(part) for part in viridis()[round(min(max(share, 0.0), 1.0) * 255)])
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140
    ink = "#fff" if dark else "#18181b"
    mark = ' class="mm-best"' if chosen else ""
    return f'<td{mark} style="background:#{red:02x}{green:02x}{blue:02x};color:{ink}">{shown}</td>'
