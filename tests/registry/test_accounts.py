"""What two processes note of one account at once."""

import asyncio

from registry.accounts import account_states, set_health
from registry.db import Database
from registry.types import AccountKey
from tests.conftest import FakeClock
from tests.registry.waiting import blocked

ACCOUNT = AccountKey("telegram", "main")


async def test_whoever_is_second_to_note_anything_finds_what_the_first_made(
    database: Database, clock: FakeClock
) -> None:
    async def note(health: str) -> bool:
        async with database.write() as session:
            return await set_health(
                session, ACCOUNT, health=health, summary="", cure=None, now=clock()
            )

    async with database.write() as session:
        await set_health(session, ACCOUNT, health="degraded", summary="", cure=None, now=clock())
        await session.flush()
        second = asyncio.create_task(note("degraded"))
        await blocked(database)

    assert await second is False
    async with database.read() as session:
        assert list(await account_states(session)) == [ACCOUNT]
