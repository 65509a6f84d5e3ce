"""What stands beside an appeal: whose it is, what else they brought, what it is tied to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, and_, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.appeals.dividing import SPLIT, SPLIT_UNDONE
from registry.inbox.appeals import find_one
from registry.inbox.messages import read_journal
from registry.inbox.rows import fetch
from registry.inbox.shapes import Appeal, Entry
from registry.operators import Principal
from registry.states import Status

MOST = 20
"""Other appeals of a kind that are shown."""

Bond = Literal["repeats", "repeated", "merged_into", "took", "split_from", "split_into"]
"""How an appeal is tied to another, as seen from the one that is open."""


class ContactNote(Struct, frozen=True, kw_only=True):
    """What colleagues should know of a person."""

    id: str
    text: str
    author: str
    at: datetime


class Person(Struct, frozen=True, kw_only=True):
    """Whose appeal it is, beside their name and points."""

    language: str | None
    language_fixed: bool
    """An operator set it."""
    blocked_at: datetime | None
    notes: list[ContactNote]
    """The newest first."""


class Brief(Struct, frozen=True, kw_only=True):
    """Another appeal, in a line."""

    number: str
    channel: str
    status: Status
    subject: str
    opened_at: datetime


class Tie(Struct, frozen=True, kw_only=True):
    """An appeal that this one is tied to."""

    bond: Bond
    appeal: Brief


class Panel(Struct, frozen=True, kw_only=True):
    """Everything beside one appeal."""

    appeal: Appeal
    person: Person
    earlier: list[Brief]
    """Other appeals of the same person that the viewer may see, the newest first."""
    ties: list[Tie]
    """Those that the viewer may see."""
    journal: list[Entry]
    """The newest first."""


async def get_panel(session: AsyncSession, number: str, *, viewer: Principal) -> Panel:
    """What stands beside an appeal. Raises: NotFound, also when the viewer may not see it."""
    row, appeal = await find_one(session, number, viewer)
    journal = await read_journal(session, row.id)
    return Panel(
        appeal=appeal,
        person=await _person(session, row.contact_id),
        earlier=await _earlier(session, row, viewer),
        ties=await _ties(session, row.id, journal, viewer),
        journal=journal[::-1],
    )


async def _person(session: AsyncSession, contact_id: int) -> Person:
    contact, note = models.Contact, models.ContactNote
    found = await fetch(
        session,
        select(col(contact.language), col(contact.language_fixed), col(contact.blocked_at)).where(
            col(contact.id) == contact_id
        ),
    )
    notes = await fetch(
        session,
        select(col(note.id), col(note.text), col(note.author), col(note.created_at))
        .where(col(note.contact_id) == contact_id, col(note.deleted_at).is_(None))
        .order_by(col(note.id).desc()),
    )
    return Person(
        language=found[0].language,
        language_fixed=found[0].language_fixed,
        blocked_at=found[0].blocked_at,
        notes=[
            ContactNote(id=str(one.id), text=one.text, author=one.author, at=one.created_at)
            for one in notes
        ],
    )


async def _earlier(session: AsyncSession, row: Row[Any], viewer: Principal) -> list[Brief]:
    of_person = and_(
        col(models.Appeal.contact_id) == row.contact_id, col(models.Appeal.id) != row.id
    )
    return await _briefs(session, viewer, of_person)


async def _ties(
    session: AsyncSession, appeal_id: int, journal: Sequence[Entry], viewer: Principal
) -> list[Tie]:
    appeal = models.Appeal
    own = await fetch(
        session,
        select(col(appeal.duplicate_of_id), col(appeal.merged_into_id)).where(
            col(appeal.id) == appeal_id
        ),
    )
    repeats, merged_into = own[0]
    split_from, split_into = _divisions(journal)
    bonds: list[tuple[Bond, ColumnElement[bool]]] = [
        ("repeated", col(appeal.duplicate_of_id) == appeal_id),
        ("took", col(appeal.merged_into_id) == appeal_id),
    ]
    if repeats is not None:
        bonds.append(("repeats", col(appeal.id) == repeats))
    if merged_into is not None:
        bonds.append(("merged_into", col(appeal.id) == merged_into))
    if split_from is not None:
        bonds.append(("split_from", col(appeal.number) == split_from))
    if split_into:
        bonds.append(("split_into", col(appeal.number).in_(split_into)))
    return [
        Tie(bond=bond, appeal=brief)
        for bond, tied in bonds
        for brief in await _briefs(session, viewer, tied)
    ]


def _divisions(journal: Sequence[Entry]) -> tuple[str | None, list[str]]:
    """The number that this one was split from, and those split from it, but for what was undone."""
    into = {entry.id: str(entry.data["into"]) for entry in journal if entry.event == SPLIT}
    undone = {entry.data.get("undoes") for entry in journal if entry.event == SPLIT_UNDONE}
    origin = next(
        (entry.data["split_from"] for entry in journal if "split_from" in entry.data), None
    )
    # The appeal that a split made is told as well that it was undone.
    was_taken_back = bool(undone - into.keys())
    stands = [number for id_, number in into.items() if id_ not in undone]
    return None if was_taken_back else origin, stands


async def _briefs(
    session: AsyncSession, viewer: Principal, chosen: ColumnElement[bool]
) -> list[Brief]:
    appeal = models.Appeal
    found = await fetch(
        session,
        select(
            col(appeal.number),
            col(appeal.channel),
            col(appeal.status),
            col(appeal.subject),
            col(appeal.opened_at),
        )
        .where(chosen, visible_to(viewer))
        .order_by(col(appeal.opened_at).desc(), col(appeal.id).desc())
        .limit(MOST),
    )
    return [
        Brief(
            number=row.number,
            channel=row.channel,
            status=Status(row.status),
            subject=row.subject,
            opened_at=row.opened_at,
        )
        for row in found
    ]
