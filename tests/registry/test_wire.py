"""What processes on one PostgreSQL hear of each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from registry.db import Database
from registry.wire import CHANGES, MAX_WORDS, Wire
from tests.conftest import Databases
from tests.registry.desk import write_in

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Heard:
    """Words as they come."""

    def __init__(self) -> None:
        self._words: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, words: str) -> None:
        self._words.put_nowait(words)

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return await self._words.get()

    @property
    def is_silent(self) -> bool:
        return self._words.empty()


@asynccontextmanager
async def listening(wire: Wire) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(wire.run(stopping))
        async with asyncio.timeout(10):
            await wire.connected.wait()
        yield
        stopping.set()


@only_postgresql
async def test_a_change_by_another_process_is_heard_at_once(
    database: Database, database_url: str
) -> None:
    heard = Heard()
    wire = Wire(database)
    wire.on(CHANGES, heard)
    async with listening(wire):
        assert await heard.next() == ""
        elsewhere = Database(database_url)
        await elsewhere.open()
        await write_in(elsewhere)
        await elsewhere.close()
        assert await heard.next() == ""


@only_postgresql
async def test_what_one_tells_all_the_others_hear_and_not_itself(database: Database) -> None:
    heard, own = Heard(), Heard()
    one, other = Wire(database), Wire(database)
    one.on("desk", own)
    other.on("desk", heard)
    async with listening(one), listening(other):
        assert await heard.next() == await own.next() == ""
        await one.tell("desk", "здравствуйте")
        await one.tell("desk", "x" * (MAX_WORDS + 1))
        await one.tell("desk", "last")
        assert await heard.next() == "здравствуйте"
        assert await heard.next() == "last"
        await other.tell("desk", "heard")
        assert await own.next() == "heard"
        assert own.is_silent


@only_postgresql
async def test_a_lost_connection_comes_back_and_says_that_something_may_be_missed(
    database: Database, database_url: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.wire.RECONNECT_SECONDS", 0.01)
    heard = Heard()
    wire = Wire(database)
    wire.on("desk", heard)
    async with listening(wire):
        assert await heard.next() == ""
        name = database_url.rpartition("/")[2]
        end = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        await asyncio.to_thread(databases.server.sql, end)
        assert await heard.next() == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_beside_sqlite_there_is_nobody_to_hear(database: Database) -> None:
    wire = Wire(database)
    wire.on("desk", pytest.fail)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(wire.run(stopping))
        await wire.tell("desk", "words")
        stopping.set()
