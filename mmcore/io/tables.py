"""Tables of posts: .tsv and .csv files with a header, as people have them, with their pictures beside them.

Every failure is an InputError that names the row or the column. Paths in a table never lead outside its folder.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mmcore.errors import InputError, Phrase

ENDINGS = (".tsv", ".csv")
MAX_BYTES = 50_000_000
ALL_ROWS = 1_000_000
"""As ``limit``: for whoever reads a table of their own, on their own machine."""


def read_table(path: Path, needed: Sequence[str], limit: int) -> list[dict[str, str]]:
    """The rows of a table as {column: text}, with at most ``limit`` rows. Names of columns are read in small letters.

    A .csv is read with commas and quotes. A .tsv is read with tabs; a quote has a meaning only where it surrounds a
    whole field, as spreadsheets write it. Raises InputError: no such file, not a text in UTF-8, another ending, a
    column of ``needed`` is missing, no rows, more than ``limit``.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError("table_ending", name=path.name, endings=", ".join(ENDINGS))
    text = _text_of(path)
    if path.suffix.lower() == ".csv":
        lines = [line for line in csv.reader(io.StringIO(text), strict=False) if line]
    else:
        lines = [[_unquoted(field) for field in line.split("\t")] for line in text.split("\n") if line.strip("\t ")]
    header = [name.strip().lower() for name in lines[0]] if lines else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            "table_columns", name=path.name, missing=", ".join(missing), found=", ".join(filter(None, header)) or "-"
        )
    rows = [dict(zip(header, [*line, *[""] * len(header)], strict=False)) for line in lines[1:]]
    if not rows:
        raise InputError("table_empty", name=path.name)
    if len(rows) > limit:
        raise InputError("table_too_long", name=path.name, count=len(rows), limit=limit)
    return rows


def file_beside(table: Path, name: str) -> Path:
    """The file that a row names, relative to its table. Raises InputError where it would lie outside the folder."""
    folder = table.parent.resolve()
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):  # a zero character, or links in a circle
        path = Path("/")
    if Path(name).is_absolute() or not path.is_relative_to(folder):
        raise InputError("table_path", path=name.replace("\0", "\\0"))
    return path


def _text_of(path: Path) -> str:
    try:
        if path.is_dir():
            raise InputError("file_is_folder", path=path)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError("table_too_large", name=path.name, megabytes=size / 1e6, limit=MAX_BYTES / 1e6)
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("file_unreadable", path=path.name, detail=Phrase("not_utf8")) from None
    except FileNotFoundError:
        raise InputError("file_missing", path=path) from None
    except OSError as error:
        raise InputError("file_unreadable", path=path, detail=error.strerror or str(error)) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _unquoted(field: str) -> str:
    inner = field.strip()
    if len(inner) >= 2 and inner[0] == inner[-1] == '"' and '"' not in inner[1:-1].replace('""', ""):
        return inner[1:-1].replace('""', '"')
    return field
