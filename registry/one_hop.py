"""SQLite for SQLAlchemy, in one hop to the connection's thread for each statement and its rows.

aiosqlite goes there and back for a cursor, for its statement, for the rows, and to close it; each
time costs more than what is done there. Here it is once.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import aiosqlite


class Connection(aiosqlite.Connection):
    """One whose cursors are of our kind."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # SQLAlchemy awaits it by entering
        """A cursor, which exists in the thread only while something is executed."""
        return Cursor(self)

    async def perform(self, what: Callable[[sqlite3.Cursor], None]) -> None:
        """Do something with a cursor in the connection's thread. Raises: what sqlite3 raises."""

        def inside() -> None:
            cursor = self._conn.cursor()
            try:
                what(cursor)
            finally:
                cursor.close()

        await self._execute(inside)  # type: ignore[no-untyped-call]


class Cursor:
    """What SQLAlchemy needs of a cursor; the rows are here once a statement was executed."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Execute it, and fetch what it gives."""

        def run(cursor: sqlite3.Cursor) -> None:
            cursor.execute(sql, parameters)
            self._take(cursor)

        await self._connection.perform(run)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute it with each of the values."""

        def run(cursor: sqlite3.Cursor) -> None:
            cursor.executemany(sql, parameters)
            self._take(cursor)

        await self._connection.perform(run)

    async def fetchall(self) -> list[Any]:
        """The rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open."""

    def _take(self, cursor: sqlite3.Cursor) -> None:
        self.description, self.lastrowid = cursor.description, cursor.lastrowid
        self._rows = cursor.fetchall() if cursor.description else []
        # Of a statement that gives rows it is known only now.
        self.rowcount = cursor.rowcount


def connect(path: str, **options: Any) -> Connection:
    """A connection that opens when it is awaited, as `aiosqlite.connect` gives one."""
    made = Connection(lambda: sqlite3.connect(path, **options), iter_chunk_size=64)
    made._thread.daemon = True  # a hub that is killed waits for no statement
    return made
