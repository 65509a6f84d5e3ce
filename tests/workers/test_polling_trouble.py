"""What shows when an account cannot be polled, and that it stops no other account's polling."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import workers.polling
from connectors.base import Diagnosis, Health, Misconfigured, Page, Unreachable
from registry.accounts import account_states, note_unread
from registry.db import Database
from registry.leases import hold, release
from registry.models import AccountState
from registry.types import AccountKey
from tests.conftest import FakeClock
from tests.workers.stand_ins import MAIN, Outbox, Scripted
from workers.polling import LEASE, run_polling
from workers.schedule import check_accounts

NOTHING = Page(bodies=[], cursor=None)
OTHER = AccountKey("telegram", "other")


class Polled(Scripted):
    """An account that is well by its own account, and whose polls end as the test says."""

    polls = True

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self._ends: asyncio.Queue[Page | Exception] = asyncio.Queue()
        self._begun = asyncio.Event()

    async def poll(self, cursor: str | None) -> Page:
        self._begun.set()
        end = await self._ends.get()
        if isinstance(end, Exception):
            raise end
        return end

    async def ends(self, end: Page | Exception) -> None:
        """Let a poll end so; returns once what it showed is noted, and the next has begun."""
        async with asyncio.timeout(20):
            await self._begun.wait()
            self._begun.clear()
            self._ends.put_nowait(end)
            await self._begun.wait()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for wait in ("FIRST_RETRY", "LONGEST_RETRY", "OTHERS"):
        monkeypatch.setattr(workers.polling, wait, 0.001)


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path, connector=Polled(clock)) as made:
        yield made


@asynccontextmanager
async def polling(outbox: Outbox, connectors: Mapping[AccountKey, Polled]) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(
            run_polling(
                connectors, database=outbox.database, bus=outbox.bus, owner="ours",
                stopping=stopping, clock=outbox.clock,
            )
        )  # fmt: skip
        try:
            yield
        finally:
            stopping.set()


async def checked(
    outbox: Outbox, connectors: Mapping[AccountKey, Polled]
) -> Mapping[AccountKey, AccountState]:
    """The accounts after the next round of checks."""
    await check_accounts(connectors, database=outbox.database, bus=outbox.bus, clock=outbox.clock)
    async with outbox.database.read() as session:
        return await account_states(session)


async def test_an_account_that_may_not_be_polled_is_red_and_sends_until_a_poll_succeeds(
    outbox: Outbox, clock: FakeClock
) -> None:
    account = Polled(clock)
    refusal = Misconfigured("The app may not read.", cure="Give it the permission.")
    assert (await account.check()).health is Health.OK
    async with polling(outbox, {MAIN: account}):
        for _ in range(2):  # it does not flap between what is checked and what is polled
            await account.ends(refusal)
            found = (await checked(outbox, {MAIN: account}))[MAIN]
            assert (found.health, found.can_send) == ("down", True)
            assert found.summary == (
                "Nothing has been read since 2026-03-02 04:00 UTC: The app may not read."
            )
            assert found.cure == "Give it the permission."
            clock.advance(timedelta(minutes=1))
        number = await outbox.receive()
        await outbox.reply(number, "Қабылдадық")
        await outbox.send_due()
        assert outbox.connector.texts == ["Қабылдадық"]

        await account.ends(NOTHING)
        found = (await checked(outbox, {MAIN: account}))[MAIN]
        assert (found.health, found.can_send, found.summary) == ("ok", True, "Works.")


async def test_a_provider_that_cannot_be_reached_for_minutes_is_yellow_until_a_poll_succeeds(
    outbox: Outbox, clock: FakeClock
) -> None:
    account = Polled(clock)
    async with polling(outbox, {MAIN: account}):
        for minute in range(5):
            await account.ends(Unreachable("The page of news could not be read."))
            found = (await checked(outbox, {MAIN: account}))[MAIN]
            assert found.health == ("ok" if minute < 3 else "degraded"), minute
            clock.advance(timedelta(minutes=1))
        assert "since 2026-03-02 04:00 UTC: The page of news could not be read." in found.summary
        await account.ends(NOTHING)
        assert (await checked(outbox, {MAIN: account}))[MAIN].health == "ok"
        # What failed before a poll that succeeded is not added to what fails after it.
        await account.ends(Unreachable("The page of news could not be read."))
        assert (await checked(outbox, {MAIN: account}))[MAIN].health == "ok"


async def test_a_bug_in_one_accounts_poll_leaves_the_other_polled_and_shows(
    outbox: Outbox, clock: FakeClock
) -> None:
    broken, sound = Polled(clock), Polled(clock)
    both = {OTHER: broken, MAIN: sound}
    async with polling(outbox, both):
        for _ in range(2):
            await sound.ends(NOTHING)
            await broken.ends(KeyError("items"))
            await sound.ends(NOTHING)
            clock.advance(timedelta(minutes=4))
        found = await checked(outbox, both)
        assert (found[OTHER].health, found[MAIN].health) == ("degraded", "ok")
        assert "The connector failed: KeyError." in found[OTHER].summary
        await broken.ends(NOTHING)
        assert (await checked(outbox, both))[OTHER].health == "ok"


async def test_a_worse_word_of_the_account_itself_stands(outbox: Outbox, clock: FakeClock) -> None:
    account = Polled(clock)
    account.health = Diagnosis(health=Health.DOWN, summary="The token is dead.")
    async with polling(outbox, {MAIN: account}):
        await account.ends(Misconfigured("The app may not read.", cure="Give the permission."))
        found = (await checked(outbox, {MAIN: account}))[MAIN]
        assert (found.health, found.can_send) == ("down", False)


async def test_what_another_process_could_not_read_is_over_once_we_read_again(
    outbox: Outbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, denied = Polled(clock), asyncio.Event()

    def held_or_not(name: str, *, owner: str, now: datetime, duration: timedelta) -> Any:
        held = yield from hold(name, owner=owner, now=now, duration=duration)
        if not held:
            denied.set()
        return held

    monkeypatch.setattr(workers.polling, "hold", held_or_not)
    lease, database = f"poll:{MAIN}", outbox.database
    async with polling(outbox, {MAIN: account}), asyncio.timeout(20):
        await account.ends(NOTHING)
        now = clock.advance(2 * LEASE)
        assert await database.run(hold(lease, owner="theirs", now=now, duration=LEASE))
        ending = asyncio.create_task(account.ends(NOTHING))
        await denied.wait()
        async with database.write() as session:
            await note_unread(
                session, MAIN, reason="It may not read.", cure="Permit it.", now=clock()
            )
        assert (await checked(outbox, {MAIN: account}))[MAIN].health == "down"
        await database.run(release(lease, owner="theirs"))
        await ending
        await account.ends(NOTHING)
        assert (await checked(outbox, {MAIN: account}))[MAIN].health == "ok"
