"""A connection to PostgreSQL that died while nobody used it."""

import pytest
from sqlalchemy import text

from registry import db
from registry.db import Database
from registry.errors import Unavailable

END_ALL = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def read(database: Database) -> None:
    async with database.read() as session:
        await (await session.connection()).execute(text("SELECT 1"))


async def end_all(url: str) -> None:
    """End every connection to the database but the one that does it."""
    other = Database(url)
    await other.open()
    try:
        async with other.read() as session:
            await (await session.connection()).execute(END_ALL)
    finally:
        await other.close()


async def test_whoever_reads_after_a_while_does_not_meet_it(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "IDLE_SECONDS", 0.0)
    await read(database)
    await end_all(database_url)
    await read(database)


async def test_of_those_in_use_one_tells_of_all(database: Database, database_url: str) -> None:
    async with database.read() as one, database.read() as two:
        for session in (one, two):
            await (await session.connection()).execute(text("SELECT 1"))
    await end_all(database_url)
    with pytest.raises(Unavailable):
        await read(database)
    await read(database)
    async with database.read() as one, database.read() as two:
        for session in (one, two):
            await (await session.connection()).execute(text("SELECT 1"))
