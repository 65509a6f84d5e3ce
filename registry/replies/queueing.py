"""A reply: whether the channel can carry it, the message, and its dispatch, all at once."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.carrying import Manner, carrier
from registry.errors import KeyReused, NotFound
from registry.journal import record
from registry.models import Appeal, Attachment, Conversation, Dispatch, Message
from registry.replies.planning import planned, stored
from registry.replies.ways import conversation_of
from registry.states import Status
from registry.types import Capabilities, ChosenTemplate, DeliveryState


async def queue_reply(
    session: AsyncSession,
    *,
    appeal_number: str,
    text: str,
    attachment_ids: Sequence[int],
    author: str,
    operator_id: int | None,
    actor: str,
    idempotency_key: str,
    capabilities: Capabilities | None,
    now: datetime,
    template: ChosenTemplate | None = None,
    private: bool = False,
) -> Message:
    """Write the reply and its dispatch; the caller commits, then wakes the outbox.

    The same key and request again give the message that is there. `capabilities` is None when the
    appeal's account is not in the settings. With a `template`, `text` is what it reads as.
    `private` answers the author of a public comment privately.

    Raises: NotFound (appeal or upload), CannotCarry, KeyReused.
    """
    if private:
        # The conversation before the appeal, as intake does: neither waits for the other for ever.
        await _lock_conversation(session, appeal_number)
    appeal = await _lock_appeal(session, appeal_number)
    digest = _digest(text, attachment_ids, template, private=private)
    earlier = await _earlier(session, appeal, idempotency_key)
    if earlier is not None:
        if earlier.request_digest != digest:
            raise KeyReused(idempotency_key)
        return earlier
    conversation = await conversation_of(session, appeal)
    manner = Manner(template=template is not None, private=private)
    carried = await carrier(session, appeal, conversation, capabilities, manner, now=now)
    files = await _uploads(session, attachment_ids)
    parts = planned(text, files, carried, manner)
    message = Message(
        appeal_id=appeal.id,
        conversation_id=conversation.id,
        direction="out",
        text=text,
        author=author,
        operator_id=operator_id,
        sent_at=now,
        created_at=now,
        reply_to=conversation.last_inbound if carried.threads else None,
        private_reply_to=conversation.last_inbound if private else None,
        state=DeliveryState.QUEUED,
        state_at=now,
        idempotency_key=_key(appeal, idempotency_key),
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
            channel=appeal.channel,
            account=appeal.account,
            parts=[stored(part, files, template) for part in parts],
            part_count=len(parts),
            due_at=now,
            created_at=now,
        )
    )
    _note_reply(session, appeal, message, actor=actor, now=now)
    await session.flush()
    return message


async def _lock_conversation(session: AsyncSession, number: str) -> None:
    meant = select(Appeal.conversation_id).where(Appeal.number == number)
    await session.exec(
        select(Conversation.id).where(col(Conversation.id).in_(meant)).with_for_update()
    )


async def _lock_appeal(session: AsyncSession, number: str) -> Appeal:
    found = await session.exec(select(Appeal).where(Appeal.number == number).with_for_update())
    appeal = found.one_or_none()
    if appeal is None:
        raise NotFound("appeal", number)
    return appeal


def _key(appeal: Appeal, idempotency_key: str) -> str:
    return f"reply:{appeal.id}:{idempotency_key}"


async def _earlier(session: AsyncSession, appeal: Appeal, idempotency_key: str) -> Message | None:
    found = await session.exec(
        select(Message).where(
            Message.conversation_id == appeal.conversation_id,
            Message.idempotency_key == _key(appeal, idempotency_key),
        )
    )
    return found.one_or_none()


async def _uploads(session: AsyncSession, ids: Sequence[int]) -> list[Attachment]:
    """The uploads in the order given, locked, and free to be sent. Raises: NotFound."""
    files: list[Attachment] = []
    for id_ in ids:
        file = await session.get(Attachment, id_, with_for_update=True)
        if file is None or file.message_id is not None or file.state != "ready":
            raise NotFound("upload", id_)
        files.append(file)
    return files


def _note_reply(
    session: AsyncSession, appeal: Appeal, message: Message, *, actor: str, now: datetime
) -> None:
    data: dict[str, Any] = {}
    if appeal.status == Status.NEW:
        data = {"from": appeal.status, "to": Status.OPEN}
        appeal.status = Status.OPEN
    appeal.message_count += 1
    appeal.unread = 0
    appeal.last_message_at = max(appeal.last_message_at, now)
    record(
        session,
        "message.queued",
        actor=actor,
        now=now,
        appeal_id=appeal.id,
        message_id=message.id,
        data=data,
    )


def _digest(
    text: str, attachment_ids: Sequence[int], template: ChosenTemplate | None, *, private: bool
) -> str:
    request = "\x00".join([text, *map(str, attachment_ids)])
    if template is not None or private:
        request += "\x00" + msgspec.json.encode((template, private), order="sorted").decode()
    return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()
