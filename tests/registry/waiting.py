"""How a test knows that a transaction waits for another."""

import asyncio

from sqlalchemy import text

from registry.db import Database

_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def blocked(database: Database) -> None:
    """Until somebody waits for what another transaction holds; on SQLite, which lets one write at
    a time, they wait already."""
    async with asyncio.timeout(10):
        while database.dialect == "postgresql":
            async with database.read() as session:
                if (await (await session.connection()).execute(_WAITING)).scalar_one():
                    return
