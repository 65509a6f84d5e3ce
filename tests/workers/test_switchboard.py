"""The switchboard's clock: what nobody told of is found, by one process, whatever fails."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from connectors.base import PAST, Unreachable
from registry.calls.flow import room_of
from registry.calls.hearing import HowEnded, Past, PastTalk
from registry.calls.tables import Call
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.leases import hold
from registry.models import Attachment, PollCursor
from registry.statements import Script as LeaseScript
from registry.types import AccountKey, Envelope
from tests.conftest import FakeClock
from tests.registry.calls.lines import call_of
from tests.registry.offices import bare_office
from tests.workers.stand_ins import NoPhone
from workers import switchboard
from workers.bus_local import LocalBus
from workers.switchboard import LOOK_EVERY, OVERLAP, run_switchboard

MAIN = AccountKey("phone", "main")
LEASE = "phone:past calls"


@dataclass
class Provider(NoPhone):
    """What it remembers."""

    past: list[Past] = field(default_factory=list)
    talks: list[PastTalk] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    failure: BaseException | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def past_calls(self, since: datetime) -> Sequence[Past]:
        self.asked.append(since)
        self.news.set()
        if self.failure is not None:
            raise self.failure
        return self.past

    async def past_talks(self, since: datetime, *, known: Collection[str]) -> Sequence[PastTalk]:
        return [one for one in self.talks if one.recording not in known]

    async def look_up(self, call: str) -> Past | None:
        return next((one for one in self.past if one.call == call), None)


class Board:
    """The loop, and what it brings."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.provider = Provider()
        self.brought: list[Envelope] = []

    async def cursor(self) -> datetime | None:
        async with self.database.read() as session:
            found = await session.get(PollCursor, (MAIN.channel, MAIN.account))
        return None if found is None else datetime.fromisoformat(found.cursor)

    async def looked(self, at: datetime) -> None:
        """Wait until the past calls were looked through."""
        committed = asyncio.Event()
        unlisten = self.database.on_commit(committed.set)
        try:
            async with asyncio.timeout(30):
                while True:
                    committed.clear()
                    if await self.cursor() == at:
                        return
                    await committed.wait()
        finally:
            unlisten()

    async def asked(self, times: int) -> None:
        """Wait until the provider was asked for them."""
        async with asyncio.timeout(30):
            while len(self.provider.asked) < times:
                self.provider.news.clear()
                await self.provider.news.wait()

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[None]:
        async def process(envelopes: Sequence[Envelope]) -> None:
            self.brought += envelopes

        stopping, bus = asyncio.Event(), LocalBus(process, capacity=100)
        provider: Any = self.provider
        async with asyncio.TaskGroup() as group, asyncio.timeout(60):
            group.create_task(
                run_switchboard(
                    {MAIN: provider}, database=self.database, bus=bus, owner="we",
                    office=CurrentOffice(bare_office()), stopping=stopping, clock=self.clock,
                )
            )  # fmt: skip
            try:
                yield
            finally:
                stopping.set()
        await bus.close()


@pytest.fixture
def board(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setattr(switchboard, "TICK_SECONDS", 0.01)
    return Board(database, clock)


def past(began_at: datetime, how: HowEnded | None = HowEnded.COMPLETED) -> Past:
    return Past(
        call="CA1", number="+77012223344", ours="+77272000109", began_at=began_at, how=how,
        seconds=20,
    )  # fmt: skip


async def test_what_came_while_we_were_away_is_brought_once_and_ours_alone(board: Board) -> None:
    start = board.clock()
    async with board.runs():
        await board.looked(start)
    assert not board.provider.asked, "who called before our first start is somebody else's"

    board.provider.past = [past(start + timedelta(hours=2))]
    for _ in range(2):
        now = board.clock.advance(timedelta(hours=5))
        async with board.runs():
            await board.looked(now)
    assert board.provider.asked == [start - OVERLAP, start + timedelta(hours=5) - OVERLAP]
    (envelope,) = board.brought
    assert (envelope.channel, envelope.account, envelope.action) == ("phone", "main", PAST)
    async with board.database.read() as session:
        (call,) = await session.exec(select(Call))
    assert (call.external_id, call.ended_at) == ("CA1", start + timedelta(hours=2, seconds=20))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_recording_of_which_the_word_was_lost_is_fetched_once(board: Board) -> None:
    async with call_of(board.database) as (_, call):
        talk = PastTalk(room=room_of(call.id), recording="https://sounds.example/RE1", seconds=3)
    board.provider.talks = [talk]
    async with board.runs():
        await board.looked(board.clock())
        for _ in range(2):
            await board.looked(board.clock.advance(LOOK_EVERY))
    async with board.database.read() as session:
        (file,) = await session.exec(select(Attachment))
    assert (file.call_id, file.ref, file.state) == (call.id, talk.recording, "pending")


@pytest.mark.parametrize("failure", [Unreachable("No answer."), ValueError("a bug")])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_provider_that_cannot_be_asked_is_asked_again_from_the_same_moment(
    board: Board, failure: BaseException
) -> None:
    start = board.clock()
    async with board.runs():
        await board.looked(start)
        board.provider.failure = failure
        board.clock.advance(LOOK_EVERY)
        await board.asked(1)
        board.provider.failure = None
        await board.looked(board.clock.advance(LOOK_EVERY))
    assert board.provider.asked == [start - OVERLAP] * 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_call_that_goes_on_at_the_provider_is_left_to_its_own_deliveries(
    board: Board,
) -> None:
    async with board.runs():
        await board.looked(board.clock())
        board.provider.past = [past(board.clock(), how=None)]
        await board.looked(board.clock.advance(LOOK_EVERY))
    assert not board.brought


async def test_one_process_looks_and_another_goes_on_when_it_is_gone(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: asyncio.Queue[bool] = asyncio.Queue()

    def wants(name: str, **more: Any) -> LeaseScript[bool]:
        is_ours = yield from hold(name, **more)
        if name == LEASE:
            taken.put_nowait(is_ours)
        return is_ours

    await board.database.run(hold(LEASE, owner="another", now=board.clock(), duration=LOOK_EVERY))
    monkeypatch.setattr(switchboard, "hold", wants)
    async with board.runs():
        for _ in range(3):
            board.clock.advance(LOOK_EVERY / 4)
            async with asyncio.timeout(30):
                assert not await taken.get()
            assert await board.cursor() is None
        await board.looked(board.clock.advance(LOOK_EVERY / 4))
