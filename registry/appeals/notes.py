"""Notes on an appeal: what only colleagues see."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound
from registry.journal import record
from registry.models import Appeal, Message
from registry.operators import Principal


async def add_note(
    session: AsyncSession, number: str, text: str, *, by: Principal, now: datetime
) -> Message:
    """Write what only colleagues see. It moves no appeal to the top of a list. Raises: NotFound."""
    grown = await session.exec(
        update(Appeal)
        .where(col(Appeal.number) == number)
        .values(message_count=Appeal.message_count + 1)
        .returning(col(Appeal.id), col(Appeal.conversation_id))
    )
    found = grown.first()
    if found is None:
        raise NotFound("appeal", number)
    appeal_id, conversation_id = found
    note = Message(
        appeal_id=appeal_id,
        conversation_id=conversation_id,
        direction="note",
        text=text,
        author=by.name,
        operator_id=by.operator_id,
        sent_at=now,
        created_at=now,
    )
    session.add(note)
    record(session, "note.added", actor=by.actor, now=now, appeal_id=appeal_id, message_id=note.id)
    await session.flush()
    return note
