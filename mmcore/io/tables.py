"""Tables of posts: .tsv, .csv and .xlsx files with a header, as people have them, with their pictures beside them.

Every failure is an InputError that names the line or the column. Paths in a table never lead outside its folder.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmcore.errors import InputError, Phrase

ENDINGS = (".tsv", ".csv", ".xlsx")
SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?[ \t]*\n', re.IGNORECASE)
"""What spreadsheets write above the header."""
MOST_LINES = 1000
"""Of one field of a .tsv."""
MAX_BYTES = 50_000_000
MAX_UNPACKED = 500_000_000
"""Of the parts of an .xlsx, which is a ZIP."""
ALL_ROWS = 1_000_000
"""As ``limit``: for whoever reads a table of their own, on their own machine."""


def read_table(path: Path, needed: Sequence[str], limit: int, *, optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of a table as {column: text}, with at most ``limit`` rows. Names of columns are read in small letters.

    A .csv is read by RFC 4180: fields in quotes hold commas, quotes and line breaks. Semicolons or tabs part its fields
    where its first line says so (``sep=;``, or by the columns that it names). A .tsv is read with tabs; a quote has a
    meaning only where it surrounds a whole field, as spreadsheets write it. Both are UTF-8, or UTF-16 with a byte order
    mark or told by its zero bytes. Of an .xlsx the first sheet with the columns is read, which needs openpyxl (the
    extra ``tables``). Fields that are missing at the end of a line, and columns of ``optional``, are then empty.

    Raises InputError: no such file, another encoding, openpyxl is missing, another ending, a column of ``needed`` is
    missing, no rows, more than ``limit``; with the number of the line: a quote that is not closed, more fields than
    columns.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError("table_ending", name=path.name, endings=", ".join(ENDINGS))
    if path.suffix.lower() == ".xlsx":
        lines = _sheet_lines(path, needed)
    else:
        text, skipped = _text_of(path), 0
        declared = SEPARATOR_LINE.match(text)
        if declared:
            text, skipped = text[declared.end() :], 1
        if path.suffix.lower() == ".csv":
            lines = list(_quoted_lines(path.name, text, declared[1] if declared else _separator(text, needed), skipped))
        else:
            lines = list(_tabbed_lines(text, skipped))
    header = [name.strip().lower() for name in lines[0][1]] if lines else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            "table_columns", name=path.name, missing=", ".join(missing), found=", ".join(filter(None, header)) or "-"
        )
    rows = []
    for number, fields in lines[1:]:
        if any(field.strip() for field in fields[len(header) :]):
            raise InputError("table_fields", name=path.name, line=number, count=len(fields), columns=len(header))
        empty = dict.fromkeys(optional, "")
        rows.append({**empty, **dict(zip(header, [*fields, *[""] * len(header)], strict=False))})
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


def _data_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError("file_is_folder", path=path)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError("table_too_large", name=path.name, megabytes=size / 1e6, limit=MAX_BYTES / 1e6)
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("file_missing", path=path) from None
    except OSError as error:
        raise InputError("file_unreadable", path=path, detail=error.strerror or str(error)) from None


def _text_of(path: Path) -> str:
    data = _data_of(path)
    try:
        text = data.decode(_encoding(data))
    except UnicodeDecodeError:
        raise InputError("file_unreadable", path=path.name, detail=Phrase("not_utf8")) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _encoding(data: bytes) -> str:
    """UTF-8 unless there is a mark of UTF-16, or every other byte of the beginning is zero: its header is ASCII."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = data[:8]
    if len(head) == 8 and head[::2].count(0) == 0 and head[1::2].count(0) == 4:
        return "utf-16-le"
    if len(head) == 8 and head[::2].count(0) == 4 and head[1::2].count(0) == 0:
        return "utf-16-be"
    return "utf-8-sig"


def _sheet_lines(path: Path, needed: Sequence[str]) -> list[tuple[int, list[str]]]:
    """(number, cells) of each row that is not empty, of the first sheet whose first row names the needed columns."""
    data = _data_of(path)
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise InputError("table_xlsx", name=path.name) from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > MAX_UNPACKED:
            raise InputError("table_too_large", name=path.name, megabytes=size / 1e6, limit=MAX_UNPACKED / 1e6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it does not keep: styles, drawings
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        first: list[tuple[int, list[str]]] | None = None
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a writer says of the size is not believed
            rows = ((number, [_cell(value) for value in row]) for number, row in enumerate(sheet.values, 1))
            lines = [(number, _trimmed(cells)) for number, cells in rows if any(cell.strip() for cell in cells)]
            header = [name.strip().lower() for name in lines[0][1]] if lines else []
            if all(name in header for name in needed):
                return lines
            first = lines if first is None else first
        return first or []
    except InputError:
        raise
    except Exception as error:  # a ZIP that holds no workbook, or a damaged one
        raise InputError("file_unreadable", path=path.name, detail=Phrase("damage_decode")) from error


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cells at the end, which a spreadsheet has where nothing is."""
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _cell(value: object) -> str:
    """What a cell shows, nearly: 3 for 3.0."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("\r\n", "\n").replace("_x000D_", "")


def _separator(text: str, needed: Sequence[str]) -> str:
    """What parts the fields of a .csv: a comma, unless its first line names the columns with another mark."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    for mark in SEPARATORS:
        names = [name.strip().strip('"').strip().lower() for name in first.split(mark)]
        if len(names) > 1 and all(name in names for name in needed):
            return mark
    return SEPARATORS[0]


def _quoted_lines(name: str, text: str, separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, fields) of each row that is not empty. Raises InputError for quotes that go astray."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_BYTES))  # a field is never longer than its file
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    while True:
        number = reader.line_num + 1 + skipped
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise InputError("table_quotes", name=name, line=number) from None
        if fields:
            yield number, fields


def _tabbed_lines(text: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """The same for a .tsv. Quotes that surround nothing whole are letters: posts are full of them."""
    lines = text.split("\n")
    place, width = 0, 0
    while place < len(lines):
        fields, used = lines[place].split("\t"), 1
        while fields[-1].lstrip().startswith('"') and not _is_quoted(fields[-1]):
            joined = _joined(fields[-1], lines[place + used : place + used + MOST_LINES])
            if joined is None or (width and len(fields) - 1 + len(joined[1]) > width):
                break
            used, fields = used + joined[0], [*fields[:-1], *joined[1]]
        if any(field.strip() for field in fields):
            width = width or len(fields)
            yield place + 1 + skipped, [_unquoted(field) for field in fields]
        place += used


def _joined(start: str, following: Sequence[str]) -> tuple[int, list[str]] | None:
    """How many lines an open field goes on for, and its line's fields from there on; None where no quote closes it."""
    for count, line in enumerate(following, 1):
        head, tab, rest = line.partition("\t")
        start = f"{start}\n{head}"
        if _is_quoted(start):
            return count, [start, *(rest.split("\t") if tab else ())]
        if tab:
            return None
    return None


def _is_quoted(field: str) -> bool:
    inner = field.strip()
    return len(inner) >= 2 and inner[0] == inner[-1] == '"' and '"' not in inner[1:-1].replace('""', "")


def _unquoted(field: str) -> str:
    return field.strip()[1:-1].replace('""', '"') if _is_quoted(field) else field
