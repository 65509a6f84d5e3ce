"""What happens to calls is heard here, one thing after another: each leads to a decision.

A decision is one transaction under one lock, which ends with a match: as long as somebody waits
whom an idle operator can take, an offer is made (see docs/adr/0016-calls.md).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.agents import sign_out, silent_agents
from registry.calls.answering import answered
from registry.calls.call_backs import place_of, want_call_back
from registry.calls.circumstances import facts_of
from registry.calls.ending import left_voice
from registry.calls.flow import ToFollow, after_room, follow
from registry.calls.hearing import (
    Anything,
    Arrived,
    Ended,
    HowEnded,
    LegAnswered,
    LegEnded,
    Pressed,
    Recorded,
)
from registry.calls.knowing import hold_call
from registry.calls.leaving import clear, end_call, is_being_given, is_in_room, leave_room
from registry.calls.legs import LEFT_ROOM, give_up, leg_ended, leg_left, overdue_legs
from registry.calls.locking import lock_switchboard, tell_screens
from registry.calls.matching import match, needless, planned
from registry.calls.ordering import hang_up_citizen
from registry.calls.picking_up import KEY, pick_up, press
from registry.calls.recording import recorded
from registry.calls.script import HangUp, Script
from registry.calls.steps import START
from registry.calls.tables import Call
from registry.calls.texting import send_links
from registry.calls.turns import (
    ConsentsToRecord,
    Effect,
    EntersQueue,
    LeftVoice,
    Turn,
    WantsCallBack,
    WantsText,
)
from registry.current_office import Office
from registry.db import Database
from registry.office import revision_of

WITH_A_PERSON = frozenset({"waiting", "ringing", "talking"})
"""The states of a call for which operators may be on the line, or rung."""


@asynccontextmanager
async def decision(
    database: Database, *, office: Office, now: datetime
) -> AsyncIterator[AsyncSession]:
    """A transaction in which nobody else decides; whoever can be offered at its end is.

    Raises: Unavailable.
    """
    async with alone(database, office=office) as session:
        yield session
        await match(session, now=now)


@asynccontextmanager
async def alone(database: Database, *, office: Office) -> AsyncIterator[AsyncSession]:
    """The same for what makes nobody wait and nobody idle: there is nobody to be offered.

    Raises: Unavailable.
    """
    async with database.write() as session:
        session.info[Office] = office  # for `office_of`
        await lock_switchboard(session)
        yield session


class Next(Struct, frozen=True):
    """What is heard next."""

    script: Script | None
    """With its `Line`s still (see registry.calls.prompts); None where nobody waits for it."""
    revision: str | None = None
    """Of the office in which it was decided: what a line says may have changed with it."""


async def decide(database: Database, heard: Anything, *, office: Office, now: datetime) -> Next:
    """Take in what happened; what is heard next. Raises: Unavailable."""
    async with decision(database, office=office, now=now) as session:
        script = await _take_in(session, heard, office=office, now=now)
        return Next(script, None if script is None else await revision_of(session))


async def hear(
    database: Database, heard: Anything, *, office: Office, now: datetime
) -> Script | None:
    """The same, for whom the script alone matters. Raises: Unavailable."""
    return (await decide(database, heard, office=office, now=now)).script


async def _take_in(
    session: AsyncSession, heard: Anything, *, office: Office, now: datetime
) -> Script | None:
    match heard:
        case LegAnswered():
            return await pick_up(session, heard, now=now)
        case Pressed(step=step) if step.startswith(KEY):
            return await press(session, heard, now=now)
        case LegEnded():
            await leg_ended(session, heard, now=now)
        case Arrived(step=step) if step == LEFT_ROOM:
            await leg_left(session, heard, now=now)
            return (HangUp(),)
        case Ended():
            call = await hold_call(session, heard, office=office)
            if call.external_id == heard.call:  # not the other one of two that rang
                await end_call(session, call, heard.how, now=now)
        case Recorded():
            await recorded(session, heard, now=now)
        case _:
            return await _go_on(session, heard, office=office, now=now)
    return None


async def tick(database: Database, *, office: Office, now: datetime) -> None:
    """Do what the time has come for: to be called every second or so. Raises: Unavailable.

    What rang long enough is offered to others, whose softphone is gone is offered nothing, and
    whose turn has come by the clock alone is offered.
    """
    async with database.read() as session:
        if not await _is_due(session, now=now):
            return
    async with decision(database, office=office, now=now) as session:
        for leg in await overdue_legs(session, now=now):
            await give_up(session, leg, "missed", now=now)
        for agent in await silent_agents(session, now=now):
            await sign_out(session, agent, now=now)
        for call in await needless(session):
            await end_call(session, call, HowEnded.CANCELLED, now=now)


async def _is_due(session: AsyncSession, *, now: datetime) -> bool:
    return bool(
        await overdue_legs(session, now=now)
        or await silent_agents(session, now=now)
        or await needless(session)
        or await planned(session, now=now)
    )


# --- The citizen's path ---------------------------------------------------------------------------


async def _go_on(
    session: AsyncSession, heard: ToFollow, *, office: Office, now: datetime
) -> Script:
    call = await hold_call(session, heard, office=office)
    if call.external_id != heard.call and not await _is_the_one(session, call, heard, now=now):
        return (HangUp(),)
    facts = await facts_of(session, call, heard, now=now)
    if call.ended_at is None and call.step == START:
        call.urgent = facts.urgent
    has_left = isinstance(heard, Arrived) and heard.step == after_room(call)
    if has_left and await is_being_given(session, call):
        # Whoever they talked with is cut off, and the colleague has not taken them over.
        await clear(session, call, now=now)
        leave_room(call, now=now)
    before, turn = call.state, follow(call, heard, facts)
    if before in WITH_A_PERSON and turn.state is not None and turn.state not in WITH_A_PERSON:
        await clear(session, call, now=now)  # they chose something else, or have left the room
    _change(call, turn)
    for effect in turn.effects:
        await _bring_about(session, call, effect, now=now)
    if is_in_room(call) and call.answered_at is None:
        await answered(session, call, now=now)
    if call.state != before:
        await tell_screens(session)
    return turn.script


async def _is_the_one(session: AsyncSession, call: Call, heard: ToFollow, *, now: datetime) -> bool:
    """Of two that ring at a citizen for one call of ours, the first that is picked up is it."""
    if call.answered_at is not None or call.ended_at is not None:
        return False
    await hang_up_citizen(session, call, now=now)
    call.external_id = heard.call
    return True


def _change(call: Call, turn: Turn) -> None:
    for name in ("step", "facts", "language", "team"):
        value = getattr(turn, name)
        if value is not None:
            setattr(call, name, value)
    # What rings for them rings on, as they go on waiting.
    if turn.state is not None and not (turn.state == "waiting" and call.state == "ringing"):
        call.state = turn.state


async def _bring_about(session: AsyncSession, call: Call, effect: Effect, *, now: datetime) -> None:
    match effect:
        case EntersQueue():
            call.waiting_since = call.waiting_since or await place_of(session, call) or now
        case WantsCallBack(keeps_place=keeps_place):
            await want_call_back(session, call, keeps_place=keeps_place, now=now)
        case WantsText():
            await send_links(session, call, now=now)
        case LeftVoice():
            await left_voice(session, call, effect, now=now)
        case ConsentsToRecord(consents=consents):
            call.record = consents
