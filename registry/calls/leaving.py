"""Who leaves a call, or never came to it, and what that makes of the others on the line.

The caller holds the switchboard's lock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls import duty
from registry.calls.ending import finish
from registry.calls.flow import after_room, room_of
from registry.calls.hearing import HowEnded
from registry.calls.locking import tell_screens
from registry.calls.matters import note_call
from registry.calls.ordering import cancel, hang_up_citizen, hang_up_leg, order
from registry.calls.orders import Dial, Hold, Move, Release
from registry.calls.steps import ROOM, TALKED
from registry.calls.tables import Call, CallLeg

LIVE = ("ringing", "joined")
"""The states of a leg that takes up its operator."""


async def live_legs(session: AsyncSession, call_id: int) -> Sequence[CallLeg]:
    """The operators' sides of a call that ring or are joined."""
    with session.no_autoflush:  # a call that is ending is written once
        found = (await session.exec(_LIVE_LEGS, params={"call_id": call_id})).all()
    return [leg for leg in found if leg.state in LIVE]


_LIVE_LEGS = (
    select(CallLeg)
    .where(CallLeg.call_id == bindparam("call_id"), col(CallLeg.state).in_(LIVE))
    .order_by(col(CallLeg.id))
)


def is_in_room(call: Call) -> bool:
    """Whether the citizen has come to where they talk with a person."""
    return call.state == "talking" and call.step == ROOM


def is_dialled(call: Call) -> bool:
    """Whether we call a citizen who has not picked up, or have not even begun to."""
    return call.direction == "out" and call.answered_at is None


async def is_being_given(session: AsyncSession, call: Call) -> bool:
    """Whether a colleague was asked to take the citizen over, and has not yet."""
    legs = await live_legs(session, call.id) if is_in_room(call) else ()
    return any(leg.operator_id != call.operator_id for leg in legs)


def wait_again(call: Call, *, now: datetime) -> None:
    """Back into the queue, with the place that they had."""
    call.state, call.waiting_since = "waiting", call.waiting_since or now


def leave_room(call: Call, *, now: datetime) -> None:
    """On the way back into the queue from talking with a person."""
    call.step = TALKED
    wait_again(call, now=now)


# --- An operator ----------------------------------------------------------------------------------


async def not_taken(
    session: AsyncSession, call: Call, leg: CallLeg, state: str, *, now: datetime
) -> None:
    """A leg rings no more that nobody answered: "missed", "declined", "failed" or "withdrawn".

    Who waits is the next again; an operator who did not answer is away, so that the next caller
    does not wait for them as well.
    """
    leg.state, leg.ended_at = state, now
    agent = await duty.hold_agent(session, leg.operator_id, now=now)
    if leg.kind == "own":
        duty.be_done(agent, now=now)
    elif state != "withdrawn":
        duty.be_away(agent, duty.FAILED if state == "failed" else duty.NO_ANSWER, now=now)
    await tell_screens(session)
    if call.ended_at is not None:
        return
    if leg.kind != "own" and state != "withdrawn":
        actor = f"operator:{leg.operator_id}"
        await note_call(session, call, "call.missed", actor=actor, now=now, data={"how": state})
    if leg.kind == "own":
        await end_call(session, call, HowEnded.CANCELLED, now=now)
    elif leg.kind == "consult":
        await take_off_hold(session, call, now=now)
    elif call.state == "ringing":
        wait_again(call, now=now)


async def leave(session: AsyncSession, call: Call, leg: CallLeg, *, now: datetime) -> None:
    """An operator who had joined is gone, and has given the citizen to nobody."""
    spoke = is_in_room(call) and leg.operator_id == call.operator_id
    await step_out(session, call, leg, spoke=spoke, now=now)
    if call.ended_at is not None:
        return
    if leg.operator_id != call.operator_id:
        await take_off_hold(session, call, now=now)  # a colleague who was asked
    elif spoke:
        await _leave_alone(session, call, leg, now=now)
    elif is_dialled(call):
        await hang_up_citizen(session, call, now=now)
        await end_call(session, call, HowEnded.CANCELLED, now=now)
    elif call.state == "talking":
        # Gone before the citizen was there: as if they had not answered.
        leg.state = "declined"
        agent = await duty.hold_agent(session, leg.operator_id, now=now)
        duty.be_away(agent, duty.NO_ANSWER, now=now)
        await cancel(session, call.id, Move, now=now)
        wait_again(call, now=now)


