"""Who is on the line, as screens show it: an operator's own call, who waits, who is at the phone.

It reads alone. When to look again `registry.calls.locking` tells.
"""

from datetime import datetime

from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.agents import is_reachable
from registry.calls.leaving import LIVE, is_in_room
from registry.calls.matching import Waiting, who_waits
from registry.calls.tables import Call, CallLeg, PhoneAgent
from registry.models import Operator

__all__ = ["AtPhone", "Current", "Waiting", "at_the_phone", "current_call", "waiting"]


class Colleague(Struct, frozen=True, kw_only=True):
    """Whom an operator has asked to take their caller over."""

    operator_id: int
    name: str
    joined: bool
    """They have answered; otherwise it rings at them."""


class Current(Struct, frozen=True, kw_only=True):
    """The call that an operator has: it rings at them, they are on the line, or write it down."""

    call: Call
    kind: str
    """"offer", "transfer", "consult" or "own"; see `CallLeg.kind`."""
    state: str
    """"ringing", "joined" or "wrap_up"."""
    since: datetime
    """Since when it rings, or they have been on the line, or write."""
    until: datetime | None
    """How long it rings at most."""
    talking: bool
    """The citizen is there: not while it rings at them still, or they are on the way."""
    held: bool
    colleague: Colleague | None


class AtPhone(Struct, frozen=True, kw_only=True):
    """How an operator is at the phone."""

    operator_id: int
    name: str
    state: str
    """"available", "ringing", "busy", "wrap_up" or "away"."""
    reason: str
    since: datetime
    device: str
    reachable: bool
    """There is something that rings."""
    call_id: int | None


async def current_call(session: AsyncSession, operator_id: int) -> Current | None:
    """What an operator has to do with just now; None for nothing."""
    found = await session.exec(
        select(CallLeg, Call)
        .join(Call, col(Call.id) == col(CallLeg.call_id))
        .where(CallLeg.operator_id == operator_id, col(CallLeg.state).in_(LIVE))
    )
    row = found.one_or_none()
    if row is None:
        return await _written_down(session, operator_id)
    leg, call = row
    return Current(
        call=call,
        kind=leg.kind,
        state=leg.state,
        since=leg.joined_at or leg.made_at,
        until=leg.deadline if leg.state == "ringing" else None,
        talking=leg.state == "joined" and is_in_room(call),
        held=leg.held,
        colleague=await _colleague(session, call, leg),
    )


async def _written_down(session: AsyncSession, operator_id: int) -> Current | None:
    agent = await session.get(PhoneAgent, operator_id)
    if agent is None or agent.wrapping_up is None:
        return None
    call = await session.get(Call, agent.wrapping_up)
    if call is None:
        return None
    last = await session.exec(
        select(CallLeg)
        .where(CallLeg.call_id == call.id, CallLeg.operator_id == operator_id)
        .order_by(col(CallLeg.id).desc())
        .limit(1)
    )
    leg = last.first()
    return Current(
        call=call,
        kind="offer" if leg is None else leg.kind,
        state="wrap_up",
        since=agent.since,
        until=None,
        talking=False,
        held=False,
        colleague=None,
    )


async def _colleague(session: AsyncSession, call: Call, leg: CallLeg) -> Colleague | None:
    if call.operator_id != leg.operator_id:
        return None
    found = await session.exec(
        select(CallLeg.operator_id, Operator.name, CallLeg.state)
        .join(Operator, col(Operator.id) == col(CallLeg.operator_id))
        .where(
            CallLeg.call_id == call.id, CallLeg.kind == "consult", col(CallLeg.state).in_(LIVE),
            CallLeg.id != leg.id,
        )
    )  # fmt: skip
    row = found.first()
    if row is None:
        return None
    id_, name, state = row
    return Colleague(operator_id=id_, name=name, joined=state == "joined")


async def waiting(session: AsyncSession, *, now: datetime) -> list[Waiting]:
    """Everybody who waits for a person and rings at nobody, the next first."""
    return await who_waits(session, now=now)


async def at_the_phone(session: AsyncSession, *, now: datetime) -> list[AtPhone]:
    """Everybody who has ever been at the phone and still works here, by name."""
    found = await session.exec(
        select(PhoneAgent, Operator.name, CallLeg)
        .join(Operator, col(Operator.id) == col(PhoneAgent.operator_id))
        .outerjoin(
            CallLeg,
            (col(CallLeg.operator_id) == col(PhoneAgent.operator_id))
            & col(CallLeg.state).in_(LIVE),
        )
        .where(col(Operator.disabled_at).is_(None))
        .order_by(Operator.name, col(Operator.id))
    )
    return [_shown(agent, name, leg, now=now) for agent, name, leg in found]


def _shown(agent: PhoneAgent, name: str, leg: CallLeg | None, *, now: datetime) -> AtPhone:
    rings = leg is not None and agent.state == "available"
    return AtPhone(
        operator_id=agent.operator_id,
        name=name,
        state="ringing" if rings else agent.state,
        reason=agent.reason,
        since=agent.since,
        device=agent.device,
        reachable=is_reachable(agent, now),
        call_id=agent.wrapping_up if leg is None else leg.call_id,
    )
