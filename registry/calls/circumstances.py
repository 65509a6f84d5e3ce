"""What a caller's path depends on besides the call: the office, the queue, and who they are."""

from datetime import datetime
from itertools import takewhile

from sqlalchemy import exists
from sqlalchemy import text as sql
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.changes import Priority
from registry.calls.estimate import estimate, handling_times
from registry.calls.flow import Facts, ToFollow
from registry.calls.hearing import Pressed, Waits
from registry.calls.matching import who_is_on, who_waits
from registry.calls.steps import START, WAIT
from registry.calls.tables import Call
from registry.calls.texting import can_text
from registry.contacts.holding import PHONE
from registry.models import LIVE, Appeal, Contact, ContactPoint
from registry.office import setting_of
from registry.office_shapes import Announcement, Telephone


async def facts_of(session: AsyncSession, call: Call, heard: ToFollow, *, now: datetime) -> Facts:
    """The circumstances of a call as they are now, as far as they matter to what is heard next."""
    announcement = await setting_of(session, Announcement)
    falls_silent = announcement.until is not None and announcement.until <= now
    # Whoever leaves the queue, or comes from it, is told no place any more.
    begins, waits = call.step == START, call.step == WAIT and isinstance(heard, Waits | Pressed)
    urgent, blocked = await _known_as(session, call.number) if begins else (call.urgent, False)
    ahead, agents_on, seconds = await _queue(session, call, now=now) if waits else (0, 0, None)
    return Facts(
        open=call.open_hours,
        telephone=await setting_of(session, Telephone),
        announcement=announcement if announcement.on and not falls_silent else None,
        remembered=call.language or await _remembered(session, call),
        ahead=ahead,
        estimate=seconds,
        agents_on=agents_on,
        urgent=urgent,
        blocked=blocked,
        texts=bool(call.number) and await can_text(session, call.number),
        now=now,
    )


async def _queue(
    session: AsyncSession, call: Call, *, now: datetime
) -> tuple[int, int, float | None]:
    """How many are served before them, by how many, and in how many seconds it is their turn."""
    queue = await who_waits(session, now=now)
    before = list(takewhile(lambda one: one.call_id != call.id, queue))
    agents_on, ahead = await who_is_on(session, call, before)
    handling = await handling_times(session, now=now)
    return ahead, agents_on, estimate(ahead, handling, agents_on=agents_on)


async def _remembered(session: AsyncSession, call: Call) -> str | None:
    """What was spoken with the number the last time."""
    if not call.number:
        return None
    found = await session.exec(
        select(Call.language)
        .where(Call.number == call.number, col(Call.language).is_not(None), Call.id != call.id)
        .order_by(col(Call.id).desc())
        .limit(1)
    )
    return found.first()


async def _known_as(session: AsyncSession, number: str) -> tuple[bool, bool]:
    """Whether the number is of somebody with an open appeal that is urgent, and of one we block."""
    if not number:
        return False, False
    urgent = exists().where(
        col(Appeal.contact_id) == col(Contact.id),
        col(Appeal.priority) == Priority.URGENT.value,
        sql(LIVE),
    )
    found = await session.exec(
        select(urgent, Contact.blocked_at)
        .join(ContactPoint, col(ContactPoint.contact_id) == col(Contact.id))
        .where(ContactPoint.scheme == PHONE, ContactPoint.value == number)
    )
    row = found.first()
    return (False, False) if row is None else (bool(row[0]), row[1] is not None)
