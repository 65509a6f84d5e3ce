"""Set-based SQL that is written once and runs on SQLite and PostgreSQL, without an ORM.

A `Statement` is SQL whose `{rows}` stands for the rows it is given, as a relation `r`: one `unnest`
of typed arrays on PostgreSQL, a list of values on SQLite. A whole batch is then one statement.

A `Script` is a transaction's story as a generator: it yields a statement with its rows and is sent
what came back. It knows no driver, so that SQLite can run all of it in one hop to its writer
thread.
"""

import re
from collections.abc import Generator, Iterator, Sequence
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


MANY_ROWS = 16
"""Rows from which a column of one value is one by its nature, not by chance: so that there are few
texts of each statement for PostgreSQL to prepare."""


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
        self._columns = columns
        self._postgresql = _locks(sql, real=True)
        self._sqlite = _locks(sql, real=False)
        for i, name in enumerate(columns, 1):
            self._sqlite = self._sqlite.replace(f"{{first:{name}}}", f"?{i}")
        self._names = ", ".join(f"column{i} AS {name}" for i, name in enumerate(columns, 1))
        self._width = len(kinds)
        self._times = tuple(i for i, kind in enumerate(kinds) if kind is TIME)
        self._by_size: dict[int, str] = {}
        self._by_constants: dict[tuple[int, ...], str] = {}

    def arrays(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """The rows as PostgreSQL takes them: SQL, and for each column an array or a single value.

        A column that holds one value throughout (the account, the present moment, nothing at all)
        goes as that value: writing arrays is half of what a batch costs us.

        Raises: NaiveTime.
        """
        columns: list[Any] = list(zip(*rows, strict=True))
        for i in self._times:
            # The driver would take a naive time for one of this machine's zone.
            for value in set(columns[i]):
                if value is not None and value.tzinfo is None:
                    raise NaiveTime(value)
        constants: tuple[int, ...] = ()
        if len(rows) == 1:
            constants = tuple(range(self._width))
        elif len(rows) >= MANY_ROWS:
            # Never all of them: something must tell how many rows there are.
            constants = tuple(
                i for i in range(1, self._width) if columns[i].count(columns[i][0]) == len(rows)
            )
        for i in constants:
            columns[i] = columns[i][0]
        sql = self._by_constants.get(constants)
        if sql is None:
            sql = self._by_constants[constants] = self._with_constants(frozenset(constants))
        return sql, columns

    def _with_constants(self, constants: frozenset[int]) -> str:
        sql, picked, arrays, names = self._postgresql, [], [], []
        for i, (name, kind) in enumerate(self._columns.items()):
            given = "text" if kind is JSON else kind.value
            cast = "::jsonb" if kind is JSON else ""
            if i in constants:
                picked.append(f"${i + 1}::{given}{cast} AS {name}")
                sql = sql.replace(f"{{first:{name}}}", f"${i + 1}::{given}")
            else:
                picked.append(f"{name}{cast} AS {name}")
                arrays.append(f"${i + 1}::{given}[]")
                names.append(name)
                sql = sql.replace(f"{{first:{name}}}", f"(${i + 1}::{given}[])[1]")
        source = f" FROM unnest({', '.join(arrays)}) AS u({', '.join(names)})" if arrays else ""
        return sql.replace("{rows}", f"(SELECT {', '.join(picked)}{source}) AS r")

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


def _locks(sql: str, *, real: bool) -> str:
    # Nobody's key is changed, so that whoever only points at the row need not wait. An appeal that
    # is written twice in a transaction points at its conversation anew: the two would wait for each
    # other.
    sql = _LOCK.sub(r"FOR NO KEY UPDATE OF \1" if real else "", sql)
    return _CLAIM.sub(r"FOR NO KEY UPDATE OF \1 SKIP LOCKED" if real else "", sql)
