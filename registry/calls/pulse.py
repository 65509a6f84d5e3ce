"""The pulse of the telephone: a few letters that change with everything that screens show of it."""

from datetime import datetime
from hashlib import blake2b

from sqlalchemy import bindparam, case, func
from sqlalchemy import select as columns
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.leaving import LIVE
from registry.calls.steps import ROOM
from registry.calls.tables import Call, CallBack, CallLeg, PhoneAgent
from registry.columns import UtcTime

_BEATS = (
    columns(
        col(Call.id), col(Call.state), col(Call.operator_id), col(Call.appeal_id),
        col(Call.language), col(Call.team), col(Call.urgent), col(Call.waiting_since),
        col(Call.step) == ROOM,
    )
    .where(col(Call.ended_at).is_(None))
    .order_by(col(Call.id)),
    columns(col(CallLeg.id), col(CallLeg.state), col(CallLeg.held))
    .where(col(CallLeg.state).in_(LIVE))
    .order_by(col(CallLeg.id)),
    columns(
        col(PhoneAgent.operator_id), col(PhoneAgent.state), col(PhoneAgent.reason),
        col(PhoneAgent.since), col(PhoneAgent.device), col(PhoneAgent.wrapping_up),
    ).order_by(col(PhoneAgent.operator_id)),
    columns(
        func.count(), func.max(col(CallBack.id)), func.min(col(CallBack.due_at)),
        func.sum(col(CallBack.rang)), func.sum(col(CallBack.tries)),
        func.count(col(CallBack.call_id)),
        func.sum(case((col(CallBack.due_at) <= bindparam("now", type_=UtcTime()), 1), else_=0)),
    ).where(col(CallBack.done_at).is_(None)),
)  # fmt: skip
"""What is on the line, who is at the phone, who is to be called. What became of a call is no part:
a call that ends is no longer on the line."""


async def pulse(session: AsyncSession, *, now: datetime) -> str:
    """The same as long as no screen of calls has anything new to show.

    A call-back that comes due is new, though nothing was done.
    """
    connection = await session.connection()
    digest = blake2b(digest_size=8)
    for beat in _BEATS:
        rows = await connection.execute(beat, {"now": now})
        digest.update(repr([tuple(row) for row in rows]).encode())
    return digest.hexdigest()
