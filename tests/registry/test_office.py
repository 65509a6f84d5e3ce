"""The office as administrators change it, and the deadlines that follow."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import col, select

import registry.recomputing
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.deadlines import Unit
from registry.errors import NotFound
from registry.furnishing import open_office
from registry.holidays import DayGiven, list_days, remove_day, set_day, shown
from registry.models import Appeal, JournalEntry
from registry.numbers import format_number
from registry.office import change_setting, get_recompute, get_setting
from registry.office_calendar import DayKind
from registry.office_shapes import (
    SETTINGS,
    BusinessHours,
    Districts,
    FirstResponse,
    LegalTermsSetting,
    OpenHours,
    Setting,
    Triage,
    WorkingWeek,
    as_delivered,
)
from registry.recomputing import SETTLING, Step, recompute_portion
from tests.conftest import FakeClock
from tests.registry.offices import ALMATY, almaty, furnished
from tests.registry.samples import START

ADMIN = "operator:1"


async def set_to(database: Database, value: Setting, *, now: datetime = START) -> bool:
    async with database.write() as session:
        return await change_setting(session, value, actor=ADMIN, now=now)


async def set_holiday(database: Database, day: str, *, now: datetime = START) -> None:
    async with database.write() as session:
        given = DayGiven(kind=DayKind.HOLIDAY, name="Перенос")
        await set_day(session, date.fromisoformat(day), given, actor=ADMIN, now=now)


async def journal(database: Database, event: str) -> list[JournalEntry]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry).where(JournalEntry.event == event).order_by(col(JournalEntry.id))
        )
        return list(found)


# --- Settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SETTINGS, ids=lambda shape: shape.name)
async def test_every_setting_is_as_delivered_until_somebody_sets_it(
    database: Database, shape: type[Setting]
) -> None:
    async with database.read() as session:
        assert await get_setting(session, shape) == as_delivered(shape)
    assert not await set_to(database, as_delivered(shape))
    assert await journal(database, "office.changed") == []


async def test_a_setting_is_kept_and_journaled_old_beside_new(database: Database) -> None:
    wanted = Triage(term=4, unit=Unit.WORKING_HOURS)
    assert await set_to(database, wanted)
    assert not await set_to(database, wanted)
    async with database.read() as session:
        assert await get_setting(session, Triage) == wanted
    [entry] = await journal(database, "office.changed")
    assert (entry.actor, entry.appeal_id) == (ADMIN, None)
    assert entry.data == {
        "setting": "triage",
        "from": {"term": 1, "unit": "working_days"},
        "to": {"term": 4, "unit": "working_hours"},
    }


WEEK = msgspec.to_builtins(as_delivered(WorkingWeek))
HOURS = msgspec.to_builtins(as_delivered(BusinessHours))
LAW = {"since": "2021-07-01", "working_days": {"complaint": 20}, "extension_months": 2}
ALATAU = {"code": "alatau", "names": {"ru": "Алатауский", "kk": "Алатау", "en": "Alatau"}}


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (BusinessHours, {**HOURS, "mon": {"opens": "18:00", "closes": "08:00"}}),
        (BusinessHours, {**HOURS, "mon": {"opens": "8:00", "closes": "18:00"}}),
        (BusinessHours, {**HOURS, "mon": {"opens": "08:00", "closes": "24:01"}}),
        (BusinessHours, {**HOURS, "mon": {"opens": "08:00"}}),
        (BusinessHours, {**dict.fromkeys(HOURS), "closed_on_holidays": False}),
        (BusinessHours, {"mon": HOURS["mon"]}),
        (WorkingWeek, {**WEEK, **dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), False)}),
        (WorkingWeek, {**WEEK, "ends": "00:00"}),
        (WorkingWeek, {**WEEK, "starts": "09:00"}),
        (FirstResponse, {"minutes": 0}),
        (FirstResponse, {"minutes": 1.5}),
        (Triage, {"term": 1, "unit": "weeks"}),
        (LegalTermsSetting, {"versions": [LAW, LAW]}),
        (LegalTermsSetting, {"versions": [{**LAW, "working_days": {"complaint": 0}}]}),
        (LegalTermsSetting, {"versions": [{**LAW, "working_days": {"Жалоба": 20}}]}),
        (LegalTermsSetting, {"versions": [{**LAW, "since": "01.07.2021"}]}),
        (Districts, {"items": [ALATAU, ALATAU]}),
        (Districts, {"items": [{**ALATAU, "names": {"ru": "Алатауский"}}]}),
        (Districts, {"items": [{**ALATAU, "code": "Алатау"}]}),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_no_setting(shape: type[Setting], value: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, shape)


@pytest.mark.parametrize("shape", SETTINGS, ids=lambda shape: shape.name)
def test_what_is_delivered_survives_its_way_through_json(shape: type[Setting]) -> None:
    delivered = as_delivered(shape)
    assert msgspec.json.decode(msgspec.json.encode(delivered), type=shape) == delivered


# --- The calendar's days --------------------------------------------------------------------------


async def days_of(database: Database, year: int) -> dict[str, Any]:
    async with database.read() as session:
        return {row.day.isoformat(): shown(row) for row in await list_days(session, year)}


async def test_the_first_start_fills_in_three_years_each_once(database: Database) -> None:
    await furnished(database)
    filled = await journal(database, "calendar.filled")
    assert [entry.data["year"] for entry in filled] == [2026, 2027, 2028]
    assert "2026-03-24" in await days_of(database, 2026)
    assert not (await days_of(database, 2026))["2026-05-27"].confirmed
    async with database.write() as session:
        for day in await days_of(database, 2027):
            await remove_day(session, date.fromisoformat(day), actor=ADMIN, now=START)
    next_year = START + timedelta(days=366)
    await furnished(database, now=next_year)
    assert await days_of(database, 2027) == {}
    assert "2029-12-16" in await days_of(database, 2029)
    assert len(await journal(database, "calendar.filled")) == 4


async def test_a_day_that_somebody_set_before_the_year_came_stays(database: Database) -> None:
    async with database.write() as session:
        given = DayGiven(
            kind=DayKind.WORKING, name="Рабочая суббота", opens="09:00", closes="15:00"
        )
        await set_day(session, date(2026, 3, 21), given, actor=ADMIN, now=START)
    await furnished(database)
    day = (await days_of(database, 2026))["2026-03-21"]
    assert (day.kind, day.opens, day.closes, day.confirmed) == (
        DayKind.WORKING, "09:00", "15:00", True,
    )  # fmt: skip


async def test_days_are_set_and_removed_old_beside_new(database: Database) -> None:
    office = await furnished(database)
    await set_holiday(database, "2026-05-08")
    await set_holiday(database, "2026-05-08")
    assert await office.refresh(database)
    assert office.office.calendar.special[date(2026, 5, 8)].kind is DayKind.HOLIDAY
    async with database.write() as session:
        await remove_day(session, date(2026, 5, 8), actor=ADMIN, now=START)
    async with database.write() as session:
        with pytest.raises(NotFound, match="2026-05-08"):
            await remove_day(session, date(2026, 5, 8), actor=ADMIN, now=START)
    made, removed = await journal(database, "calendar.changed")
    assert (made.data["from"], removed.data["to"]) == (None, None)
    assert made.data["to"] == removed.data["from"]
    assert made.data["to"]["kind"] == "holiday"


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "holiday", "opens": "09:00"},
        {"kind": "holiday", "opens": "15:00", "closes": "09:00"},
        {"kind": "free"},
        {},
    ],
)
def test_what_cannot_be_meant_is_no_day(value: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, DayGiven)


# --- What every process knows ---------------------------------------------------------------------


async def test_another_process_knows_what_was_changed_as_soon_as_it_looks(
    database: Database,
) -> None:
    here, there = await furnished(database), await furnished(database)
    assert not await there.refresh(database)
    at = almaty("2026-03-02T23:30")
    before = here.deadlines("message", None, at)
    hours = msgspec.structs.replace(
        as_delivered(BusinessHours), tue=OpenHours(opens="10:00", closes="24:00")
    )
    await set_to(database, hours)
    assert there.deadlines("message", None, at) == before
    assert await there.refresh(database)
    assert there.deadlines("message", None, at).first_response_due == almaty("2026-03-03T10:30")
    await set_to(database, FirstResponse(minutes=45))
    await set_to(database, Triage(term=30, unit=Unit.HOURS))
    law = msgspec.convert({"versions": [LAW]}, LegalTermsSetting)
    await set_to(database, law)
    await set_to(database, msgspec.structs.replace(as_delivered(WorkingWeek), ends="17:00"))
    await here.refresh(database)
    due = here.deadlines("message", None, at)
    assert due == (almaty("2026-03-03T10:15"), almaty("2026-03-04T05:30"))
    assert here.deadlines("complaint", "build.illegal", at).due_at == almaty("2026-03-30T17:00")


async def test_many_processes_that_start_at_once_furnish_the_office_once(
    database: Database,
) -> None:
    offices = await asyncio.gather(*(furnished(database) for _ in range(5)))
    assert len({one.office.revision for one in offices}) == 1
    assert len(await journal(database, "categories.seeded")) == 1
    assert len(await journal(database, "calendar.filled")) == 3
    assert len(await journal(database, "office.changed")) == 2


async def test_another_zone_in_the_settings_file_moves_the_deadlines(database: Database) -> None:
    await furnished(database)
    async with database.read() as session:
        asked = await get_recompute(session)
    assert asked is not None
    assert asked.causes == ["first_start"]
    berlin = await open_office(database, zone=ZoneInfo("Europe/Berlin"), now=START)
    assert berlin.office.calendar.zone.key == "Europe/Berlin"
    async with database.read() as session:
        asked = await get_recompute(session)
    assert asked is not None
    assert asked.causes == ["first_start", "timezone"]


# --- Deadlines that follow ------------------------------------------------------------------------


async def recompute(database: Database, office: CurrentOffice, *, now: datetime) -> list[Step]:
    """Portions until nothing is left to do now."""
    steps: list[Step] = []
    while not steps or steps[-1] is Step.MORE:
        steps.append(await database.run(recompute_portion(office.office, now=now)))
    return steps


async def settled(database: Database) -> CurrentOffice:
    """An office whose first start is long over."""
    office = await furnished(database)
    assert await recompute(database, office, now=START + SETTLING) == [Step.DONE]
    return office


async def open_many(database: Database, office: CurrentOffice, count: int) -> list[str]:
    """Appeals with the deadlines of the office, one a minute."""
    numbers = []
    async with database.write() as session:
        connection = await session.connection()
        await connection.execute(
            text("INSERT INTO contacts (id, created_at) VALUES (1, :at)"),
            {"at": START.isoformat(timespec="microseconds").replace("+00:00", "Z")}
            if database.dialect == "sqlite"
            else {"at": START},
        )
        for serial in range(count):
            at = START + timedelta(minutes=serial)
            first, due = office.deadlines("message", None, at)
            numbers.append(format_number("ALM", 2026, serial))
            session.add(
                Appeal(
                    id=1000 + serial, number=numbers[-1], channel="telegram", account="main",
                    contact_id=1, opened_at=at, last_message_at=at, first_response_due=first,
                    due_at=due,
                )
            )  # fmt: skip
    return numbers


async def appeals(database: Database) -> Sequence[Appeal]:
    async with database.read() as session:
        return (await session.exec(select(Appeal).order_by(col(Appeal.id)))).all()


async def test_a_holiday_moves_the_open_appeals_and_the_journal_tells_each(
    database: Database,
) -> None:
    office = await settled(database)
    await open_many(database, office, 4)
    async with database.write() as session:
        rows = (await session.exec(select(Appeal).order_by(col(Appeal.id)))).all()
        rows[1].status, rows[2].due_fixed = "resolved", True
        rows[3].escalated_at = START
        rows[3].first_response_at = START
    before = [one.due_at for one in await appeals(database)]
    now = START + timedelta(hours=1)
    await set_holiday(database, "2026-03-03", now=now)
    await office.refresh(database)
    assert await recompute(database, office, now=now) == [Step.WAITING]
    after = await appeals(database)
    moved = almaty("2026-03-04T18:00")
    assert [one.due_at for one in after] == [moved, before[1], before[2], moved]
    assert after[3].escalated_at is None
    entries = await journal(database, "appeal.due_moved")
    assert [entry.appeal_id for entry in entries] == [1000, 1003]
    assert entries[0].actor == "system"
    assert entries[0].data["cause"] == "calendar"
    assert [datetime.fromisoformat(entries[0].data[key]) for key in ("from", "to")] == [
        before[0], moved,
    ]  # fmt: skip
    assert await recompute(database, office, now=now + SETTLING) == [Step.DONE]
    assert await recompute(database, office, now=now + SETTLING) == [Step.NOTHING]
    assert len(await journal(database, "appeal.due_moved")) == 2
    [_, entry] = await journal(database, "office.recomputed")
    assert entry.data == {"causes": ["calendar"], "moved": 2}


async def test_a_first_answer_that_was_given_is_due_no_more_and_others_move(
    database: Database,
) -> None:
    office = await settled(database)
    await open_many(database, office, 2)
    async with database.write() as session:
        (await session.get_one(Appeal, 1000)).first_response_at = START
    await set_to(database, FirstResponse(minutes=30))
    await office.refresh(database)
    await recompute(database, office, now=START)
    answered, waiting = await appeals(database)
    assert answered.first_response_due == START + timedelta(hours=1)
    assert waiting.first_response_due == START + timedelta(minutes=31)
    [entry] = await journal(database, "appeal.first_response_moved")
    assert entry.appeal_id == waiting.id
    assert await journal(database, "appeal.due_moved") == []


async def test_portions_that_are_interrupted_go_on_and_touch_nothing_twice(
    database: Database,
) -> None:
    office = await settled(database)
    await open_many(database, office, 1101)
    await set_to(database, Triage(term=2, unit=Unit.WORKING_DAYS))
    await office.refresh(database)
    now = START + SETTLING
    assert await database.run(recompute_portion(office.office, now=now)) is Step.MORE
    # Whoever did the first portion dies here; another process, which knows nothing, goes on.
    another = await furnished(database)
    assert await recompute(database, another, now=now) == [Step.MORE, Step.DONE]
    assert {one.due_at for one in await appeals(database)} == {
        almaty("2026-03-04T18:00"), almaty("2026-03-05T18:00"),
    }  # fmt: skip
    told = Counter(entry.appeal_id for entry in await journal(database, "appeal.due_moved"))
    assert set(told.values()) == {1}
    assert len(told) == 1101
    assert (await journal(database, "office.recomputed"))[-1].data["moved"] == 1101


async def test_a_portion_that_fails_leaves_nothing_of_itself(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await settled(database)
    await open_many(database, office, 3)
    before = [one.due_at for one in await appeals(database)]
    await set_to(database, Triage(term=2, unit=Unit.WORKING_DAYS))
    await office.refresh(database)
    with monkeypatch.context() as broken:
        broken.setattr(registry.recomputing, "_keep", lambda *_, **__: iter([1 / 0]))
        with pytest.raises(ZeroDivisionError):
            await database.run(recompute_portion(office.office, now=START))
    assert [one.due_at for one in await appeals(database)] == before
    assert await journal(database, "appeal.due_moved") == []
    await recompute(database, office, now=START)
    assert len(await journal(database, "appeal.due_moved")) == 3


async def test_whoever_knows_an_old_office_computes_nothing(database: Database) -> None:
    office = await settled(database)
    await open_many(database, office, 1)
    await set_to(database, Triage(term=2, unit=Unit.WORKING_DAYS))
    assert await recompute(database, office, now=START) == [Step.STALE]
    assert await journal(database, "appeal.due_moved") == []
    await office.refresh(database)
    assert await recompute(database, office, now=START) == [Step.WAITING]


async def test_a_change_in_the_middle_begins_anew_and_is_told_with_the_first(
    database: Database,
) -> None:
    office = await settled(database)
    await open_many(database, office, 501)
    await set_to(database, Triage(term=2, unit=Unit.WORKING_DAYS))
    await office.refresh(database)
    assert await database.run(recompute_portion(office.office, now=START)) is Step.MORE
    await set_holiday(database, "2026-03-04")
    await office.refresh(database)
    assert await recompute(database, office, now=START + SETTLING) == [Step.MORE, Step.DONE]
    assert {one.due_at for one in await appeals(database)} == {almaty("2026-03-05T18:00")}
    entry = (await journal(database, "office.recomputed"))[-1]
    assert entry.data["causes"] == ["calendar", "triage"]


async def test_what_a_process_opened_that_did_not_know_yet_is_moved_the_second_time(
    database: Database, clock: FakeClock
) -> None:
    office, slow = await settled(database), await furnished(database)
    await set_to(database, Triage(term=2, unit=Unit.WORKING_DAYS))
    await office.refresh(database)
    assert await recompute(database, office, now=clock()) == [Step.WAITING]
    await open_many(database, slow, 1)
    assert await recompute(database, office, now=clock()) == [Step.WAITING]
    assert (await appeals(database))[0].due_at == almaty("2026-03-03T18:00")
    clock.advance(SETTLING)
    assert await recompute(database, office, now=clock()) == [Step.DONE]
    assert (await appeals(database))[0].due_at == almaty("2026-03-04T18:00")


async def test_appeals_that_were_open_before_there_were_deadlines_get_theirs(
    database: Database,
) -> None:
    async with database.write() as session:
        connection = await session.connection()
        at = START if database.dialect == "postgresql" else "2026-03-02T04:00:00.000000Z"
        await connection.execute(
            text("INSERT INTO contacts (id, created_at) VALUES (1, :at)"), {"at": at}
        )
        await connection.execute(
            text(
                "INSERT INTO appeals (id, number, channel, account, contact_id, opened_at,"
                " last_message_at) VALUES (1, 'ALM-2025-0000001', 'sms', 'main', 1, :at, :at)"
            ),
            {"at": at},
        )
    office = await furnished(database, now=datetime(2026, 6, 1, tzinfo=UTC))
    await recompute(database, office, now=datetime(2026, 6, 1, tzinfo=UTC))
    [appeal] = await appeals(database)
    assert appeal.due_at == almaty("2026-03-03T18:00")
    assert appeal.first_response_due == START + timedelta(hours=1)
    assert office.office.calendar.zone == ALMATY
