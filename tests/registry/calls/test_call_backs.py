"""Whoever did not reach us is called back: once a number, when we are open, until we spoke."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlmodel import select

from registry.calls.call_backs import (
    missed,
    place_of,
    put_back,
    spoken,
    tried,
    want_call_back,
)
from registry.calls.calling_back import DueNow, cancel_call_back, count_call_backs, list_call_backs
from registry.calls.tables import Call, CallBack
from registry.db import Database
from registry.errors import NotFound
from registry.models import Appeal
from registry.office import change_setting
from registry.office_shapes import Telephone, as_delivered
from registry.operators import Role
from tests.registry.calls.lines import NUMBER, call_backs, call_of, rings
from tests.registry.desk import hire
from tests.registry.offices import almaty, furnished
from tests.registry.samples import START

NIGHT = almaty("2026-03-03 02:00").astimezone(UTC)
MORNING = almaty("2026-03-03 08:00").astimezone(UTC)
MINUTE = timedelta(minutes=1)


async def _missed(
    database: Database, why: str = "missed", *, at: datetime = START, sid: str = "CA1", **call: Any
) -> CallBack:
    call = {"ended_at": at} | call
    async with call_of(database, external_id=sid, **call) as (session, row):
        await missed(session, row, why, now=at)
    return (await call_backs(database))[-1]


async def test_who_asks_in_the_queue_keeps_their_place_and_is_due_at_once(
    database: Database,
) -> None:
    await furnished(database)
    since = START - 4 * MINUTE
    async with call_of(database, waiting_since=since, language="kk", team="roads") as (s, call):
        await want_call_back(s, call, keeps_place=True, now=START)
    [back] = await call_backs(database)
    assert (back.why, back.place, back.due_at, back.asked_at) == ("asked", since, START, START)
    assert (back.language, back.team, back.number) == ("kk", "roads", NUMBER)


async def test_who_asks_after_hours_is_called_at_the_next_opening(database: Database) -> None:
    await furnished(database)
    async with call_of(database) as (session, call):
        await want_call_back(session, call, keeps_place=False, now=NIGHT)
    [back] = await call_backs(database)
    assert (back.due_at, back.place) == (MORNING, MORNING)


async def test_who_was_missed_at_night_is_a_task_of_the_morning(database: Database) -> None:
    await furnished(database)
    back = await _missed(database, "closed", at=NIGHT)
    assert (back.why, back.due_at, back.place) == ("closed", MORNING, None)


async def test_who_was_missed_by_day_is_a_task_at_once(database: Database) -> None:
    await furnished(database)
    assert (await _missed(database)).due_at == START


async def test_a_withheld_number_is_not_called_back(database: Database) -> None:
    async with call_of(database, number="") as (session, call):
        await missed(session, call, "missed", now=START)
        assert await place_of(session, call) is None
    assert await call_backs(database) == []


async def test_a_number_has_one_call_back_however_often_it_rings(database: Database) -> None:
    await furnished(database)
    for i in range(3):
        await _missed(database, at=START + i * MINUTE, sid=f"CA{i}")
    [back] = await call_backs(database)
    assert (back.rang, back.due_at) == (3, START)


async def test_two_who_write_the_same_number_down_at_once_write_one_row(
    database: Database,
) -> None:
    await furnished(database)
    await asyncio.gather(*(_missed(database, sid=f"CA{i}") for i in range(8)))
    [back] = await call_backs(database)
    assert back.rang == 8


async def test_who_asked_keeps_place_and_reason_when_they_ring_again_in_vain(
    database: Database,
) -> None:
    await furnished(database)
    async with call_of(database, waiting_since=START) as (session, call):
        await want_call_back(session, call, keeps_place=True, now=START + MINUTE)
    back = await _missed(database, at=START + 9 * MINUTE, sid="CA2")
    assert (back.why, back.place, back.due_at) == ("asked", START, START + MINUTE)


async def test_the_earlier_place_stands(database: Database) -> None:
    await furnished(database)
    for sid, since in (("CA1", START), ("CA2", START - MINUTE), ("CA3", START + MINUTE)):
        async with call_of(database, external_id=sid, waiting_since=since) as (session, call):
            await want_call_back(session, call, keeps_place=True, now=START)
    [back] = await call_backs(database)
    assert back.place == START - MINUTE


async def test_who_calls_while_they_are_to_be_called_back_has_their_place(
    database: Database,
) -> None:
    await furnished(database)
    async with call_of(database, waiting_since=START) as (session, call):
        await want_call_back(session, call, keeps_place=True, now=START)
    async with call_of(database, external_id="CA2") as (session, call):
        assert await place_of(session, call) == START
    async with call_of(database, external_id="CA3", number="+77019999999") as (session, call):
        assert await place_of(session, call) is None


async def test_a_call_back_is_done_once_somebody_spoke_to_the_number(database: Database) -> None:
    await furnished(database)
    dana = await hire(database, "Dana")
    await _missed(database)
    await _missed(database, sid="CA2", number="+77019999999")
    async with database.write() as session:
        await spoken(session, NUMBER, operator_id=dana.operator_id, now=START)
    done, other = await call_backs(database)
    assert (done.done_as, done.done_by, done.done_at) == ("spoken", dana.operator_id, START)
    assert other.done_at is None
    again = await _missed(database, sid="CA3", at=START + MINUTE)
    assert (again.done_at, again.rang) == (None, 1)


async def _dialled(database: Database, back: CallBack, **fields: Any) -> Call:
    async with call_of(
        database, external_id=f"out-{back.tries}", direction="out", call_back_id=back.id, **fields
    ) as (session, call):
        row = await session.get_one(CallBack, back.id)
        row.call_id = call.id
    return call


async def test_a_try_in_vain_is_followed_by_another_after_a_pause_and_then_given_up(
    database: Database,
) -> None:
    await furnished(database)
    back = await _missed(database)
    for expected in (START + 30 * MINUTE, START + 60 * MINUTE):
        call = await _dialled(database, back)
        async with database.write() as session:
            await tried(session, call, now=expected - 30 * MINUTE)
        [back] = await call_backs(database)
        assert (back.due_at, back.call_id, back.done_at) == (expected, None, None)
    call = await _dialled(database, back)
    async with database.write() as session:
        await tried(session, call, now=START + 60 * MINUTE)
    [back] = await call_backs(database)
    assert (back.tries, back.done_as) == (3, "given_up")


async def test_a_pause_that_ends_at_night_ends_in_the_morning(database: Database) -> None:
    await furnished(database)
    back = await _missed(database)
    call = await _dialled(database, back)
    async with database.write() as session:
        await tried(session, call, now=almaty("2026-03-02 23:45").astimezone(UTC))
    [back] = await call_backs(database)
    assert back.due_at == MORNING


async def test_a_call_that_never_rang_there_is_no_try(database: Database) -> None:
    await furnished(database)
    back = await _missed(database)
    call = await _dialled(database, back)
    async with database.write() as session:
        await put_back(session, call)
    [back] = await call_backs(database)
    assert (back.tries, back.call_id) == (0, None)


async def test_who_rings_again_is_tried_anew(database: Database) -> None:
    await furnished(database)
    back = await _missed(database)
    call = await _dialled(database, back)
    async with database.write() as session:
        await tried(session, call, now=START)
    back = await _missed(database, sid="CA2", at=START + MINUTE)
    assert (back.tries, back.due_at) == (0, START + MINUTE)


async def test_the_number_of_tries_and_the_pause_are_the_offices(database: Database) -> None:
    await furnished(database)
    admin = await hire(database, "Admin", Role.ADMIN)
    shape = as_delivered(Telephone)

    async with database.write() as session:
        changed = replace(shape, call_back_tries=1)
        await change_setting(session, changed, actor=admin.actor, now=START)
    back = await _missed(database)
    call = await _dialled(database, back)
    async with database.write() as session:
        await tried(session, call, now=START)
    [back] = await call_backs(database)
    assert back.done_as == "given_up"


# --- As the desk has them -------------------------------------------------------------------------


async def test_a_call_back_can_be_cancelled(database: Database) -> None:
    await furnished(database)
    dana = await hire(database, "Dana")
    back = await _missed(database)
    async with database.write() as session:
        await cancel_call_back(session, back.id, by=dana, now=START)
        for gone in (back.id, 1):
            with pytest.raises(NotFound):
                await cancel_call_back(session, gone, by=dana, now=START)
        assert await list_call_backs(session, by=dana, now=START) == []
    [back] = await call_backs(database)
    assert (back.done_as, back.done_by) == ("cancelled", dana.operator_id)


async def test_the_first_to_be_called_comes_first_and_the_night_last(database: Database) -> None:
    await furnished(database)
    dana = await hire(database, "Dana")
    await _missed(database, sid="CA1", at=START + MINUTE, number="+77010000001")
    await _missed(database, sid="CA2", at=START, number="+77010000002")
    await _missed(database, sid="CA3", at=START + MINUTE, number="+77010000003", urgent=True)
    await _missed(database, sid="CA4", at=NIGHT, number="+77010000004", urgent=True)
    now = START + 30 * MINUTE
    async with database.read() as session:
        found = await list_call_backs(session, by=dana, now=now)
        due = await count_call_backs(session, by=dana, now=now)
    assert [(one.number[-1], one.stage, one.overdue) for one in found] == [
        ("3", "due", False), ("2", "due", True), ("1", "due", False), ("4", "later", False),
    ]  # fmt: skip
    assert due == DueNow(count=3, overdue=1)


async def test_operators_see_the_call_backs_of_their_teams_and_of_nobodys(
    database: Database,
) -> None:
    await furnished(database)
    numbers = {"theirs": "+77010000001", "anybodys": "+77010000002", "others": "+77010000003"}
    await _missed(database, sid="CA1", number=numbers["theirs"], team="roads")
    await _missed(database, sid="CA2", number=numbers["anybodys"])
    other = await _missed(database, sid="CA3", number=numbers["others"], team="water")
    # Nobody's team, but about an appeal of another's.
    number = await rings(database, "+77010000004", sid="CA4")
    await _missed(database, sid="CA4", number="+77010000004")
    async with database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        appeal.team = "water"
    dana = replace(await hire(database, "Dana"), teams=frozenset({"roads"}))
    async with database.write() as session:
        found = await list_call_backs(session, by=dana, now=START)
        due = await count_call_backs(session, by=dana, now=START)
        assert {one.number for one in found} == {numbers["theirs"], numbers["anybodys"]}
        assert due == DueNow(count=2, overdue=0)
        with pytest.raises(NotFound):
            await cancel_call_back(session, other.id, by=dana, now=START)
        everything = await list_call_backs(session, by=replace(dana, teams=None), now=START)
    assert [one.appeal for one in everything] == [None, None, None, number]


async def test_the_list_says_who_calls_them_or_that_they_are_on_the_line(
    database: Database,
) -> None:
    await furnished(database)
    dana = await hire(database, "Dana")
    await _dialled(database, await _missed(database), state="talking", operator_id=dana.operator_id)
    await _missed(database, sid="CA8", number="+77010000002", ended_at=None)
    async with database.read() as session:
        called, waits = await list_call_backs(session, by=dana, now=START)
    assert (called.stage, called.caller) == ("called", "Dana")
    assert (waits.stage, waits.caller) == ("on_the_line", None)
