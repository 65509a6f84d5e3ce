"""Whose matter a call is: it is joined to an appeal, or registered as one of its own.

A call that came in is an appeal from its first second, or joined the caller's of that day. What an
operator says of it in one step is made of moves that the journal knows and that can be undone.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.appeals import (
    Change,
    DeskChannel,
    Division,
    Opening,
    change_appeal,
    merge_appeal,
    open_appeal,
    split_appeal,
)
from registry.appeals.locking import number_of
from registry.calls.locking import lock_switchboard
from registry.calls.matters import CHANNEL, appeal_id_of, message_of, note_call
from registry.calls.tables import Call
from registry.contacts import PHONE
from registry.errors import BadValue, NotFound
from registry.models import Appeal, Attachment, Message
from registry.operators import Principal
from registry.replies.queueing import find_appeal


class Matter(Struct, frozen=True, kw_only=True):
    """What an operator writes of a call that becomes an appeal."""

    subject: str
    category: str | None = None


async def join_call(
    session: AsyncSession,
    call_id: int,
    into: str,
    *,
    by: Principal,
    prefix: str,
    zone: ZoneInfo,
    now: datetime,
    across_contacts: bool = False,
) -> Appeal:
    """Put a call, and what `by` noted of it, into another appeal; whatever else its own one has
    stays there.

    The caller commits. Raises: NotFound, Merged, BadValue, DifferentContacts.
    """
    await lock_switchboard(session)
    call = await _get(session, call_id)
    target = await find_appeal(session, into, by=by)
    message = await message_of(session, call)
    number = await _number(session, call, by=by)
    if number == into:
        return target
    if message is None or number is None:
        call.appeal_id = target.id
    else:
        leaving = await _apart(
            session, call, message, number, by=by, prefix=prefix, zone=zone, now=now
        )
        await merge_appeal(session, leaving, into, across_contacts=across_contacts, by=by, now=now)
    await session.flush()
    await note_call(session, call, "call.joined", actor=by.actor, now=now)
    return await find_appeal(session, into, by=by)


async def register_call(
    session: AsyncSession,
    call_id: int,
    matter: Matter,
    *,
    by: Principal,
    prefix: str,
    zone: ZoneInfo,
    now: datetime,
) -> Appeal:
    """Make a call an appeal of its own, whatever it had joined, and tell what it is about.

    The caller commits. Raises: NotFound, Merged, BadValue, UnknownPerson.
    """
    await lock_switchboard(session)
    if not matter.subject.strip():
        raise BadValue("subject", "Say in a few words what the call is about.")
    call = await _get(session, call_id)
    message = await message_of(session, call)
    number = await _number(session, call, by=by)
    if message is None or number is None:
        opened = await open_appeal(
            session, _opening(call, matter), by=by, prefix=prefix, zone=zone, now=now
        )
        call.appeal_id, number = opened.id, opened.number
    else:
        number = await _apart(
            session, call, message, number, by=by, prefix=prefix, zone=zone, now=now
        )
        change = Change(
            subject=matter.subject.strip(),
            category=UNSET if matter.category is None else matter.category,
        )
        await change_appeal(session, number, change, by=by, now=now)
    await session.flush()
    await note_call(session, call, "call.registered", actor=by.actor, now=now)
    return await find_appeal(session, number, by=by)


async def _get(session: AsyncSession, call_id: int) -> Call:
    call = await session.get(Call, call_id, populate_existing=True)
    if call is None:
        raise NotFound("call", call_id)
    return call


async def _number(session: AsyncSession, call: Call, *, by: Principal) -> str | None:
    """Of the appeal that the call has. Raises: NotFound, where `by` may not see it."""
    appeal_id = await appeal_id_of(session, call)
    if appeal_id is None:
        return None
    number = await number_of(session, appeal_id)
    return (await find_appeal(session, number, by=by)).number


async def _apart(
    session: AsyncSession,
    call: Call,
    message: Message,
    number: str,
    *,
    by: Principal,
    prefix: str,
    zone: ZoneInfo,
    now: datetime,
) -> str:
    """The number of an appeal that has of its citizen this call alone, with its voicemail."""
    in_it = select(Message.id).where(Message.appeal_id == message.appeal_id)
    voicemail = in_it.join(Attachment, col(Attachment.message_id) == col(Message.id)).where(
        Attachment.channel == CHANNEL, Attachment.ref == call.facts.get("voice", "")
    )
    theirs = (message.id, *(await session.exec(voicemail)).all())
    others = in_it.where(Message.direction == "in", col(Message.id).not_in(theirs))
    if (await session.exec(others)).first() is None:
        return number
    noted = in_it.where(
        Message.direction == "note",
        Message.operator_id == by.operator_id,
        col(Message.created_at) >= call.started_at,
    )
    notes = (await session.exec(noted)).all()
    division = Division(message_ids=(*theirs, *notes))
    own, _ = await split_appeal(session, number, division, by=by, prefix=prefix, zone=zone, now=now)
    return own.number


def _opening(call: Call, matter: Matter) -> Opening:
    points = (types.ContactPoint(PHONE, call.number),) if call.number else ()
    return Opening(
        channel=DeskChannel.PHONE,
        text=matter.subject.strip(),
        name=None,
        points=points,
        category=matter.category,
        language=call.language,
    )
