"""Messages that go from one appeal to another, and the counters of both."""

from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, case, func, not_, true, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.appeals.reverting import ChangedSince, who_changed
from registry.errors import NotFound
from registry.models import Appeal, Conversation, JournalEntry, Mention, Message
from registry.operators import Principal
from registry.states import LIVE, Status

_PORTION = 1000
"""Ids that one statement takes."""


class Moved(Struct, frozen=True, kw_only=True):
    """What went, as the journal keeps it: enough to bring exactly that back."""

    messages: list[str]
    """Ids."""
    unread: int
    """How many of them nobody had read."""
    conversations: list[str] = []
    """Ids of those whose next messages went along."""


async def hold_appeals(
    session: AsyncSession, numbers: Collection[str], *, by: Principal | None
) -> list[Appeal]:
    """The appeals, as they were named, with all conversations that speak in them: held until the
    transaction ends.

    Conversations come before appeals, and each kind in the order of ids, as everywhere: so no two
    wait for each other. What `by` cannot see is not found; None sees all. Raises: NotFound.
    """
    named = and_(col(Appeal.number).in_(numbers), true() if by is None else visible_to(by))
    ids = await _conversations_of(session, named)
    while True:
        await session.exec(
            select(Conversation)
            .where(col(Conversation.id).in_(ids))
            .order_by(col(Conversation.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found = await session.exec(
            select(Appeal)
            .where(named)
            .order_by(col(Appeal.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        appeals = {appeal.number: appeal for appeal in found}
        speaking = await _conversations_of(session, named)
        if speaking <= ids:
            break
        ids |= speaking  # somebody merged another into one of them a moment before
    for number in numbers:
        if number not in appeals:
            raise NotFound("appeal", number)
    return [appeals[number] for number in numbers]


async def _conversations_of(session: AsyncSession, named: ColumnElement[bool]) -> set[int]:
    """Their own, and those of messages that came to them from other appeals."""
    own = await session.exec(select(Appeal.conversation_id).where(named))
    brought = await session.exec(
        select(Message.conversation_id)
        .where(col(Message.appeal_id).in_(select(Appeal.id).where(named)))
        .distinct()
    )
    return {id_ for id_ in (*own, *brought) if id_ is not None}


async def messages_of(session: AsyncSession, appeal: Appeal) -> list[Message]:
    """All of an appeal's messages, in the order in which they were written."""
    found = await session.exec(
        select(Message)
        .where(Message.appeal_id == appeal.id)
        .order_by(col(Message.sent_at), col(Message.sequence), col(Message.id))
        .execution_options(populate_existing=True)
    )
    return list(found)


async def move_messages(session: AsyncSession, ids: Sequence[int], *, to: Appeal) -> None:
    """Put messages into another appeal. What of them is on its way out goes on as it was: a
    dispatch knows its message and its conversation, and no appeal."""
    for portion in _portions(sorted(ids)):
        await session.exec(
            select(Message.id)
            .where(col(Message.id).in_(portion))
            .order_by(col(Message.id))
            .with_for_update()
        )
        await session.exec(
            update(Message).where(col(Message.id).in_(portion)).values(appeal_id=to.id)
        )
        await session.exec(
            update(Mention).where(col(Mention.message_id).in_(portion)).values(appeal_id=to.id)
        )


async def take_back(
    session: AsyncSession, entry: JournalEntry, moved: Moved, appeal: Appeal, *, out_of: Appeal
) -> None:
    """Bring back what went as the entry tells. Raises: ChangedSince, where it has gone on since."""
    ids = [int(id_) for id_ in moved.messages]
    if not await _are_in(session, ids, out_of):
        raise ChangedSince(
            appeal.number, await who_changed(session, entry, ["messages"], also_in=out_of.id)
        )
    await move_messages(session, ids, to=appeal)
    unread = min(moved.unread, out_of.unread)
    appeal.unread += unread
    out_of.unread -= unread


async def _are_in(session: AsyncSession, ids: Sequence[int], appeal: Appeal) -> bool:
    count = 0
    for portion in _portions(ids):
        found = await session.exec(
            select(func.count(col(Message.id))).where(
                col(Message.id).in_(portion), col(Message.appeal_id) == appeal.id
            )
        )
        count += found.one()
    return count == len(ids)


async def point_conversations(
    session: AsyncSession, ids: Collection[int], *, at: Appeal, away_from: Appeal
) -> list[int]:
    """What is written next in those of the conversations that pointed away joins `at`; which."""
    found = await session.exec(
        update(Conversation)
        .where(col(Conversation.id).in_(ids), col(Conversation.appeal_id) == away_from.id)
        .values(appeal_id=at.id)
        .returning(col(Conversation.id))
    )
    return sorted(found.scalars().all())


async def conversations_at(session: AsyncSession, appeal: Appeal) -> list[int]:
    """The conversations whose next message joins the appeal."""
    ids = await _conversations_of(session, col(Appeal.id) == appeal.id)
    found = await session.exec(
        select(Conversation.id).where(
            col(Conversation.id).in_(ids), col(Conversation.appeal_id) == appeal.id
        )
    )
    return sorted(found)


_AUTOMATIC = and_(
    col(Message.direction) == "out",
    col(Message.author) == "",
    col(Message.idempotency_key).is_not(None),
)
"""What nobody wrote, and no counter counts: an acknowledgement."""


async def recount(session: AsyncSession, appeal: Appeal) -> None:
    """Make an appeal's counters those of the messages that it has now, but for the unread."""
    said = and_(col(Message.direction) != "note", not_(_AUTOMATIC))
    answered = and_(said, col(Message.direction) == "out")
    sent_at = col(Message.sent_at)
    counted = await session.exec(
        select(
            func.count(case((not_(_AUTOMATIC), 1))),
            func.max(case((said, sent_at))),
            func.max(case((answered, sent_at))),
        ).where(Message.appeal_id == appeal.id)
    )
    count, last_at, answered_at = counted.one()
    appeal.message_count = count
    appeal.last_message_at = last_at or appeal.last_message_at
    appeal.waiting_since = None
    if Status(appeal.status) in LIVE:
        waiting = select(func.min(sent_at)).where(
            col(Message.appeal_id) == appeal.id, col(Message.direction) == "in"
        )
        if answered_at is not None:
            waiting = waiting.where(sent_at > answered_at)
        appeal.waiting_since = (await session.exec(waiting)).one()
    await session.flush()


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _PORTION):
        yield ids[start : start + _PORTION]
