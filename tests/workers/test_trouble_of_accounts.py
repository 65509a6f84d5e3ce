"""When an account is at fault and when only one reply is; pauses; and an end without a database."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.base import (
    Blocked,
    Diagnosis,
    Health,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    WindowClosed,
)
from registry.accounts import account_states
from registry.db import Database
from registry.errors import CannotCarry, Unavailable
from registry.models import AccountState
from registry.outbox import next_due
from registry.types import AccountKey, OutboundMessage, Sent
from tests.conftest import FakeClock
from tests.registry.samples import sender
from tests.workers.stand_ins import MAIN, Outbox, Scripted
from workers.outbox import Pace, tidy_outbox
from workers.schedule import check_accounts, refresh_accounts

REFUSAL = Misconfigured("It may not write to this country.", cure="Ask for the country.", code="21")
DAY = timedelta(days=1)


class Choosy(Scripted):
    """An account that meets an error with some citizens, and writes to all others."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.refuses: dict[str, SendError] = {}
        self.tried: list[str] = []

    async def send(self, message: OutboundMessage) -> Sent:
        self.tried.append(message.conversation)
        if message.conversation in self.refuses:
            raise self.refuses[message.conversation]
        return await super().send(message)


class Desk:
    """One sender that lives on, as in a hub, and citizens by their Telegram ids."""

    def __init__(self, outbox: Outbox, connector: Choosy, clock: FakeClock) -> None:
        self.outbox = outbox
        self.connector = connector
        self.clock = clock
        self.sender = outbox.sender()

    async def answer(self, citizen: str) -> None:
        """A citizen writes, is answered, and what is due goes out."""
        number = await self.outbox.receive(
            f"from {citizen} at {self.clock()}", conversation=citizen, sender=sender(citizen)
        )
        await self.outbox.reply(number, f"to {citizen}", key=f"{self.clock()}")
        await self.sender.send_all_due()

    async def check(self) -> AccountState:
        """The account after a round of checks."""
        await check_accounts(
            {MAIN: self.connector},
            database=self.outbox.database,
            bus=self.outbox.bus,
            clock=self.clock,
        )
        return await self.state()

    async def state(self) -> AccountState:
        """The account as replies are checked against it now."""
        async with self.outbox.database.read() as session:
            return (await account_states(session))[MAIN]

    async def rows(self, sql: str) -> Sequence[Any]:
        async with self.outbox.database.read() as session:
            return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


