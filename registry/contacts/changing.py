"""What colleagues do about a contact: name them, say what they speak, block them, and note."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.history import History, note
from registry.appeals.reverting import ChangedSince, Later, name_of
from registry.columns import to_text
from registry.contacts.seeing import check_whole, find_contact
from registry.errors import NotAllowed, NotFound
from registry.journal import record
from registry.models import Contact, ContactNote, JournalEntry
from registry.operators import Principal, Role

CHANGED = "contact.changed"
CHANGE_UNDONE = "contact.change_undone"


class ContactChange(Struct, frozen=True, kw_only=True):
    """What is to become of a contact; what is unset stays."""

    name: str | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    """None lets what they write decide again."""
    blocked: bool | UnsetType = UNSET
    """What a blocked person writes is kept, and is in nobody's queue."""


async def change_contact(
    session: AsyncSession, contact_id: int, change: ContactChange, *, by: Principal, now: datetime
) -> int | None:
    """Make the change; the entry of the journal that tells it, if any.

    Raises: NotFound, ConcernsOthers.
    """
    contact = await find_contact(session, contact_id, by=by, hold=True)
    if not isinstance(change.blocked, UnsetType):
        await check_whole(session, contact, by=by)
    before = _told(contact)
    if not isinstance(change.name, UnsetType):
        contact.name = " ".join(change.name.split())
    if not isinstance(change.language, UnsetType):
        contact.language, contact.language_fixed = change.language, change.language is not None
    if change.blocked is True and contact.blocked_at is None:
        contact.blocked_at = now
    elif change.blocked is False:
        contact.blocked_at = None
    history = _turned(before, _told(contact))
    entry = None
    if history:
        entry = record(
            session, CHANGED, actor=by.actor, now=now, contact_id=contact.id, data=history
        )
    await session.flush()
    return entry


async def revert_contact(
    session: AsyncSession, entry: JournalEntry, *, by: Principal, now: datetime
) -> tuple[None, int]:
    """Take back a change that the journal tells. Raises: ChangedSince."""
    contact = await session.get_one(
        Contact, entry.contact_id, with_for_update={"key_share": True}, populate_existing=True
    )
    before = _told(contact)
    turns = {name: told for name, told in entry.data.items() if name in before}
    differing = [name for name, told in turns.items() if before[name] != told["to"]]
    if differing:
        later = await _who_changed(session, entry, differing)
        raise ChangedSince(contact.name or f"The contact {contact.id}", later)
    for name, told in turns.items():
        _put(contact, name, told["from"])
    undone = record(
        session,
        CHANGE_UNDONE,
        actor=by.actor,
        now=now,
        contact_id=contact.id,
        data={**_turned(before, _told(contact)), "undoes": str(entry.id)},
    )
    await session.flush()
    return None, undone


async def add_contact_note(
    session: AsyncSession, contact_id: int, text: str, *, by: Principal, now: datetime
) -> ContactNote:
    """Write down what colleagues should know of a person. Raises: NotFound."""
    contact = await find_contact(session, contact_id, by=by)
    added = ContactNote(
        contact_id=contact.id, text=text, author=by.name, operator_id=by.operator_id, created_at=now
    )
    session.add(added)
    record(
        session, "contact.note_added", actor=by.actor, now=now, contact_id=contact.id,
        data={"note": str(added.id)},
    )  # fmt: skip
    await session.flush()
    return added


async def delete_contact_note(
    session: AsyncSession, contact_id: int, note_id: int, *, by: Principal, now: datetime
) -> None:
    """Take a note away; the journal keeps what it said. Raises: NotFound, NotAllowed."""
    contact = await find_contact(session, contact_id, by=by)
    found = await session.exec(
        select(ContactNote)
        .where(
            ContactNote.id == note_id,
            ContactNote.contact_id == contact.id,
            col(ContactNote.deleted_at).is_(None),
        )
        .with_for_update(key_share=True)
    )
    kept = found.one_or_none()
    if kept is None:
        raise NotFound("note", note_id)
    own = kept.operator_id is not None and kept.operator_id == by.operator_id
    if not own and not by.is_at_least(Role.SUPERVISOR):
        raise NotAllowed(
            f"{kept.author} wrote this note; they, a supervisor or an administrator can delete it."
        )
    kept.deleted_at = now
    record(
        session, "contact.note_deleted", actor=by.actor, now=now, contact_id=contact.id,
        data={"note": str(note_id), "was": kept.text},
    )  # fmt: skip
    await session.flush()


def _told(contact: Contact) -> dict[str, Any]:
    """What can be changed of a contact, as the journal tells it."""
    return {
        "name": contact.name,
        "language": {"language": contact.language, "fixed": contact.language_fixed},
        "blocked_at": None if contact.blocked_at is None else to_text(contact.blocked_at),
    }


def _put(contact: Contact, name: str, told: Any) -> None:
    match name:
        case "name":
            contact.name = told
        case "language":
            contact.language, contact.language_fixed = told["language"], told["fixed"]
        case "blocked_at":
            contact.blocked_at = None if told is None else datetime.fromisoformat(told)


def _turned(before: dict[str, Any], after: dict[str, Any]) -> History:
    history: History = {}
    for name, was in before.items():
        note(history, name, was, after[name])
    return history


async def _who_changed(
    session: AsyncSession, entry: JournalEntry, fields: list[str]
) -> list[Later]:
    found = await session.exec(
        select(JournalEntry)
        .where(JournalEntry.contact_id == entry.contact_id, col(JournalEntry.id) > entry.id)
        .order_by(col(JournalEntry.id).desc())
    )
    after = list(found)
    later = []
    for field in fields:
        told = {field, "contact_language"} if field == "language" else {field}
        cause = next((one for one in after if told & one.data.keys()), None)
        by = "somebody" if cause is None else await name_of(session, cause.actor)
        later.append(Later(field=field, by=by, at=None if cause is None else cause.at))
    return later
