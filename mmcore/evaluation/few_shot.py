"""How well classes are learned from a few examples of each: while left out, on others, and against other things.

``data`` holds labels.tsv with a column label (or another that is named), and image or file; the files are in images/ or
audio/ beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.errors import InputError
from mmcore.fusion.class_training import train
from mmcore.fusion.labelled_files import kind_of
from mmcore.io.tables import ALL_ROWS, read_table
from mmcore.pool import ModelPool
from mmcore.results.few_shot import Kind
from mmcore.tasks.few_shot import doubt_of, fingerprint, judged, look
from mmcore.types import Floats, Progress

PLACES = {"image": "images", "file": "audio"}
"""Column of the files -> their folder."""


def run(
    pool: ModelPool,
    data: Path,
    classes: Sequence[str],
    examples: int = 10,
    draws: int = 10,
    unlike: Sequence[str] = (),
    limit: int = 40,
    progress: Progress | None = None,
    column: str = "label",
) -> dict[str, Any]:
    """Teach ``classes`` with ``examples`` of each, drawn ``draws`` times (seeds 0, 1, ...), and measure on the rest.

    Of each label the first ``limit`` files count, in an order drawn once. ``unlike`` are the labels of what is shown
    without having been taught; all other labels unless given. Rows with several labels ("car|person") are left out.
    Raises InputError for a label that the table lacks or has too few files of, and what ``look`` raises.
    """
    files = _files(data, limit, column)
    for name in (*classes, *unlike):
        if name not in files:
            raise InputError("class_unknown", name=name, known=", ".join(sorted(files)))
    for name in classes:
        if len(files[name]) <= examples:
            raise InputError("class_few", name=name, count=len(files[name]), least=examples + 1)
    strange = list(unlike or [name for name in files if name not in classes])
    kind = kind_of(files[classes[0]][0])
    features = _features(pool, kind, {name: files[name] for name in (*classes, *strange)}, progress)
    name = fingerprint(pool, kind)
    figures = [_draw(kind, features, classes, strange, examples, seed, name) for seed in range(draws)]
    means = {key: float(np.mean([one[key] for one in figures])) for key in figures[0]}
    spread = {key: float(np.std([one[key] for one in figures])) for key in ("left_out", "others")}
    return {
        "kind": kind,
        "classes": len(classes),
        "examples": examples,
        "draws": draws,
        **means,
        **{f"{key}_spread": value for key, value in spread.items()},
        "others_shown": sum(len(files[name]) - examples for name in classes),
        "unlike_shown": sum(len(files[name]) for name in strange),
    }


def _files(data: Path, limit: int, column: str) -> dict[str, list[Path]]:
    """Label -> its files."""
    table = data / "labels.tsv"
    if not table.is_file():
        raise InputError("folder_without_labels", path=data)
    rows = read_table(table, (column,), ALL_ROWS, optional=tuple(PLACES))
    found: dict[str, list[Path]] = {}
    for row in rows:
        name = "image" if row["image"] else "file"
        if "|" not in row[column]:
            found.setdefault(row[column], []).append(data / PLACES[name] / row[name])
    draw = np.random.default_rng(0)
    return {name: [some[place] for place in draw.permutation(len(some))[:limit]] for name, some in found.items()}


def _features(
    pool: ModelPool, kind: Kind, files: dict[str, list[Path]], progress: Progress | None
) -> dict[str, Floats]:
    total, done = sum(map(len, files.values())), 0
    features = {}
    for name, paths in files.items():
        rows = []
        for path in paths:
            rows.append(look(pool, kind, path).mean)
            done += 1
            if progress is not None:
                progress(done, total)
        features[name] = np.stack(rows)
    return features


def _draw(
    kind: Kind,
    features: dict[str, Floats],
    classes: Sequence[str],
    strange: Sequence[str],
    examples: int,
    seed: int,
    fingerprint: str,
) -> dict[str, float]:
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(len(features[name])) for name in classes]
    shown = np.concatenate([features[name][order[:examples]] for name, order in zip(classes, orders, strict=True)])
    labels = np.repeat(np.arange(len(classes)), examples)
    head, report = train(kind, shown, labels, classes, fingerprint)
    right, unsure, count = 0, 0, 0
    for place, (name, order) in enumerate(zip(classes, orders, strict=True)):
        for row in features[name][order[examples:]]:
            shares, cosines = judged(head, row)
            right += int(shares.argmax()) == place
            unsure += bool(doubt_of(head, shares, cosines))
            count += 1
    doubts = [bool(doubt_of(head, *judged(head, row))) for name in strange for row in features[name]]
    return {
        "left_out": report.accuracy,
        "others": right / count,
        "others_unsure": unsure / count,
        "unlike_unsure": float(np.mean(doubts)) if doubts else float("nan"),
        "seconds_to_train": report.seconds,
    }
