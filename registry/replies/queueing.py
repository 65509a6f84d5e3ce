"""A reply: whether the channel can carry it, the message, and its dispatch, all at once."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.appeals import change_appeal
from registry.appeals.answering import answer_appeal
from registry.appeals.locking import lock_appeal, refuse_merged
from registry.drafts import forget_draft
from registry.errors import KeyReused, NotFound, RegistryError
from registry.ids import parse_id
from registry.models import Appeal, Dispatch, JournalEntry, Message
from registry.operators import Principal
from registry.replies.asked import Reply
from registry.replies.collisions import check_colleagues
from registry.replies.planning import Plan, kinds_of, planned, stored
from registry.replies.putting_right import QUEUED
from registry.replies.snapshots import difference, snapshot
from registry.replies.ways import Accounts, Kind, Way, carried_by, find_way, hold_way
from registry.types import DeliveryState
from registry.uploads import hold_uploads


class TakenBackAlready(RegistryError):
    """The reply under this key was taken back: the request that queued it came again."""

    def __init__(self) -> None:
        super().__init__("This reply was taken back; send it anew with a new Idempotency-Key.")


async def prepare_reply(
    session: AsyncSession,
    number: str,
    reply: Reply,
    *,
    by: Principal,
    accounts: Accounts,
    now: datetime,
) -> tuple[Way, tuple[str, ...]]:
    """Which way the reply would go, and the kinds of its uploads: what `make_plan` needs.

    Raises: NotFound, CannotCarry.
    """
    appeal = await find_appeal(session, number, by=by)
    way = await find_way(session, appeal, reply.via, accounts, manner=reply.manner, now=now)
    return way, await kinds_of(session, reply)


async def queue_reply(
    session: AsyncSession,
    number: str,
    reply: Reply,
    *,
    by: Principal,
    key: str,
    accounts: Accounts,
    now: datetime,
    plan: Plan | None = None,
) -> Message:
    """Write the reply and its dispatch; the caller commits, then wakes the outbox.

    The same key and request again give the message that is there, and do nothing else. A `plan`
    that fits saves cutting the text within the transaction.

    Raises: NotFound (appeal or upload), Merged, CannotCarry, ColleagueReplied, KeyReused,
    TakenBackAlready, and what `change_appeal` raises.
    """
    digest = _digest(reply)
    appeal = await find_appeal(session, number, by=by)
    earlier = await _earlier(session, appeal, key, digest)
    if earlier is not None:
        return earlier
    way = await find_way(session, appeal, reply.via, accounts, manner=reply.manner, now=now)
    if way.kind is Kind.ELSEWHERE or reply.private:
        # The conversation before the appeal, as intake does: neither waits for the other for ever.
        way = await hold_way(session, way, now=now)
    appeal = await lock_appeal(session, number, by=by)
    earlier = await _earlier(session, appeal, key, digest)
    if earlier is not None:
        return earlier
    await refuse_merged(session, appeal)
    if reply.seen_through is not None and not reply.even_so:
        await check_colleagues(session, appeal.id, seen_through=reply.seen_through, by=by)
    carried = await carried_by(session, way, appeal, reply.manner, now=now)
    files = await hold_uploads(session, reply.attachment_ids, by=by)
    parts = await planned(reply.text, files, carried, reply.manner, plan)
    conversation = way.conversation
    message = Message(
        appeal_id=appeal.id,
        conversation_id=conversation.id,
        direction="out",
        text=reply.text,
        author=by.name,
        operator_id=by.operator_id,
        sent_at=now,
        created_at=now,
        reply_to=conversation.last_inbound if carried.threads else None,
        private_reply_to=conversation.last_inbound if reply.private else None,
        state=DeliveryState.QUEUED,
        state_at=now,
        idempotency_key=_key(appeal, key),
        request_digest=digest,
    )
    session.add(message)
    await session.flush()
    for position, file in enumerate(files):
        file.message_id, file.position = message.id, position
    session.add(
        Dispatch(
            message_id=message.id,
            conversation_id=conversation.id,
            channel=conversation.channel,
            account=conversation.account,
            parts=[stored(part, files, reply.template) for part in parts],
            part_count=len(parts),
            due_at=now + reply.hold,
            created_at=now,
        )
    )
    await _note(session, appeal, message, reply, way, by=by, now=now)
    if reply.drop_draft:
        await forget_draft(session, appeal.id, by.operator_id)
    await session.flush()
    return message


async def find_appeal(session: AsyncSession, number: str, *, by: Principal) -> Appeal:
    """The appeal, not held. Raises: NotFound, also if `by` cannot see it."""
    found = await session.exec(select(Appeal).where(Appeal.number == number, visible_to(by)))
    appeal = found.one_or_none()
    if appeal is None:
        raise NotFound("appeal", number)
    return appeal


def taken_back_key(idempotency_key: str) -> str:
    """The journal's key of a reply that was taken back, by the message's key."""
    return f"taken back:{idempotency_key}"


def queued_in(message: Message) -> int | None:
    """The id of the appeal in which a reply was queued, wherever the message is by now; None for
    what nobody queued here."""
    kind, _, rest = (message.idempotency_key or "").partition(":")
    return parse_id(rest.partition(":")[0]) if kind == "reply" else None


def _key(appeal: Appeal, key: str) -> str:
    return f"reply:{appeal.id}:{key}"


async def _earlier(session: AsyncSession, appeal: Appeal, key: str, digest: str) -> Message | None:
    """The message of this request, if it came before, wherever it has gone since.

    Raises: KeyReused, TakenBackAlready.
    """
    found = await session.exec(
        select(Message)
        .join(JournalEntry, col(JournalEntry.message_id) == col(Message.id))
        .where(
            JournalEntry.appeal_id == appeal.id,
            JournalEntry.event == QUEUED,
            Message.idempotency_key == _key(appeal, key),
        )
    )
    earlier = found.one_or_none()
    if earlier is None:
        gone = taken_back_key(_key(appeal, key))
        if (await session.exec(select(JournalEntry.id).where(JournalEntry.key == gone))).first():
            raise TakenBackAlready
        return None
    if earlier.request_digest != digest:
        raise KeyReused(key)
    return earlier


async def _note(
    session: AsyncSession,
    appeal: Appeal,
    message: Message,
    reply: Reply,
    way: Way,
    *,
    by: Principal,
    now: datetime,
) -> None:
    """Write down the reply with all that it changes, so that it can be taken back."""
    entry = JournalEntry(
        at=now, event=QUEUED, actor=by.actor, appeal_id=appeal.id, message_id=message.id
    )
    before = snapshot(appeal)
    data = _note_reply(appeal, now=now)
    if way.kind is Kind.ELSEWHERE:
        data["via"] = _via(way)
        way.conversation.appeal_id = appeal.id
    if reply.then is not None:
        await change_appeal(session, appeal.number, reply.then, by=by, now=now)
    entry.data = {**data, "undo": difference(before, snapshot(appeal))}
    session.add(entry)


def _note_reply(appeal: Appeal, *, now: datetime) -> dict[str, Any]:
    """What a person's reply makes of the appeal, and what the journal tells of that."""
    data = answer_appeal(appeal, now=now)
    appeal.message_count += 1
    appeal.last_message_at = max(appeal.last_message_at, now)
    return data


def _via(way: Way) -> dict[str, Any]:
    before = way.conversation.appeal_id
    return {
        "channel": way.account.channel,
        "account": way.account.account,
        "scheme": way.point.scheme,
        "value": way.point.value,
        "conversation": str(way.conversation.id),
        "appeal_before": None if before is None else str(before),
    }


def _digest(reply: Reply) -> str:
    """Tells one reply from another: what the citizen reads, and where."""
    request = "\x00".join([reply.text, *map(str, reply.attachment_ids)])
    if reply.template is not None or reply.private or reply.via is not None:
        manner = (reply.template, reply.private, *([reply.via] if reply.via is not None else []))
        request += "\x00" + msgspec.json.encode(manner, order="sorted").decode()
    return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()
