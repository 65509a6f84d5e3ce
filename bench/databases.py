"""A database for one run: durable, migrated, empty."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.db import Database
from registry.migrate import migrate
from tests.postgres import PostgresServer


@contextmanager
def temporary_database(kind: str, folder: Path) -> Iterator[str]:
    """The address of a file of SQLite in the folder, or of a database on a server of our own."""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/hub.db"
        asyncio.run(_migrated(url))
        yield url
        return
    with PostgresServer(durable=True) as server:
        url = server.create("bench")
        asyncio.run(_migrated(url))
        yield url


async def _migrated(url: str) -> None:
    database = Database(url)
    await database.open()
    await migrate(database)
    await database.close()
