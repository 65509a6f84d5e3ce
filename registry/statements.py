"""Set-based SQL that is written once and runs on SQLite and PostgreSQL, without an ORM.

A `Statement` is SQL whose `{rows}` stands for the rows it is given, as a relation `r`: one `unnest`
of typed arrays on PostgreSQL, one JSON array on SQLite. A whole batch is then one statement.

A `Script` is a transaction's story as a generator: it yields a statement with its rows and is sent
what came back. It knows no driver, so that SQLite can run all of it in one hop to its writer
thread.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias, TypeVar

import msgspec

from registry.columns import to_text

T = TypeVar("T")

Row: TypeAlias = Sequence[Any]
Script: TypeAlias = Generator[tuple["Statement", Sequence[Row]], list[Row], T]


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
        self.sqlite = _locks(sql, real=False).replace("{rows}", _json_rows(columns))
        self.postgresql = _locks(sql, real=True).replace("{rows}", _array_rows(columns))
        for i, (name, kind) in enumerate(columns.items()):
            mark = f"{{first:{name}}}"
            self.sqlite = self.sqlite.replace(mark, f"json_extract(?1, '$[0][{i}]')")
            self.postgresql = self.postgresql.replace(mark, f"(${i + 1}::{kind.value}[])[1]")
        self._times = tuple(i for i, kind in enumerate(columns.values()) if kind is TIME)

    def arrays(self, rows: Sequence[Row]) -> Sequence[Sequence[Any]]:
        """The rows as PostgreSQL takes them: one array a column."""
        return list(zip(*rows, strict=True))

    def json(self, rows: Sequence[Row]) -> str:
        """The rows as SQLite takes them: one JSON text."""
        if self._times:
            # Times repeat within a batch (the present moment above all), and writing one as text
            # costs more than finding it again.
            seen: dict[datetime | None, str | None] = {None: None}
            columns = list(zip(*rows, strict=True))
            for i in self._times:
                columns[i] = tuple([_remembered(seen, value) for value in columns[i]])
            rows = list(zip(*columns, strict=True))
        return _encode(rows).decode()


_LOCK = re.compile(r"\{lock:(\w+)\}")
_CLAIM = re.compile(r"\{claim:(\w+)\}")
_encode = msgspec.json.Encoder().encode


def _remembered(seen: dict[datetime | None, str | None], value: datetime | None) -> str | None:
    try:
        return seen[value]
    except KeyError:
        assert value is not None
        written = seen[value] = to_text(value)
        return written


def _json_rows(columns: Mapping[str, Type]) -> str:
    picked = (f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(columns))
    return f"(SELECT {', '.join(picked)} FROM json_each(?1)) AS r"  # noqa: S608  our own names


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
