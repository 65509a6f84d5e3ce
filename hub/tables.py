"""Tables to take out, as CSV and as XLSX: a text in one is never a formula."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import xlsxwriter

from registry.events import written

Cell: TypeAlias = str | int | float | None
Rows: TypeAlias = Iterable[Sequence[Cell]]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LONGEST_NAME = 31
"""What a sheet may be called. Source: https://xlsxwriter.readthedocs.io/workbook.html#add_worksheet"""


def as_csv(rows: Rows) -> bytes:
    """The rows, so that spreadsheets take them for UTF-8; what they would take for a formula begins
    with an apostrophe."""
    lines = (written("" if cell is None else str(cell) for cell in row) for row in rows)
    return "\ufeff".encode() + "".join(lines).encode("utf-8", "replace")


def as_xlsx(sheets: Mapping[str, Rows]) -> bytes:
    """A workbook with a sheet for each name; the first row of each is its heading.

    A text is written as a text, whatever it begins with. It takes a while: for a thread.
    """
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name.translate(_FORBIDDEN)[:_LONGEST_NAME])
        widest: dict[int, int] = {}
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                _write(sheet, at, column, cell, heading if at == 0 else None)
                long = len(str(cell)) if at or column == 0 else 10
                widest[column] = max(widest.get(column, 0), min(long, 60))
        for column, width in widest.items():
            sheet.set_column(column, column, width + 2)
        sheet.freeze_panes(1, 1)
    book.close()
    return content.getvalue()


def _write(sheet: Any, row: int, column: int, cell: Cell, form: Any) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell, form)
    elif cell is not None:
        sheet.write_number(row, column, cell, form)
