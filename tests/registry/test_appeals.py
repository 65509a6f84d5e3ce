"""What people do to appeals: legal moves, one holder, and a journal that misses nothing."""

import asyncio
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from registry.appeals import (
    Change,
    DeskChannel,
    NotAllowed,
    Opening,
    Priority,
    add_note,
    change_appeal,
    open_appeal,
)
from registry.contacts import BadPoint, UnknownPerson
from registry.db import Database
from registry.errors import AlreadyHeld, IllegalMove, NotFound
from registry.models import Appeal, Attachment, Contact, ContactPoint, JournalEntry, Message
from registry.numbers import next_number
from registry.operators import Principal, Role, disable_operator
from registry.states import MOVES, Status, may_move
from registry.types import ContactPoint as Point
from tests.conftest import FakeClock
from tests.registry.desk import hire, write_in
from tests.registry.samples import START

ALMATY = ZoneInfo("Asia/Almaty")


async def change(database: Database, number: str, by: Principal, **changes: Any) -> None:
    async with database.write() as session:
        await change_appeal(
            session, number, Change(**changes), by=by, now=START + timedelta(hours=1)
        )


async def appeal(database: Database, number: str) -> Appeal:
    async with database.read() as session:
        return (await session.exec(select(Appeal).where(Appeal.number == number))).one()


async def changes_of(database: Database) -> list[JournalEntry]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry)
            .where(JournalEntry.event == "appeal.changed")
            .order_by(col(JournalEntry.id))
        )
        return list(found)


# --- Claiming -----------------------------------------------------------------------------------


