"""A reply is taken back though its appeal was merged or split while it waited."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry.appeals import Change, Division, merge_appeal, split_appeal
from registry.db import Database
from registry.drafts import get_draft
from registry.models import Appeal, Dispatch, JournalEntry, Message
from registry.operators import Principal
from registry.replies import TooLate, take_back
from registry.states import Outcome, Status
from registry.undoing import undo
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import RULES, START, message
from tests.registry.test_taking_back import reply, state, take

LATER = START + timedelta(seconds=3)


@pytest.fixture
async def dana(database: Database) -> Principal:
    return await hire(database, "Dana")


async def merge(database: Database, number: str, into: str, by: Principal) -> int:
    async with database.write() as session:
        return await merge_appeal(session, number, into, across_contacts=True, by=by, now=LATER)


async def everything(database: Database, table: Any) -> list[Any]:
    async with database.read() as session:
        return list(await session.exec(select(table)))


async def two(database: Database) -> tuple[str, str]:
    """An appeal, and another of the same person, one minute later."""
    first = await write_in(database, "700")
    second = await write_in(
        database, "700", external_id="b", channel="sms", sent_at=START + timedelta(minutes=1)
    )
    return first, second


async def test_a_held_reply_of_a_merged_appeal_is_taken_back(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    alone = await state(database, second)
    said = await reply(database, first, dana)
    await merge(database, first, second, dana)

    taken = await take(database, said, dana, now=LATER)

    assert (taken.number, taken.content.text) == (second, "Қабылдадық")
    assert await everything(database, Dispatch) == []
    after = await state(database, second)
    assert after == {
        **alone, "message_count": 2, "unread": 2, "waiting_since": START,
    }  # fmt: skip
    assert (await state(database, first))["first_response_at"] is None
    async with database.read() as session:
        draft = await get_draft(session, second, by=dana)
    assert draft is not None
    assert draft.version == taken.draft_version


async def test_what_another_answered_there_stays_answered(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    said = await reply(database, first, dana)
    await merge(database, first, second, dana)
    await reply(database, second, dana, "Бригада выехала", now=START + timedelta(minutes=2))

    await take(database, said, dana, now=START + timedelta(minutes=2))

    after = await state(database, second)
    assert (after["unread"], after["waiting_since"], after["message_count"]) == (0, None, 3)


async def test_after_the_merge_is_undone_nothing_is_answered(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    before = await state(database, first), await state(database, second)
    said = await reply(database, first, dana)
    entry = await merge(database, first, second, dana)
    await take(database, said, dana, now=LATER)

    async with database.write() as session:
        await undo(session, entry, by=dana, now=LATER)

    for number, was in zip((first, second), before, strict=True):
        after = await state(database, number)
        for name in ("message_count", "last_message_at", "waiting_since", "first_response_at"):
            assert after[name] == was[name], (number, name)


async def test_what_was_resolved_by_it_is_as_before_once_the_merge_is_undone(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    before = await state(database, first), await state(database, second)
    done = Change(status=Status.RESOLVED, outcome=Outcome.ANSWERED)
    said = await reply(database, first, dana, then=done)
    entry = await merge(database, first, second, dana)
    await take(database, said, dana, now=LATER)

    async with database.write() as session:
        await undo(session, entry, by=dana, now=LATER)

    assert (await state(database, first), await state(database, second)) == before
    async with database.read() as session:
        told = await session.exec(
            select(JournalEntry.data).where(JournalEntry.event == "appeal.change_undone")
        )
        assert told.one()["status"] == {"from": "resolved", "to": "new"}


async def test_what_was_answered_for_both_stays_so_once_the_merge_is_undone(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    said = await reply(database, first, dana, then=Change(status=Status.RESOLVED))
    entry = await merge(database, first, second, dana)
    at = START + timedelta(minutes=2)
    await reply(database, second, dana, "Бригада выехала", now=at)
    await take(database, said, dana, now=at)

    async with database.write() as session:
        await undo(session, entry, by=dana, now=at)

    for number in (first, second):
        after = await state(database, number)
        assert (after["unread"], after["waiting_since"]) == (0, None), number
    assert (await state(database, first))["status"] == Status.RESOLVED


async def test_what_was_resolved_by_it_is_open_again_though_it_was_split_off(
    database: Database, dana: Principal
) -> None:
    [number, _] = await receive(
        database, message("1"), message("2", text="Су жоқ", sent_at=START + timedelta(minutes=1))
    )
    before = await state(database, number)
    said = await reply(database, number, dana, then=Change(status=Status.RESOLVED), now=LATER)
    messages = await everything(database, Message)
    chosen = [one.id for one in messages if one.text == "Су жоқ" or one.id == said.id]
    async with database.write() as session:
        own, _ = await split_appeal(
            session, number, Division(message_ids=tuple(chosen)), by=dana,
            prefix="ALM", zone=RULES.zone, now=LATER,
        )  # fmt: skip

    await take(database, said, dana, now=LATER)

    old, new = await state(database, number), await state(database, own.number)
    for name in ("status", "outcome", "resolved_at", "waiting_since"):
        assert old[name] == before[name], name
    assert new["waiting_since"] == START + timedelta(minutes=1)


async def test_a_held_reply_that_was_split_off_is_taken_back(
    database: Database, dana: Principal
) -> None:
    [number, _] = await receive(
        database, message("1"), message("2", text="Су жоқ", sent_at=START + timedelta(minutes=1))
    )
    said = await reply(database, number, dana, now=START + timedelta(minutes=2))
    messages = await everything(database, Message)
    chosen = [one.id for one in messages if one.text == "Су жоқ" or one.id == said.id]
    async with database.write() as session:
        own, _ = await split_appeal(
            session, number, Division(message_ids=tuple(chosen)), by=dana,
            prefix="ALM", zone=RULES.zone, now=START + timedelta(minutes=2),
        )  # fmt: skip

    taken = await take(database, said, dana, now=START + timedelta(minutes=2))

    assert taken.number == own.number
    old, new = await state(database, number), await state(database, own.number)
    assert (old["message_count"], new["message_count"]) == (1, 1)
    assert (old["waiting_since"], new["waiting_since"]) == (START, START + timedelta(minutes=1))
    assert (old["first_response_at"], new["first_response_at"]) == (None, None)


async def test_what_was_resolved_with_it_and_merged_stays_merged(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    done = Change(status=Status.RESOLVED, outcome=Outcome.ANSWERED)
    said = await reply(database, first, dana, then=done)
    await merge(database, first, second, dana)

    await take(database, said, dana, now=LATER)

    assert (await state(database, first))["status"] == Status.CLOSED
    assert (await state(database, second))["status"] == Status.NEW


async def test_a_reply_that_was_sent_again_is_not_taken_back_there_either(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    said = await reply(database, first, dana)
    await merge(database, first, second, dana)
    async with database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == second))).one()
        session.add(
            JournalEntry(
                at=LATER, event="message.retried", actor=dana.actor, appeal_id=appeal.id,
                message_id=said.id,
            )
        )  # fmt: skip

    with pytest.raises(TooLate):
        async with database.write() as session:
            await take_back(session, said.id, by=dana, now=LATER)


async def test_what_it_answered_elsewhere_by_now_is_unanswered_where_it_is(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    before = await state(database, first), await state(database, second)
    entry = await merge(database, first, second, dana)
    said = await reply(database, second, dana, now=LATER)
    async with database.write() as session:
        await undo(session, entry, by=dana, now=LATER)

    await take(database, said, dana, now=LATER)

    assert (await state(database, first), await state(database, second)) == before


async def test_what_was_split_off_after_it_is_unanswered_there(
    database: Database, dana: Principal
) -> None:
    later = START + timedelta(minutes=1)
    [number, _] = await receive(database, message("1"), message("2", text="Су жоқ", sent_at=later))
    said = await reply(database, number, dana, now=later)
    [chosen] = [one for one in await everything(database, Message) if one.text == "Су жоқ"]
    async with database.write() as session:
        own, _ = await split_appeal(
            session, number, Division(message_ids=(chosen.id,)), by=dana,
            prefix="ALM", zone=RULES.zone, now=later,
        )  # fmt: skip

    await take(database, said, dana, now=later)

    for name, at in ((number, START), (own.number, later)):
        after = await state(database, name)
        assert (after["unread"], after["waiting_since"]) == (1, at), name
        assert after["first_response_at"] is None, name


async def test_what_was_answered_where_it_went_stays_answered_there(
    database: Database, dana: Principal
) -> None:
    first, second = await two(database)
    entry = await merge(database, first, second, dana)
    said = await reply(database, second, dana, now=LATER)
    async with database.write() as session:
        await undo(session, entry, by=dana, now=LATER)
    await reply(database, first, dana, "Бригада выехала", now=LATER)

    await take(database, said, dana, now=LATER)

    there, here = await state(database, first), await state(database, second)
    assert (there["unread"], there["waiting_since"]) == (0, None)
    assert (here["unread"], here["waiting_since"]) == (1, START + timedelta(minutes=1))
