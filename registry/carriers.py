"""Carriers: a thread beside the event loop that takes scripts through the database.

A script is a dozen statements, and on the event loop each would wait its turn behind the requests
that came meanwhile. In a thread of its own it waits only for the interpreter, and whoever runs a
script hops there once.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, Protocol, TypeVar

from registry.errors import Unavailable
from registry.statements import Row, Script

T = TypeVar("T")

STATEMENTS = 512
"""Statements that a connection keeps prepared: each of ours in each of its forms."""

BUSY_SECONDS = 5.0
"""How long SQLite waits for another process to finish writing."""

CONNECT_SECONDS = 5.0
QUERY_SECONDS = 30.0
"""How long PostgreSQL may take for a connection, and for one statement."""

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
)
"""What every connection to SQLite is told first."""


class Carrier(Protocol):
    """Carries scripts, each as one transaction."""

    async def run(self, script: Script[T]) -> T:
        """Carry a script through; a statement over no rows does nothing."""
        ...

    async def close(self) -> None:
        """Let go of the connections and the thread."""
        ...


class SqliteCarrier:
    """One connection in one thread: SQLite has one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry-carrier")
        self._connection: sqlite3.Connection | None = None

    async def run(self, script: Script[T]) -> T:
        """See `Carrier.run`. Raises: Unavailable, and whatever else sqlite3 raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, script)

    async def close(self) -> None:
        """See `Carrier.close`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _run(self, script: Script[T]) -> T:
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = self._drive(script, connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
                raise  # the statement or its data are at fault, not the database
            # A connection that met a full disk or an I/O error is not trusted again.
            self._disconnect()
            raise Unavailable(f"The database cannot store this now: {error}.") from error

    def _drive(self, script: Script[T], connection: sqlite3.Connection) -> T:
        try:
            statement, rows = next(script)
            while True:
                found: list[Row] = []
                for sql, values in statement.portions(rows):
                    found += connection.execute(sql, values).fetchall()
                statement, rows = script.send(found)
        except StopIteration as finished:
            result: T = finished.value
            return result
        finally:
            script.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=STATEMENTS
            )
            for pragma in PRAGMAS:
                self._connection.execute(pragma)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresqlCarrier:
    """A pool of connections on an event loop of its own, in a thread of its own."""

    def __init__(self, url: str, *, pool: int) -> None:
        # Of the same kind as the loop we are on: the fast one, where it is installed.
        self._loop = type(asyncio.get_running_loop())()
        self._thread = Thread(target=self._loop.run_forever, name="registry-carrier", daemon=True)
        self._thread.start()
        self._url = url
        self._size = pool
        self._opening: asyncio.Lock | None = None
        self._pool: Any = None

    async def run(self, script: Script[T]) -> T:
        """See `Carrier.run`. Raises: whatever asyncpg raises."""
        carried = asyncio.run_coroutine_threadsafe(self._run(script), self._loop)
        return await asyncio.wrap_future(carried)

    async def close(self) -> None:
        """See `Carrier.close`."""
        closed = asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop)
        await asyncio.wrap_future(closed)
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _run(self, script: Script[T]) -> T:
        pool = await self._connected()
        async with pool.acquire(timeout=CONNECT_SECONDS) as connection, connection.transaction():
            try:
                statement, rows = next(script)
                while True:
                    found: list[Row] = []
                    if rows:
                        sql, values = statement.arrays(rows)
                        found = await connection.fetch(sql, *values)
                    statement, rows = script.send(found)
            except StopIteration as finished:
                result: T = finished.value
            finally:
                script.close()
        return result

    async def _connected(self) -> Any:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._pool is None:
                import asyncpg

                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._size,
                    timeout=CONNECT_SECONDS,
                    command_timeout=QUERY_SECONDS,
                    statement_cache_size=STATEMENTS,
                )
        return self._pool

    async def _disconnect(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
