"""Examples of one's own classes as people have them: a folder with a sub-folder a class, or a table of files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from mmcore.checkpoints.class_heads import ClassHead
from mmcore.errors import Cancelled, InputError
from mmcore.fusion.class_training import check_classes, train
from mmcore.io.files import unreadable
from mmcore.io.filetypes import HEAD, sniff
from mmcore.io.tables import ENDINGS, file_beside, read_table
from mmcore.pool import ModelPool
from mmcore.results.few_shot import MOST_EXAMPLES, FewShotReport, Kind
from mmcore.settings import Settings
from mmcore.tasks.few_shot import fingerprint, look
from mmcore.types import IsCancelled, Progress, Rows


@dataclass(frozen=True, eq=False)
class LabelledFiles:
    """Files of one kind with their classes."""

    kind: Kind
    paths: tuple[Path, ...]
    labels: Rows
    """(N,) places in ``classes``."""
    classes: tuple[str, ...]
    """Sorted by name, or in the order in which a table names them."""


def read_files(source: Path, settings: Settings) -> LabelledFiles:
    """Read a folder or a table.

    In a folder each sub-folder is a class, called so, and holds its files; hidden ones do not count. A table (.tsv,
    .csv, .xlsx) has columns file and label; files are relative to the table and never outside its folder.

    Raises InputError: no such folder or table, a column or file is missing, pictures and sounds are mixed, a file that
    is neither, and what ``check_classes`` raises.
    """
    found = _from_table(source, settings) if source.suffix.lower() in ENDINGS else _from_folder(source)
    classes = tuple(dict.fromkeys(name for name, _ in found))
    labels = np.array([classes.index(name) for name, _ in found], np.int64)
    check_classes(classes, labels)
    paths = tuple(path for _, path in found)
    kinds = [kind_of(path) for path in paths]
    for path, kind in zip(paths, kinds, strict=True):
        if kind != kinds[0]:
            raise InputError("class_mixed", first=paths[0].name, other=path.name)
    return LabelledFiles(kinds[0], paths, labels, classes)


def _from_folder(source: Path) -> list[tuple[str, Path]]:
    with unreadable(source):
        if not source.exists():
            raise InputError("file_missing", path=source)
        if not source.is_dir():
            raise InputError("classes_source", name=source.name, endings=", ".join(ENDINGS))
        folders = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
        found = [
            (folder.name, path)
            for folder in folders
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]
    empty = [folder.name for folder in folders if folder.name not in {name for name, _ in found}]
    if not folders or empty:
        raise InputError("classes_folder", path=source, empty=", ".join(empty) or "-")
    return found


def _from_table(source: Path, settings: Settings) -> list[tuple[str, Path]]:
    rows = read_table(source, ("file", "label"), MOST_EXAMPLES, apart=settings.apart)
    found = []
    for number, row in enumerate(rows, 2):  # as a spreadsheet counts: the header is row 1
        path = file_beside(source, row["file"].strip())
        if not path.is_file():
            missing = InputError("file_missing", path=row["file"].strip())
            raise InputError("table_row", row=number, detail=str(missing))
        found.append((" ".join(row["label"].split()), path))
    return found


def kind_of(path: Path) -> Kind:
    """Whether a file is a picture or a sound, by its content. Raises InputError for what is neither."""
    with unreadable(path), path.open("rb") as file:
        kind = sniff(file.read(HEAD))
    if kind.group == "picture":
        return "picture"
    if kind.group in ("sound", "video"):
        return "sound"
    raise InputError("class_neither", name=path.name, kind=kind.name)


def learn_files(
    pool: ModelPool,
    files: LabelledFiles,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> tuple[ClassHead, FewShotReport]:
    """Look at all files and train a head on them. ``progress(done, total)`` counts files.

    Raises InputError for a file that cannot be used, with its name, Cancelled, and what ``ModelPool.run`` raises.
    """
    begin, means = perf_counter(), []
    for done, path in enumerate(files.paths):
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled", done=done, total=len(files.paths))
        try:
            means.append(look(pool, files.kind, path).mean)
        except InputError as error:
            raise InputError("class_file", name=_short(path), detail=str(error)) from error
        if progress is not None:
            progress(done + 1, len(files.paths))
    reading = perf_counter() - begin
    head, report = train(files.kind, np.stack(means), files.labels, files.classes, fingerprint(pool, files.kind))
    return head, replace(report, reading=reading)


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
