"""A citizen and a person are on the line together: what that is for the call and for its appeal."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.answering import answer_appeal
from registry.calls.call_backs import spoken
from registry.calls.matters import appeal_of, note_call_of
from registry.calls.tables import Call


async def answered(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """Somebody is there for the citizen, for the first time in this call.

    Nobody is to call them back any more. Their appeal is answered by that, where it is known
    already: otherwise once the call is over.
    """
    call.answered_at = now
    await spoken(session, call.number, operator_id=call.operator_id, now=now)
    appeal = await appeal_of(session, call)
    moved = {} if appeal is None else answer_appeal(appeal, now=now)
    await note_call_of(
        session,
        None if appeal is None else appeal.id,
        call,
        "call.answered",
        actor=f"operator:{call.operator_id}",
        now=now,
        data=moved,
        key=f"call:{call.id}:answered",
    )
