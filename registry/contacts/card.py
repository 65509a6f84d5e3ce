"""What is known of a person: where they can be reached, what they brought before, and notes."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.access import visible_to
from registry.contacts.holding import doubts_about
from registry.contacts.seeing import find_contact, is_known_whole
from registry.inbox.rows import fetch
from registry.models import Appeal, Contact, ContactMerge, ContactNote, ContactPoint, Operator
from registry.operators import Principal
from registry.states import Outcome, Status

MOST_APPEALS = 20
"""How many of their appeals a card shows, the newest first."""


class Point(Struct, frozen=True, kw_only=True):
    """Where a person can be reached, or how they are known."""

    scheme: str
    value: str
    doubt: str | None
    """What looks wrong about it, in a sentence."""


class Note(Struct, frozen=True, kw_only=True):
    """What colleagues should know of a person."""

    id: str
    text: str
    author: str
    operator: str | None
    """The author's id."""
    created_at: datetime


class Previous(Struct, frozen=True, kw_only=True):
    """An appeal of theirs."""

    number: str
    channel: str
    status: Status
    outcome: Outcome | None
    category: str | None
    subject: str
    opened_at: datetime
    last_message_at: datetime


class Person(Struct, frozen=True, kw_only=True):
    """One of two who were found to be one."""

    id: str
    name: str | None


class Merge(Struct, frozen=True, kw_only=True):
    """Two contacts that became one."""

    id: str
    gone: Person
    into: Person
    merged_at: datetime
    undone_at: datetime | None


class Card(Struct, frozen=True, kw_only=True):
    """All of it."""

    id: str
    name: str | None
    language: str | None
    language_fixed: bool
    """An operator set it: what they write changes it no more."""
    blocked_at: datetime | None
    """Since when their appeals are in nobody's queue."""
    points: list[Point]
    notes: list[Note]
    appeals: list[Previous]
    """Those that the viewer may see."""
    whole: bool
    """The viewer may see all that there are, and so may block them, or say that two are one."""
    merges: list[Merge]


async def get_card(session: AsyncSession, contact_id: int, *, by: Principal) -> Card:
    """The card of a contact, or of the one that it was merged into.

    Raises: NotFound, also if `by` cannot see it.
    """
    contact = await find_contact(session, contact_id, by=by)
    return Card(
        id=str(contact.id),
        name=contact.name,
        language=contact.language,
        language_fixed=contact.language_fixed,
        blocked_at=contact.blocked_at,
        points=await _points(session, contact.id),
        notes=await _notes(session, contact.id),
        appeals=await _appeals(session, contact.id, by=by),
        whole=await is_known_whole(session, contact.id, by=by),
        merges=await _merges(session, contact.id),
    )


async def _points(session: AsyncSession, contact_id: int) -> list[Point]:
    found = await fetch(
        session,
        select(col(ContactPoint.scheme), col(ContactPoint.value))
        .where(col(ContactPoint.contact_id) == contact_id)
        .order_by(col(ContactPoint.id)),
    )
    return [
        Point(
            scheme=scheme,
            value=value,
            doubt=next(iter(doubts_about([types.ContactPoint(scheme, value)])), None),
        )
        for scheme, value in found
    ]


async def _notes(session: AsyncSession, contact_id: int) -> list[Note]:
    note = ContactNote
    found = await fetch(
        session,
        select(
            col(note.id),
            col(note.text),
            col(note.author),
            col(Operator.name).label("colleague"),
            col(note.operator_id),
            col(note.created_at),
        )
        .outerjoin(Operator, col(Operator.id) == col(note.operator_id))
        .where(col(note.contact_id) == contact_id, col(note.deleted_at).is_(None))
        .order_by(col(note.id).desc()),
    )
    return [
        Note(
            id=str(row.id),
            text=row.text,
            author=row.colleague or row.author,
            operator=None if row.operator_id is None else str(row.operator_id),
            created_at=row.created_at,
        )
        for row in found
    ]


async def _appeals(session: AsyncSession, contact_id: int, *, by: Principal) -> list[Previous]:
    found = await fetch(
        session,
        select(
            col(Appeal.number),
            col(Appeal.channel),
            col(Appeal.status),
            col(Appeal.outcome),
            col(Appeal.category),
            col(Appeal.subject),
            col(Appeal.opened_at),
            col(Appeal.last_message_at),
        )
        .where(col(Appeal.contact_id) == contact_id, visible_to(by))
        .order_by(col(Appeal.id).desc())
        .limit(MOST_APPEALS),
    )
    return [
        Previous(
            number=row.number,
            channel=row.channel,
            status=Status(row.status),
            outcome=None if row.outcome is None else Outcome(row.outcome),
            category=row.category,
            subject=row.subject,
            opened_at=row.opened_at,
            last_message_at=row.last_message_at,
        )
        for row in found
    ]


async def _merges(session: AsyncSession, contact_id: int) -> list[Merge]:
    gone, into = aliased(Contact), aliased(Contact)
    found = await fetch(
        session,
        select(
            col(ContactMerge.id),
            col(gone.id).label("gone_id"),
            col(gone.name).label("gone_name"),
            col(into.id).label("into_id"),
            col(into.name).label("into_name"),
            col(ContactMerge.merged_at),
            col(ContactMerge.undone_at),
        )
        .join(gone, col(gone.id) == col(ContactMerge.from_id))
        .join(into, col(into.id) == col(ContactMerge.into_id))
        .where(
            or_(col(ContactMerge.from_id) == contact_id, col(ContactMerge.into_id) == contact_id)
        )
        .order_by(col(ContactMerge.id).desc()),
    )
    return [
        Merge(
            id=str(row.id),
            gone=Person(id=str(row.gone_id), name=row.gone_name),
            into=Person(id=str(row.into_id), name=row.into_name),
            merged_at=row.merged_at,
            undone_at=row.undone_at,
        )
        for row in found
    ]
