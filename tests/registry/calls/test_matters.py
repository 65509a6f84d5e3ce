"""What a call is about: its card, its appeal, and where an operator puts it in one step."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from registry import types
from registry.appeals import DifferentContacts, add_note
from registry.calls.caller_card import CallerCard, find_caller, get_caller_card
from registry.calls.joining import Matter, join_call, register_call
from registry.calls.matters import appeal_id_of
from registry.calls.tables import Call
from registry.contacts import BadPoint
from registry.db import Database
from registry.errors import BadValue, NotFound
from registry.models import Appeal, Attachment, Message
from registry.operators import Principal, Role
from registry.types import ContactPoint, Sender
from tests.registry.calls.lines import NUMBER, call_of, ringing, rings
from tests.registry.desk import hire, receive, write_in
from tests.registry.offices import ALMATY, furnished
from tests.registry.samples import START, message, sender

LATER = START + timedelta(minutes=5)


async def _call(database: Database, **fields: Any) -> Call:
    async with call_of(database, **fields) as (_, call):
        return call


async def _set(database: Database, number: str, **values: Any) -> None:
    async with database.write() as session:
        await session.exec(update(Appeal).where(col(Appeal.number) == number).values(**values))


async def _about(database: Database, call: Call) -> str:
    async with database.read() as session:
        row = await session.get_one(Call, call.id)
        appeal = await session.get_one(Appeal, await appeal_id_of(session, row))
        return appeal.number


async def _card(database: Database, call: Call, by: Principal) -> CallerCard:
    async with database.read() as session:
        return await get_caller_card(session, call.id, by=by)


async def _writes(database: Database, text: str = "No light.") -> str:
    """The caller has written as well; the number of that appeal."""
    written = message(text=text, sender=sender(also=(ContactPoint("tel", NUMBER),)))
    return (await receive(database, written))[0]


# --- The card -------------------------------------------------------------------------------------


async def test_the_card_tells_who_calls_what_is_open_and_when_they_called_before(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    written = await _writes(database)
    done = await write_in(database, "701", external_id="x", sender=sender("701"))
    before = await rings(database, sid="CA0")
    await _call(
        database, external_id="CA0", operator_id=dana.operator_id, ended_at=START, talked=42.0,
        ended_as="answered", outcome="answered", state="ended",
    )  # fmt: skip
    await _set(database, before, status="closed", closed_at=START)
    number = await rings(database, sid="CA1", at=LATER)
    call = await _call(database, external_id="CA1", started_at=LATER, language="kk")
    card = await _card(database, call, dana)
    assert (card.number, card.language, card.direction) == (NUMBER, "kk", "in")
    assert card.contact is not None
    assert card.contact.name == "Айгүл"
    assert [(one.number, one.open, one.this_call) for one in card.appeals] == [
        (number, True, True), (written, True, False), (before, False, False),
    ]  # fmt: skip
    [earlier] = card.calls
    assert (earlier.operator, earlier.talked, earlier.ended_as) == ("Dana", 42.0, "answered")
    assert (earlier.appeal, earlier.outcome) == (before, "answered")
    assert done not in {one.number for one in card.appeals}


async def test_the_card_of_a_withheld_number_shows_its_own_appeal_alone(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    name = "anonymous:CA1"
    item = ringing(name, sender=Sender(point=ContactPoint("tel", name)))
    [number] = await receive(database, item)
    await _call(database, external_id="CA0", number="")
    card = await _card(database, await _call(database, number=""), dana)
    assert [one.number for one in card.appeals] == [number]
    assert card.calls == []


async def test_the_card_hides_what_the_operator_may_not_see(database: Database) -> None:
    dana = await hire(database, "Dana")
    dana = Principal(
        role=dana.role, name=dana.name, operator_id=dana.operator_id, actor=dana.actor,
        teams=frozenset({"roads"}),
    )  # fmt: skip
    boss = await hire(database, "Boss", Role.SUPERVISOR)
    hidden = await _writes(database)
    await _set(database, hidden, team="police")
    number = await rings(database)
    call = await _call(database)
    assert [one.number for one in (await _card(database, call, dana)).appeals] == [number]
    assert len((await _card(database, call, boss)).appeals) == 2
    await _set(database, number, team="police")
    card = await _card(database, call, dana)
    assert (card.appeals, card.contact) == ([], None)


async def test_a_call_that_is_none_has_no_card(database: Database) -> None:
    dana = await hire(database, "Dana")
    async with database.read() as session:
        with pytest.raises(NotFound):
            await get_caller_card(session, 1, by=dana)


@pytest.mark.parametrize(
    "written", ["+77011234567", "8 (701) 123-45-67", "7 701 123 45 67", "87011234567"]
)
async def test_a_caller_is_found_by_their_number_however_it_is_written(
    database: Database, written: str
) -> None:
    dana = await hire(database, "Dana")
    await _writes(database)
    async with database.read() as session:
        found = await find_caller(session, written, by=dana)
        assert await find_caller(session, "+7 705 000 00 00", by=dana) is None
        with pytest.raises(BadPoint):
            await find_caller(session, "nobody", by=dana)
    assert found is not None
    assert found.name == "Айгүл"


# --- Joining and registering ----------------------------------------------------------------------


async def _join(
    database: Database, call: Call, into: str, by: Principal, *, across: bool = False
) -> str:
    async with database.write() as session:
        appeal = await join_call(
            session, call.id, into, by=by, prefix="ALM", zone=ALMATY, now=LATER,
            across_contacts=across,
        )  # fmt: skip
        return appeal.number


async def _register(
    database: Database, call: Call, by: Principal, subject: str = "Water", **matter: Any
) -> str:
    async with database.write() as session:
        appeal = await register_call(
            session, call.id, Matter(subject=subject, **matter), by=by, prefix="ALM", zone=ALMATY,
            now=LATER,
        )  # fmt: skip
        return appeal.number


async def test_a_call_joins_an_open_appeal_of_its_caller_with_what_was_noted(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    written = await _writes(database)
    number = await rings(database)
    call = await _call(database)
    async with database.write() as session:
        await add_note(session, number, "Asks about the light.", by=dana, now=LATER)
    assert await _join(database, call, written, dana) == written
    assert await _about(database, call) == written
    async with database.read() as session:
        appeals = {one.number: one for one in await session.exec(select(Appeal))}
        texts = set(
            await session.exec(select(Message.text).where(Message.appeal_id == appeals[written].id))
        )
    assert texts == {"No light.", "", "Asks about the light."}
    assert (appeals[number].status, appeals[number].message_count) == ("closed", 0)
    assert await _join(database, call, written, dana) == written  # once more is no harm


async def test_one_of_two_calls_joins_and_the_other_stays(database: Database) -> None:
    dana = await hire(database, "Dana")
    written = await _writes(database)
    first = await rings(database, sid="CA0")
    assert await rings(database, sid="CA1", at=LATER) == first
    earlier = await _call(database, external_id="CA0")
    call = await _call(database, external_id="CA1", started_at=LATER)
    await _join(database, call, written, dana)
    assert (await _about(database, call), await _about(database, earlier)) == (written, first)


async def test_a_call_that_joins_takes_the_voicemail_along_that_was_left_in_it(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    written = await _writes(database)
    first = await rings(database, sid="CA0")
    await rings(database, sid="CA1", at=LATER)
    for name in ("RE0", "RE1"):
        voice = types.Attachment(kind=types.AttachmentKind.VOICE, ref=name, mime="audio/mpeg")
        await receive(database, ringing(external_id=name, at=LATER, attachments=(voice,)))
    call = await _call(
        database, external_id="CA1", started_at=LATER, facts={"left": "message", "voice": "RE1"}
    )
    await _join(database, call, written, dana)
    async with database.read() as session:
        about = (
            select(Attachment.ref, Appeal.number)
            .join(Message, col(Message.id) == col(Attachment.message_id))
            .join(Appeal, col(Appeal.id) == col(Message.appeal_id))
        )
        assert dict((await session.exec(about)).all()) == {"RE0": first, "RE1": written}


async def test_a_call_for_somebody_else_joins_only_when_that_is_meant(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    mothers = await write_in(database, "701")
    await rings(database)
    call = await _call(database)
    with pytest.raises(DifferentContacts):
        await _join(database, call, mothers, dana)
    assert await _join(database, call, mothers, dana, across=True) == mothers


async def test_a_call_of_ours_joins_an_appeal(database: Database) -> None:
    dana = await hire(database, "Dana")
    written = await _writes(database)
    call = await _call(database, external_id="out", direction="out")
    await _join(database, call, written, dana)
    assert await _about(database, call) == written


async def test_what_one_may_not_see_is_not_there_to_join(database: Database) -> None:
    dana = await hire(database, "Dana")
    written = await _writes(database)
    await _set(database, written, team="police")
    await rings(database)
    call = await _call(database)
    limited = Principal(
        role=dana.role, name=dana.name, operator_id=dana.operator_id, actor=dana.actor,
        teams=frozenset({"roads"}),
    )  # fmt: skip
    with pytest.raises(NotFound):
        await _join(database, call, written, limited)


async def test_registering_says_what_the_calls_appeal_is_about(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await rings(database)
    call = await _call(database)
    assert await _register(database, call, dana, " No water on Abay ") == number
    async with database.read() as session:
        assert (await session.exec(select(Appeal.subject))).one() == "No water on Abay"
    with pytest.raises(BadValue, match="what the call is about"):
        await _register(database, call, dana, " ")


async def test_a_second_call_of_the_day_about_something_else_becomes_an_appeal_of_its_own(
    database: Database,
) -> None:
    await furnished(database)
    dana = await hire(database, "Dana")
    first = await rings(database, sid="CA0")
    await rings(database, sid="CA1", at=LATER)
    call = await _call(database, external_id="CA1", started_at=LATER)
    own = await _register(database, call, dana, "A hole in the road")
    assert own != first
    assert await _about(database, call) == own
    async with database.read() as session:
        rows = await session.exec(select(Appeal.number, Appeal.message_count, Appeal.subject))
        assert set(rows) == {(first, 1, ""), (own, 1, "A hole in the road")}


async def test_a_call_without_a_message_is_registered_with_its_number(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    call = await _call(database, external_id="out", direction="out")
    number = await _register(database, call, dana)
    assert await _about(database, call) == number
    async with database.read() as session:
        found = await find_caller(session, NUMBER, by=dana)
    assert found is not None
    assert [one.number for one in found.appeals] == [number]
