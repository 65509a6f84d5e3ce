"""What time does to appeals: the late are escalated once, the snoozed wake, deadlines follow."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

import registry.escalation
import workers.office
from registry.appeals import Change, change_appeal
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.deadlines import Unit
from registry.escalation import count_overdue
from registry.intake import Rules, accept
from registry.models import Appeal, Contact, JournalEntry, Lease
from registry.office import change_setting, get_recompute
from registry.office_shapes import Triage
from registry.operators import Principal, Role
from registry.recomputing import SETTLING
from tests.conftest import FakeClock
from tests.registry.offices import ALMATY, almaty, furnished
from tests.registry.samples import RULES, START, message, sender
from workers.bus_local import LocalBus
from workers.office import (
    escalate_late,
    keep_current,
    look_ahead,
    move_deadlines,
    office_ticks,
    wake_snoozed,
)
from workers.schedule import Tick, run_schedule

CHIEF = Principal(role=Role.SUPERVISOR, name="Saule", operator_id=None, actor="token:chief")


async def opened(database: Database, office: CurrentOffice, *citizens: str) -> list[str]:
    """Appeals of citizens who wrote at nine in the morning."""
    rules = Rules(
        join_window=RULES.join_window, number_prefix="ALM", zone=ALMATY, deadlines=office.deadlines
    )
    items = [message(f"{who}-1", conversation=who, sender=sender(who)) for who in citizens]
    accepted = await database.run(accept(items, rules=rules, now=START))
    return [number or "" for number in accepted.numbers]


async def set_columns(database: Database, number: str, **values: Any) -> None:
    async with database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        for name, value in values.items():
            setattr(appeal, name, value)


async def appeal(database: Database, number: str) -> Appeal:
    async with database.read() as session:
        return (await session.exec(select(Appeal).where(Appeal.number == number))).one()


async def journal(database: Database, event: str) -> list[JournalEntry]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry).where(JournalEntry.event == event).order_by(col(JournalEntry.id))
        )
        return list(found)


async def escalated(database: Database) -> set[str]:
    async with database.read() as session:
        query = select(Appeal.number).where(col(Appeal.escalated_at).is_not(None))
        found = await session.exec(query)
        return set(found)


# --- Escalation -----------------------------------------------------------------------------------


async def test_what_is_late_is_escalated_once_and_the_journal_tells_why(
    database: Database, clock: FakeClock
) -> None:
    office = await furnished(database)
    late, answered, resolved, blocked = await opened(database, office, "1", "2", "3", "4")
    await set_columns(database, answered, first_response_at=START)
    await set_columns(database, resolved, status="resolved")
    async with database.write() as session:
        shut = (await session.exec(select(Appeal).where(Appeal.number == blocked))).one()
        (await session.get_one(Contact, shut.contact_id)).blocked_at = START

    clock.now = almaty("2026-03-02T09:59:59")
    await escalate_late(database, clock=clock)
    assert await escalated(database) == set()

    clock.now = almaty("2026-03-02T10:00")
    for _ in range(2):
        await escalate_late(database, clock=clock)
    assert await escalated(database) == {late}
    [entry] = await journal(database, "appeal.escalated")
    found = await appeal(database, late)
    assert (entry.appeal_id, entry.actor, entry.at) == (found.id, "system", clock())
    assert found.escalated_at == clock()
    assert set(entry.data) == {"due_at", "first_response_due"}

    clock.now = almaty("2026-03-03T18:00")
    await escalate_late(database, clock=clock)
    assert await escalated(database) == {late, answered}
    async with database.read() as session:
        assert await count_overdue(session, now=clock()) == 2


async def test_what_got_a_later_deadline_and_is_late_again_is_escalated_again(
    database: Database, clock: FakeClock
) -> None:
    office = await furnished(database)
    [number] = await opened(database, office, "1")
    await set_columns(database, number, first_response_at=START)
    clock.now = almaty("2026-03-04T09:00")
    await escalate_late(database, clock=clock)
    assert await escalated(database) == {number}
    async with database.write() as session:
        change = Change(due_at=almaty("2026-03-05T18:00"), reason="Нет запчастей")
        await change_appeal(session, number, change, by=CHIEF, now=clock())
    await escalate_late(database, clock=clock)
    assert await escalated(database) == set()
    clock.now = almaty("2026-03-05T18:00")
    await escalate_late(database, clock=clock)
    assert len(await journal(database, "appeal.escalated")) == 2


async def test_any_number_of_late_appeals_is_escalated_each_once_by_whoever_comes(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.escalation, "PORTION", 3)
    office = await furnished(database)
    numbers = await opened(database, office, *map(str, range(10)))
    clock.now = almaty("2026-03-02T12:00")
    await asyncio.gather(*(escalate_late(database, clock=clock) for _ in range(3)))
    await escalate_late(database, clock=clock)
    assert await escalated(database) == set(numbers)
    assert len(await journal(database, "appeal.escalated")) == 10


# --- Waking ---------------------------------------------------------------------------------------


async def test_a_snoozed_appeal_wakes_when_its_hour_has_come(
    database: Database, clock: FakeClock
) -> None:
    office = await furnished(database)
    first, second, _ = await opened(database, office, "1", "2", "3")
    hour, day = START + timedelta(hours=1), START + timedelta(days=1)
    await set_columns(database, first, snoozed_until=hour)
    await set_columns(database, second, snoozed_until=day)
    clock.now = hour - timedelta(seconds=1)
    await wake_snoozed(database, clock=clock)
    assert await journal(database, "appeal.woke") == []
    clock.now = hour
    for _ in range(2):
        await wake_snoozed(database, clock=clock)
    assert (await appeal(database, first)).snoozed_until is None
    assert (await appeal(database, second)).snoozed_until == day
    [entry] = await journal(database, "appeal.woke")
    assert entry.appeal_id == (await appeal(database, first)).id
    assert entry.data == {"snoozed_until": "2026-03-02T05:00:00.000000Z"}


# --- The office -----------------------------------------------------------------------------------


async def test_deadlines_follow_a_change_that_another_process_made(
    database: Database, clock: FakeClock
) -> None:
    office = await furnished(database)
    [number] = await opened(database, office, "1")
    async with database.write() as session:
        triage = Triage(term=2, unit=Unit.WORKING_DAYS)
        await change_setting(session, triage, actor="operator:1", now=clock())
    await move_deadlines(office, database=database, clock=clock)
    assert (await appeal(database, number)).due_at == almaty("2026-03-04T18:00")
    assert office.deadlines("message", None, START).due_at == almaty("2026-03-04T18:00")
    clock.advance(SETTLING)
    await move_deadlines(office, database=database, clock=clock)
    async with database.read() as session:
        assert await get_recompute(session) is None


async def test_the_calendar_is_filled_in_for_the_year_that_comes_within_reach(
    database: Database, clock: FakeClock
) -> None:
    office = await furnished(database)
    await look_ahead(office, database=database, clock=clock)
    assert len(await journal(database, "calendar.filled")) == 3
    clock.now = almaty("2027-01-01T00:00")
    await look_ahead(office, database=database, clock=clock)
    assert (await journal(database, "calendar.filled"))[-1].data["year"] == 2029


async def test_a_process_learns_of_a_change_without_being_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.office, "LOOKS_AGAIN", 0.01)
    office, stopping, learnt = await furnished(database), asyncio.Event(), asyncio.Event()
    refresh = office.refresh

    async def refresh_and_tell(database: Database) -> bool:
        changed = await refresh(database)
        if changed:
            learnt.set()
        return changed

    monkeypatch.setattr(office, "refresh", refresh_and_tell)
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        group.create_task(keep_current(office, database=database, stopping=stopping))
        async with database.write() as session:
            triage = Triage(term=2, unit=Unit.WORKING_DAYS)
            await change_setting(session, triage, actor="operator:1", now=START)
        await learnt.wait()
        stopping.set()
    assert office.office.terms.triage.amount == 2


async def test_the_ticks_of_the_office_do_all_of_it(database: Database, clock: FakeClock) -> None:
    office = await furnished(database)
    late, snoozed = await opened(database, office, "1", "2")
    await set_columns(database, snoozed, snoozed_until=START, first_response_at=START)
    clock.now = almaty("2027-01-01T00:00")
    ticks = office_ticks(office, database=database, clock=clock)
    assert len({tick.name for tick in ticks}) == len(ticks)
    for tick in ticks:
        await tick.do()
    assert (await appeal(database, late)).escalated_at is not None
    assert (await appeal(database, snoozed)).snoozed_until is None
    assert len(await journal(database, "office.recomputed")) == 1
    assert len(await journal(database, "calendar.filled")) == 4


async def test_the_schedule_does_what_it_is_given_under_a_lease(database: Database) -> None:
    done, stopping = asyncio.Event(), asyncio.Event()
    bus = LocalBus(_nothing, capacity=1)

    async def do() -> None:
        done.set()

    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        group.create_task(
            run_schedule(
                {}, database=database, bus=bus, owner="test", stopping=stopping,
                ticks=(Tick("extra", 60, do),),
            )
        )  # fmt: skip
        await done.wait()
        stopping.set()
    await bus.close()
    async with database.read() as session:
        lease = await session.get_one(Lease, "tick:extra")
    assert lease.owner == "test"


async def _nothing(_envelopes: object) -> None:
    raise AssertionError("nothing is delivered here")
