"""How accounts are watched: silence and forgeries, refused replies, and what each holds up."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import workers.schedule
from connectors.base import Diagnosis, Health, Misconfigured, Throttled, Unreachable
from registry.accounts import account_states
from registry.db import Database
from registry.errors import CannotCarry, Unavailable
from registry.intake import accept
from registry.models import AccountState
from registry.traffic import KEPT, Slot, add_traffic, forget_traffic, read_traffic, slot_of
from registry.types import AccountKey, DeliveryReport, DeliveryState
from tests.conftest import FakeClock
from tests.registry.samples import RULES, START, sender
from tests.workers.stand_ins import MAIN, Outbox, Scripted
from workers.bus import Topic
from workers.schedule import check_accounts, refresh_accounts
from workers.traffic import Traffic
from workers.watch import judge

WEEK, SLOT = timedelta(weeks=1), timedelta(minutes=5)
OTHER = AccountKey("telegram", "other")


# --- Counting -------------------------------------------------------------------------------------


async def test_what_came_is_added_up_by_slots_whoever_counts(
    database: Database, clock: FakeClock
) -> None:
    counters = [Traffic(clock=clock) for _ in range(4)]
    for number, traffic in enumerate(counters):
        traffic.received(MAIN, 10 + number)
        traffic.forged(OTHER)
    await asyncio.gather(*(traffic.write(database) for traffic in counters))
    clock.advance(timedelta(minutes=4, seconds=59))
    counters[0].received(MAIN, 1)
    clock.advance(timedelta(seconds=1))
    counters[0].received(MAIN, 2)
    await counters[0].write(database)
    await counters[0].write(database)  # nothing is counted twice
    assert await database.run(read_traffic(MAIN, since=START)) == [
        Slot(MAIN, START, 47, 0), Slot(MAIN, START + SLOT, 2, 0),
    ]  # fmt: skip
    assert await database.run(read_traffic(OTHER, since=START)) == [Slot(OTHER, START, 0, 4)]
    assert await database.run(read_traffic(MAIN, since=START + SLOT)) == [
        Slot(MAIN, START + SLOT, 2, 0)
    ]


async def test_what_is_too_old_to_learn_from_is_forgotten(
    database: Database, clock: FakeClock
) -> None:
    old, kept = START - KEPT - SLOT, START - KEPT
    await database.run(add_traffic([Slot(MAIN, old, 1, 0), Slot(MAIN, kept, 1, 0)]))
    await database.run(forget_traffic(before=START - KEPT))
    assert [s.start for s in await database.run(read_traffic(MAIN, since=old))] == [kept]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_written_is_counted_later(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = Traffic(clock=clock)
    traffic.received(MAIN, 3)
    traffic.forged(MAIN)
    run = database.run

    async def gone(script: Any) -> Any:
        traffic.received(MAIN, 4)  # meanwhile
        raise Unavailable("gone")

    monkeypatch.setattr(database, "run", gone)
    with pytest.raises(Unavailable):
        await traffic.write(database)
    monkeypatch.setattr(database, "run", run)
    await traffic.write(database)
    assert await database.run(read_traffic(MAIN, since=START)) == [Slot(MAIN, START, 7, 1)]


@pytest.mark.parametrize(
    ("moment", "slot"),
    [
        (START, START),
        (START + timedelta(minutes=4, seconds=59, microseconds=9), START),
        (START + timedelta(minutes=59), START + timedelta(minutes=55)),
    ],
)
def test_a_slot_begins_on_the_fifth_minute(moment: datetime, slot: datetime) -> None:
    assert slot_of(moment) == slot


# --- Silence --------------------------------------------------------------------------------------


def weeks(*received: int, hours: float = 48.0, until: datetime = START) -> list[Slot]:
    """The past weeks' traffic, the last one first: so many messages in each slot, in the hours
    around this moment of the week; and what came today until now."""
    slots = [
        Slot(MAIN, until - back * WEEK + n * SLOT, each, 0)
        for back, each in enumerate(received, 1)
        for n in range(-int(hours * 6), int(hours * 6))
        if each
    ]
    return sorted(slots, key=lambda slot: slot.start)


def seen(slots: Sequence[Slot], *, silent_for: timedelta, now: datetime = START) -> str | None:
    found = judge(with_last(slots, now - silent_for), now=now)
    return None if found is None else str(found.health)


def with_last(slots: Sequence[Slot], moment: datetime) -> list[Slot]:
    """The same, and a last message at some moment."""
    earlier = [slot for slot in slots if slot.start < slot_of(moment)]
    return [*earlier, Slot(MAIN, slot_of(moment), 1, 0)]


@pytest.mark.parametrize("known", [2, 3, 4])
def test_a_busy_account_gone_silent_is_noticed_within_minutes(known: int) -> None:
    slots = weeks(*[10] * known)
    assert seen(slots, silent_for=timedelta(minutes=4)) is None
    assert seen(slots, silent_for=timedelta(minutes=11)) == "degraded"
    assert seen(slots, silent_for=timedelta(hours=3)) == "degraded"
    assert seen(slots, silent_for=timedelta(days=3)) == "degraded"


def test_a_silence_of_weeks_does_not_become_the_usual() -> None:
    slots = weeks(10, 10, 10, 10)
    for days in (6, 8, 13, 15):
        assert seen(slots, silent_for=timedelta(days=days)) == "degraded", days


def test_a_slower_account_is_given_the_time_it_usually_takes() -> None:
    slots = weeks(1, 1, 1)
    assert seen(slots, silent_for=timedelta(minutes=20)) is None
    assert seen(slots, silent_for=timedelta(minutes=36)) == "degraded"


def test_the_report_tells_since_when_what_is_usual_and_what_to_do() -> None:
    found = judge(with_last(weeks(10, 20), START - timedelta(minutes=11)), now=START)
    assert found is not None
    assert "since 2026-03-02 03:50 UTC" in found.summary
    assert "10 to 20 messages" in found.summary
    assert found.cure
    assert found.can_send is None


@pytest.mark.parametrize(
    ("what", "slots"),
    [
        ("a young account", weeks(10)),
        ("an account that has not brought anything", []),
        ("a quiet night", weeks(0, 0, 0, 0)),
        ("a holiday among the past weeks", weeks(10, 0, 10, 10)),
        ("an outage of the whole last week", weeks(0, 10, 10, 10)),
        ("a few messages, which chance may keep away", weeks(1, 1, 1, 1, hours=0.2)),
    ],
)
def test_nobody_is_woken_for(what: str, slots: list[Slot]) -> None:
    for minutes in (6, 11, 31, 120, 1440):
        assert seen(slots, silent_for=timedelta(minutes=minutes)) is None, what


def test_what_is_not_written_down_yet_is_waited_for() -> None:
    # A slot that ended a moment ago may still be counted in some process's memory.
    slots = with_last(weeks(10, 10, 10), START - timedelta(minutes=6))
    assert judge(slots, now=START + timedelta(seconds=20)) is None
    assert judge(slots, now=START + timedelta(seconds=61)) is not None


def test_a_night_is_compared_with_nights() -> None:
    # Busy at nine in the morning in each week, and never at night.
    slots = weeks(10, 10, 10, hours=1.0)
    assert seen(slots, silent_for=timedelta(hours=3), now=START - timedelta(hours=3)) is None
    assert seen(slots, silent_for=timedelta(minutes=16)) == "degraded"


# --- Forgeries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forged", "genuine", "minutes_ago", "red"),
    [(5, 0, 0, True), (5, 4, 9, True), (4, 0, 0, False), (5, 5, 0, False), (50, 0, 16, False)],
)
def test_forgeries_turn_red_when_little_else_comes(
    forged: int, genuine: int, minutes_ago: int, red: bool
) -> None:
    slots = [Slot(MAIN, slot_of(START - timedelta(minutes=minutes_ago)), genuine, forged)]
    found = judge(slots, now=START)
    assert (found is not None) == red
    if found is not None:
        assert (found.health, found.can_send) == (Health.DOWN, True)
        assert f"{forged} deliveries" in found.summary
        assert "secret" in (found.cure or "")


# --- What it holds up -----------------------------------------------------------------------------


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path) as made:
        yield made


async def check(outbox: Outbox) -> AccountState:
    connectors = {MAIN: outbox.connector}
    await check_accounts(connectors, database=outbox.database, bus=outbox.bus, clock=outbox.clock)
    return await state(outbox)


async def state(outbox: Outbox) -> AccountState:
    async with outbox.database.read() as session:
        return (await account_states(session))[MAIN]


async def told(outbox: Outbox) -> list[tuple[str, str | None, str | None]]:
    """How far each reply got, and why no further."""
    async with outbox.database.read() as session:
        found = await (await session.connection()).execute(
            text("SELECT state, error_code, error_reason FROM messages WHERE direction = 'out'")
        )
        return [(row[0], row[1], row[2]) for row in found]


async def test_a_forged_account_is_red_and_its_replies_go_out(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.database.run(add_traffic([Slot(MAIN, START, 0, 9)]))
    found = await check(outbox)
    assert (found.health, found.can_send) == ("down", True)
    await outbox.reply(number, "Қабылдадық")
    await outbox.send_due()
    assert outbox.connector.texts == ["Қабылдадық"]


async def test_a_silent_account_is_yellow_until_something_comes(
    outbox: Outbox, clock: FakeClock
) -> None:
    await outbox.receive("1")
    now = clock.advance(timedelta(minutes=20))
    await outbox.database.run(add_traffic(with_last(weeks(10, 10, until=slot_of(now)), START)))
    found = await check(outbox)
    assert (found.health, found.can_send) == ("degraded", True)
    assert "Nothing has come since 2026-03-02 04:05 UTC" in found.summary
    traffic = Traffic(clock=clock)
    traffic.received(MAIN, 1)
    await traffic.write(outbox.database)
    assert (await check(outbox)).health == "ok"


async def test_receipts_of_what_we_send_are_no_sign_that_messages_come(
    outbox: Outbox, clock: FakeClock
) -> None:
    # Where messages and receipts come to different addresses one may fail alone.
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    await outbox.send_due()
    now = clock.advance(timedelta(minutes=20))
    await outbox.database.run(add_traffic(with_last(weeks(10, 10, until=slot_of(now)), START)))
    delivered = DeliveryReport(
        channel="telegram", account="main", state=DeliveryState.DELIVERED, at=now,
        external_id="out-1",
    )  # fmt: skip
    await outbox.database.run(accept([delivered], rules=RULES, now=now))
    assert (await state(outbox)).last_in_at == now
    assert (await check(outbox)).health == "degraded"


async def test_a_worse_word_of_the_provider_stands_and_its_details_stay(outbox: Outbox) -> None:
    await outbox.receive()
    outbox.connector.health = Diagnosis(
        health=Health.DOWN, summary="The token is dead.", cure="Set a new one.",
        details={"name": "Алматы"},
    )  # fmt: skip
    await outbox.database.run(add_traffic([Slot(MAIN, START, 0, 9)]))
    found = await check(outbox)
    assert (found.health, found.can_send, found.summary) == ("down", False, "The token is dead.")
    outbox.connector.health = Diagnosis(
        health=Health.OK, summary="Works.", details={"name": "Алматы"}
    )
    found = await check(outbox)
    assert (found.health, found.can_send) == ("down", True)
    assert found.details["name"] == "Алматы"


async def test_a_dead_account_says_so_of_what_waits_and_goes_on_when_it_is_cured(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    outbox.connector.health = Diagnosis(
        health=Health.DOWN, summary="The token is dead.", cure="Set a new one."
    )
    assert not (await check(outbox)).can_send
    await outbox.send_due()
    assert outbox.connector.texts == []
    assert await told(outbox) == [
        ("queued", "account_down", "The account does not work: The token is dead.")
    ]
    with pytest.raises(CannotCarry, match="Set a new one"):
        await outbox.reply(number, "Тағы")

    alarm = outbox.bus.listen(Topic.OUTBOX)
    outbox.connector.health = Diagnosis(health=Health.OK, summary="Works.")
    assert (await check(outbox)).can_send
    assert await alarm.wait(within=5), "the outbox is woken"
    await outbox.send_due()
    assert await told(outbox) == [("sent", None, None)]


async def test_an_account_whose_reply_was_refused_is_not_green_until_one_gets_out(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    refusal = Misconfigured("The permission is missing.", cure="Grant it.")
    outbox.connector.script.append(refusal)
    await outbox.send_due()
    clock.advance(timedelta(seconds=30))
    found = await check(outbox)
    assert (found.health, found.can_send, found.cure) == ("degraded", True, "Grant it.")
    assert "The permission is missing." in found.summary

    # Whatever the checks say meanwhile, good or bad, it is not forgotten.
    for health in (Health.DEGRADED, Health.DOWN):
        outbox.connector.health = Diagnosis(health=health, summary="No answer.", can_send=True)
        assert (await check(outbox)).health == health
    outbox.connector.health = Diagnosis(health=Health.OK, summary="Works.")
    assert (await check(outbox)).health == "degraded"

    clock.advance(timedelta(minutes=5))
    await outbox.send_due()
    assert outbox.connector.texts == ["Қабылдадық"]
    assert (await check(outbox)).health == "ok"


async def test_a_refusal_of_a_red_account_that_can_send_holds_nothing_else_up(
    outbox: Outbox,
) -> None:
    # Red for its webhook, say: that is no reason to hold what goes out.
    outbox.connector.health = Diagnosis(
        health=Health.DOWN, summary="No webhook is set.", can_send=True
    )
    first = await outbox.receive("1")
    second = await outbox.receive("2", conversation="701", sender=sender("701"))
    await outbox.reply(first, "А")
    outbox.connector.script.append(Misconfigured("Not for this one.", cure="Ask them."))
    await outbox.send_due()
    await outbox.reply(second, "Б")
    await outbox.send_due()
    assert outbox.connector.texts == ["Б"]


@pytest.mark.parametrize(
    "error",
    [
        Throttled("Slow down.", retry_after=60.0),
        Misconfigured("The token is dead.", cure="Set a new one."),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_reply_that_surely_did_not_go_out_stays_so_when_the_database_is_away(
    outbox: Outbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    outbox.connector.script.append(error)

    def gone() -> Any:
        raise Unavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(outbox.database, "write", gone)
        await outbox.send_due()
    assert [row[0] for row in await told(outbox)] == ["sending"]
    clock.advance(timedelta(minutes=10))
    await outbox.send_due()
    assert [row[0] for row in await told(outbox)] == ["sent"]


# --- The rounds -----------------------------------------------------------------------------------


class Refreshing(Scripted):
    """Its refresh and its check do what the test says."""

    def __init__(
        self, clock: FakeClock, *, refresh: Exception | None = None, check: Exception | None = None
    ) -> None:
        super().__init__(clock)
        self.errors = (refresh, check)
        self.refreshed = 0

    async def refresh(self) -> None:
        self.refreshed += 1
        if self.errors[0] is not None:
            raise self.errors[0]

    async def check(self) -> Diagnosis:
        if self.errors[1] is not None:
            raise self.errors[1]
        return await super().check()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_accounts_fault_stops_neither_the_refreshing_nor_the_check_of_others(
    outbox: Outbox, clock: FakeClock
) -> None:
    errors = [
        Unreachable("No network."),
        Misconfigured("The token is dead.", cure="Set a new one."),
        Unavailable("The database is away."),
        KeyError("a bug"),
        TimeoutError(),
    ]
    found = {
        AccountKey("telegram", f"a{n}"): Refreshing(clock, refresh=error)
        for n, error in enumerate(errors)
    }
    found[AccountKey("telegram", "b")] = Refreshing(clock, check=KeyError("a bug"))
    found[MAIN] = Refreshing(clock)
    await refresh_accounts(found)
    assert [one.refreshed for one in found.values()] == [1] * 7
    await check_accounts(found, database=outbox.database, bus=outbox.bus, clock=clock)
    async with outbox.database.read() as session:
        health = {key.account: one.health for key, one in (await account_states(session)).items()}
    assert health.pop("b") == "degraded"
    assert set(health.values()) == {"ok"}
    assert len(health) == 6


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_accounts_that_do_not_answer_are_waited_for_together_and_not_for_ever(
    outbox: Outbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.schedule, "CHECK_TIMEOUT", 0.05)
    waiting = []

    class Hanging(Scripted):
        async def refresh(self) -> None:
            waiting.append(self)
            await asyncio.Event().wait()

        async def check(self) -> Diagnosis:
            waiting.append(self)
            await asyncio.Event().wait()
            raise AssertionError

    found = {AccountKey("telegram", f"a{n}"): Hanging(clock) for n in range(20)}
    async with asyncio.timeout(5):
        await refresh_accounts(found)
        await check_accounts(found, database=outbox.database, bus=outbox.bus, clock=clock)
    assert len(waiting) == 40
    async with outbox.database.read() as session:
        assert {one.health for one in (await account_states(session)).values()} == {"degraded"}
