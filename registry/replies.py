"""A reply: whether the channel can carry it, the message, and its dispatch, all at once."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.carrying import (
    Manner,
    answered_privately,
    carrier,
    check_files,
    window_closes_at,
)
from registry.errors import CannotCarry, KeyReused, NotFound, NotRetryable
from registry.journal import record
from registry.models import (
    Appeal,
    Attachment,
    Conversation,
    Dispatch,
    ExternalId,
    Message,
)
from registry.splitting import PlannedPart, plan_parts
from registry.states import Status
from registry.types import Capabilities, ChosenTemplate, DeliveryState

RETRYABLE = frozenset({DeliveryState.FAILED, DeliveryState.UNCERTAIN})


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
    conversation = await _conversation(session, appeal)
    manner = Manner(template=template is not None, private=private)
    carried = await carrier(session, appeal, conversation, capabilities, manner, now=now)
    files = await _uploads(session, attachment_ids)
    parts = _planned(text, files, carried, manner)
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
            parts=[_part(part, files, template) for part in parts],
            part_count=len(parts),
            due_at=now,
            created_at=now,
        )
    )
    _note_reply(session, appeal, message, actor=actor, now=now)
    await session.flush()
    return message


async def preview_reply(
    session: AsyncSession,
    *,
    appeal_number: str,
    text: str,
    capabilities: Capabilities | None,
    now: datetime,
    private: bool = False,
) -> "Preview":
    """What a reply of this text would take, and what speaks against it now. Writes nothing.

    Raises: NotFound.
    """
    found = await session.exec(select(Appeal).where(Appeal.number == appeal_number))
    appeal = found.one_or_none()
    if appeal is None:
        raise NotFound("appeal", appeal_number)
    manner = Manner(template=False, private=private)
    refused: CannotCarry | None = None
    carried: Capabilities | None = None
    closes_at: datetime | None = None
    try:
        conversation = await _conversation(session, appeal)
        if capabilities is not None:
            carried = capabilities.of(public=conversation.public and not private)
            closes_at = window_closes_at(
                capabilities.of(public=conversation.public),
                conversation.last_inbound_at,
                private=private,
            )
        await carrier(session, appeal, conversation, capabilities, manner, now=now)
    except CannotCarry as error:
        refused = error
    parts = [] if carried is None else plan_parts(text, (), carried)
    if refused is None and carried is not None:
        refused = _too_long(parts, carried, manner)
    return Preview(
        parts=[part.text for part in parts],
        capabilities=carried,
        closes_at=closes_at,
        refused=refused,
    )


class Preview(Struct, frozen=True, kw_only=True):
    """What a reply would take."""

    parts: list[str]
    """The texts of its parts, as they would go out."""
    capabilities: Capabilities | None
    """What carries it; None where nothing can."""
    closes_at: datetime | None
    """When the reply window closes, where there is one."""
    refused: CannotCarry | None
    """Why it cannot go now."""


async def retry_message(
    session: AsyncSession,
    *,
    message_id: int,
    even_if_sent: bool,
    actor: str,
    now: datetime,
) -> Message:
    """Queue a failed or uncertain message again, from the first part that did not go.

    Raises: NotFound, NotRetryable (an uncertain one without `even_if_sent`, or nothing to retry).
    """
    message = await session.get(Message, message_id, with_for_update=True)
    if message is None or message.direction != "out":
        raise NotFound("outgoing message", message_id)
    if message.state not in RETRYABLE:
        raise NotRetryable(
            str(message.state), f"This message is {message.state}; there is nothing to send again."
        )
    if message.state == DeliveryState.UNCERTAIN and not even_if_sent:
        raise NotRetryable(
            str(message.state),
            "This message may have reached the citizen already; "
            'to send it again all the same, pass "even_if_sent": true.',
        )
    dispatch = (
        await session.exec(select(Dispatch).where(Dispatch.message_id == message_id))
    ).one_or_none()
    if dispatch is None:
        raise NotRetryable(
            str(message.state), "This message was written in the provider's own app; answer anew."
        )
    if dispatch.state == "sending":
        raise NotRetryable(
            str(message.state), "A part of this message is being sent; try again when that is over."
        )
    if message.private_reply_to is not None:
        await session.get(Conversation, message.conversation_id, with_for_update=True)
        comment = message.private_reply_to
        if await answered_privately(session, message.conversation_id, comment, but=message_id):
            raise NotRetryable(
                str(message.state), "This comment has been answered privately already."
            )
    before = message.state
    first = await _first_failed(session, dispatch)
    if first < dispatch.next_part:
        # Parts that went out and were then not delivered: from the first of them all goes again.
        dispatch.next_part = first
        await session.exec(
            update(ExternalId)
            .where(col(ExternalId.message_id) == message_id, col(ExternalId.part) >= first)
            .values(state=DeliveryState.FAILED)
        )
    dispatch.state, dispatch.due_at, dispatch.attempts = "queued", now, 0
    dispatch.created_at = now  # so that it is tried for as long as a new one
    message.state, message.state_at = DeliveryState.QUEUED, now
    message.error_code = message.error_reason = None
    record(
        session,
        "message.retried",
        actor=actor,
        now=now,
        appeal_id=message.appeal_id,
        message_id=message.id,
        data={"from": before, "even_if_sent": even_if_sent},
    )
    await session.flush()
    return message


async def _first_failed(session: AsyncSession, dispatch: Dispatch) -> int:
    """The first part that did not reach the citizen, as far as is known."""
    found = await session.exec(
        select(ExternalId.part, ExternalId.state).where(
            ExternalId.message_id == dispatch.message_id
        )
    )
    failed: set[int] = set()
    living: set[int] = set()
    for part, state in found:
        (failed if state == DeliveryState.FAILED else living).add(part)
    first = min(failed - living, default=dispatch.next_part)
    whole = dispatch.next_part >= dispatch.part_count and not failed - living
    return 0 if whole else min(first, dispatch.next_part)


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


async def _conversation(session: AsyncSession, appeal: Appeal) -> Conversation:
    conversation = (
        None
        if appeal.conversation_id is None
        else await session.get(Conversation, appeal.conversation_id)
    )
    if conversation is None:
        raise CannotCarry(
            f"An appeal that came by {appeal.channel} has no thread to reply in.",
            code="no_channel",
            instead="Answer by letter or by phone, and write down the answer as a note.",
        )
    return conversation


def _planned(
    text: str, files: Sequence[Attachment], carried: Capabilities, manner: Manner
) -> list[PlannedPart]:
    """The parts of a reply. Raises: CannotCarry."""
    if manner.template:
        if files:
            raise CannotCarry(
                "A template takes no attachments.",
                code="attachment",
                instead="Send the template alone, and the files once the citizen has answered.",
            )
        return [PlannedPart(text)]
    check_files(files, carried)
    parts = plan_parts(text, files, carried)
    if not parts:
        raise CannotCarry(
            "The reply is blank.", code="blank", instead="Write something, or attach a file."
        )
    too_long = _too_long(parts, carried, manner)
    if too_long is not None:
        raise too_long
    return parts


def _too_long(
    parts: Sequence[PlannedPart], carried: Capabilities, manner: Manner
) -> CannotCarry | None:
    if not manner.private or len(parts) < 2:
        return None
    return CannotCarry(
        f"A private reply to a comment is one message: this one takes {len(parts)}.",
        code="private_reply_too_long",
        instead=f"Shorten it to {carried.max_text} characters, without a file beside the text.",
    )


def _part(
    part: PlannedPart, files: Sequence[Attachment], template: ChosenTemplate | None
) -> dict[str, Any]:
    planned: dict[str, Any] = {
        "text": part.text,
        "attachments": [str(files[i].id) for i in part.attachments],
    }
    if template is not None:
        planned["template"] = msgspec.to_builtins(template)
    return planned


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
