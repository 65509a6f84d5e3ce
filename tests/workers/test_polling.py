"""The pauses between polls: kept while the lease is held, so that no other process polls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

import workers.polling
from connectors.base import Page, SendError, Throttled
from registry.accounts import resume, stop
from registry.cursors import read_cursor
from registry.db import Database
from registry.errors import Unavailable
from registry.leases import hold
from registry.models import Lease
from registry.operators import Role
from tests.conftest import FakeClock
from tests.registry.desk import hire
from tests.workers.stand_ins import MAIN, Scripted
from workers.bus_local import LocalBus
from workers.polling import LEASE, run_polling

LONG = 3600.0
"""Seconds of a pause that no test waits out."""
PAUSES = [
    pytest.param(Page(bodies=[b"{}"], cursor="7", pause=LONG), id="page"),
    pytest.param(Throttled("Slow down.", retry_after=LONG), id="throttled"),
]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Polled(Scripted):
    """An account that brings one page after another; at the end it waits for news."""

    polls = True

    def __init__(self, clock: FakeClock, *pages: Page | SendError) -> None:
        super().__init__(clock)
        self.pages = list(pages)
        self.cursors: list[str | None] = []
        self.polled = asyncio.Event()

    async def poll(self, cursor: str | None) -> Page:
        self.cursors.append(cursor)
        self.polled.set()
        if not self.pages:
            await asyncio.Event().wait()
        page = self.pages.pop(0)
        if isinstance(page, SendError):
            raise page
        return page


class Process:
    """One process that polls, and how often it asked for the lease."""

    def __init__(self, database: Database, connector: Polled, owner: str) -> None:
        self.database = database
        self.connector = connector
        self.owner = owner
        self.stopping = asyncio.Event()
        self.runs = 0
        self.ran_one = asyncio.Event()
        self.away = 0
        """How many of the next statements find no database."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    async def run(self, script: Any) -> Any:
        self.runs += 1
        self.ran_one.set()
        if self.away:
            self.away -= 1
            raise Unavailable("The database is away.")
        return await self.database.run(script)

    async def until(self, check: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something is so; looked at whenever the process asked the database."""
        async with asyncio.timeout(20):
            while not await check():
                self.ran_one.clear()
                await self.ran_one.wait()

    async def ran(self, more: int) -> None:
        """Wait until it has asked the database so many times more."""
        wanted = self.runs + more

        async def enough() -> bool:
            return self.runs >= wanted

        await self.until(enough)

    async def renewed(self, until: datetime) -> None:
        """Wait until the lease is held until then."""

        async def held() -> bool:
            found = await lease(self.database)
            return found is not None and found[1] >= until

        await self.until(held)

    async def saved(self, cursor: str) -> None:
        """Wait until the cursor is saved."""

        async def there() -> bool:
            return await self.database.run(read_cursor(MAIN)) == cursor

        await self.until(there)

    @asynccontextmanager
    async def started(self) -> AsyncIterator["Process"]:
        stored: list[bytes] = []

        async def store(batch: Any) -> None:
            stored.extend(envelope.body for envelope in batch)

        bus = LocalBus(store, capacity=10)
        running: Any = self
        task = asyncio.create_task(
            run_polling(
                {MAIN: self.connector}, database=running, bus=bus, owner=self.owner,
                stopping=self.stopping, clock=self.connector.clock,
            )
        )  # fmt: skip
        try:
            yield self
        finally:
            self.stopping.set()
            await task
            await bus.close()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.polling, "RENEW", 0.005)
    monkeypatch.setattr(workers.polling, "OTHERS", 0.005)
    monkeypatch.setattr(workers.polling, "STOPPED", 0.005)
    monkeypatch.setattr(workers.polling, "FIRST_RETRY", 0.005)


async def lease(database: Database) -> tuple[str, datetime] | None:
    async with database.read() as session:
        found = (await session.exec(select(Lease))).one_or_none()
        return None if found is None else (found.owner, found.until)


async def test_an_account_that_a_person_paused_is_not_polled_until_it_is_resumed(
    database: Database, clock: FakeClock
) -> None:
    boss = await hire(database, "Saule", Role.SUPERVISOR)
    async with database.write() as session:
        await stop(session, MAIN, by=boss, now=clock())
    process = Process(database, Polled(clock), "first")
    async with process.started():
        await process.ran(3)
        assert process.connector.cursors == []
        async with database.write() as session:
            await resume(session, MAIN, by=boss, now=clock())
        await asyncio.wait_for(process.connector.polled.wait(), 20)


@pytest.mark.parametrize("page", PAUSES)
async def test_a_pause_is_kept_with_the_lease_in_hand_and_nobody_else_polls(
    database: Database, clock: FakeClock, page: Page | SendError
) -> None:
    first = Process(database, Polled(clock, page), "first")
    second = Process(database, Polled(clock), "second")
    async with first.started():
        await first.connector.polled.wait()
        async with second.started():
            for _ in range(4):  # longer than a lease that nobody renews
                until = clock.advance(timedelta(seconds=15)) + LEASE
                await first.renewed(until)
                await second.ran(3)
            assert (first.connector.cursors, second.connector.cursors) == ([None], [])
            # Who is stopped in the middle of the pause gives the lease back at once.
            first.stopping.set()
            await asyncio.wait_for(second.connector.polled.wait(), 20)
            assert (await lease(database) or ("", None))[0] == "second"
    assert await lease(database) is None
    assert len(first.connector.cursors) == 1


async def test_what_a_page_brought_is_stored_before_its_pause(
    database: Database, clock: FakeClock
) -> None:
    process = Process(database, Polled(clock, Page(bodies=[b"{}"], cursor="7", pause=LONG)), "a")
    async with process.started():
        await process.saved("7")
        assert process.connector.cursors == [None]


async def test_after_a_pause_and_at_once_where_there_is_more_the_next_page_is_asked_for(
    database: Database, clock: FakeClock
) -> None:
    pages: list[Page | SendError] = [
        Page(bodies=[], cursor="1", pause=0.01),
        Throttled("Slow down.", retry_after=0.01),
        Page(bodies=[], cursor="2", more=True, pause=LONG),
        Page(bodies=[], cursor="3", pause=LONG),
    ]
    process = Process(database, Polled(clock, *pages), "a")
    async with process.started():
        await process.saved("3")
        assert process.connector.cursors == [None, "1", "1", "2"]


@pytest.mark.parametrize("page", PAUSES)
async def test_a_database_that_is_away_for_a_moment_cuts_no_pause_short(
    database: Database, clock: FakeClock, page: Page | SendError
) -> None:
    process = Process(database, Polled(clock, page), "a")
    async with process.started():
        await process.connector.polled.wait()
        await process.ran(3)
        process.away = 2
        await process.ran(8)
        until = clock.advance(timedelta(seconds=15)) + LEASE
        await process.renewed(until)
        assert process.connector.cursors == [None]


async def test_a_lease_that_another_process_has_taken_ends_the_pause_and_is_left_alone(
    database: Database, clock: FakeClock
) -> None:
    process = Process(database, Polled(clock, Page(bodies=[], cursor="7", pause=LONG)), "slow")
    async with process.started():
        await process.connector.polled.wait()
        process.away = 10**6  # it cannot renew: longer than the lease lasts
        clock.advance(LEASE)
        quick = hold(f"poll:{MAIN}", owner="quick", now=clock(), duration=LEASE)
        assert await database.run(quick)
        await process.ran(2)
        process.away = 0
        await process.ran(5)
        assert process.connector.cursors == [None]
    assert (await lease(database) or ("", None))[0] == "quick"
