"""What operators type while they talk: kept as they type, until it is the note of the call.

It lies with their side of the call, so that another device, or the page after a crash, goes on
with it. Nobody else reads it before it is a note (see registry.calls.wrap_up).
"""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.tables import CallLeg
from registry.errors import NotFound

LONGEST = 20_000
"""Characters."""


async def jot(session: AsyncSession, call_id: int, operator_id: int, text: str) -> None:
    """Keep what an operator has typed of a call so far.

    The caller commits. Raises: NotFound, where they never were on it.
    """
    leg = await side_of(session, call_id, operator_id)
    if leg is None:
        raise NotFound("call", call_id)
    leg.note = text


async def jotted(session: AsyncSession, call_id: int, operator_id: int) -> str:
    """What they have typed."""
    leg = await side_of(session, call_id, operator_id)
    return "" if leg is None else leg.note


async def side_of(session: AsyncSession, call_id: int, operator_id: int) -> CallLeg | None:
    """The operator's side of a call, the last one; None for who never had one."""
    found = await session.exec(
        select(CallLeg)
        .where(CallLeg.call_id == call_id, CallLeg.operator_id == operator_id)
        .order_by(col(CallLeg.id).desc())
        .limit(1)
    )
    return found.first()
