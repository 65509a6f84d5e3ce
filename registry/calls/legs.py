"""Operators' sides of calls: how they ring, who answers, and what comes of those who do not.

Of two who answer one call one wins: an answer is an UPDATE of what rings still. The caller holds
the switchboard's lock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls import duty
from registry.calls.flow import room_of
from registry.calls.hearing import Arrived, HowEnded, LegAnswered, LegEnded
from registry.calls.leaving import is_dialled, leave, not_taken
from registry.calls.locking import lock_switchboard, tell_screens
from registry.calls.ordering import hang_up_leg, order, side_of
from registry.calls.orders import Dial, HangUpCall, Move, Ring
from registry.calls.script import HangUp, Line, Script, Talk
from registry.calls.steps import HELLO, ROOM
from registry.calls.tables import Call, CallLeg, PhoneAgent
from registry.errors import RegistryError
from registry.models import Operator
from registry.office import setting_of
from registry.office_shapes import Telephone

LEFT_ROOM = "leg"
"""The step at which an operator's side arrives when it has left the room."""

DIAL_SECONDS = 40
"""How long it rings at a citizen."""


class NothingRings(RegistryError):
    """There is no offer that this operator could decline."""

    def __init__(self) -> None:
        super().__init__("No call rings at you now.")


async def ring(
    session: AsyncSession, call: Call, agent: PhoneAgent, kind: str, *, now: datetime
) -> CallLeg:
    """Let a call ring at an operator."""
    telephone = await setting_of(session, Telephone)
    leg = CallLeg(
        call_id=call.id,
        account=call.account,
        operator_id=agent.operator_id,
        kind=kind,
        state="ringing",
        device=duty.device_of(agent),
        made_at=now,
        deadline=now + timedelta(seconds=telephone.ring_seconds),
    )
    session.add(leg)
    await session.flush()
    rings = Ring(
        leg=str(leg.id), device=leg.device, shown=call.number, seconds=telephone.ring_seconds
    )
    await order(session, call, rings, now=now)
    await tell_screens(session)
    return leg


async def live_leg(session: AsyncSession, operator_id: int) -> CallLeg | None:
    """What takes up an operator: it rings at them, or they are on the line."""
    found = await session.exec(
        select(CallLeg).where(
            CallLeg.operator_id == operator_id, col(CallLeg.state).in_(("ringing", "joined"))
        )
    )
    return found.one_or_none()


async def call_of(session: AsyncSession, leg: CallLeg) -> Call:
    """The call that a leg is a side of."""
    call = await session.get(Call, leg.call_id)
    assert call is not None  # the leg refers to it
    return call


# --- It is answered -------------------------------------------------------------------------------


async def answer_leg(session: AsyncSession, heard: LegAnswered, *, now: datetime) -> Script:
    """Somebody picked up: what they hear."""
    side = await side_of(session, heard.leg)
    if side is None:
        return (HangUp(),)
    leg, call = side
    rings = leg.external_id if leg.external_id != heard.call else None
    if leg.state == "joined" and rings is None:
        return await _script(session, call, leg)
    if not await _join(session, leg, heard.call, now=now):
        prompt = "call_taken" if call.state == "talking" else "caller_gone"
        return (Line(prompt, await language_of(session, leg.operator_id)), HangUp())
    if rings is not None:
        # It was rung twice, by two who did not know of each other; one is enough.
        await order(session, call, HangUpCall(call=rings), now=now)
    duty.be_busy(await duty.hold_agent(session, leg.operator_id, now=now), now=now)
    await tell_screens(session)
    if leg.kind != "consult":
        call.operator_id = leg.operator_id
        await _bring_citizen(session, call, now=now)
    return await _script(session, call, leg)


async def _join(session: AsyncSession, leg: CallLeg, external_id: str, *, now: datetime) -> bool:
    """Whether it rang until now."""
    connection = await session.connection()
    what = {"leg": leg.id, "now": now, "call": external_id}
    joined = await connection.execute(_JOIN, what)
    await session.refresh(leg)
    return joined.rowcount == 1


