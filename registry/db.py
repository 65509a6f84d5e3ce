"""The database: engines for SQLite and PostgreSQL, and the ways to be in a transaction.

`read` and `write` give a session for everything that is not hot. `run` carries a script of set
statements, which is how the hot paths write.

On SQLite one process has one writer at a time, and transactions begin IMMEDIATE: a transaction that
reads before it writes would otherwise overwrite what another wrote in between.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import one_hop
from registry.carriers import (
    BUSY_SECONDS,
    CONNECT_SECONDS,
    PRAGMAS,
    QUERY_SECONDS,
    STATEMENTS,
    Carrier,
    PostgresqlCarrier,
    SqliteCarrier,
)
from registry.errors import Unavailable
from registry.statements import Script

T = TypeVar("T")

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
        self._carrier: Carrier | None = None
        self._listeners: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Prepare the engines; a folder for SQLite's file is made. Raises: Unavailable."""
        if self.dialect == "sqlite":
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(f"The folder {self.path.parent} cannot be made.") from error
            self.writer = _sqlite_engine(self.url, pool=1, immediate=True)
            self.reader = _sqlite_engine(self.url, pool=self._pool, immediate=False)
            self._carrier = SqliteCarrier(self.path)
        else:
            self.writer = self.reader = create_async_engine(
                self.url,
                pool_size=self._pool,
                max_overflow=0,
                pool_timeout=CONNECT_SECONDS,
                connect_args={"timeout": CONNECT_SECONDS, "command_timeout": QUERY_SECONDS},
            )
            _ask_the_idle(self.writer)
            self._carrier = PostgresqlCarrier(self.url.replace("+asyncpg", "", 1), pool=self._pool)
        self._write_session = _sessions(self.writer)
        self._read_session = _sessions(self.reader)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._carrier is not None:
            await self._carrier.close()
            self._carrier = None
        await self.writer.dispose()
        if self.reader is not self.writer:
            await self.reader.dispose()

    @asynccontextmanager
    async def write(self, *, tells: bool = True) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that commits when the block ends well.

        Without `tells` nobody who listens to commits hears of it: for what nobody waits for.
        Raises: Unavailable.
        """
        with _translated():
            async with self._exclusive(), self._write_session() as session, session.begin():
                yield session
        if tells:
            self._tell_committed()

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
        assert self._carrier is not None
        with _translated():
            async with self._exclusive():
                result = await self._carrier.run(script)
        self._tell_committed()
        return result

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after what this process commits; returns how to stop that.

        It is called in the middle of others' work: it sets an event, and fails never.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def ping(self) -> None:
        """Ask whether the database answers, and has our tables. Raises: Unavailable."""
        with _translated():
            async with self.reader.connect() as connection:
                await connection.execute(text("SELECT count(*) FROM counters"))

    def _tell_committed(self) -> None:
        for listener in self._listeners:
            listener()

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        if self.dialect == "sqlite":
            async with self._writing:
                yield
        else:
            yield


def _sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


IDLE_SECONDS = 5.0
"""A connection that was used so lately is not asked first whether it still lives."""


def _ask_the_idle(engine: AsyncEngine) -> None:
    """Ask connections that were idle for a while whether they live before they are used.

    SQLAlchemy's own `pool_pre_ping` asks each time, which takes PostgreSQL three round trips. A
    connection that dies in use takes every other of the pool with it: each is made anew.
    """

    def on_checkin(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", math.inf) < IDLE_SECONDS:
            return
        try:
            connection.ping()
        except Exception as error:
            raise DisconnectionError from error

    event.listen(engine.sync_engine, "checkin", on_checkin)
    event.listen(engine.sync_engine, "checkout", on_checkout)


def _sqlite_engine(url: str, *, pool: int, immediate: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        connect_args={
            "timeout": BUSY_SECONDS,
            "cached_statements": STATEMENTS,
            "async_creator_fn": one_hop.connect,
        },
    )

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # so that the BEGIN below is the only one
        cursor = connection.cursor()
        for pragma in PRAGMAS:
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
    return _is_lost(error) if code is None else _is_outage_code(code, error)


def _is_lost(error: BaseException) -> bool:
    # asyncpg says so of a connection that went away between two calls, without a code.
    return type(error).__name__ == "InterfaceError" and type(error).__module__.startswith("asyncpg")


def _is_outage_code(code: str, error: BaseException | None) -> bool:
    # Somebody migrated the database: the next try prepares its statements anew.
    stale = code == "0A000" and "CachedStatement" in type(error).__name__
    return stale or code.startswith(_OUTAGES)


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-letter code of an error, whichever layer raised it."""
    original = getattr(error, "orig", error)
    code = getattr(original, "sqlstate", None)
    return code if isinstance(code, str) else None