async def test_a_claim_takes_a_new_appeal_into_work_and_says_so_once(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    for _ in range(2):
        await change(database, number, dana, assignee_id=dana.operator_id)
    found = await appeal(database, number)
    assert (found.assignee_id, found.status) == (dana.operator_id, "open")
    [entry] = await changes_of(database)
    assert entry.actor == dana.actor
    assert entry.data == {
        "assignee": {"from": None, "to": str(dana.operator_id)},
        "status": {"from": "new", "to": "open"},
    }


async def test_of_many_who_claim_at_once_one_wins_and_the_others_learn_who(
    database: Database,
) -> None:
    people = [await hire(database, f"Operator{i}") for i in range(12)]
    number = await write_in(database)
    answers = await asyncio.gather(
        *(change(database, number, who, assignee_id=who.operator_id) for who in people),
        return_exceptions=True,
    )
    [winner] = [who for who, answer in zip(people, answers, strict=True) if answer is None]
    refused = [answer for answer in answers if isinstance(answer, AlreadyHeld)]
    assert len(refused) == len(people) - 1
    assert {(e.holder_id, e.holder_name) for e in refused} == {
        (str(winner.operator_id), winner.name)
    }
    assert len(await changes_of(database)) == 1


async def test_what_somebody_holds_only_they_or_a_supervisor_give_away(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    chief = await hire(database, "Saule", Role.SUPERVISOR)
    number = await write_in(database)
    await change(database, number, dana, assignee_id=dana.operator_id)

    with pytest.raises(AlreadyHeld, match="is held by Dana"):
        await change(database, number, marat, assignee_id=None)
    with pytest.raises(AlreadyHeld):
        await change(database, number, chief, assignee_id=chief.operator_id)
    with pytest.raises(NotAllowed, match="held by Dana"):
        await change(database, number, marat, assignee_id=marat.operator_id, reassign=True)
    assert (await appeal(database, number)).assignee_id == dana.operator_id

    await change(database, number, chief, assignee_id=marat.operator_id, reassign=True)
    assert (await appeal(database, number)).assignee_id == marat.operator_id
    await change(database, number, marat, assignee_id=dana.operator_id)
    assert (await appeal(database, number)).assignee_id == dana.operator_id
    await change(database, number, dana, assignee_id=None)
    released = await appeal(database, number)
    assert (released.assignee_id, released.status) == (None, "open")


async def test_an_appeal_is_given_only_to_somebody_who_works_here(database: Database) -> None:
    dana, gone = await hire(database, "Dana"), await hire(database, "Gone")
    assert gone.operator_id is not None
    async with database.write() as session:
        await disable_operator(session, gone.operator_id, actor="system", now=START)
    number = await write_in(database)
    for target in (gone.operator_id, 12345):
        with pytest.raises(NotFound):
            await change(database, number, dana, assignee_id=target)
    assert (await appeal(database, number)).assignee_id is None


# --- Moving -------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("source", list(Status))
@pytest.mark.parametrize("target", list(Status))
async def test_only_the_moves_of_the_table_are_made(
    database: Database, source: Status, target: Status
) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    async with database.write() as session:
        row = (await session.exec(select(Appeal))).one()
        row.status = source.value
    if source is target or may_move(source, target):
        await change(database, number, dana, status=target)
        assert (await appeal(database, number)).status == target
        assert len(await changes_of(database)) == (source is not target)
    else:
        with pytest.raises(IllegalMove) as refused:
            await change(database, number, dana, status=target, subject="Другая тема")
        assert set(refused.value.allowed) == set(MOVES[source])
        assert (await appeal(database, number)).subject != "Другая тема"
        assert await changes_of(database) == []


async def test_the_times_of_the_end_follow_the_status(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    at = START + timedelta(hours=1)
    for status, resolved_at, closed_at in [
        (Status.RESOLVED, at, None),
        (Status.CLOSED, at, at),
        (Status.OPEN, None, None),
        (Status.CLOSED, None, at),
        (Status.OPEN, None, None),
        (Status.PENDING, None, None),
    ]:
        await change(database, number, dana, status=status)
        found = await appeal(database, number)
        assert (found.resolved_at, found.closed_at) == (resolved_at, closed_at), status


async def test_a_claim_with_an_illegal_move_claims_nothing(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, status=Status.CLOSED)
    with pytest.raises(IllegalMove):
        await change(database, number, dana, assignee_id=dana.operator_id, status=Status.PENDING)
    assert (await appeal(database, number)).assignee_id is None


# --- Describing ---------------------------------------------------------------------------------


async def test_descriptions_are_written_old_beside_new_and_only_when_they_differ(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    wanted: dict[str, Any] = {
        "priority": Priority.URGENT,
        "category": "освещение",
        "team": "Алатау",
        "language": "ru",
        "subject": "Не горит фонарь",
        "kind": "complaint",
        "address": "пр. Абая, 10",
        "latitude": 43.2389,
        "longitude": 76.8897,
    }
    before = await appeal(database, number)
    for _ in range(2):
        await change(database, number, dana, **wanted)
    after = await appeal(database, number)
    assert {name: getattr(after, name) for name in wanted} == wanted
    [entry] = await changes_of(database)
    assert entry.data == {
        name: {"from": getattr(before, name), "to": value} for name, value in wanted.items()
    } | {
        "contact_language": {
            "from": {"language": "kk", "fixed": False},
            "to": {"language": "ru", "fixed": True},
        }
    }
    await change(database, number, dana, category=None, priority=Priority.URGENT)
    assert (await changes_of(database))[-1].data == {"category": {"from": "освещение", "to": None}}


async def test_reading_clears_the_count_and_writes_no_journal(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    assert (await appeal(database, number)).unread == 1
    await change(database, number, dana, read=True)
    assert (await appeal(database, number)).unread == 0
    assert await changes_of(database) == []


async def test_an_unknown_number_changes_nothing(database: Database) -> None:
    dana = await hire(database, "Dana")
    for changes in ({"assignee_id": dana.operator_id}, {"status": Status.OPEN}):
        with pytest.raises(NotFound):
            await change(database, "ALM-2026-9999999", dana, **changes)
    async with database.write() as session:
        with pytest.raises(NotFound):
            await add_note(session, "ALM-2026-9999999", "?", by=dana, now=START)


async def test_a_note_is_counted_but_moves_the_appeal_to_no_top(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    before = await appeal(database, number)
    async with database.write() as session:
        note = await add_note(
            session, number, "Перезвонить после обеда", by=dana, now=START + timedelta(hours=2)
        )
    after = await appeal(database, number)
    assert (after.message_count, after.unread) == (before.message_count + 1, before.unread)
    assert after.last_message_at == before.last_message_at
    async with database.read() as session:
        kept = await session.get(Message, note.id)
        entries = (
            await session.exec(select(JournalEntry).where(JournalEntry.event == "note.added"))
        ).all()
    assert kept is not None
    assert (kept.direction, kept.author, kept.operator_id) == ("note", "Dana", dana.operator_id)
    assert [(e.appeal_id, e.message_id, e.actor) for e in entries] == [
        (after.id, note.id, dana.actor)
    ]


# --- The front office ---------------------------------------------------------------------------


async def open_(database: Database, clock: FakeClock, **changes: Any) -> Appeal:
    fields: dict[str, Any] = {
        "channel": DeskChannel.VISIT,
        "text": "Во дворе дома Тимирязева, 42 не вывозят мусор\nуже неделю",
        "name": "Нұрлан Серікұлы",
        "points": (Point("tel", "8 (701) 123-45-67"),),
    }
    by = Principal(role=Role.OPERATOR, name="Касса", operator_id=None, actor="token:desk")
    async with database.write() as session:
        return await open_appeal(
            session, Opening(**(fields | changes)), by=by, prefix="ALM", zone=ALMATY, now=clock()
        )


async def test_a_visit_becomes_an_appeal_with_its_text_as_the_first_message(
    database: Database, clock: FakeClock
) -> None:
    opened = await open_(database, clock)
    assert (opened.number, opened.channel, opened.account) == (
        "ALM-2026-0000001", "visit", "desk",
    )  # fmt: skip
    assert opened.subject == "Во дворе дома Тимирязева, 42 не вывозят мусор"
    async with database.read() as session:
        message = (await session.exec(select(Message))).one()
        contact = (await session.exec(select(Contact))).one()
        point = (await session.exec(select(ContactPoint))).one()
        entry = (
            await session.exec(select(JournalEntry).where(JournalEntry.event == "appeal.opened"))
        ).one()
    assert (message.direction, message.author) == ("in", "Нұрлан Серікұлы")
    assert message.appeal_id == opened.id
    assert (opened.message_count, opened.unread) == (1, 1)
    assert (point.contact_id, point.scheme, point.value) == (contact.id, "tel", "+77011234567")
    assert (entry.actor, entry.message_id) == ("token:desk", message.id)


async def test_a_known_point_is_the_person_we_know_and_new_points_become_theirs(
    database: Database, clock: FakeClock
) -> None:
    first = await open_(database, clock)
    second = await open_(
        database, clock, name="Н. Серікұлы",
        points=(Point("email", "Nurlan@Example.kz"), Point("tel", "+7 701 123 45 67")),
    )  # fmt: skip
    third = await open_(database, clock, name=None, points=(Point("email", "nurlan@example.kz"),))
    assert first.contact_id == second.contact_id == third.contact_id
    async with database.read() as session:
        contact = (await session.exec(select(Contact))).one()
        values = {p.value for p in await session.exec(select(ContactPoint))}
    assert contact.name == "Нұрлан Серікұлы"
    assert values == {"+77011234567", "nurlan@example.kz"}


async def test_a_person_without_any_point_is_a_contact_of_their_own(
    database: Database, clock: FakeClock
) -> None:
    first = await open_(database, clock, points=())
    second = await open_(database, clock, points=())
    assert first.contact_id != second.contact_id


async def test_appeals_opened_at_once_for_one_new_person_make_one_contact(
    database: Database, clock: FakeClock
) -> None:
    opened = await asyncio.gather(*(open_(database, clock) for _ in range(8)))
    assert len({one.contact_id for one in opened}) == 1
    assert sorted(one.number for one in opened) == [f"ALM-2026-{i:07d}" for i in range(1, 9)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("scheme", "value"), [("tel", "не помню"), ("tel", ""), ("email", "nurlan@"), ("", "x")]
)
async def test_what_is_no_point_is_named_and_nothing_is_kept(
    database: Database, clock: FakeClock, scheme: str, value: str
) -> None:
    with pytest.raises(BadPoint):
        await open_(database, clock, points=(Point(scheme, value),))
    with pytest.raises(UnknownPerson):
        await open_(database, clock, name=None, points=())
    async with database.read() as session:
        assert (await session.exec(select(Contact))).all() == []


async def test_the_scan_of_a_letter_is_attached_once(database: Database, clock: FakeClock) -> None:
    async with database.write() as session:
        scan = Attachment(
            kind="document", name="хат.pdf", mime="application/pdf", size=10, state="ready",
            path="aa/bb", created_at=START,
        )  # fmt: skip
        session.add(scan)
    opened = await open_(database, clock, channel=DeskChannel.LETTER, attachment_ids=(scan.id,))
    async with database.read() as session:
        kept = await session.get(Attachment, scan.id)
        message = (await session.exec(select(Message))).one()
    assert kept is not None
    assert kept.message_id == message.id
    assert opened.message_count == 1
    for taken in (scan.id, 1):
        with pytest.raises(NotFound, match="upload"):
            await open_(database, clock, attachment_ids=(taken,))


async def test_the_counter_is_shared_with_intake_and_begins_anew_with_the_almaty_year(
    database: Database, clock: FakeClock
) -> None:
    assert await write_in(database) == "ALM-2026-0000001"
    assert (await open_(database, clock)).number == "ALM-2026-0000002"
    assert await write_in(database, "701") == "ALM-2026-0000003"
    numbers = []
    for last_hour in ("2026-12-31T18:59:59+00:00", "2026-12-31T19:00:00+00:00"):
        clock.now = clock.now.fromisoformat(last_hour)
        async with database.write() as session:
            numbers.append(await next_number(session, prefix="SHY", zone=ALMATY, now=clock()))
    assert numbers == ["SHY-2026-0000004", "SHY-2027-0000001"]
