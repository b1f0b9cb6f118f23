"""Tables as people have them: read right, or an error that names the line; never fewer rows without a word."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import pytest

from mmcore.errors import InputError
from mmcore.io import tables
from mmcore.io.tables import ALL_ROWS, read_table


def texts(path: Path, data: str | bytes) -> list[str]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return [row["text"] for row in read_table(path, ("text",), ALL_ROWS, optional=("image",))]


BREAK = 'text,image\n"first line\nsecond, ""so"" line",\nnext,a.png\n'
READ = [
    ("a.csv", BREAK),
    ("a.tsv", BREAK.replace("second,", "second;").replace(",", "\t").replace(";", ",")),
    ("a.csv", BREAK.replace("second,", "second#").replace(",", ";").replace("#", ",")),
    ("a.csv", "sep=;\n" + BREAK.replace("second,", "second#").replace(",", ";").replace("#", ",")),
    ("a.csv", "sep=,\r\n" + BREAK.replace("\n", "\r\n")),
    ("a.csv", BREAK.encode("utf-16")),
    ("a.csv", "\ufeff".encode("utf-16-be") + BREAK.encode("utf-16-be")),
    ("a.csv", BREAK.encode("utf-16-le")),
    ("a.csv", BREAK.encode("utf-16-be")),
    ("a.csv", BREAK.replace("second,", "second#").replace(",", "|").replace("#", ",")),
    ("a.csv", BREAK.encode("utf-8-sig")),
    ("a.csv", BREAK.replace(",image", ",image,,").replace("a.png", "a.png,,")),
    ("a.csv", 'text\n"first line\nsecond, ""so"" line"\nnext\n'),
    ("a.tsv", 'text\n"first line\nsecond, ""so"" line"\nnext\n'),
]


@pytest.mark.parametrize(("name", "data"), READ)
def test_what_spreadsheets_write_is_read(tmp_path: Path, name: str, data: str | bytes):
    assert texts(tmp_path / name, data) == ['first line\nsecond, "so" line', "next"]


def test_quotes_in_tabbed_posts_are_letters_unless_they_surround_a_field(tmp_path: Path):
    """One that is never closed, one that another row would seem to close, and one with a tab inside."""
    table = 'text\timage\n"open\ta.png\n"a" and "b"\t\nx\t"open\nclosed"\ty.png\n"whole"\t\n'
    assert texts(tmp_path / "a.tsv", table) == ['"open', '"a" and "b"', "x", 'closed"', "whole"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('text,image\n"Best day,a.png\nbad day,\nworse day,\n', "begins in line 2"),
        ('text,image\nfine,\n"a\nb",\n"Best day,a.png\nbad "day",\n', "begins in line 5"),
        ("image,text\n,good\n,happy, said nobody; worst day\n", "Line 3 .* has 3 fields; .* names 2 columns"),
        ('sep=;\nimage;text\n;"a;b"\n;a;b\n', "Line 4 .* has 3 fields"),
        ("text\na\nb, c\n", "Line 3 .* has 2 fields"),
        ("text,image\n早安,\n".encode("gbk"), "UTF-8"),
    ],
)
def test_what_cannot_be_read_names_its_line(tmp_path: Path, data: str | bytes, message: str):
    with pytest.raises(InputError, match=message):
        texts(tmp_path / "a.csv", data)


def test_a_tabbed_line_with_more_fields_than_columns_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match=r"Line 3 .* has 3 fields"):
        texts(tmp_path / "a.tsv", "text\timage\na\t\nb\t\tc\n")


def test_a_long_field_is_read_whole(tmp_path: Path):
    assert texts(tmp_path / "a.csv", f'text,image\n"{"word, " * 60_000}",\n') == ["word, " * 60_000]
    with pytest.raises(InputError, match="begins in line 2"):
        texts(tmp_path / "a.csv", 'text,image\n"open,\n' + "a post,\n" * 60_000)


def test_a_column_that_may_be_missing_is_empty(tmp_path: Path):
    (tmp_path / "a.csv").write_text("text\nhello\n")
    assert read_table(tmp_path / "a.csv", ("text",), 10, optional=("image",)) == [{"image": "", "text": "hello"}]


def sheet(*sheets: list[list[object]]) -> bytes:
    from openpyxl import Workbook

    book, file = Workbook(), BytesIO()
    book.remove(book.active)
    for rows in sheets:
        page = book.create_sheet()
        for row in rows:
            page.append(row)
    book.save(file)
    return file.getvalue()


def test_a_workbook_is_read_by_its_first_sheet_with_the_columns(tmp_path: Path):
    rows: list[list[object]] = [
        ["Text ", "image", None],
        ["first\nline", None],
        [None, None],
        [204.0, "a.png"],
        ["早安"],
    ]
    path = tmp_path / "a.xlsx"
    assert texts(path, sheet([["notes"], ["none"]], rows)) == ["first\nline", "204", "早安"]
    assert [row["image"] for row in read_table(path, ("text",), ALL_ROWS, optional=("image",))] == ["", "a.png", ""]
    with pytest.raises(InputError, match=r"Line 2 .* has 2 fields; .* names 1 columns"):
        texts(path, sheet([["text"], ["a", "b"]]))
    with pytest.raises(InputError, match=r"no column text.*notes"):
        texts(path, sheet([["notes"], ["none"]]))
    with pytest.raises(InputError, match="cannot be read"):
        texts(path, b"PK\3\4 no workbook")


def test_without_openpyxl_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = sheet([["text"], ["a"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match="pip install openpyxl"):
        texts(tmp_path / "a.xlsx", data)


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "MAX_UNPACKED", 1000)
    with pytest.raises(InputError, match="the limit is"):
        texts(tmp_path / "a.xlsx", sheet([["text"], ["a"]]))
