"""Two contacts who are one person: what the one has becomes the other's, and can go back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.reverting import NotUndoable
from registry.contacts.seeing import check_whole, find_contact
from registry.errors import BadValue, NotFound
from registry.journal import record
from registry.models import (
    Appeal,
    Contact,
    ContactMerge,
    ContactNote,
    ContactPoint,
    Conversation,
    JournalEntry,
)
from registry.operators import Principal

MERGED = "contact.merged"

_BELONGINGS: dict[str, Any] = {
    "points": ContactPoint,
    "conversations": Conversation,
    "appeals": Appeal,
    "notes": ContactNote,
}
"""What a contact has, by the name under which a merge keeps the ids."""


async def merge_contacts(
    session: AsyncSession, contact_id: int, into_id: int, *, by: Principal, now: datetime
) -> tuple[ContactMerge, int]:
    """Give all that a contact has to another; the merge, and the journal's entry.

    Whoever writes from a point of theirs is the other one from now on.

    Raises: NotFound, BadValue, ConcernsOthers.
    """
    gone = await find_contact(session, contact_id, by=by)
    try:
        into = await find_contact(session, into_id, by=by)
    except NotFound as error:
        raise BadValue("into", str(error)) from error
    if gone.id != into.id:
        await _hold(session, gone, into)
    if gone.id == into.id or gone.merged_into_id is not None or into.merged_into_id is not None:
        raise BadValue("into", "The two are one contact already; name another one.")
    for contact in (gone, into):
        await check_whole(session, contact, by=by)
    moved = {
        name: [str(id_) for id_ in await _belongings(session, table, gone)]
        for name, table in _BELONGINGS.items()
    }
    for name, ids in moved.items():
        await _give(session, _BELONGINGS[name], ids, of=gone, to=into)
    if into.name is None and gone.name is not None:
        into.name = gone.name
        moved["name"] = [gone.name]
    gone.merged_into_id = into.id
    merge = ContactMerge(from_id=gone.id, into_id=into.id, moved=moved, merged_at=now)
    session.add(merge)
    entry = record(
        session,
        MERGED,
        actor=by.actor,
        now=now,
        contact_id=into.id,
        data={"merge": str(merge.id), "contact": str(gone.id), "name": gone.name},
    )
    await session.flush()
    return merge, entry


async def unmerge_contacts(
    session: AsyncSession, merge_id: int, *, by: Principal, now: datetime
) -> tuple[Contact, int]:
    """Give back what went, and of what came since what was written from there; the contact that is
    back, and the entry.

    Raises: NotFound, NotUndoable, ConcernsOthers.
    """
    merge = await session.get(ContactMerge, merge_id, populate_existing=True)
    if merge is None:
        raise NotFound("merge of contacts", merge_id)
    try:
        into = await find_contact(session, merge.into_id, by=by)
    except NotFound as error:
        raise NotFound("merge of contacts", merge_id) from error
    await check_whole(session, into, by=by)
    return await _part(session, merge, by=by, now=now)


async def revert_merge(
    session: AsyncSession, entry: JournalEntry, *, by: Principal, now: datetime
) -> tuple[None, int]:
    """The same by the journal's entry of the merge. Raises: NotUndoable."""
    merge = await session.get_one(ContactMerge, int(entry.data["merge"]), populate_existing=True)
    _, undone = await _part(session, merge, by=by, now=now)
    return None, undone


async def _part(
    session: AsyncSession, merge: ContactMerge, *, by: Principal, now: datetime
) -> tuple[Contact, int]:
    gone = await session.get_one(Contact, merge.from_id)
    into = await session.get_one(Contact, merge.into_id)
    await _hold(session, gone, into)
    await session.refresh(merge)
    if merge.undone_at is not None:
        raise NotUndoable("This merge has been undone already.")
    if into.merged_into_id is not None:
        raise NotUndoable(
            f"{into.name or into.id} was merged into somebody else since; undo that merge first."
        )
    for name, table in _BELONGINGS.items():
        await _give(session, table, merge.moved.get(name, []), of=into, to=gone)
    await _give_what_was_said(session, merge.moved.get("points", []), of=into, to=gone)
    if [into.name] == merge.moved.get("name"):
        into.name = None
    gone.merged_into_id = None
    merge.undone_at = now
    undone = record(
        session,
        "contact.merge_undone",
        actor=by.actor,
        now=now,
        contact_id=into.id,
        data={"merge": str(merge.id), "contact": str(gone.id)},
    )
    await session.flush()
    return gone, undone


async def _hold(session: AsyncSession, gone: Contact, into: Contact) -> None:
    """Their conversations, their appeals and then the two themselves, as whoever changes any of
    them holds them; what belongs to them is asked for afterwards.

    The two are held with their keys: nobody opens anything of theirs before the transaction ends.
    Who was about to do so looks again afterwards whether the contact is still there: intake when it
    adds the appeal, the counter when it holds the contact.
    """
    both = (gone.id, into.id)
    for table in (Conversation, Appeal):
        await session.exec(
            select(table.id)
            .where(col(table.contact_id).in_(both))
            .order_by(col(table.id))
            .with_for_update(key_share=True)
        )
    await session.exec(
        select(Contact)
        .where(col(Contact.id).in_(both))
        .order_by(col(Contact.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def _belongings(session: AsyncSession, table: Any, contact: Contact) -> Collection[int]:
    found = await session.exec(
        select(table.id).where(table.contact_id == contact.id).order_by(table.id)
    )
    return list(found)


async def _give(
    session: AsyncSession, table: Any, ids: Sequence[str], *, of: Contact, to: Contact
) -> None:
    if ids:
        await session.exec(
            update(table)
            .where(table.id.in_([int(id_) for id_ in ids]), table.contact_id == of.id)
            .values(contact_id=to.id)
        )


async def _give_what_was_said(
    session: AsyncSession, points: Sequence[str], *, of: Contact, to: Contact
) -> None:
    """Give the conversations at these points as well, and all appeals in the one's conversations
    that are the other's: they were opened since."""
    await session.exec(
        update(Conversation)
        .where(
            col(Conversation.contact_id) == of.id,
            col(Conversation.point_id).in_([int(id_) for id_ in points]),
        )
        .values(contact_id=to.id)
    )
    theirs = select(Conversation.id).where(Conversation.contact_id == to.id)
    await session.exec(
        update(Appeal)
        .where(col(Appeal.contact_id) == of.id, col(Appeal.conversation_id).in_(theirs))
        .values(contact_id=to.id)
    )
