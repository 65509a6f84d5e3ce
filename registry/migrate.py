"""Carries a database's schema to the newest revision.

A migration is one transaction: it happens whole or not at all, and two processes that start at
once do it one after the other. Only forward: the way back is a backup.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from registry.carriers import CONNECT_SECONDS
from registry.db import Database, is_outage
from registry.errors import RegistryError, Unavailable

FOLDER = Path(__file__).parent / "migrations"

REVISIONS = tuple(sorted(file.stem.partition("_")[0] for file in FOLDER.glob("versions/[0-9]*.py")))
"""Every revision, oldest first; a file's name starts with its revision."""

HEAD = REVISIONS[-1] if REVISIONS else None
"""The revision that this code works with."""

WAIT_SECONDS = 300.0
"""How long a migration waits for another that is under way."""

_LOCK = 0x7E2E2E
"""The key of PostgreSQL's advisory lock."""


class UnknownSchema(RegistryError):
    """The database is at a revision that this version of the hub does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is at schema revision {revision}, which this version of the hub does "
            f"not know (it knows up to {HEAD}); install the version that wrote it, or a newer one."
        )
        self.revision = revision


class DanglingReferences(RegistryError):
    """A migration would leave rows that point at nothing; nothing was changed."""

    def __init__(self, tables: list[str]) -> None:
        names = ", ".join(tables)
        super().__init__(f"The migration was undone: rows of {names} would point at nothing.")
        self.tables = tables


async def migrate(database: Database, *, to: str = "head") -> None:
    """Carry the schema to the newest revision, or to a given later one.

    Raises: UnknownSchema, Unavailable.
    """
    try:
        async with _alone(database) as connection:
            found = await connection.run_sync(_revision)
            if found is not None and found not in REVISIONS:
                raise UnknownSchema(found)
            if found == HEAD:
                return
            await connection.run_sync(upgrade, to)
            if database.dialect == "sqlite":
                await _check_references(connection)
    except (DBAPIError, OSError) as error:
        if is_outage(error):
            raise Unavailable("The database cannot be reached or cannot be changed now.") from error
        raise


async def current_revision(database: Database) -> str | None:
    """The schema's revision; None for a database that has none of our tables.

    Raises: Unavailable.
    """
    async with database.read() as session:
        return await (await session.connection()).run_sync(_revision)


async def is_current(database: Database) -> bool:
    """Whether the schema is the one this code works with. Raises: Unavailable."""
    return await current_revision(database) == HEAD


def upgrade(connection: Connection, to: str) -> None:
    """Run the revisions up to `to` in the connection's transaction."""
    run_alembic(connection, lambda command, config: command.upgrade(config, to))


def run_alembic(connection: Connection, run: Callable[[Any, Any], None]) -> None:
    """Give `run` Alembic's commands, with a configuration that uses the connection."""
    # Alembic is wanted by one command only: nothing else pays for its import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    run(command, config)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction in which nobody else migrates.

    On a connection of its own: a migration may take longer than a query may, and SQLite must not
    look at foreign keys while tables are copied, which is only to be had outside a transaction.
    """
    if database.dialect == "sqlite":
        engine = create_async_engine(
            database.url, poolclass=NullPool, connect_args={"timeout": WAIT_SECONDS}
        )
        event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
        event.listen(engine.sync_engine, "begin", _begin_immediate)
    else:
        engine = create_async_engine(
            database.url, poolclass=NullPool, connect_args={"timeout": CONNECT_SECONDS}
        )
    try:
        async with engine.begin() as connection:
            if database.dialect == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection
    finally:
        await engine.dispose()


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _check_references(connection: AsyncConnection) -> None:
    broken = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    if broken:
        raise DanglingReferences(sorted({row[0] for row in broken}))
