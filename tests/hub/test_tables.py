"""Tables that are taken out: numbers stay numbers, and no text is ever a formula."""

import csv
import io
import re
import zipfile

import pytest

from hub.tables import Cell, as_csv, as_xlsx

HOSTILE = ["=1+1", "+7 701", "-2+3", "@SUM(A1)", '=HYPERLINK("http://x","y")', "\t=1", "\r=1"]


def cells(content: bytes) -> list[list[str]]:
    assert content.startswith("\ufeff".encode()), "spreadsheets take it for something else"
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def sheets(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return {name: book.read(name).decode() for name in book.namelist()}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_looks_like_a_formula_is_a_text(text: str) -> None:
    rows = [["Оператор"], [text]]
    assert cells(as_csv(rows))[1] == [f"'{text}"]

    files = sheets(as_xlsx({"Операторы": rows}))
    sheet = files["xl/worksheets/sheet1.xml"]
    assert "<f>" not in sheet
    assert 't="s"' in sheet
    assert "xl/externalLinks" not in "".join(files)
    assert "hyperlink" not in sheet


def test_numbers_are_numbers_and_nothing_is_an_empty_cell() -> None:
    rows: list[list[Cell]] = [
        ["час", "звонки", "уровень"],
        ["08:00–09:00", 3, 66.7],
        ["09:00–10:00", 0, None],
    ]
    assert cells(as_csv(rows))[1:] == [["08:00–09:00", "3", "66.7"], ["09:00–10:00", "0", ""]]
    sheet = sheets(as_xlsx({"Часы": rows}))["xl/worksheets/sheet1.xml"]
    assert re.search(r'<c r="B2"><v>3</v></c><c r="C2"><v>66.7</v></c>', sheet)
    assert 'r="C3"' not in sheet


def test_a_sheet_is_called_as_it_may_be() -> None:
    names = sheets(as_xlsx({"a/b:c*d?[e]" * 5: [["x"]]}))["xl/workbook.xml"]
    assert 'name="a b c d  e a b c d  e a b c d  "' in names
