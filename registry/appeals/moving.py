"""Messages that go from one appeal to another, and the counters of both."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, true, update
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


class Counters(Struct, frozen=True, kw_only=True):
    """What an appeal tells of its messages without looking at them."""

    message_count: int
    unread: int
    last_message_at: datetime
    waiting_since: datetime | None


class Moved(Struct, frozen=True, kw_only=True):
    """What went, as the journal keeps it: enough to bring exactly that back."""

    messages: list[str]
    """Ids."""
    conversations: list[str] = []
    """Ids of those whose next messages went along."""
    before: tuple[Counters, Counters]
    """Of the appeal that they came back to, and of the one that they went to."""
    after: tuple[Counters, Counters]


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
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        found = await session.exec(
            select(Appeal)
            .where(named)
            .order_by(col(Appeal.id))
            .with_for_update(key_share=True)
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
            .with_for_update(key_share=True)
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
    messages = await _by_ids(session, [int(id_) for id_ in moved.messages])
    if any(message.appeal_id != out_of.id for message in messages):
        later = await who_changed(session, entry, ["messages"], also_in=out_of.id)
        raise ChangedSince(appeal.number, later)
    untouched = counters_of(appeal, out_of) == moved.after
    await move_messages(session, [message.id for message in messages], to=appeal)
    if untouched:
        set_counters(appeal, moved.before[0])
        set_counters(out_of, moved.before[1])
        return
    count = sum(map(is_counted, messages))
    unread = min(moved.before[0].unread - moved.after[0].unread, out_of.unread)
    appeal.message_count, appeal.unread = appeal.message_count + count, appeal.unread + unread
    out_of.message_count, out_of.unread = out_of.message_count - count, out_of.unread - unread
    waiting = [one.waiting_since for one in (appeal, out_of) if one.waiting_since is not None]
    await share_times(session, appeal, out_of, waiting_since=min(waiting, default=None))


async def _by_ids(session: AsyncSession, ids: Sequence[int]) -> list[Message]:
    """Those of the messages that are there: a reply may have been taken back since."""
    messages: list[Message] = []
    for portion in _portions(ids):
        messages += await session.exec(
            select(Message)
            .where(col(Message.id).in_(portion))
            .execution_options(populate_existing=True)
        )
    return messages


async def point_conversations(
    session: AsyncSession, ids: Collection[int], *, at: Appeal, away_from: Appeal
) -> None:
    """Let what is written next join `at`, in those of the conversations that pointed away."""
    await session.exec(
        update(Conversation)
        .where(col(Conversation.id).in_(ids), col(Conversation.appeal_id) == away_from.id)
        .values(appeal_id=at.id)
    )


async def conversations_at(session: AsyncSession, appeal: Appeal) -> list[int]:
    """The conversations whose next message joins the appeal."""
    ids = await _conversations_of(session, col(Appeal.id) == appeal.id)
    found = await session.exec(
        select(Conversation.id).where(
            col(Conversation.id).in_(ids), col(Conversation.appeal_id) == appeal.id
        )
    )
    return sorted(found)


def counters_of(*appeals: Appeal) -> tuple[Counters, Counters]:
    """The counters of two appeals as they are."""
    one, other = (
        Counters(**{name: getattr(appeal, name) for name in Counters.__struct_fields__})
        for appeal in appeals
    )
    return one, other


def set_counters(appeal: Appeal, counters: Counters) -> None:
    """Give an appeal these counters."""
    for name in Counters.__struct_fields__:
        setattr(appeal, name, getattr(counters, name))


def is_counted(message: Message) -> bool:
    """Whether counters have it; an acknowledgement, which nobody wrote, is in none."""
    automatic = message.author == "" and message.idempotency_key is not None
    return message.direction != "out" or not automatic


async def share_times(
    session: AsyncSession, one: Appeal, other: Appeal, *, waiting_since: datetime | None
) -> None:
    """Tell of each of two appeals when its last message was, and since when the citizen waits; in
    the two together they have been waiting since `waiting_since`."""
    for appeal in (one, other):
        said = [message for message in await messages_of(session, appeal) if _is_said(message)]
        if said:
            appeal.last_message_at = said[-1].sent_at
        appeal.waiting_since = None
        if waiting_since is not None and Status(appeal.status) in LIVE:
            appeal.waiting_since = _first_unanswered(said, since=waiting_since)
    await session.flush()


def _first_unanswered(said: Sequence[Message], *, since: datetime) -> datetime | None:
    first = None
    for message in said:
        if message.direction == "out":
            first = None
        elif first is None and message.sent_at >= since:
            first = message.sent_at
    return first


def _is_said(message: Message) -> bool:
    return message.direction != "note" and is_counted(message)


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _PORTION):
        yield ids[start : start + _PORTION]
