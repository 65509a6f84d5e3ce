"""Transcripts: which sounds of the telephone nobody has written down yet, and what was understood.

A sound is a recording or a voicemail. What a machine understood is shown as such, and can be
searched for; a sound of which it could make nothing is not tried again.
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, func, literal_column, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.matters import CHANNEL, appeal_id_of
from registry.calls.tables import Call, Transcript
from registry.journal import SYSTEM, record
from registry.models import Appeal, Attachment, Conversation, Message
from registry.office import get_setting
from registry.office_shapes import Telephone

RECENT = timedelta(days=7)
"""What is older when the first machine comes is not listened to."""

PHONE: ColumnElement[str] = literal_column(f"'{CHANNEL}'")
"""Written out, so that the index of its files serves."""
_SOUNDS = ("voice", "audio")


class Sound(Struct, frozen=True, kw_only=True):
    """A sound that lies with us, and nobody has written down."""

    id: int
    path: str
    language: str
    """That its caller chose, or else wrote in, or else the office speaks."""


async def next_sound(session: AsyncSession, *, now: datetime) -> Sound | None:
    """The oldest of them; None for none."""
    file, call, last = Attachment, Call, _last_call()
    found = await (await session.connection()).execute(
        select(
            col(file.id),
            col(file.path),
            func.coalesce(col(call.language), last, col(Appeal.language)).label("language"),
        )
        .outerjoin(Transcript, col(Transcript.attachment_id) == col(file.id))
        .outerjoin(call, col(call.id) == col(file.call_id))
        .outerjoin(Message, col(Message.id) == col(file.message_id))
        .outerjoin(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .outerjoin(Appeal, col(Appeal.id) == col(Message.appeal_id))
        .where(
            col(file.channel) == PHONE,
            col(file.created_at) > now - RECENT,
            col(file.state) == "ready",
            col(file.kind).in_(_SOUNDS),
            col(Transcript.attachment_id).is_(None),
        )
        .order_by(col(file.created_at), col(file.id))
        .limit(1)
    )
    row = found.first()
    if row is None:
        return None
    spoken = row.language if row.language in {"kk", "ru", "en"} else None
    language = spoken or (await get_setting(session, Telephone)).language
    return Sound(id=row.id, path=row.path, language=language)


def _last_call() -> Any:
    """What whoever left a voicemail had chosen in that call: the last one of the number."""
    call = Call.__table__.alias("heard")  # type: ignore[attr-defined]
    return (
        select(call.c.language)
        .where(
            call.c.number == col(Conversation.key),
            call.c.account == col(Conversation.account),
            call.c.started_at <= col(Message.sent_at),
        )
        .order_by(call.c.started_at.desc())
        .limit(1)
        .scalar_subquery()
    )


async def keep_transcript(
    session: AsyncSession,
    sound: Sound,
    text: str,
    *,
    made_by: str,
    now: datetime,
    failure: str | None = None,
) -> None:
    """Keep what a machine understood, or why it could not. The caller commits.

    Nothing is kept of a sound that has been deleted meanwhile, or was written down by another.
    """
    file = await session.get(Attachment, sound.id)
    if file is None or await session.get(Transcript, sound.id) is not None:
        return
    session.add(
        Transcript(
            attachment_id=sound.id,
            language=sound.language,
            text=text,
            made_by=made_by,
            made_at=now,
            failure=failure,
        )
    )
    if text:
        # The entry has the appeal's screens and its search look again.
        record(
            session,
            "call.transcribed",
            actor=SYSTEM,
            now=now,
            appeal_id=await _appeal_id(session, file),
            message_id=file.message_id,
            data={"attachment": str(sound.id), "by": made_by},
        )


async def _appeal_id(session: AsyncSession, file: Attachment) -> int | None:
    if file.call_id is not None:
        return await appeal_id_of(session, await session.get_one(Call, file.call_id))
    message = await session.get(Message, file.message_id)
    return None if message is None else message.appeal_id
