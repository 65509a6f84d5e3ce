"""Each call is an appeal, or joins the caller's open one of that day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlmodel import col, select, update

from registry.db import Database
from registry.intake import Rules, accept
from registry.models import Appeal, Dispatch, JournalEntry, Message
from registry.types import Attachment, AttachmentKind, ContactPoint, InboundMessage, Sender
from tests.registry.calls.lines import ringing
from tests.registry.offices import almaty
from tests.registry.samples import RULES, START

LATE = almaty("2026-03-02 23:59:59").astimezone(UTC)
MIDNIGHT = almaty("2026-03-03 00:00:00").astimezone(UTC)
VOICE = Attachment(kind=AttachmentKind.VOICE, ref="RE1", mime="audio/mpeg")


async def _take(
    database: Database, *items: InboundMessage, now: datetime | None = None, rules: Rules = RULES
) -> list[str]:
    accepted = await database.run(accept(items, rules=rules, now=now or items[-1].sent_at))
    return [number or "" for number in accepted.numbers]


async def _call(database: Database, sid: str, at: datetime, **changes: Any) -> str:
    return (await _take(database, ringing(at=at, external_id=sid, **changes)))[0]


async def _set(database: Database, number: str, **values: Any) -> None:
    async with database.write() as session:
        await session.exec(update(Appeal).where(col(Appeal.number) == number).values(**values))


async def test_calls_of_one_day_are_one_appeal(database: Database) -> None:
    first = await _call(database, "CA1", START)
    assert await _call(database, "CA2", START + timedelta(hours=9)) == first
    async with database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
        messages = (await session.exec(select(Message.appeal_id, Message.text))).all()
    assert (appeal.channel, appeal.message_count, appeal.unread) == ("phone", 2, 2)
    assert list(messages) == [(appeal.id, ""), (appeal.id, "")]


async def test_a_call_of_the_next_day_is_another_appeal_though_the_first_is_open(
    database: Database,
) -> None:
    first = await _call(database, "CA1", LATE)
    second = await _call(database, "CA2", MIDNIGHT)
    assert first != second
    assert await _call(database, "CA3", MIDNIGHT + timedelta(hours=20)) == second


async def test_the_day_is_that_of_the_city(database: Database) -> None:
    # Between the two the day changes in Greenwich, and not in Almaty.
    first = await _call(database, "CA1", datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    assert await _call(database, "CA2", datetime(2026, 3, 3, 0, 30, tzinfo=UTC)) == first


@pytest.mark.parametrize("status", ["resolved", "closed"])
async def test_a_call_reopens_nothing(database: Database, status: str) -> None:
    first = await _call(database, "CA1", START)
    await _set(database, first, status=status, resolved_at=START)
    assert await _call(database, "CA2", START + timedelta(minutes=5)) != first
    async with database.read() as session:
        kept = await session.exec(select(Appeal.status).where(Appeal.number == first))
        assert kept.one() == status


async def test_a_call_on_what_waits_for_the_citizen_is_their_answer(database: Database) -> None:
    first = await _call(database, "CA1", START)
    await _set(database, first, status="pending")
    assert await _call(database, "CA2", START + timedelta(minutes=5)) == first
    async with database.read() as session:
        assert (await session.exec(select(Appeal.status))).one() == "open"
        events = await session.exec(select(JournalEntry.event))
        assert "appeal.answered_by_citizen" in set(events)


async def test_calls_of_one_batch_keep_to_their_days(database: Database) -> None:
    other = "+77019999999"
    numbers = await _take(
        database,
        ringing(at=LATE - timedelta(hours=1), external_id="CA1"),
        ringing(other, at=LATE, external_id="CA2"),
        ringing(at=LATE, external_id="CA3"),
        ringing(at=MIDNIGHT, external_id="CA4"),
        ringing(other, at=MIDNIGHT, external_id="CA5"),
        ringing(at=MIDNIGHT, external_id="CA4"),
        ringing(at=MIDNIGHT + timedelta(minutes=1), external_id="CA6"),
        now=MIDNIGHT + timedelta(minutes=2),
    )
    assert numbers[0] == numbers[2]
    assert numbers[3] == numbers[6]
    assert len({numbers[0], numbers[1], numbers[3], numbers[4]}) == 4
    async with database.read() as session:
        assert len((await session.exec(select(Message.id))).all()) == 6


async def test_a_call_that_comes_twice_is_one_message(database: Database) -> None:
    first = await _call(database, "CA1", START)
    assert await _call(database, "CA1", START) == first
    async with database.read() as session:
        assert len((await session.exec(select(Message.id))).all()) == 1


async def test_a_voicemail_joins_the_appeal_of_its_call_past_midnight_too(
    database: Database,
) -> None:
    first = await _call(database, "CA1", LATE)
    voice = ringing(at=MIDNIGHT, external_id="RE1", attachments=(VOICE,))
    assert await _take(database, voice) == [first]


async def test_calls_of_withheld_numbers_have_nothing_to_do_with_each_other(
    database: Database,
) -> None:
    def anonymous(sid: str) -> InboundMessage:
        name = f"anonymous:{sid}"
        sender = Sender(point=ContactPoint("tel", name))
        return ringing(name, external_id=sid, sender=sender)

    first, second = await _take(database, anonymous("CA1"), anonymous("CA2"))
    assert first != second
    voice = replace(anonymous("CA1"), external_id="RE1", attachments=(VOICE,))
    assert await _take(database, voice) == [first]


async def test_a_call_is_not_acknowledged_in_writing(database: Database) -> None:
    rules = Rules(
        join_window=RULES.join_window,
        number_prefix="ALM",
        zone=RULES.zone,
        acknowledge=lambda **_: "Registered.",
    )
    await _take(database, ringing(at=START), rules=rules)
    async with database.read() as session:
        assert (await session.exec(select(Dispatch.id))).all() == []


async def test_what_is_no_call_joins_by_the_window_as_before(database: Database) -> None:
    first = await _call(database, "CA1", LATE, call=False)
    assert await _call(database, "CA2", MIDNIGHT, call=False) == first
