"""One appeal that is two: chosen messages become an appeal of their own, and can come back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.choices import check_category
from registry.appeals.due import give_deadlines
from registry.appeals.history import History, note, turn
from registry.appeals.locking import number_of, refuse_merged
from registry.appeals.moving import (
    Moved,
    conversations_at,
    counters_of,
    hold_appeals,
    is_counted,
    messages_of,
    move_messages,
    point_conversations,
    share_times,
    take_back,
)
from registry.errors import BadValue
from registry.journal import record
from registry.models import Appeal, Attachment, Conversation, JournalEntry, Message
from registry.numbers import next_number
from registry.operators import Principal
from registry.states import Outcome, Status
from registry.subjects import first_line

SPLIT = "appeal.split"
"""The event in the journal of the appeal that stays."""
SPLIT_UNDONE = "appeal.split_undone"


class Division(Struct, frozen=True, kw_only=True):
    """What becomes an appeal of its own."""

    message_ids: tuple[int, ...]
    subject: str = ""
    """Empty for the beginning of the first of them."""
    category: str | None = None


async def split_appeal(
    session: AsyncSession,
    number: str,
    division: Division,
    *,
    by: Principal,
    prefix: str,
    zone: ZoneInfo,
    now: datetime,
) -> tuple[Appeal, int]:
    """Open an appeal with messages of another; the new one, and the journal's entry.

    It is open since its first message came, as the law counts. What the citizen writes next joins
    the appeal that has their last message.

    Raises: NotFound, Merged, BadValue.
    """
    [appeal] = await hold_appeals(session, (number,), by=by)
    await refuse_merged(session, appeal)
    await check_category(session, division.category)
    messages = await messages_of(session, appeal)
    chosen = _choose(appeal, messages, division.message_ids)
    own = await _opened(session, appeal, chosen, division)
    own.number = await next_number(session, prefix=prefix, zone=zone, now=now)
    session.add(own)
    await session.flush()
    before = counters_of(appeal, own)
    pointing = await _ending_with(session, appeal, messages, chosen)
    await move_messages(session, [message.id for message in chosen], to=own)
    await point_conversations(session, pointing, at=own, away_from=appeal)
    own.message_count = sum(map(is_counted, chosen))
    own.unread = len(_unread(appeal, messages) & {message.id for message in chosen})
    appeal.message_count -= own.message_count
    appeal.unread -= own.unread
    await share_times(session, appeal, own, waiting_since=appeal.waiting_since)
    moved = Moved(
        messages=[str(message.id) for message in chosen],
        conversations=[str(id_) for id_ in pointing],
        before=before,
        after=counters_of(appeal, own),
    )
    record(
        session,
        "appeal.opened",
        actor=by.actor,
        now=now,
        appeal_id=own.id,
        contact_id=own.contact_id,
        data={"number": own.number, "split_from": appeal.number},
    )
    entry = record(
        session,
        SPLIT,
        actor=by.actor,
        now=now,
        appeal_id=appeal.id,
        contact_id=appeal.contact_id,
        data={"into": own.number, "moved": msgspec.to_builtins(moved)},
    )
    await session.flush()
    return own, entry


async def unsplit_appeal(
    session: AsyncSession, entry: JournalEntry, *, by: Principal, now: datetime
) -> tuple[str, int]:
    """Bring back exactly the messages that went. The new appeal keeps what came since; where that
    is nothing, it is closed as one that was merged.

    Returns the number of the appeal that has them again, and the journal's entry.

    Raises: ChangedSince.
    """
    assert entry.appeal_id is not None  # as split_appeal wrote it
    moved = msgspec.convert(entry.data["moved"], Moved)
    number = await number_of(session, entry.appeal_id)
    appeal, own = await hold_appeals(session, (number, entry.data["into"]), by=None)
    await refuse_merged(session, appeal)
    await take_back(session, entry, moved, appeal, out_of=own)
    ids = [int(id_) for id_ in moved.conversations]
    await point_conversations(session, ids, at=appeal, away_from=own)
    history: History = {}
    if not await messages_of(session, own):
        turn(history, own, "status", Status.CLOSED.value)
        turn(history, own, "closed_at", now)
        turn(history, own, "outcome", Outcome.DUPLICATE.value)
        turn(history, own, "snoozed_until", None)
        own.merged_into_id = appeal.id
        note(history, "merged_into", None, appeal.number)
    undone, _ = (
        record(
            session,
            SPLIT_UNDONE,
            actor=by.actor,
            now=now,
            appeal_id=one.id,
            contact_id=one.contact_id,
            data={**data, "undoes": str(entry.id)},
        )
        for one, data in ((appeal, {}), (own, history))
    )
    await session.flush()
    return number, undone


async def _ending_with(
    session: AsyncSession, appeal: Appeal, messages: Sequence[Message], chosen: Sequence[Message]
) -> list[int]:
    """The conversations at the appeal whose citizen wrote one of the chosen messages last."""
    last = {
        message.conversation_id: message.id for message in messages if message.direction == "in"
    }
    moving = {message.id for message in chosen}
    at_appeal = await conversations_at(session, appeal)
    return [id_ for id_ in at_appeal if last.get(id_) in moving]


def _choose(appeal: Appeal, messages: Sequence[Message], ids: Collection[int]) -> list[Message]:
    """The chosen ones in their order. Raises: BadValue."""
    chosen = [message for message in messages if message.id in ids]
    if missing := sorted(set(ids) - {message.id for message in chosen}):
        raise BadValue("messages", f"There is no message {missing[0]} in {appeal.number}.")
    if not any(message.direction == "in" for message in chosen):
        raise BadValue(
            "messages", "Choose at least one message of the citizen: an appeal begins with one."
        )
    if not any(message.direction == "in" for message in messages if message.id not in ids):
        raise BadValue("messages", f"Leave at least one message of the citizen in {appeal.number}.")
    return chosen


def _unread(appeal: Appeal, messages: Sequence[Message]) -> set[int]:
    """The last ones that came, as many as nobody has read."""
    came = [message.id for message in messages if message.direction == "in"]
    return set(came[len(came) - min(appeal.unread, len(came)) :])


async def _opened(
    session: AsyncSession, appeal: Appeal, chosen: Sequence[Message], division: Division
) -> Appeal:
    """The new appeal: of whoever wrote its last message, and where they can be answered."""
    came = [message for message in chosen if message.direction == "in"]
    own = Appeal(
        number="",
        channel=appeal.channel,
        account=appeal.account,
        conversation_id=appeal.conversation_id,
        contact_id=appeal.contact_id,
        kind=appeal.kind,
        category=division.category,
        language=appeal.language,
        subject=division.subject or first_line(came[0].text),
        team=appeal.team,
        opened_at=min(message.created_at for message in came),
        last_message_at=max(message.sent_at for message in came),
        first_response_at=appeal.first_response_at,
    )
    if came[-1].conversation_id is not None:
        # That of another one, where an appeal in it was merged into this one.
        conversation = await session.get_one(Conversation, came[-1].conversation_id)
        own.conversation_id, own.contact_id = conversation.id, conversation.contact_id
        own.channel, own.account = conversation.channel, conversation.account
    found = await session.exec(
        select(Attachment.latitude, Attachment.longitude)
        .where(
            col(Attachment.message_id).in_([message.id for message in chosen]),
            col(Attachment.latitude).is_not(None),
        )
        .order_by(col(Attachment.id).desc())
    )
    own.latitude, own.longitude = found.first() or (None, None)
    await give_deadlines(session, own)
    return own
