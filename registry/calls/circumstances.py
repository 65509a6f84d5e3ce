"""What a caller's path depends on besides the call: the office, the queue, and who they are."""

from datetime import datetime
from itertools import takewhile

from sqlalchemy import bindparam, exists
from sqlalchemy import text as sql
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.changes import Priority
from registry.calls.estimate import estimate, handling_times
from registry.calls.flow import Facts, ToFollow
from registry.calls.hearing import Pressed, Waits
from registry.calls.matching import who_is_on, who_waits
from registry.calls.prompt_words import ANNOUNCEMENT
from registry.calls.prompts import VOICED
from registry.calls.steps import START, WAIT
from registry.calls.tables import Call, Prompt
from registry.calls.texting import can_text
from registry.calls.waiting import is_time_to_tell
from registry.contacts.holding import PHONE
from registry.inbox.rows import fetch
from registry.models import LIVE, Appeal, Contact, ContactPoint
from registry.office import setting_of
from registry.office_shapes import Announcement, Telephone


async def facts_of(session: AsyncSession, call: Call, heard: ToFollow, *, now: datetime) -> Facts:
    """The circumstances of a call as they are now, as far as they matter to what is heard next."""
    announcement = await setting_of(session, Announcement)
    # Whoever leaves the queue, or comes from it, is told no place any more.
    telephone = await setting_of(session, Telephone)
    begins, waits = call.step == START, call.step == WAIT and isinstance(heard, Waits | Pressed)
    is_told = waits and is_time_to_tell(call.facts, telephone, now=now)
    urgent, blocked = await _known_as(session, call.number) if begins else (call.urgent, False)
    ahead, agents_on, seconds = await _queue(session, call, now=now) if is_told else (0, 0, None)
    return Facts(
        open=call.open_hours,
        telephone=telephone,
        announcement=announcement if await _is_heard(session, announcement, now=now) else None,
        remembered=call.language or await _remembered(session, call),
        ahead=ahead,
        estimate=seconds,
        agents_on=agents_on,
        urgent=urgent,
        blocked=blocked,
        texts=bool(call.number) and await can_text(session, call.number),
        now=now,
    )


async def _is_heard(session: AsyncSession, announcement: Announcement, *, now: datetime) -> bool:
    """Whether it is in force, and says something: else callers would hear that we know already, and
    not what."""
    if not announcement.on or (announcement.until is not None and announcement.until <= now):
        return False
    texts: dict[str, str] = {spoken: said.strip() for spoken, said in announcement.texts.items()}
    if any(texts.get(spoken) for spoken in VOICED):
        return True
    files = await session.exec(
        select(Prompt).where(Prompt.name == ANNOUNCEMENT, col(Prompt.path).is_not(None))
    )
    return any(file.text and file.text == texts.get(file.language) for file in files)


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
    found = await fetch(session, _SPOKEN, {"number": call.number, "other": call.id})
    return found[0].language if found else None


_SPOKEN = (
    select(Call.language)
    .where(
        Call.number == bindparam("number"),
        col(Call.language).is_not(None),
        Call.id != bindparam("other"),
    )
    .order_by(col(Call.id).desc())
    .limit(1)
)


async def _known_as(session: AsyncSession, number: str) -> tuple[bool, bool]:
    """Whether the number is of somebody with an open appeal that is urgent, and of one we block."""
    if not number:
        return False, False
    for urgent, blocked_at in await fetch(session, _WHOSE, {"number": number}):
        return bool(urgent), blocked_at is not None
    return False, False


_URGENT = exists().where(
    col(Appeal.contact_id) == col(Contact.id),
    col(Appeal.priority) == Priority.URGENT.value,
    sql(LIVE),
)
_WHOSE = (
    select(_URGENT, Contact.blocked_at)
    .join(ContactPoint, col(ContactPoint.contact_id) == col(Contact.id))
    .where(ContactPoint.scheme == PHONE, ContactPoint.value == bindparam("number"))
)
