"""Two appeals that are one: the messages of the one go to the other, and can come back."""

from datetime import datetime

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.history import History, note, turn
from registry.appeals.locking import number_of, refuse_merged
from registry.appeals.moving import (
    Moved,
    conversations_at,
    counters_of,
    hold_appeals,
    messages_of,
    move_messages,
    point_conversations,
    take_back,
)
from registry.appeals.reverting import revert
from registry.errors import BadValue, RegistryError
from registry.journal import record
from registry.models import JournalEntry
from registry.operators import Principal
from registry.states import LIVE, Outcome, Status

MERGED = "appeal.merged"
"""The event in the journal of the appeal that went."""
MERGE_UNDONE = "appeal.merge_undone"
GAVE_BACK = "appeal.gave_messages_back"
"""That it was undone, in the journal of the appeal that had taken the messages."""


class DifferentContacts(RegistryError):
    """The appeals are of two people; whoever means it says so."""

    def __init__(self, number: str, into: str) -> None:
        super().__init__(
            f"{number} and {into} are of different people; "
            "confirm that they are to be merged all the same, or link one as a duplicate."
        )
        self.number = number
        self.into = into


async def merge_appeal(
    session: AsyncSession,
    number: str,
    into: str,
    *,
    across_contacts: bool,
    by: Principal,
    now: datetime,
) -> int:
    """Move all of an appeal's messages into another and close it; the journal's entry.

    What its citizen writes next joins the other one as well.

    Raises: NotFound, Merged, DifferentContacts, BadValue.
    """
    if number == into:
        raise BadValue("into", f"{number} cannot be merged into itself; name another appeal.")
    appeal, other = await hold_appeals(session, (number, into), by=by)
    await refuse_merged(session, appeal)
    await refuse_merged(session, other)
    if Status(other.status) not in LIVE:
        raise BadValue(
            "into", f"{into} is {other.status}: open it again first, or link the other to it."
        )
    if appeal.contact_id != other.contact_id and not across_contacts:
        raise DifferentContacts(number, into)
    messages = await messages_of(session, appeal)
    ids = [message.id for message in messages]
    pointing = await conversations_at(session, appeal)
    before = counters_of(appeal, other)
    await move_messages(session, ids, to=other)
    await point_conversations(session, pointing, at=other, away_from=appeal)
    waiting = [one.waiting_since for one in (appeal, other) if one.waiting_since is not None]
    other.waiting_since = min(waiting, default=None)
    other.last_message_at = max(appeal.last_message_at, other.last_message_at)
    other.unread += appeal.unread
    other.message_count += appeal.message_count
    appeal.unread = appeal.message_count = 0
    appeal.waiting_since = None
    moved = Moved(
        messages=[str(id_) for id_ in ids],
        conversations=[str(id_) for id_ in pointing],
        before=before,
        after=counters_of(appeal, other),
    )
    history: History = {}
    if appeal.status != Status.CLOSED:
        turn(history, appeal, "status", Status.CLOSED.value)
        turn(history, appeal, "closed_at", now)
    turn(history, appeal, "outcome", Outcome.DUPLICATE.value)
    turn(history, appeal, "snoozed_until", None)
    appeal.merged_into_id = other.id
    note(history, "merged_into", None, other.number)
    entry = record(
        session,
        MERGED,
        actor=by.actor,
        now=now,
        appeal_id=appeal.id,
        contact_id=appeal.contact_id,
        data={**history, "moved": msgspec.to_builtins(moved)},
    )
    record(
        session,
        "appeal.took_messages",
        actor=by.actor,
        now=now,
        appeal_id=other.id,
        contact_id=other.contact_id,
        data={"from": appeal.number, "messages": len(ids)},
    )
    await session.flush()
    return entry


async def unmerge_appeal(
    session: AsyncSession, entry: JournalEntry, *, by: Principal, now: datetime
) -> tuple[str, int]:
    """Bring back exactly the messages that went; what came since stays where it came.

    Returns the appeal's number, and the journal's entry. Raises: ChangedSince.
    """
    assert entry.appeal_id is not None  # as merge_appeal wrote it
    moved = msgspec.convert(entry.data["moved"], Moved)
    number = await number_of(session, entry.appeal_id)
    appeal, other = await hold_appeals(session, (number, entry.data["merged_into"]["to"]), by=None)
    history = await revert(session, appeal, entry)
    await take_back(session, entry, moved, appeal, out_of=other)
    ids = [int(id_) for id_ in moved.conversations]
    await point_conversations(session, ids, at=appeal, away_from=other)
    undone = record(
        session,
        MERGE_UNDONE,
        actor=by.actor,
        now=now,
        appeal_id=appeal.id,
        contact_id=appeal.contact_id,
        data={**history, "undoes": str(entry.id)},
    )
    record(
        session,
        GAVE_BACK,
        actor=by.actor,
        now=now,
        appeal_id=other.id,
        contact_id=other.contact_id,
        data={"to": appeal.number, "messages": len(moved.messages), "undoes": str(entry.id)},
    )
    await session.flush()
    return number, undone
