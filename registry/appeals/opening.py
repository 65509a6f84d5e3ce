"""An appeal opened at the counter: what came by a visit, a letter or an ordinary phone."""

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.appeals.changes import Priority, set_tags
from registry.appeals.choices import (
    check_category,
    check_district,
    check_tag_count,
    check_team,
    clean_tags,
)
from registry.appeals.due import give_deadlines
from registry.appeals.once import digest_of, form_key, refuse_repeated
from registry.contacts import hold_contact
from registry.journal import record
from registry.models import Appeal, Message
from registry.numbers import next_number
from registry.operators import Principal, presented
from registry.subjects import first_line
from registry.uploads import hold_uploads

DESK = "desk"
"""The account of what came over the counter rather than from a provider."""


class DeskChannel(StrEnum):
    """How a citizen reached the front office."""

    VISIT = "visit"
    LETTER = "letter"
    PHONE = "phone"
    WEB = "web"
    EMAIL = "email"


IN_PERSON = frozenset({DeskChannel.VISIT, DeskChannel.PHONE})
"""How a citizen speaks with whoever writes it down: that is the first answer."""


class Opening(Struct, frozen=True, kw_only=True):
    """What the front office writes down when a citizen comes, calls or sends a letter."""

    channel: DeskChannel
    text: str
    name: str | None
    points: tuple[types.ContactPoint, ...] = ()
    subject: str = ""
    """Empty for the beginning of the text."""
    kind: str = "message"
    priority: Priority = Priority.NORMAL
    category: str | None = None
    team: str | None = None
    language: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    district: str | None = None
    tags: tuple[str, ...] = ()
    attachment_ids: tuple[int, ...] = ()
    """Uploads: the scan of a letter."""


async def open_appeal(
    session: AsyncSession,
    opening: Opening,
    *,
    by: Principal,
    prefix: str,
    zone: ZoneInfo,
    now: datetime,
    key: str | None = None,
) -> Appeal:
    """Register an appeal with its text as the first message in; under a `key` only once.

    Raises: OpenedAlready, FormChanged, UnknownPerson, BadPoint (see registry.contacts), BadValue,
    NotFound (an upload).
    """
    digest = digest_of(opening)
    kept_key = None if key is None else form_key(key, by=by)
    if kept_key is not None:
        await refuse_repeated(session, kept_key, digest=digest)
    await check_team(session, opening.team)
    await check_category(session, opening.category)
    await check_district(session, opening.district)
    tags = clean_tags(opening.tags)
    check_tag_count(tags)
    contact = await hold_contact(
        session, name=opening.name, points=opening.points, language=opening.language, now=now
    )
    number = await next_number(session, prefix=prefix, zone=zone, now=now)
    if kept_key is not None:
        # Whoever pressed twice at once had to wait for the number: the other one is there by now.
        await refuse_repeated(session, kept_key, digest=digest)
    appeal = Appeal(
        number=number,
        channel=opening.channel.value,
        account=DESK,
        contact_id=contact.id,
        kind=opening.kind,
        priority=opening.priority.value,
        category=opening.category,
        language=opening.language,
        subject=opening.subject or first_line(opening.text),
        team=opening.team,
        opened_at=now,
        last_message_at=now,
        unread=1,
        message_count=1,
        latitude=opening.latitude,
        longitude=opening.longitude,
        address=opening.address,
        district=opening.district,
    )
    if opening.channel in IN_PERSON:
        appeal.first_response_at = now
    else:
        appeal.waiting_since = now
    await give_deadlines(session, appeal)
    session.add(appeal)
    message = Message(
        appeal_id=appeal.id,
        direction="in",
        text=opening.text,
        author=contact.name or (opening.points[0].value if opening.points else ""),
        sent_at=now,
        created_at=now,
        request_digest=digest if kept_key is not None else None,
    )
    session.add(message)
    await session.flush()
    await set_tags(session, appeal.id, tags)
    uploads = tuple(dict.fromkeys(opening.attachment_ids))
    for position, file in enumerate(await hold_uploads(session, uploads, by=by)):
        file.message_id, file.position = message.id, position
    record(
        session,
        "appeal.opened",
        actor=by.actor,
        now=now,
        appeal_id=appeal.id,
        message_id=message.id,
        contact_id=contact.id,
        key=kept_key,
        data={
            "number": appeal.number,
            # As they are called on the day: the citizen's coupon says who took the appeal in.
            "accepted_by": await presented(session, by),
        },
    )
    await session.flush()
    return appeal
