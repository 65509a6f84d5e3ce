"""Undo: whoever changed something takes it back within minutes, a supervisor at any time.

The key to it is the journal's entry that tells the change, old beside new. What somebody has
changed again since stays as it is, and they are named.
"""

from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.appeals.dividing import SPLIT, unsplit_appeal
from registry.appeals.merging import MERGED, unmerge_appeal
from registry.appeals.reverting import CHANGE_UNDONE, CHANGED, revert_change
from registry.contacts import changing, merging
from registry.contacts.changing import revert_contact
from registry.contacts.merging import revert_merge
from registry.contacts.seeing import contact_visible_to
from registry.errors import NotAllowed, NotFound
from registry.models import Appeal, Contact, JournalEntry
from registry.operators import Principal, Role
from registry.replies.putting_right import put_merged_right

TIME_TO_UNDO = timedelta(minutes=10)
"""For whoever did it."""


class Undone(Struct, frozen=True, kw_only=True):
    """What was taken back."""

    number: str | None
    """Of the appeal that is as it was; None for a contact."""
    entry: int
    """The journal's entry that tells so."""


class _Reversal(Protocol):
    def __call__(
        self, session: AsyncSession, entry: JournalEntry, /, *, by: Principal, now: datetime
    ) -> Awaitable[tuple[str | None, int]]: ...


async def _unmerge(
    session: AsyncSession, entry: JournalEntry, /, *, by: Principal, now: datetime
) -> tuple[str, int]:
    done = await unmerge_appeal(session, entry, by=by, now=now)
    await put_merged_right(session, entry, by=by, now=now)
    return done


_REVERSALS: Mapping[str, _Reversal] = {
    CHANGED: revert_change,
    CHANGE_UNDONE: revert_change,
    MERGED: _unmerge,
    SPLIT: unsplit_appeal,
    changing.CHANGED: revert_contact,
    changing.CHANGE_UNDONE: revert_contact,
    merging.MERGED: revert_merge,
}
"""By the event that is taken back."""


async def undo(session: AsyncSession, key: int, *, by: Principal, now: datetime) -> Undone:
    """Take back what an entry of the journal tells. The caller rolls back what is refused.

    What was one's own is undone also where one can no longer see the appeal: it may have been given
    to a wrong team.

    Raises: NotFound, NotAllowed, ChangedSince, NotUndoable, Merged.
    """
    entry = await session.get(JournalEntry, key)
    reversal = None if entry is None else _REVERSALS.get(entry.event)
    if entry is None or reversal is None:
        raise NotFound("change to undo", key)
    await _check_right(session, entry, by=by, now=now)
    number, undone = await reversal(session, entry, by=by, now=now)
    return Undone(number=number, entry=undone)


async def _check_right(
    session: AsyncSession, entry: JournalEntry, *, by: Principal, now: datetime
) -> None:
    own = entry.actor == by.actor
    if by.is_at_least(Role.SUPERVISOR) or (own and now - entry.at <= TIME_TO_UNDO):
        return
    if own:
        minutes = TIME_TO_UNDO // timedelta(minutes=1)
        raise NotAllowed(
            f"This was done more than {minutes} minutes ago; a supervisor can still undo it."
        )
    theirs = select(Appeal.id).where(col(Appeal.id) == entry.appeal_id, visible_to(by))
    if entry.appeal_id is None:
        theirs = select(Contact.id).where(
            col(Contact.id) == entry.contact_id, contact_visible_to(by)
        )
    seen = await session.exec(theirs)
    if seen.first() is None:
        raise NotFound("change to undo", entry.id)
    raise NotAllowed("Somebody else did this; they or a supervisor can undo it.")