_JOIN = (
    update(CallLeg)
    .where(col(CallLeg.id) == bindparam("leg"), col(CallLeg.state) == "ringing")
    .values(state="joined", joined_at=bindparam("now"), external_id=bindparam("call"))
)


async def _bring_citizen(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """To the room in which the operator is."""
    if is_dialled(call):
        call.state = "ringing"
        dial = Dial(call=str(call.id), number=call.number, step=HELLO, seconds=DIAL_SECONDS)
        await order(session, call, dial, now=now)
        return
    call.state = "talking"
    assert call.external_id is not None  # they are on the line
    await order(session, call, Move(call=call.external_id, step=ROOM), now=now)


async def _script(session: AsyncSession, call: Call, leg: CallLeg) -> Script:
    """Into the room; it ends with the operator who answered first, but not with who was asked."""
    talk = Talk(
        room=room_of(call.id),
        step=LEFT_ROOM,
        ends_room=leg.kind != "consult",
        recorded=call.record,
    )
    if not is_dialled(call):
        return (talk,)
    return Line("connecting", await language_of(session, leg.operator_id)), talk


async def language_of(session: AsyncSession, operator_id: int) -> str:
    """What an operator's screen is in, or else what the office speaks."""
    operator = await session.get(Operator, operator_id)
    chosen = None if operator is None else operator.preferences.get("language")
    return chosen or (await setting_of(session, Telephone)).language


# --- It is not ------------------------------------------------------------------------------------

_UNTAKEN = {HowEnded.BUSY: "declined", HowEnded.FAILED: "failed"}


async def leg_ended(session: AsyncSession, heard: LegEnded, *, now: datetime) -> None:
    """A leg is over, or never came to be."""
    side = await side_of(session, heard.leg)
    if side is None or side[0].external_id not in {None, heard.call}:
        return  # the other one of two that rang for one leg
    leg, call = side
    if leg.external_id is None and leg.ended_at is None:
        leg.external_id = heard.call
    if leg.state == "ringing":
        state = _UNTAKEN.get(heard.how, "missed")
        await not_taken(session, call, leg, state, now=now)
    elif leg.state == "joined":
        await leave(session, call, leg, now=now)


async def leg_left(session: AsyncSession, heard: Arrived, *, now: datetime) -> None:
    """An operator's side has left the room: the end of it will be told as well, or is lost."""
    what = {"account": heard.account, "external_id": heard.call}
    side = (await session.exec(_JOINED, params=what)).one_or_none()
    if side is not None:
        leg, call = side
        await leave(session, call, leg, now=now)


_JOINED = (
    select(CallLeg, Call)
    .join(Call, col(Call.id) == col(CallLeg.call_id))
    .where(
        CallLeg.account == bindparam("account"),
        CallLeg.external_id == bindparam("external_id"),
        CallLeg.state == "joined",
    )
)


async def decline(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """An operator does not take what rings: it is offered to others. Raises: NothingRings."""
    await lock_switchboard(session)
    leg = await live_leg(session, operator_id)
    if leg is None or leg.state != "ringing":
        raise NothingRings
    await give_up(session, leg, "declined", now=now)


async def overdue_legs(session: AsyncSession, *, now: datetime) -> Sequence[CallLeg]:
    """What has rung for long enough."""
    return (await session.exec(_OVERDUE, params={"now": now})).all()


_OVERDUE = (
    select(CallLeg)
    .where(CallLeg.state == "ringing", CallLeg.deadline <= bindparam("now"))
    .order_by(col(CallLeg.id))
)


async def give_up(session: AsyncSession, leg: CallLeg, state: str, *, now: datetime) -> None:
    """Let a leg ring no more: "missed", "declined" or "failed"."""
    call = await call_of(session, leg)
    await not_taken(session, call, leg, state, now=now)
    await hang_up_leg(session, call, leg, now=now)
