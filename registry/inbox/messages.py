"""The messages of an appeal with their files, and its journal."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, select
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


class Reading:
    """What reads the messages that a condition chooses, and what belongs to them.

    The statements are put together once: make one where a module is loaded, with parameters in the
    condition.
    """

    def __init__(self, chosen: ColumnElement[bool]) -> None:
        self.messages = _messages(chosen)
        self.external_ids = _external_ids(chosen)
        self.attachments = _attachments(chosen)


async def read_messages(
    session: AsyncSession,
    reading: Reading,
    values: Mapping[str, object] | None = None,
    *,
    attachment_url: AttachmentUrl,
) -> list[Message]:
    """The messages in the order in which they were written; `values` are the parameters'."""
    rows = await fetch(session, reading.messages, values)
    if not rows:
        return []
    external_ids: dict[int, str] = {}
    for message_id, external_id in await fetch(session, reading.external_ids, values):
        external_ids.setdefault(message_id, external_id)
    attachments: dict[int, list[Attachment]] = defaultdict(list)
    for file in await fetch(session, reading.attachments, values):
        attachments[file.message_id].append(_attachment(file, attachment_url))
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


def _attachment(file: Row[Any], attachment_url: AttachmentUrl) -> Attachment:
    there = file.path is not None and file.state == "ready"
    return Attachment(
        id=str(file.id),
        kind=AttachmentKind(file.kind),
        name=file.name,
        mime=file.mime,
        size=file.size,
        state=file.state,
        url=attachment_url(str(file.id)) if there else None,
        latitude=file.latitude,
        longitude=file.longitude,
    )


async def read_journal(session: AsyncSession, appeal_id: int) -> list[Entry]:
    """What happened to an appeal, oldest first."""
    return [
        Entry(
            id=str(row.id),
            at=row.at,
            event=row.event,
            actor=row.actor,
            message_id=None if row.message_id is None else str(row.message_id),
            data=row.data,
        )
        for row in await fetch(session, _JOURNAL, {"appeal_id": appeal_id})
    ]


# --- Statements -----------------------------------------------------------------------------------

Asked: TypeAlias = Select[*tuple[Any, ...]]


def _messages(chosen: ColumnElement[bool]) -> Asked:
    message, conversation, dispatch = models.Message, models.Conversation, models.Dispatch
    return (
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
        .order_by(col(message.sent_at), col(message.sequence), col(message.id))
    )


def _external_ids(chosen: ColumnElement[bool]) -> Asked:
    external = models.ExternalId
    value = col(external.external_id)
    return (
        select(col(external.message_id), value)
        .join(models.Message, col(models.Message.id) == col(external.message_id))
        .where(chosen)
        # The least of an album's comes first, also where the provider's ids are numbers.
        .order_by(col(external.part), func.length(value), value)
    )


def _attachments(chosen: ColumnElement[bool]) -> Asked:
    file = models.Attachment
    return (
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
        .order_by(col(file.position), col(file.id))
    )


_JOURNAL = (
    select(
        col(models.JournalEntry.id),
        col(models.JournalEntry.at),
        col(models.JournalEntry.event),
        col(models.JournalEntry.actor),
        col(models.JournalEntry.message_id),
        col(models.JournalEntry.data),
    )
    .where(col(models.JournalEntry.appeal_id) == bindparam("appeal_id"))
    .order_by(col(models.JournalEntry.id))
)
