"""What an operator does with a call that they have, and how they make one of their own.

The caller commits; within `switchboard.decision` whoever waits is offered at once.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.choices import check_team
from registry.calls import duty
from registry.calls.agents import rings_now
from registry.calls.flow import after_room, room_of
from registry.calls.hearing import HowEnded
from registry.calls.leaving import (
    dismiss,
    end_call,
    is_in_room,
    leave,
    leave_room,
    live_legs,
    step_out,
    take_off_hold,
)
from registry.calls.legs import call_of, give_up, live_leg, ring
from registry.calls.locking import lock_switchboard, tell_screens
from registry.calls.matters import note_call
from registry.calls.ordering import hang_up_leg, order
from registry.calls.orders import Hold, Move, Release
from registry.calls.tables import Call, CallBack, CallLeg
from registry.errors import BadValue, NotFound, RegistryError
from registry.models import Operator

NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""In E.164."""


class NotTalking(RegistryError):
    """The operator has nobody on the line of whom this could be asked."""

    def __init__(self) -> None:
        super().__init__("You talk with no caller now.")


class NotFree(RegistryError):
    """Somebody cannot be rung now."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} cannot take a call now; choose somebody else, or a team.")
        self.name = name


class OnTheLine(RegistryError):
    """The operator is on a call, or has not said yet what the last one was about."""

    def __init__(self) -> None:
        super().__init__("Finish the call that you have first, and what is to be written about it.")


class BeingCalled(RegistryError):
    """A colleague carries out the call-back of the number."""

    def __init__(self) -> None:
        super().__init__("A colleague is calling them just now.")


class NobodyAsked(RegistryError):
    """There is no colleague on the line to whom the caller could be given."""

    def __init__(self) -> None:
        super().__init__("No colleague has joined the call yet; wait for them, or take it back.")


# --- With the caller ------------------------------------------------------------------------------


async def hold(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """Let the caller hear music. Raises: NotTalking."""
    call, leg = await _talk(session, operator_id)
    if not leg.held:
        await _hold(session, call, leg, now=now)


async def resume(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """Talk with the caller again. Raises: NotTalking."""
    call, _ = await _talk(session, operator_id)
    await take_off_hold(session, call, now=now)
    await tell_screens(session)


async def hang_up(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """Leave the call, or give up one that rings. Raises: NotTalking."""
    await lock_switchboard(session)
    leg = await live_leg(session, operator_id)
    if leg is None:
        raise NotTalking
    if leg.state == "ringing":
        await give_up(session, leg, "declined", now=now)
        return
    call = await call_of(session, leg)
    await leave(session, call, leg, now=now)
    await hang_up_leg(session, call, leg, now=now)


# --- To others ------------------------------------------------------------------------------------


async def transfer_to_team(
    session: AsyncSession, operator_id: int, team: str | None, *, now: datetime
) -> None:
    """Give the caller to whoever is next in a team (None: of everybody), with their place.

    Raises: NotTalking, BadValue (no such team).
    """
    call, leg = await _talk(session, operator_id)
    await check_team(session, team)
    call.team = team
    await _hand_over(session, call, leg, {"team": team}, now=now)


async def transfer_to(
    session: AsyncSession,
    operator_id: int,
    colleague_id: int,
    *,
    announced: bool = False,
    now: datetime,
) -> None:
    """Let it ring at a colleague: at once (whom they do not answer waits for anybody), or, if
    announced, so that the two talk while the caller hears music.

    Raises: NotTalking, NotFree, NotFound (no such operator).
    """
    call, leg = await _talk(session, operator_id)
    colleague = await session.get(Operator, colleague_id)
    if colleague is None:
        raise NotFound("operator", colleague_id)
    agent = await duty.hold_agent(session, colleague_id, now=now)
    free = agent.state == duty.AVAILABLE and await rings_now(session, agent, now=now)
    if not free or colleague.disabled_at or await live_leg(session, colleague_id) is not None:
        raise NotFree(colleague.name)
    if not announced:
        told = {"operator": str(colleague_id)}
        await _hand_over(session, call, leg, told, now=now)
        call.state = "ringing"
        await ring(session, call, agent, "transfer", now=now)
        return
    if await _asked(session, call):
        raise NotFree("Another colleague")
    if not leg.held:
        await _hold(session, call, leg, now=now)
    await ring(session, call, agent, "consult", now=now)


async def complete_transfer(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """Leave the caller to the colleague who has joined. Raises: NotTalking, NobodyAsked."""
    call, leg = await _talk(session, operator_id)
    asked = await _asked(session, call)
    if asked is None or asked.state != "joined":
        raise NobodyAsked
    assert leg.external_id is not None  # they have answered
    room = room_of(call.id)
    await order(session, call, Release(room=room, call=leg.external_id), now=now)
    await take_off_hold(session, call, now=now)
    call.operator_id = asked.operator_id
    told = {"operator": str(asked.operator_id)}
    await note_call(
        session, call, "call.transferred", actor=f"operator:{operator_id}", data=told, now=now
    )
    await step_out(session, call, leg, spoke=True, now=now)
    await hang_up_leg(session, call, leg, now=now)


async def cancel_transfer(session: AsyncSession, operator_id: int, *, now: datetime) -> None:
    """Take the caller back from an announced transfer. Raises: NotTalking, NobodyAsked."""
    call, _ = await _talk(session, operator_id)
    asked = await _asked(session, call)
    if asked is None:
        raise NobodyAsked
    await dismiss(session, call, [asked], now=now)


async def _hand_over(
    session: AsyncSession, call: Call, leg: CallLeg, to: Mapping[str, str | None], *, now: datetime
) -> None:
    """Out of the room and into the queue, where the citizen hears music until somebody answers."""
    assert call.external_id is not None  # they talk
    await order(session, call, Move(call=call.external_id, step=after_room(call)), now=now)
    await step_out(session, call, leg, spoke=True, now=now)
    await hang_up_leg(session, call, leg, now=now)
    leave_room(call, now=now)
    await dismiss(session, call, await live_legs(session, call.id), now=now)
    actor = f"operator:{leg.operator_id}"
    await note_call(session, call, "call.transferred", actor=actor, data=to, now=now)


# --- A call of one's own --------------------------------------------------------------------------


async def call_out(
    session: AsyncSession,
    *,
    operator_id: int,
    number: str,
    appeal_id: int | None = None,
    account: str,
    now: datetime,
) -> Call:
    """Call a citizen: it rings at the operator first, and then there.

    Where somebody at the number is to be called back, this is that call.
    Raises: OnTheLine, BadValue, BeingCalled.
    """
    if not NUMBER.fullmatch(number):
        raise BadValue("number", "A number is written with its country: +77011234567.")
    await lock_switchboard(session)
    agent = await duty.hold_agent(session, operator_id, now=now)
    taken = agent.state in {duty.BUSY, duty.WRAP_UP}
    if taken or await live_leg(session, operator_id) is not None:
        raise OnTheLine
    back = await _call_back(session, number, now=now)
    call = Call(
        account=account,
        direction="out",
        number=number,
        appeal_id=appeal_id or (back.appeal_id if back else None),
        call_back_id=back.id if back else None,
        language=back.language if back else None,
        state="ringing",
        operator_id=operator_id,
        started_at=now,
        open_hours=True,
    )
    session.add(call)
    await session.flush()
    if back is not None:
        back.call_id = call.id
    duty.be_busy(agent, now=now)
    await ring(session, call, agent, "own", now=now)
    return call


async def _call_back(session: AsyncSession, number: str, *, now: datetime) -> CallBack | None:
    """The call-back of a number, which nobody carries out any more. Raises: BeingCalled."""
    found = await session.exec(
        select(CallBack).where(CallBack.number == number, col(CallBack.done_at).is_(None))
    )
    back = found.one_or_none()
    if back is None or back.call_id is None:
        return back
    call = await session.get_one(Call, back.call_id)
    if call.ended_at is None and call.state != "waiting":
        raise BeingCalled
    # The queue has it, and it rings at nobody.
    await end_call(session, call, HowEnded.CANCELLED, now=now)
    return back


# --- What they have -------------------------------------------------------------------------------


async def _talk(session: AsyncSession, operator_id: int) -> tuple[Call, CallLeg]:
    """The call in which the operator talks with a citizen. Raises: NotTalking."""
    await lock_switchboard(session)
    leg = await live_leg(session, operator_id)
    if leg is None or leg.state != "joined":
        raise NotTalking
    call = await call_of(session, leg)
    if call.operator_id != operator_id or not is_in_room(call):
        raise NotTalking
    return call, leg


async def _asked(session: AsyncSession, call: Call) -> CallLeg | None:
    """The side of the colleague to whom the citizen may be given."""
    legs = await live_legs(session, call.id)
    return next((leg for leg in legs if leg.operator_id != call.operator_id), None)


async def _hold(session: AsyncSession, call: Call, leg: CallLeg, *, now: datetime) -> None:
    assert call.external_id is not None  # they talk
    leg.held = True
    await order(session, call, Hold(room=room_of(call.id), call=call.external_id, on=True), now=now)
    await tell_screens(session)
