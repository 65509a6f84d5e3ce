"""Who is on the line: the person, what of theirs is open, and when they called before."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import and_, case, func, select
from sqlalchemy import text as sql
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.access import visible_to
from registry.calls.matters import CHANNEL, appeal_id_of
from registry.calls.tables import Call
from registry.contacts import PHONE, BadPoint, clean_point
from registry.contacts.card import Card, get_card
from registry.errors import NotFound
from registry.inbox.rows import fetch
from registry.models import LIVE, Appeal, ContactPoint, ExternalId, Message, Operator
from registry.operators import Principal

MOST_APPEALS = 20
MOST_CALLS = 20


class AppealLine(Struct, frozen=True, kw_only=True):
    """An appeal that the call may be about."""

    number: str
    subject: str
    status: str
    priority: str
    category: str | None
    channel: str
    opened_at: datetime
    last_message_at: datetime
    open: bool
    this_call: bool
    """The one that the call belongs to now."""


class CallLine(Struct, frozen=True, kw_only=True):
    """An earlier call of the number, or to it."""

    id: str
    direction: str
    started_at: datetime
    ended_as: str | None
    outcome: str | None
    talked: float
    """Seconds."""
    operator: str | None
    """Who talked with them."""
    appeal: str | None
    """The number of what it was about, where the viewer may see it."""


class CallerCard(Struct, frozen=True, kw_only=True):
    """What an operator sees who talks with somebody, or is about to."""

    call: str
    direction: str
    number: str
    """Empty where it is withheld."""
    language: str | None
    contact: Card | None
    """None for nobody we know, and for whom the viewer may not see."""
    appeals: list[AppealLine]
    """The call's own first, then those that are open, then the others; each the newest first."""
    calls: list[CallLine]
    """The newest first."""


async def get_caller_card(session: AsyncSession, call_id: int, *, by: Principal) -> CallerCard:
    """The card of a call. Raises: NotFound."""
    call = await session.get(Call, call_id, populate_existing=True)
    if call is None:
        raise NotFound("call", call_id)
    own = await appeal_id_of(session, call)
    contact_id = await _contact_id(session, call.number, own)
    contact = None if contact_id is None else await _card(session, contact_id, by=by)
    theirs = contact_id if contact is None else int(contact.id)
    return CallerCard(
        call=str(call.id),
        direction=call.direction,
        number=call.number,
        language=call.language,
        contact=contact,
        appeals=await _appeals(session, theirs, own, by=by),
        calls=await _calls(session, call, by=by),
    )


async def find_caller(session: AsyncSession, number: str, *, by: Principal) -> Card | None:
    """Who has a number, however it is written. Raises: BadPoint."""
    value = clean_point(types.ContactPoint(PHONE, number)).value
    contact_id = await _holder(session, value)
    return None if contact_id is None else await _card(session, contact_id, by=by)


async def _contact_id(session: AsyncSession, number: str, appeal_id: int | None) -> int | None:
    """Whose number it is; else whose appeal the call belongs to."""
    try:
        value = clean_point(types.ContactPoint(PHONE, number)).value
    except BadPoint:
        value = number
    holder = await _holder(session, value) if number else None
    if holder is None and appeal_id is not None:
        found = await fetch(
            session, select(col(Appeal.contact_id)).where(col(Appeal.id) == appeal_id)
        )
        return next((row.contact_id for row in found), None)
    return holder


async def _holder(session: AsyncSession, value: str) -> int | None:
    found = await fetch(
        session,
        select(col(ContactPoint.contact_id)).where(
            col(ContactPoint.scheme) == PHONE, col(ContactPoint.value) == value
        ),
    )
    return next((row.contact_id for row in found), None)


async def _card(session: AsyncSession, contact_id: int, *, by: Principal) -> Card | None:
    try:
        return await get_card(session, contact_id, by=by)
    except NotFound:
        return None


async def _appeals(
    session: AsyncSession, contact_id: int | None, own: int | None, *, by: Principal
) -> list[AppealLine]:
    is_open = case((sql(LIVE), 1), else_=0)
    is_own = case((col(Appeal.id) == own, 1), else_=0)
    found = await fetch(
        session,
        select(
            col(Appeal.number),
            col(Appeal.subject),
            col(Appeal.status),
            col(Appeal.priority),
            col(Appeal.category),
            col(Appeal.channel),
            col(Appeal.opened_at),
            col(Appeal.last_message_at),
            is_open.label("is_open"),
            is_own.label("is_own"),
        )
        .where(
            (col(Appeal.contact_id) == contact_id) | (col(Appeal.id) == own),
            col(Appeal.merged_into_id).is_(None),
            visible_to(by),
        )
        .order_by(is_own.desc(), is_open.desc(), col(Appeal.last_message_at).desc())
        .limit(MOST_APPEALS),
    )
    return [
        AppealLine(
            number=row.number,
            subject=row.subject,
            status=row.status,
            priority=row.priority,
            category=row.category,
            channel=row.channel,
            opened_at=row.opened_at,
            last_message_at=row.last_message_at,
            open=bool(row.is_open),
            this_call=bool(row.is_own),
        )
        for row in found
    ]


async def _calls(session: AsyncSession, call: Call, *, by: Principal) -> list[CallLine]:
    if not call.number:
        return []
    about = func.coalesce(col(Call.appeal_id), col(Message.appeal_id))
    named = and_(
        col(ExternalId.channel) == CHANNEL,
        col(ExternalId.account) == col(Call.account),
        col(ExternalId.external_id) == col(Call.external_id),
    )
    found = await fetch(
        session,
        select(
            col(Call.id),
            col(Call.direction),
            col(Call.started_at),
            col(Call.ended_as),
            col(Call.outcome),
            col(Call.talked),
            col(Operator.name),
            col(Appeal.number),
        )
        .select_from(Call)
        .outerjoin(Operator, col(Operator.id) == col(Call.operator_id))
        .outerjoin(ExternalId, named)
        .outerjoin(Message, col(Message.id) == col(ExternalId.message_id))
        .outerjoin(Appeal, and_(col(Appeal.id) == about, visible_to(by)))
        .where(col(Call.number) == call.number, col(Call.id) != call.id)
        .order_by(col(Call.id).desc())
        .limit(MOST_CALLS),
    )
    return [
        CallLine(
            id=str(row.id),
            direction=row.direction,
            started_at=row.started_at,
            ended_as=row.ended_as,
            outcome=row.outcome,
            talked=row.talked,
            operator=row.name,
            appeal=row.number,
        )
        for row in found
    ]
