"""What a reply had answered and what has gone to other appeals since, by a split or as a merge or
a split was undone: once the reply is taken back, it is unanswered where it is now."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.dividing import SPLIT, SPLIT_UNDONE
from registry.appeals.merging import GAVE_BACK
from registry.appeals.moving import Moved, messages_of, share_times
from registry.models import Appeal, JournalEntry, Message
from registry.replies.collisions import answer_after


async def numbers_of_gone(session: AsyncSession, appeal_id: int, *, since: int) -> list[str]:
    """The other appeals that have what went since an entry of the journal; most often none."""
    gone = [message.appeal_id for message in await _gone_from(session, appeal_id, since=since)]
    found = await session.exec(
        select(Appeal.number).where(col(Appeal.id).in_(set(gone))).order_by(col(Appeal.id))
    )
    return list(found)


async def share_unread(
    session: AsyncSession,
    appeal: Appeal,
    others: Sequence[Appeal],
    chain: Sequence[JournalEntry],
    *,
    unread: int,
) -> int:
    """Give the others, which the transaction holds, those of the last `unread` messages of the
    citizen before the chain of replies that they have now; how many are left for the appeal.

    What somebody answered there since then stays answered.
    """
    said = [one for one in await messages_of(session, appeal) if one.id < _first(chain)]
    said += await _gone_from(session, appeal.id, since=chain[0].id)
    came = sorted(
        (one for one in said if one.direction == "in"),
        key=lambda one: (one.sent_at, one.sequence, one.id),
    )
    waiting = [one.appeal_id for one in came[max(len(came) - unread, 0) :]]
    for other in others:
        if await answer_after(session, other.id, _first(chain)) is None:
            other.unread += waiting.count(other.id)
    return unread - sum(waiting.count(other.id) for other in others)


async def share_waiting(
    session: AsyncSession,
    appeal: Appeal,
    others: Sequence[Appeal],
    *,
    since: datetime | None,
) -> None:
    """Tell of each since when its own messages wait, where all of them did since `since`."""
    for other in others:
        waiting = [one for one in (since, other.waiting_since) if one is not None]
        await share_times(session, appeal, other, waiting_since=min(waiting, default=None))


def _first(chain: Sequence[JournalEntry]) -> int:
    return chain[0].message_id or 0  # each tells of a reply


async def _gone_from(session: AsyncSession, appeal_id: int, *, since: int) -> Collection[Message]:
    moves = await session.exec(
        select(JournalEntry).where(
            JournalEntry.appeal_id == appeal_id,
            col(JournalEntry.id) > since,
            col(JournalEntry.event).in_([SPLIT, SPLIT_UNDONE, GAVE_BACK]),
        )
    )
    ids: set[int] = set()
    for entry in moves.all():
        told = entry
        if entry.event != SPLIT:
            told = await session.get_one(JournalEntry, int(entry.data["undoes"]))
        ids |= {int(id_) for id_ in msgspec.convert(told.data["moved"], Moved).messages}
    if not ids:
        return ()
    found = await session.exec(
        select(Message)
        .where(col(Message.id).in_(ids), Message.appeal_id != appeal_id)
        .execution_options(populate_existing=True)
    )
    return found.all()
