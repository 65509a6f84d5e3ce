"""A database for one run: durable, migrated, empty."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.db import Database
from registry.migrate import migrate
from tests.postgres import PostgresServer


@contextmanager
def temporary_database(kind: str, folder: Path, *, keep: Path | None = None) -> Iterator[str]:
    """The address of a file of SQLite in the folder, or of a database on a server of our own.

    With `keep`, a folder, it is the one of the last time, if there was one.
    """
    if kind == "sqlite":
        url = f"sqlite:///{(keep or folder).absolute()}/hub.db"
        asyncio.run(_migrated(url))
        yield url
        return
    with PostgresServer(durable=True, keep=keep and keep / "postgresql") as server:
        there = server.sql("SELECT 1 FROM pg_database WHERE datname = 'bench'")
        url = server.url("bench") if there else server.create("bench")
        asyncio.run(_migrated(url))
        yield url


async def _migrated(url: str) -> None:
    database = Database(url)
    await database.open()
    await migrate(database)
    await database.close()
