"""What operators say of themselves at the phone: available or away, on which device, still there.

The caller commits; within `switchboard.decision` whoever waits is offered to them at once.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, exists, literal, not_, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls import duty
from registry.calls.legs import give_up, live_leg
from registry.calls.locking import lock_switchboard, tell_screens
from registry.calls.tables import PhoneAgent
from registry.columns import UtcTime
from registry.errors import BadValue
from registry.models import Session

SILENCE = timedelta(seconds=45)
"""After which a softphone that has not said that it is ready is taken for gone."""

_DEVICE = re.compile(r"\+[1-9]\d{6,14}|sips?:[\w.+%~-]{1,64}@[\w.-]{1,128}(:\d{1,5})?")


async def set_state(
    session: AsyncSession,
    operator_id: int,
    state: str,
    *,
    reason: str = "",
    signed_in: str = "",
    now: datetime,
) -> None:
    """Take calls ("available"), or none ("away", with a reason of `duty.CHOSEN_REASONS`).

    They take them until the session of the digest `signed_in` is over. Of whoever is on the line,
    or writes things down, it tells what they do after. What rings at somebody who goes away is
    offered to others. Raises: BadValue.
    """
    if state not in {duty.AVAILABLE, duty.AWAY}:
        raise BadValue("state", "You can be available or away.")
    if state == duty.AWAY and reason not in duty.CHOSEN_REASONS:
        reasons = ", ".join(duty.CHOSEN_REASONS)
        raise BadValue("reason", f"Tell why you are away: {reasons}.")
    await lock_switchboard(session)
    agent = await duty.hold_agent(session, operator_id, now=now)
    agent.signed_in = signed_in
    if agent.state in {duty.BUSY, duty.WRAP_UP}:
        agent.reason = reason if state == duty.AWAY else ""
    elif state == duty.AVAILABLE:
        duty.be_available(agent, now=now)
    else:
        leg = await live_leg(session, operator_id)
        if leg is not None:
            await give_up(session, leg, "declined", now=now)
        duty.be_away(agent, reason, now=now)
    await tell_screens(session)


async def set_device(
    session: AsyncSession, operator_id: int, device: str, *, now: datetime
) -> None:
    """Where it rings from now on: "" for the browser, a SIP address or a number in E.164.

    Raises: BadValue.
    """
    if device and not _DEVICE.fullmatch(device):
        raise BadValue(
            "device", "A device is sip:name@host, a number such as +77172000000, or the browser."
        )
    await lock_switchboard(session)
    (await duty.hold_agent(session, operator_id, now=now)).device = device
    await tell_screens(session)


async def seen(
    session: AsyncSession, operator_id: int, *, signed_in: str = "", now: datetime
) -> None:
    """The operator's softphone is ready to ring: to be told more often than `SILENCE` lasts."""
    await lock_switchboard(session)
    agent = await duty.hold_agent(session, operator_id, now=now)
    agent.seen_at, agent.signed_in = now, signed_in


async def agents(session: AsyncSession) -> Sequence[PhoneAgent]:
    """Everybody who has ever been at the phone."""
    return (await session.exec(select(PhoneAgent).order_by(col(PhoneAgent.operator_id)))).all()


def can_ring(
    seen_since: ColumnElement[datetime], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Whether there is something that rings, of somebody who is signed in still.

    Of a desk phone nobody can tell.
    """
    there = or_(col(PhoneAgent.device) != "", col(PhoneAgent.seen_at) >= seen_since)
    return and_(there, not_(_has_signed_out(now)))


def is_reachable(agent: PhoneAgent, now: datetime) -> bool:
    """Whether something of one of them rings."""
    return bool(agent.device) or (agent.seen_at is not None and agent.seen_at >= now - SILENCE)


async def rings_now(session: AsyncSession, agent: PhoneAgent, *, now: datetime) -> bool:
    """Whether something of one of them rings, and they are signed in still."""
    there = can_ring(literal(now - SILENCE, UtcTime()), literal(now, UtcTime()))
    found = await session.exec(
        select(PhoneAgent.operator_id).where(PhoneAgent.operator_id == agent.operator_id, there)
    )
    return found.first() is not None


def _has_signed_out(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether the session is over in which they turned the phone on."""
    goes_on = exists().where(
        col(Session.digest) == col(PhoneAgent.signed_in),
        col(Session.ended_at).is_(None),
        col(Session.expires_at) > now,
    )
    return and_(col(PhoneAgent.signed_in) != "", not_(goes_on))


async def silent_agents(session: AsyncSession, *, now: datetime) -> Sequence[PhoneAgent]:
    """Those who are there by their own word, but whose softphone is gone, or who signed out."""
    return (await session.exec(_SILENT, params={"seen_since": now - SILENCE, "now": now})).all()


_GONE = or_(
    col(PhoneAgent.seen_at).is_(None),
    col(PhoneAgent.seen_at) < bindparam("seen_since", type_=UtcTime()),
)
_AVAILABLE = col(PhoneAgent.state) == duty.AVAILABLE
_ON_A_CALL = col(PhoneAgent.state).in_((duty.BUSY, duty.WRAP_UP))
_SILENT = select(PhoneAgent).where(
    or_(
        and_(_AVAILABLE, col(PhoneAgent.device) == "", _GONE),
        and_(
            or_(_AVAILABLE, and_(_ON_A_CALL, col(PhoneAgent.reason) == "")),
            _has_signed_out(bindparam("now", type_=UtcTime())),
        ),
    )
)


async def sign_out(session: AsyncSession, agent: PhoneAgent, *, now: datetime) -> None:
    """Offer them nothing any more, and what rings at them to others; a call that they have is the
    last one."""
    if agent.state in {duty.BUSY, duty.WRAP_UP}:
        agent.reason = duty.SIGNED_OUT
    else:
        leg = await live_leg(session, agent.operator_id)
        if leg is not None:
            await give_up(session, leg, "missed", now=now)
        duty.be_away(agent, duty.SIGNED_OUT, now=now)
    await tell_screens(session)
