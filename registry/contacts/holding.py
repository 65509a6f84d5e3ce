"""Contacts and their points: whoever can be reached at a known point is a person we know."""

from collections.abc import Sequence
from datetime import datetime

import phonenumbers
from sqlalchemy import tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.errors import RegistryError
from registry.ids import new_id
from registry.iin import SCHEME as IIN
from registry.iin import clean_iin, doubt_about_iin
from registry.models import Contact, ContactPoint
from registry.operators import Unacceptable, clean_email

PHONE = "tel"
EMAIL = "email"

HOME_REGION = "KZ"
"""Where a phone number without a country code is from."""


class UnknownPerson(RegistryError):
    """Neither a name nor a point was given: there is nobody to hold."""

    def __init__(self) -> None:
        super().__init__("A contact needs a name or a point at which they can be reached.")


class BadPoint(RegistryError):
    """A contact point that cannot be one; the sentence says why."""

    def __init__(self, scheme: str, value: str, why: str) -> None:
        super().__init__(f"{value!r} is no {scheme}: {why}.")
        self.scheme = scheme
        self.value = value


async def hold_contact(
    session: AsyncSession,
    *,
    name: str | None,
    points: Sequence[types.ContactPoint],
    language: str | None,
    now: datetime,
) -> Contact:
    """The contact that has one of the points, or a new one; the points nobody has become theirs.

    Points of two different people merge nobody: the contact of the first known point is meant.
    A known contact keeps the name they have.

    Raises: UnknownPerson, BadPoint.
    """
    wanted = list(dict.fromkeys(clean_point(point) for point in points))
    if not wanted and not name:
        raise UnknownPerson
    known = await _holders(session, wanted)
    known_id = _first(known, wanted)
    contact = (
        await _insert(session, Contact(name=name, language=language, created_at=now))
        if known_id is None
        else await _survivor(session, known_id)
    )
    await _add_points(session, contact.id, [p for p in wanted if p not in known], now=now)
    if known_id is None:
        contact = await _give_way(session, contact, wanted)
    if contact.name is None and name:
        contact.name = name
    await session.flush()
    return contact


def clean_point(point: types.ContactPoint) -> types.ContactPoint:
    """The one way in which a point is kept: E.164 for a phone, lower case for an address, digits.

    Raises: BadPoint.
    """
    scheme, value = point.scheme.strip().lower(), point.value.strip()
    if not scheme or not value:
        raise BadPoint(scheme or "contact point", value, "it has no scheme or no value")
    if scheme == PHONE:
        return types.ContactPoint(scheme, _clean_phone(value))
    if scheme == EMAIL:
        try:
            return types.ContactPoint(scheme, clean_email(value))
        except Unacceptable:
            raise BadPoint(scheme, value, "write it as name@example.kz") from None
    if scheme == IIN:
        return types.ContactPoint(scheme, clean_iin(value))
    return types.ContactPoint(scheme, value)


def doubts_about(points: Sequence[types.ContactPoint]) -> list[str]:
    """What looks wrong about points that are kept all the same, in sentences."""
    found = (doubt_about_iin(p.value) for p in points if p.scheme.strip().lower() == IIN)
    return [doubt for doubt in found if doubt is not None]


def _clean_phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, HOME_REGION)
    except phonenumbers.NumberParseException:
        raise BadPoint(PHONE, value, "write it as +7 701 123 45 67") from None
    # Whether the number is in use is not asked: landlines and new prefixes would be refused.
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


async def _holders(
    session: AsyncSession, points: Sequence[types.ContactPoint]
) -> dict[types.ContactPoint, int]:
    if not points:
        return {}
    wanted = [(point.scheme, point.value) for point in points]
    found = await session.exec(
        select(ContactPoint.scheme, ContactPoint.value, ContactPoint.contact_id).where(
            tuple_(col(ContactPoint.scheme), col(ContactPoint.value)).in_(wanted)
        )
    )
    return {types.ContactPoint(scheme, value): holder for scheme, value, holder in found}


def _first(
    holders: dict[types.ContactPoint, int], points: Sequence[types.ContactPoint]
) -> int | None:
    return next((holders[point] for point in points if point in holders), None)


async def _insert(session: AsyncSession, contact: Contact) -> Contact:
    session.add(contact)
    await session.flush()
    return contact


async def _survivor(session: AsyncSession, contact_id: int) -> Contact:
    """The contact of that id, or the one that it was merged into; no merge begins before we end."""
    contact = await session.get_one(
        Contact,
        contact_id,
        with_for_update={"read": True, "key_share": True},
        populate_existing=True,
    )
    if contact.merged_into_id is None:
        return contact
    return await _survivor(session, contact.merged_into_id)


async def _add_points(
    session: AsyncSession,
    contact_id: int,
    points: Sequence[types.ContactPoint],
    *,
    now: datetime,
) -> None:
    """Give the contact those of the points that nobody has."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # In one order everywhere, so that two transactions never wait for each other.
    for point in sorted(points, key=lambda point: (point.scheme, point.value)):
        await session.exec(
            insert(ContactPoint)
            .values(
                id=new_id(),
                contact_id=contact_id,
                scheme=point.scheme,
                value=point.value,
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["scheme", "value"])
        )


async def _give_way(
    session: AsyncSession, ours: Contact, points: Sequence[types.ContactPoint]
) -> Contact:
    """The contact to take: ours, or that of a transaction which got a point a moment before."""
    holders = (await _holders(session, points)).values()
    theirs = next((holder for holder in holders if holder != ours.id), None)
    if theirs is None:
        return ours
    await session.exec(
        update(ContactPoint)
        .where(col(ContactPoint.contact_id) == ours.id)
        .values(contact_id=theirs)
    )
    await session.delete(ours)
    return await _survivor(session, theirs)