async def step_out(
    session: AsyncSession, call: Call, leg: CallLeg, *, spoke: bool, now: datetime
) -> None:
    """An operator has the call no more; who spoke with the citizen writes down what about."""
    leg.state, leg.ended_at, leg.held = "left", now, False
    agent = await duty.hold_agent(session, leg.operator_id, now=now)
    if spoke:
        duty.wrap_up(agent, call.id, now=now)
    else:
        duty.be_done(agent, now=now)
    call.talked = _seconds(await _all_legs(session, call.id), since=call.answered_at)
    await tell_screens(session)


async def _leave_alone(session: AsyncSession, call: Call, leg: CallLeg, *, now: datetime) -> None:
    """Whoever talked with the citizen has left, without having given them to anybody."""
    asked = await live_legs(session, call.id)
    if asked:
        # The room has ended for all of them: the citizen is to be helped still.
        leave_room(call, now=now)
        await dismiss(session, call, asked, now=now)
        return
    call.state = "parted"
    if leg.kind == "consult" and call.external_id is not None:
        # Only of the operator's side that answered first the provider knows to end the room.
        await order(session, call, Move(call=call.external_id, step=after_room(call)), now=now)


async def dismiss(
    session: AsyncSession, call: Call, legs: Iterable[CallLeg], *, now: datetime
) -> None:
    """Let legs ring no more, and end those that are joined."""
    for leg in legs:
        if leg.state == "ringing":
            await not_taken(session, call, leg, "withdrawn", now=now)
        else:
            await leave(session, call, leg, now=now)
        await hang_up_leg(session, call, leg, now=now)


async def take_off_hold(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """Let the citizen hear the operator again, if the operator is there."""
    for leg in await live_legs(session, call.id):
        if leg.operator_id == call.operator_id and leg.held and call.external_id is not None:
            leg.held = False
            what = Hold(room=room_of(call.id), call=call.external_id, on=False)
            await order(session, call, what, now=now)


# --- The citizen ----------------------------------------------------------------------------------


async def end_call(
    session: AsyncSession, call: Call, how: HowEnded, *, at: datetime | None = None, now: datetime
) -> None:
    """The citizen's side is over, and so is the call; `at` is when it was. Once is enough."""
    if call.ended_at is not None:
        return
    call.ended_at = at or now
    await clear(session, call, now=now)
    await cancel(session, call.id, Dial, Move, Hold, Release, now=now)
    await finish(session, call, how=how, now=now)
    await tell_screens(session)


async def clear(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """Everybody out: the citizen talks with nobody any more, and waits for nobody."""
    for leg in await live_legs(session, call.id):
        if leg.state == "ringing":
            await not_taken(session, call, leg, "withdrawn", now=now)
        else:
            spoke = is_in_room(call) and leg.operator_id == call.operator_id
            await step_out(session, call, leg, spoke=spoke, now=now)
        await hang_up_leg(session, call, leg, now=now)


# --- How long -------------------------------------------------------------------------------------


async def _all_legs(session: AsyncSession, call_id: int) -> Sequence[CallLeg]:
    with session.no_autoflush:
        return (await session.exec(_LEGS, params={"call_id": call_id})).all()


_LEGS = select(CallLeg).where(CallLeg.call_id == bindparam("call_id"))


def _seconds(legs: Iterable[CallLeg], *, since: datetime | None) -> float:
    """For how long somebody was there, who may have been two for a while."""
    if since is None:
        return 0.0
    spans = sorted(
        (max(leg.joined_at, since), leg.ended_at)
        for leg in legs
        if leg.joined_at is not None and leg.ended_at is not None
    )
    total, until = 0.0, since
    for begun, ended in spans:
        total += max(0.0, (ended - max(begun, until)).total_seconds())
        until = max(until, ended)
    return total
