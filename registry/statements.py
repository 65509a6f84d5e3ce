"""Set-based SQL that is written once and runs on SQLite and PostgreSQL, without an ORM.

A `Statement` is SQL whose `{rows}` stands for the rows it is given, as a relation `r`: one `unnest`
of typed arrays on PostgreSQL, a list of values on SQLite. A whole batch is then one statement.

A `Script` is a transaction's story as a generator: it yields a statement with its rows and is sent
what came back. It knows no driver, so that SQLite can run all of it in one hop to its writer
thread.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from registry.columns import to_text
from registry.errors import NaiveTime

T = TypeVar("T")

Row: TypeAlias = Sequence[Any]
Script: TypeAlias = Generator[tuple["Statement", Sequence[Row]], list[Row], T]


LARGEST_PORTION = 256
"""Rows that one statement of SQLite takes; more go in several."""


class Type(Enum):
    """A column of `{rows}`, by its PostgreSQL name."""

    TEXT = "text"
    ID = "bigint"
    TIME = "timestamptz"
    BOOL = "boolean"
    REAL = "double precision"
    JSON = "jsonb"


TEXT, ID, TIME, BOOL, REAL, JSON = Type


class Statement:
    """SQL over `{rows}`; the keywords name its columns, in the order of each row's values.

    `{lock:c}` locks the rows of `c` on PostgreSQL, and is nothing on SQLite, whose transactions are
    exclusive; `{claim:c}` passes over rows that somebody else has locked. `{first:n}` is column `n`
    of the first row, for a place that takes a single value.
    """

    def __init__(self, sql: str, /, **columns: Type) -> None:
        kinds = list(columns.values())
        self.postgresql = _locks(sql, real=True).replace("{rows}", _array_rows(columns))
        self._sqlite = _locks(sql, real=False)
        for i, (name, kind) in enumerate(columns.items(), 1):
            mark = f"{{first:{name}}}"
            self.postgresql = self.postgresql.replace(mark, f"(${i}::{kind.value}[])[1]")
            self._sqlite = self._sqlite.replace(mark, f"?{i}")
        self._names = ", ".join(f"column{i} AS {name}" for i, name in enumerate(columns, 1))
        self._width = len(kinds)
        self._times = tuple(i for i, kind in enumerate(kinds) if kind is TIME)
        self._by_size: dict[int, str] = {}

    def arrays(self, rows: Sequence[Row]) -> Sequence[Sequence[Any]]:
        """The rows as PostgreSQL takes them: one array a column. Raises: NaiveTime."""
        columns = list(zip(*rows, strict=True))
        for i in self._times:
            # The driver would take a naive time for one of this machine's zone.
            for value in set(columns[i]):
                if value is not None and value.tzinfo is None:
                    raise NaiveTime(value)
        return columns

    def portions(self, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
        """The rows as SQLite takes them: SQL and its values, for as many rows as a power of two.

        So there are few texts of each statement, and SQLite has nearly always prepared it already.
        """
        rows = self._with_texts(rows)
        start = 0
        while start < len(rows):
            size = min(LARGEST_PORTION, 1 << ((len(rows) - start).bit_length() - 1))
            yield self._sized(size), list(chain.from_iterable(rows[start : start + size]))
            start += size

    def _sized(self, size: int) -> str:
        sql = self._by_size.get(size)
        if sql is None:
            row = f"({', '.join('?' * self._width)})"
            values = ", ".join([row] * size)
            source = f"(SELECT {self._names} FROM (VALUES {values})) AS r"  # noqa: S608  our names
            sql = self._by_size[size] = self._sqlite.replace("{rows}", source)
        return sql

    def _with_texts(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows with their times as SQLite keeps them."""
        if not self._times or not rows:
            return rows
        # Times repeat within a batch (the present moment above all), and writing one as text costs
        # more than finding it again.
        seen: dict[datetime | None, str | None] = {None: None}
        columns = list(zip(*rows, strict=True))
        for i in self._times:
            columns[i] = tuple([_remembered(seen, value) for value in columns[i]])
        return list(zip(*columns, strict=True))


_LOCK = re.compile(r"\{lock:(\w+)\}")
_CLAIM = re.compile(r"\{claim:(\w+)\}")


def _remembered(seen: dict[datetime | None, str | None], value: datetime | None) -> str | None:
    try:
        return seen[value]
    except KeyError:
        assert value is not None
        written = seen[value] = to_text(value)
        return written


def _array_rows(columns: Mapping[str, Type]) -> str:
    arrays = (
        f"${i}::{'text' if kind is JSON else kind.value}[]"
        for i, kind in enumerate(columns.values(), 1)
    )
    picked = (f"{n}::jsonb AS {n}" if kind is JSON else n for n, kind in columns.items())
    source = f"unnest({', '.join(arrays)}) AS u({', '.join(columns)})"
    return f"(SELECT {', '.join(picked)} FROM {source}) AS r"  # noqa: S608  our own names


def _locks(sql: str, *, real: bool) -> str:
    sql = _LOCK.sub(r"FOR UPDATE OF \1" if real else "", sql)
    return _CLAIM.sub(r"FOR UPDATE OF \1 SKIP LOCKED" if real else "", sql)
