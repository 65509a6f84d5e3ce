"""The messages of an appeal with their files, and its journal."""

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.inbox.rows import fetch
from registry.inbox.shapes import (
    Attachment,
    AttachmentUrl,
    Delivery,
    DeliveryError,
    Entry,
    Message,
)
from registry.types import AttachmentKind, DeliveryState


async def read_messages(
    session: AsyncSession, chosen: ColumnElement[bool], *, attachment_url: AttachmentUrl
) -> list[Message]:
    """The chosen messages in the order in which they were written."""
    message, conversation, dispatch = models.Message, models.Conversation, models.Dispatch
    rows = await fetch(
        session,
        select(
            col(message.id),
            col(message.direction),
            col(message.text),
            col(message.sent_at),
            col(message.author),
            col(message.reply_to),
            col(message.state),
            col(message.state_at),
            col(message.error_code),
            col(message.error_reason),
            col(message.edited_at),
            col(message.deleted_at),
            col(message.hidden_at),
            col(message.private_reply_to),
            col(message.language),
            col(conversation.channel),
            col(conversation.account),
            case((col(dispatch.due_at) > col(dispatch.created_at), col(dispatch.due_at))).label(
                "held_until"
            ),
        )
        .outerjoin(conversation, col(conversation.id) == col(message.conversation_id))
        .outerjoin(dispatch, col(dispatch.message_id) == col(message.id))
        .where(chosen)
        .order_by(col(message.sent_at), col(message.sequence), col(message.id)),
    )
    external_ids = await _external_ids(session, chosen)
    attachments = await _attachments(session, chosen, attachment_url=attachment_url)
    return [
        Message(
            id=str(row.id),
            direction=row.direction,
            text="" if row.deleted_at is not None else row.text,
            sent_at=row.sent_at,
            author=row.author,
            channel=None if row.direction == "note" else row.channel,
            account=None if row.direction == "note" else row.account,
            external_id=external_ids.get(row.id),
            reply_to=row.reply_to,
            attachments=attachments[row.id],
            delivery=_delivery(row),
            edited_at=row.edited_at,
            deleted_at=row.deleted_at,
            hidden_at=row.hidden_at,
            private=row.private_reply_to is not None,
            language=row.language,
        )
        for row in rows
    ]


def _delivery(row: Row[Any]) -> Delivery | None:
    if row.direction != "out" or row.state is None:
        return None
    error = None
    if row.error_code is not None or row.error_reason is not None:
        error = DeliveryError(code=row.error_code, reason=row.error_reason)
    return Delivery(
        state=DeliveryState(row.state),
        error=error,
        at=row.state_at,
        held_until=row.held_until if row.state == DeliveryState.QUEUED else None,
    )


async def _external_ids(session: AsyncSession, chosen: ColumnElement[bool]) -> dict[int, str]:
    external = models.ExternalId
    value = col(external.external_id)
    found = await fetch(
        session,
        select(col(external.message_id), value)
        .join(models.Message, col(models.Message.id) == col(external.message_id))
        .where(chosen)
        # The least of an album's comes first, also where the provider's ids are numbers.
        .order_by(col(external.part), func.length(value), value),
    )
    first: dict[int, str] = {}
    for message_id, external_id in found:
        first.setdefault(message_id, external_id)
    return first


async def _attachments(
    session: AsyncSession, chosen: ColumnElement[bool], *, attachment_url: AttachmentUrl
) -> dict[int, list[Attachment]]:
    file = models.Attachment
    found = await fetch(
        session,
        select(
            col(file.message_id),
            col(file.id),
            col(file.kind),
            col(file.name),
            col(file.mime),
            col(file.size),
            col(file.state),
            col(file.path),
            col(file.latitude),
            col(file.longitude),
        )
        .join(models.Message, col(models.Message.id) == col(file.message_id))
        .where(chosen)
        .order_by(col(file.position), col(file.id)),
    )
    attachments: dict[int, list[Attachment]] = defaultdict(list)
    for row in found:
        there = row.path is not None and row.state == "ready"
        attachments[row.message_id].append(
            Attachment(
                id=str(row.id),
                kind=AttachmentKind(row.kind),
                name=row.name,
                mime=row.mime,
                size=row.size,
                state=row.state,
                url=attachment_url(str(row.id)) if there else None,
                latitude=row.latitude,
                longitude=row.longitude,
            )
        )
    return attachments


async def read_journal(session: AsyncSession, appeal_id: int) -> list[Entry]:
    """What happened to an appeal, oldest first."""
    entry = models.JournalEntry
    found = await fetch(
        session,
        select(
            col(entry.id),
            col(entry.at),
            col(entry.event),
            col(entry.actor),
            col(entry.message_id),
            col(entry.data),
        )
        .where(col(entry.appeal_id) == appeal_id)
        .order_by(col(entry.id)),
    )
    return [
        Entry(
            id=str(row.id),
            at=row.at,
            event=row.event,
            actor=row.actor,
            message_id=None if row.message_id is None else str(row.message_id),
            data=row.data,
        )
        for row in found
    ]
