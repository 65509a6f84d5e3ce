"""Recordings of conversations: fetched to us, heard by few, deleted when their time is over.

Each room of a call has one, and a call that was given to a team has had several rooms. They are
files of the call and of no message, so that whoever reads the appeal does not hear them by that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.hearing import Recorded
from registry.calls.knowing import find_call
from registry.calls.matters import CHANNEL, note_call
from registry.calls.ordering import order
from registry.calls.orders import Forget
from registry.calls.tables import Call, CallLeg, Transcript
from registry.calls.transcripts import PHONE
from registry.ids import new_id, parse_id
from registry.journal import SYSTEM
from registry.models import Attachment
from registry.operators import Principal, Role
from registry.statements import ID, JSON, TEXT, TIME, Script, Statement
from registry.types import AttachmentKind

_ROOM = "call-"
_MIME = "audio/mpeg"
_PENDING = "pending"


# --- It comes -------------------------------------------------------------------------------------


async def recorded(session: AsyncSession, heard: Recorded, *, now: datetime) -> None:
    """Have the sound fetched: told twice, or before the call's end, it is one file of the call.

    Of a call that nobody knows there is nothing to attach it to: the sweep will bring it.
    """
    call = await _call_of(session, heard)
    if call is None:
        return
    known = select(Attachment.id).where(
        Attachment.call_id == call.id, Attachment.ref == heard.recording
    )
    if (await session.exec(known)).first() is not None:
        return
    file = Attachment(
        call_id=call.id,
        channel=CHANNEL,
        account=call.account,
        kind=AttachmentKind.VOICE.value,
        ref=heard.recording,
        mime=_MIME,
        state=_PENDING,
        retry_at=now,
        created_at=now,
    )
    session.add(file)
    if call.recorded_at is None:
        call.recorded_at = now


async def _call_of(session: AsyncSession, heard: Recorded) -> Call | None:
    id_ = parse_id(heard.room.removeprefix(_ROOM)) if heard.room.startswith(_ROOM) else None
    call = None if id_ is None else await session.get(Call, id_)
    if call is None and heard.call:
        call = await find_call(session, heard.account, heard.call)
    return call if call is not None and call.account == heard.account else None


def recording_ready(file_id: int, *, now: datetime) -> Script[None]:
    """Tell the journal of the call's appeal that its sound lies with us; of other files nothing."""
    data = msgspec.json.encode({"attachment": str(file_id)}).decode()
    yield _READY, [(new_id(), now, SYSTEM, file_id, data)]


_READY = Statement(
    """
    INSERT INTO journal (id, at, event, actor, appeal_id, data)
    SELECT r.id, r.now, 'call.recorded', r.actor, coalesce(c.appeal_id, m.appeal_id), r.data
    FROM {rows} JOIN attachments f ON f.id = r.file_id
    JOIN calls c ON c.id = f.call_id
    LEFT JOIN external_ids e
      ON e.channel = 'phone' AND e.account = c.account AND e.external_id = c.external_id
    LEFT JOIN messages m ON m.id = e.message_id
    """,
    id=ID,
    now=TIME,
    actor=TEXT,
    file_id=ID,
    data=JSON,
)


# --- It is heard ----------------------------------------------------------------------------------


async def may_hear(session: AsyncSession, call_id: int, by: Principal) -> bool:
    """Supervisors may, and whoever was on the line: they heard it before."""
    if by.is_at_least(Role.SUPERVISOR):
        return True
    was_there = select(CallLeg.id).where(
        CallLeg.call_id == call_id,
        CallLeg.operator_id == by.operator_id,
        col(CallLeg.joined_at).is_not(None),
    )
    return by.operator_id is not None and (await session.exec(was_there)).first() is not None


async def recordings_of(session: AsyncSession, call_id: int) -> Sequence[Attachment]:
    """All of a call, the first first."""
    found = await session.exec(
        select(Attachment).where(Attachment.call_id == call_id).order_by(col(Attachment.id))
    )
    return found.all()


# --- It is deleted --------------------------------------------------------------------------------


class Old(Struct, frozen=True, kw_only=True):
    """A recording whose time is over: its file goes first, then its row."""

    id: int
    path: str | None


async def old_recordings(
    session: AsyncSession, *, days: int, now: datetime, limit: int = 200
) -> list[Old]:
    """Those that have been kept for so many days; not one that is just being fetched."""
    found = await session.exec(
        select(Attachment.id, Attachment.path)
        .where(
            col(Attachment.channel) == PHONE,
            col(Attachment.call_id).is_not(None),
            col(Attachment.created_at) <= now - timedelta(days=days),
            Attachment.state != _PENDING,
        )
        .order_by(col(Attachment.created_at))
        .limit(limit)
    )
    return [Old(id=id_, path=path) for id_, path in found]


async def forget_old(
    session: AsyncSession, ids: Sequence[int], *, days: int, now: datetime
) -> None:
    """Remove recordings whose files are gone, with what a machine understood of them, and say so.

    What could never be fetched is deleted at the provider too. The caller holds the lock.
    """
    for id_ in ids:
        file = await session.get(Attachment, id_)
        if file is None or file.call_id is None:
            continue
        call = await session.get_one(Call, file.call_id)
        if file.state != "ready" and file.ref:
            await order(session, call, Forget(recording=file.ref), now=now)
        await session.exec(delete(Transcript).where(col(Transcript.attachment_id) == id_))
        await session.delete(file)
        await note_call(
            session, call, "call.recording_deleted", actor=SYSTEM, now=now, data={"days": days}
        )
