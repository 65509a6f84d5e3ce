"""A citizen and a person are on the line together: what that is for the call and for its appeal."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.answering import answer_appeal
from registry.calls.matters import appeal_id_of, note_call
from registry.calls.tables import Call
from registry.models import Appeal


async def answered(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """Somebody is there for the citizen, for the first time in this call.

    Its appeal is answered by that, where it is known already: otherwise once the call is over.
    """
    call.answered_at = now
    actor = f"operator:{call.operator_id}"
    await note_call(
        session, call, "call.answered", actor=actor, now=now, key=f"call:{call.id}:answered"
    )
    appeal_id = await appeal_id_of(session, call)
    if appeal_id is not None:
        appeal = await session.get_one(
            Appeal, appeal_id, with_for_update={"key_share": True}, populate_existing=True
        )
        answer_appeal(appeal, now=now)
