"""Orders about calls: carried at once, in order, at least once, and told where they failed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from connectors.base import (
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)
from registry.calls.forgetting import forget_orders
from registry.calls.ordering import LEASE_SECONDS, order
from registry.calls.orders import HangUpCall, Order, Ring
from registry.calls.switchboard import decision
from registry.calls.tables import Call, CallOrder
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.types import AccountKey, utc_now
from tests.conftest import FakeClock
from tests.registry.offices import bare_office
from tests.workers.stand_ins import NoPhone
from workers import call_orders
from workers.call_orders import run_call_orders

MAIN = AccountKey("phone", "main")


class Line(NoPhone):
    """A provider that does what it is told, or fails as a test wants it."""

    def __init__(self) -> None:
        self.carried: list[Order] = []
        self.failures: list[BaseException] = []
        self.held: dict[str, asyncio.Event] = {}
        self.news = asyncio.Event()

    async def carry(self, order: Order) -> str | None:
        self.carried.append(order)
        self.news.set()
        if isinstance(order, HangUpCall) and order.call in self.held:
            await self.held[order.call].wait()
        if self.failures:
            raise self.failures.pop(0)
        return None

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.carried) < count:
                self.news.clear()
                await self.news.wait()


class Desk:
    """Where orders are written."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.office = CurrentOffice(bare_office())

    async def call(self, name: str) -> Call:
        """A call that goes on."""
        async with self.database.write() as session:
            made = Call(account="main", external_id=name, started_at=self.clock())
            session.add(made)
        return made

    async def orders(self, call: Call, *what: Order, by: Database | None = None) -> None:
        """A decision that orders something."""
        database = by or self.database
        async with decision(database, office=self.office.office, now=self.clock()) as session:
            for one in what:
                await order(session, call, one, now=self.clock())

    async def rows(self) -> Sequence[CallOrder]:
        async with self.database.read() as session:
            return (await session.exec(select(CallOrder).order_by(col(CallOrder.id)))).all()

    async def settled(self) -> CallOrder:
        """The one order, once it is known what became of it."""
        committed = asyncio.Event()
        unlisten = self.database.on_commit(committed.set)
        try:
            async with asyncio.timeout(30):
                while True:
                    committed.clear()
                    (row,) = await self.rows()
                    if row.done_at is not None or row.failure is not None:
                        return row
                    await committed.wait()
        finally:
            unlisten()

    @asynccontextmanager
    async def carried_by(self, line: Any, *, key: AccountKey = MAIN) -> AsyncIterator[None]:
        """The loop runs while the block does, and looks when it is woken alone."""
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group, asyncio.timeout(60):
            group.create_task(
                run_call_orders(
                    {key: line}, database=self.database, office=self.office,
                    stopping=stopping, clock=self.clock,
                )
            )  # fmt: skip
            try:
                yield
            finally:
                stopping.set()


@pytest.fixture
def desk(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(call_orders, "IDLE", 3600.0)
    return Desk(database, clock)


async def test_an_order_is_carried_as_soon_as_it_is_committed(desk: Desk) -> None:
    line, call = Line(), await desk.call("CA1")
    async with desk.carried_by(line):
        for count in (1, 2, 3):
            await desk.orders(call, HangUpCall(call=f"CA{count}"))
            await line.until(count)
    assert all(row.done_at == desk.clock() for row in await desk.rows())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_another_process_ordered_is_carried_at_once_as_well(
    desk: Desk, database_url: str
) -> None:
    other = Database(database_url)
    await other.open()
    try:
        line, call = Line(), await desk.call("CA1")
        async with desk.carried_by(line):
            await desk.orders(call, HangUpCall(call="CA1"))
            await line.until(1)
            await desk.orders(call, HangUpCall(call="CA2"), by=other)
            await line.until(2)
    finally:
        await other.close()


async def test_orders_of_a_call_go_one_after_the_other_and_no_other_call_waits(
    desk: Desk,
) -> None:
    line, slow, quick = Line(), await desk.call("CA1"), await desk.call("CA2")
    line.held["slow"] = asyncio.Event()
    async with desk.carried_by(line):
        await desk.orders(slow, HangUpCall(call="slow"), HangUpCall(call="after it"))
        await desk.orders(quick, HangUpCall(call="quick"))
        await line.until(2)
        assert line.carried == [HangUpCall(call="slow"), HangUpCall(call="quick")]
        line.held["slow"].set()
        await line.until(3)
    assert line.carried[-1] == HangUpCall(call="after it")


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        (Unreachable("No answer."), 1.0),
        (Throttled("Too fast.", retry_after=7), 7.0),
        (Uncertain("The answer was lost."), 1.0),
        (Rejected("There is no such call."), None),
        (Misconfigured("The token is dead.", cure="Make another."), None),
        (SendError("It does not work."), None),
        (ValueError("a bug of the connector"), None),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_fails_is_tried_again_where_that_may_help(
    desk: Desk, failure: BaseException, again: float | None
) -> None:
    line, call = Line(), await desk.call("CA1")
    line.failures = [failure]
    async with desk.carried_by(line):
        await desk.orders(call, HangUpCall(call="CA1"))
        row = await desk.settled()
        assert (row.done_at is None) == (again is not None)
        if again is not None:
            assert row.claimed_until == desk.clock() + timedelta(seconds=again)
            desk.clock.advance(timedelta(seconds=again))
            await desk.call("CA2")  # a commit of anybody's
            await line.until(2)
    assert line.carried == [HangUpCall(call="CA1")] * (1 if again is None else 2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_account_that_is_not_there_carries_nothing(desk: Desk) -> None:
    call = await desk.call("CA1")
    async with desk.carried_by(Line(), key=AccountKey("phone", "other")):
        await desk.orders(call, HangUpCall(call="CA1"))
        row = await desk.settled()
    assert row.failure == "There is no account phone/main here."


async def test_what_somebody_who_died_had_claimed_is_carried_again_and_asked_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, call = Line(), await desk.call("CA1")
    await desk.orders(call, Ring(leg="1", device="sip:a@b", shown="", seconds=20))
    (row,) = await desk.rows()

    async def wanted(*_: object) -> bool:
        return False

    monkeypatch.setattr("registry.calls.carrying.is_moot", wanted)
    async with desk.database.write() as session:
        claimed = await session.get_one(CallOrder, row.id)
        claimed.tries, claimed.claimed_until = 1, desk.clock() + timedelta(seconds=LEASE_SECONDS)
    async with desk.carried_by(line):
        await desk.call("CA2")
        assert not line.carried
        desk.clock.advance(timedelta(seconds=LEASE_SECONDS))
        await desk.call("CA3")
        await line.until(1)
    (carried,) = line.carried
    assert isinstance(carried, Ring)
    assert not carried.first


async def test_orders_of_long_ago_are_forgotten_once_they_are_done(desk: Desk) -> None:
    call = await desk.call("CA1")
    await desk.orders(call, HangUpCall(call="done"), HangUpCall(call="open"))
    done, left = await desk.rows()
    async with desk.database.write() as session:
        (await session.get_one(CallOrder, done.id)).done_at = desk.clock()
    await desk.database.run(forget_orders(before=utc_now() - timedelta(minutes=1)))
    assert len(await desk.rows()) == 2
    await desk.database.run(forget_orders(before=utc_now() + timedelta(minutes=1)))
    assert [row.id for row in await desk.rows()] == [left.id]
