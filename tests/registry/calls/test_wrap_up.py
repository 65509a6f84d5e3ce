"""After a call something is written down: without it the operator is not done."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from registry.appeals import add_note
from registry.calls import duty
from registry.calls.tables import Call, PhoneAgent
from registry.calls.wrap_up import AboutWhat, CallOutcome, NoMatter, NothingToWrapUp, finish_wrap_up
from registry.db import Database
from registry.models import Appeal, JournalEntry, Message
from registry.operators import Principal
from tests.registry.calls.lines import call_of, rings
from tests.registry.desk import hire
from tests.registry.samples import START

LATER = START + timedelta(minutes=3)


async def _wraps_up(database: Database, *, reason: str = "") -> tuple[Principal, str]:
    """An operator who has just talked; and the number of the call's appeal."""
    dana = await hire(database, "Dana")
    number = await rings(database)
    async with call_of(database, operator_id=dana.operator_id, state="ended") as (session, call):
        agent = await duty.hold_agent(session, dana.operator_id or 0, now=START)
        duty.wrap_up(agent, call.id, now=START)
        agent.reason = reason
    return dana, number


async def _finish(
    database: Database,
    by: Principal,
    note: str = "",
    outcome: CallOutcome = CallOutcome.ANSWERED,
) -> None:
    async with database.write() as session:
        await finish_wrap_up(session, by.operator_id or 0, outcome=outcome, note=note, now=LATER)


async def _agent(database: Database, by: Principal) -> PhoneAgent:
    async with database.read() as session:
        return await session.get_one(PhoneAgent, by.operator_id)


async def _notes(database: Database) -> list[str]:
    async with database.read() as session:
        found = await session.exec(
            select(Message.text).where(Message.direction == "note").order_by(col(Message.id))
        )
        return list(found)


async def test_a_wrap_up_without_a_note_asks_what_the_call_was_about(database: Database) -> None:
    dana, _ = await _wraps_up(database)
    for nothing in ("", "  \n"):
        with pytest.raises(AboutWhat, match="Write down what the call was about"):
            await _finish(database, dana, nothing)
    agent = await _agent(database, dana)
    assert agent.state == "wrap_up"


async def test_a_note_ends_it_and_stands_in_the_calls_appeal(database: Database) -> None:
    dana, _ = await _wraps_up(database)
    await _finish(database, dana, " Asked when the water is back. ", CallOutcome.REGISTERED)
    agent = await _agent(database, dana)
    assert (agent.state, agent.idle_since, agent.wrapping_up) == ("available", LATER, None)
    assert await _notes(database) == ["Asked when the water is back."]
    async with database.read() as session:
        call = (await session.exec(select(Call))).one()
        told = await session.exec(
            select(JournalEntry).where(JournalEntry.event == "call.wrapped_up")
        )
        entry = told.one()
    assert call.outcome == "registered"
    assert entry.data == {"call": str(call.id), "outcome": "registered"}
    assert (entry.actor, entry.appeal_id is None) == (dana.actor, False)


async def test_a_note_that_was_written_while_they_talked_is_enough(database: Database) -> None:
    dana, number = await _wraps_up(database)
    async with database.write() as session:
        await add_note(session, number, "No water.", by=dana, now=START + timedelta(minutes=1))
    await _finish(database, dana)
    agent = await _agent(database, dana)
    assert agent.state == "available"
    assert await _notes(database) == ["No water."]


async def test_notes_of_others_and_of_before_are_not_enough(database: Database) -> None:
    dana, number = await _wraps_up(database)
    aset = await hire(database, "Aset")
    async with database.write() as session:
        await add_note(session, number, "I know them.", by=aset, now=LATER)
        await add_note(session, number, "Before.", by=dana, now=START - timedelta(minutes=1))
    with pytest.raises(AboutWhat):
        await _finish(database, dana)


async def test_who_wished_to_be_away_is_away_after_it(database: Database) -> None:
    dana, _ = await _wraps_up(database, reason="meal")
    await _finish(database, dana, "Done.")
    agent = await _agent(database, dana)
    assert (agent.state, agent.reason) == ("away", "meal")


async def test_who_has_no_call_behind_them_is_told_so(database: Database) -> None:
    dana = await hire(database, "Dana")
    with pytest.raises(NothingToWrapUp):
        await _finish(database, dana, "What?")


async def test_it_is_done_once(database: Database) -> None:
    dana, _ = await _wraps_up(database)
    await _finish(database, dana, "Done.")
    with pytest.raises(NothingToWrapUp):
        await _finish(database, dana, "Done.")


async def test_a_call_of_no_appeal_has_to_get_one_first(database: Database) -> None:
    dana = await hire(database, "Dana")
    async with call_of(database, external_id="out", direction="out") as (session, call):
        duty.wrap_up(
            await duty.hold_agent(session, dana.operator_id or 0, now=START), call.id, now=START
        )
    with pytest.raises(NoMatter, match="register it, or join it"):
        await _finish(database, dana, "About water.")
    with pytest.raises(AboutWhat):
        await _finish(database, dana)


async def test_who_gave_the_call_to_another_team_can_still_write_of_it(
    database: Database,
) -> None:
    dana, number = await _wraps_up(database)
    async with database.write() as session:
        await session.exec(update(Appeal).where(col(Appeal.number) == number).values(team="water"))
    await _finish(database, dana, "Passed on to the water team.", CallOutcome.PASSED_ON)
    assert await _notes(database) == ["Passed on to the water team."]