@pytest.fixture
async def desk(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    connector = Choosy(clock)
    async with Outbox(database, clock, tmp_path, connector=connector) as outbox:
        yield Desk(outbox, connector, clock)


# --- At fault, or only for one citizen ------------------------------------------------------------


async def test_what_one_citizens_reply_meets_turns_the_account_yellow_and_holds_up_no_other(
    desk: Desk,
) -> None:
    desk.connector.refuses["700"] = REFUSAL
    await desk.answer("700")
    assert (await desk.state()).can_send
    found = await desk.check()
    assert (found.health, found.can_send) == ("degraded", True)
    assert "It may not write to this country." in found.summary
    assert found.cure == "Ask for the country."

    await desk.answer("701")
    assert desk.connector.texts == ["to 701"]
    assert (await desk.check()).health == "ok", "a reply that went out takes the yellow away"


async def test_a_reply_refused_for_the_accounts_fault_is_tried_ever_more_rarely_and_then_fails(
    desk: Desk, clock: FakeClock
) -> None:
    desk.connector.refuses["700"] = REFUSAL
    began, tried_at = clock(), clock()
    await desk.answer("700")
    waits = []
    while (due := await desk.outbox.database.run(next_due(MAIN, after=clock()))) is not None:
        waits.append((due - tried_at) / timedelta(minutes=1))
        clock.advance(due - clock())
        await desk.sender.send_all_due()
        tried_at = due
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert set(waits[7:]) == {64}
    assert len(desk.connector.tried) == len(waits) + 1
    assert DAY <= tried_at - began < DAY + timedelta(minutes=64)
    told = "SELECT state, error_code, error_reason FROM messages WHERE direction = 'out'"
    assert await desk.rows(told) == [
        ("failed", "21", "It may not write to this country. Ask for the country.")
    ]
    assert (await desk.state()).can_send


async def test_two_citizens_refused_with_no_reply_getting_through_between_turn_the_account_red(
    desk: Desk,
) -> None:
    desk.connector.refuses = {"700": REFUSAL, "701": REFUSAL}
    await desk.answer("700")
    assert (await desk.state()).can_send
    await desk.answer("701")
    found = await desk.state()
    assert (found.health, found.can_send) == ("down", False)
    assert (found.summary, found.cure) == (REFUSAL.reason, REFUSAL.cure)
    with pytest.raises(CannotCarry, match="Ask for the country"):
        await desk.answer("702")


async def test_two_citizens_refused_with_one_getting_through_between_leave_it_yellow(
    desk: Desk,
) -> None:
    desk.connector.refuses = {"700": REFUSAL, "701": REFUSAL}
    for citizen in ("700", "702", "701"):
        await desk.answer(citizen)
    assert desk.connector.tried == ["700", "702", "701"]
    assert (await desk.state()).can_send
    assert (await desk.check()).health == "degraded"


async def test_one_citizen_refused_twice_is_still_one(desk: Desk, clock: FakeClock) -> None:
    desk.connector.refuses["700"] = REFUSAL
    await desk.answer("700")
    clock.advance(timedelta(minutes=1))
    await desk.sender.send_all_due()
    assert desk.connector.tried == ["700", "700"]
    assert (await desk.state()).can_send


async def test_an_account_that_calls_itself_dead_is_red_at_the_first_refusal(
    desk: Desk, clock: FakeClock
) -> None:
    desk.connector.health = Diagnosis(health=Health.DOWN, summary="The token is dead.")
    desk.connector.refuses["700"] = REFUSAL
    await desk.answer("700")
    found = await desk.state()
    assert (found.health, found.can_send) == ("down", False)
    assert await desk.rows("SELECT state, attempts FROM dispatches") == [("queued", 0)]
    clock.advance(2 * DAY)
    await desk.sender.send_all_due()
    assert desk.connector.tried == ["700"], "its replies wait for the cure, however long"


@pytest.mark.parametrize(
    "final",
    [
        Rejected("The text is not accepted."),
        Blocked("The citizen blocked the bot."),
        WindowClosed("The citizen wrote too long ago."),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_provider_that_refuses_for_the_replys_own_sake_has_heard_us(
    desk: Desk, final: SendError
) -> None:
    desk.connector.refuses = {"700": REFUSAL, "701": final, "702": REFUSAL}
    await desk.answer("700")
    assert (await desk.check()).health == "degraded"
    await desk.answer("701")
    found = await desk.check()
    assert (found.health, found.summary) == ("ok", "Works.")
    await desk.answer("702")
    assert (await desk.state()).can_send, "what was refused before it counts no more"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_check_that_fails_does_not_make_a_refused_reply_uncertain(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> Diagnosis:
        raise RuntimeError("a bug")

    monkeypatch.setattr(desk.connector, "check", check)
    desk.connector.refuses["700"] = REFUSAL
    await desk.answer("700")
    assert await desk.rows("SELECT state FROM dispatches") == [("queued",)]
    assert (await desk.state()).can_send


# --- The rounds -----------------------------------------------------------------------------------


class Broken(Scripted):
    """An account whose check and refresh are at fault in the code."""

    async def check(self) -> Diagnosis:
        raise RuntimeError("a bug")

    async def refresh(self) -> None:
        raise RuntimeError("a bug")


class Together(Scripted):
    """An account whose refresh ends once those of all have begun."""

    def __init__(self, clock: FakeClock, barrier: asyncio.Barrier) -> None:
        super().__init__(clock)
        self.barrier = barrier
        self.refreshed = False

    async def refresh(self) -> None:
        await self.barrier.wait()
        self.refreshed = True


async def test_a_check_that_raises_leaves_the_other_accounts_checked(
    desk: Desk, clock: FakeClock
) -> None:
    broken, dead = AccountKey("sms", "broken"), AccountKey("sms", "dead")
    connectors = {broken: Broken(clock), MAIN: Scripted(clock), dead: Scripted(clock)}
    connectors[dead].health = Diagnosis(health=Health.DOWN, summary="The token is dead.")
    await check_accounts(
        connectors, database=desk.outbox.database, bus=desk.outbox.bus, clock=clock
    )
    async with desk.outbox.database.read() as session:
        found = {key: one.health for key, one in (await account_states(session)).items()}
    assert found == {broken: "degraded", MAIN: "ok", dead: "down"}


async def test_refreshes_run_at_once_and_one_that_raises_stops_no_other(clock: FakeClock) -> None:
    barrier = asyncio.Barrier(12)
    found = {AccountKey("instagram", f"{n}"): Together(clock, barrier) for n in range(12)}
    async with asyncio.timeout(10):
        await refresh_accounts({MAIN: Broken(clock), **found})
    assert all(one.refreshed for one in found.values())


# --- Pauses ---------------------------------------------------------------------------------------


async def test_a_pause_of_weeks_lasts_an_hour_and_shows(desk: Desk, clock: FakeClock) -> None:
    desk.connector.refuses["700"] = Throttled("Enough.", retry_after=30 * 86400.0)
    await desk.answer("700")
    found = await desk.check()
    assert (found.health, found.can_send) == ("degraded", True)
    assert "05:00 UTC" in found.summary, "an hour from now, whatever was asked for"
    await desk.answer("701")
    clock.advance(timedelta(minutes=59))
    await desk.sender.send_all_due()
    assert desk.connector.tried == ["700"]
    desk.connector.refuses.clear()
    clock.advance(timedelta(minutes=1))
    await desk.sender.send_all_due()
    assert sorted(desk.connector.texts) == ["to 700", "to 701"]
    assert (await desk.check()).health == "ok"


async def test_a_pause_of_a_minute_is_no_trouble(desk: Desk) -> None:
    desk.connector.refuses["700"] = Throttled("Not so fast.", retry_after=60.0)
    await desk.answer("700")
    assert (await desk.check()).health == "ok"


@pytest.mark.parametrize("whole_account", [True, False])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_reply_that_is_told_to_wait_for_a_day_fails(
    desk: Desk, clock: FakeClock, whole_account: bool
) -> None:
    desk.connector.refuses["700"] = Throttled(
        "The day's limit is reached.", retry_after=7200.0, whole_account=whole_account
    )
    await desk.answer("700")
    for hour in range(1, 25):
        state = await desk.rows("SELECT state FROM messages WHERE direction = 'out'")
        assert state == [("sending",)], hour
        clock.advance(timedelta(hours=1))
        await desk.sender.send_all_due()
    assert await desk.rows("SELECT state, error_reason FROM messages WHERE direction = 'out'") == [
        ("failed", "Given up after many tries: The day's limit is reached.")
    ]


# --- Without a database ---------------------------------------------------------------------------


async def test_a_sender_told_to_stop_while_the_database_is_away_ends_within_its_lease(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A wait between two tries that is far longer than the lease is cut short as well.
    pace = Pace(lease=0.2, first_retry=60.0)
    async with Outbox(database, clock, tmp_path, pace=pace) as outbox:
        await outbox.reply(await outbox.receive(), "Қабылдадық")
        failed = asyncio.Event()

        async def gone(_script: object) -> None:
            failed.set()
            raise Unavailable("The disk is full.")

        async def lose_the_database() -> None:
            monkeypatch.setattr(database, "run", gone)

        outbox.connector.script.append(lose_the_database)
        sending = outbox.sender()
        task = asyncio.create_task(sending.run())
        async with asyncio.timeout(10):
            await failed.wait()
            sending.stop()
            await task
        monkeypatch.undo()
        assert outbox.connector.texts == ["Қабылдадық"]
        # Nobody wrote down what became of it, and that is what is told.
        clock.advance(timedelta(seconds=1))
        await tidy_outbox({MAIN: outbox.connector}, database=database, clock=clock)
        async with database.read() as session:
            found = await (await session.connection()).execute(
                text("SELECT state FROM messages WHERE direction = 'out'")
            )
            assert [row[0] for row in found] == ["uncertain"]
