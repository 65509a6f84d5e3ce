"""The database: engines for SQLite and PostgreSQL, and the ways to be in a transaction.

`read` and `write` give a session for everything that is not hot. `run` carries a script of set
statements, which is how the hot paths write.

On SQLite one process has one writer at a time, and transactions begin IMMEDIATE: a transaction that
reads before it writes would otherwise overwrite what another wrote in between.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import Unavailable
from registry.statements import Row, Script

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long SQLite waits for another process to finish writing."""

STATEMENTS = 512
"""Statements that a connection keeps prepared: each of ours in each of its forms."""

CONNECT_SECONDS = 5.0
QUERY_SECONDS = 30.0
"""How long PostgreSQL may take for a connection, and for one statement."""

_OUTAGES = ("08", "28", "3D000", "40001", "40P01", "53", "57", "58", "25006")
"""SQLSTATEs, by their beginnings, in which the database's state and not the data is at fault:
connection lost, log-in refused, no such database, a lost race, no resources, intervention, system
error, read-only."""

_REFUSALS = ("28", "3D000")


class Database:
    """One database, by its address from the settings: `sqlite:///…` or `postgresql://…`."""

    def __init__(self, url: str, *, folder: Path | None = None, pool: int = 10) -> None:
        self.dialect: Literal["sqlite", "postgresql"]
        if url.startswith("sqlite:"):
            self.dialect = "sqlite"
            self.path = (folder or Path()) / url.removeprefix("sqlite:///")
            self.url = f"sqlite+aiosqlite:///{self.path}"
        else:
            self.dialect = "postgresql"
            self.url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        self._pool = pool
        self._writing = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._writer: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Prepare the engines; a folder for SQLite's file is made. Raises: Unavailable."""
        if self.dialect == "sqlite":
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(f"The folder {self.path.parent} cannot be made.") from error
            self.writer = _sqlite_engine(self.url, pool=1, immediate=True)
            self.reader = _sqlite_engine(self.url, pool=self._pool, immediate=False)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry-writer")
        else:
            self.writer = self.reader = create_async_engine(
                self.url,
                pool_size=self._pool,
                max_overflow=0,
                pool_timeout=CONNECT_SECONDS,
                pool_pre_ping=True,
                connect_args={
                    "timeout": CONNECT_SECONDS,
                    "command_timeout": QUERY_SECONDS,
                    "statement_cache_size": STATEMENTS,
                },
            )
        self._write_session = _sessions(self.writer)
        self._read_session = _sessions(self.reader)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close_writer)
            self._thread.shutdown()
            self._thread = None
        await self.writer.dispose()
        if self.reader is not self.writer:
            await self.reader.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that commits when the block ends well. Raises: Unavailable."""
        with _translated():
            async with self._exclusive(), self._write_session() as session, session.begin():
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading; nothing is kept. Raises: Unavailable."""
        with _translated():
            async with self._read_session() as session:
                yield session

    async def run(self, script: Script[T]) -> T:
        """Carry a script through as one transaction; a statement over no rows does nothing.

        Raises: Unavailable. Whatever else the database refuses comes as its own error, and nothing
        is kept.
        """
        if self.dialect == "sqlite":
            async with self._writing:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self._run_sqlite, script)
        with _translated():
            return await self._run_postgresql(script)

    async def ping(self) -> None:
        """Ask whether the database answers, and has our tables. Raises: Unavailable."""
        with _translated():
            async with self.reader.connect() as connection:
                await connection.execute(text("SELECT count(*) FROM counters"))

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        if self.dialect == "sqlite":
            async with self._writing:
                yield
        else:
            yield

    def _run_sqlite(self, script: Script[T]) -> T:
        try:
            if self._writer is None:
                self._writer = _sqlite_connection(self.path)
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = _drive(script, self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return result
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
                raise  # the statement or its data are at fault, not the database
            # A connection that met a full disk or an I/O error is not trusted again.
            self._close_writer()
            raise Unavailable(f"The database cannot store this now: {error}.") from error

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _run_postgresql(self, script: Script[T]) -> T:
        async with self.writer.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            async with raw.transaction():
                try:
                    statement, rows = next(script)
                    while True:
                        found = []
                        if rows:
                            sql, values = statement.arrays(rows)
                            found = await raw.fetch(sql, *values)
                        statement, rows = script.send(found)
                except StopIteration as finished:
                    result: T = finished.value
                finally:
                    script.close()
            return result


def _drive(script: Script[T], connection: sqlite3.Connection) -> T:
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


def _sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
)


def _sqlite_connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=STATEMENTS
    )
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def _sqlite_engine(url: str, *, pool: int, immediate: bool) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=pool, max_overflow=0, connect_args={"timeout": BUSY_SECONDS}
    )

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # so that the BEGIN below is the only one
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
    return engine


class _translated:  # noqa: N801  (reads as a statement)
    """Turn "the database is not there" into `Unavailable`; every other error passes unchanged."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and is_outage(error):
            raise Unavailable(_words(error)) from error


def _words(error: BaseException) -> str:
    """What is wrong, for a person; the server's own words where it refused us."""
    if (sqlstate(error) or "").startswith(_REFUSALS):
        return f"{getattr(error, 'orig', error)}."
    return "The database cannot be reached or cannot store this now."


def is_outage(error: BaseException) -> bool:
    """Whether the fault is the database's state rather than the data: worth trying again."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, InterfaceError):
            return True
        code = sqlstate(error)
        if code is not None:
            return _is_outage_code(code, error.orig)
        return isinstance(error, OperationalError)
    if isinstance(error, PoolTimeout | OSError | TimeoutError | asyncio.TimeoutError):
        return True
    code = sqlstate(error)
    return code is not None and _is_outage_code(code, error)


def _is_outage_code(code: str, error: BaseException | None) -> bool:
    # Somebody migrated the database: the next try prepares its statements anew.
    stale = code == "0A000" and "CachedStatement" in type(error).__name__
    return stale or code.startswith(_OUTAGES)


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-letter code of an error, whichever layer raised it."""
    original = getattr(error, "orig", error)
    code = getattr(original, "sqlstate", None)
    return code if isinstance(code, str) else None
