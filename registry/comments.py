"""Citizens' public comments, as far as we may hide them from others."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import may_see_message
from registry.errors import NotFound
from registry.journal import record
from registry.models import Conversation, ExternalId, Message
from registry.operators import Principal
from registry.types import AccountKey


class Comment(Struct, frozen=True, kw_only=True):
    """A comment as its provider knows it."""

    account: AccountKey
    external_id: str


async def get_comment(
    session: AsyncSession, message_id: int, *, viewer: Principal | None = None
) -> Comment:
    """The public comment of that id.

    Raises: NotFound, also for what is no comment, or belongs to an appeal that the viewer may not
    see.
    """
    if viewer is not None and not await may_see_message(session, message_id, viewer):
        raise NotFound("public comment", message_id)
    found = await session.exec(
        select(ExternalId)
        .join(Message, Message.id == ExternalId.message_id)  # type: ignore[arg-type]
        .join(Conversation, Conversation.id == Message.conversation_id)  # type: ignore[arg-type]
        .where(Message.id == message_id, Message.direction == "in", Conversation.public)
    )
    named = found.first()
    if named is None:
        raise NotFound("public comment", message_id)
    return Comment(account=AccountKey(named.channel, named.account), external_id=named.external_id)


async def comments_among(session: AsyncSession, message_ids: Collection[int]) -> set[int]:
    """Which of the messages are what citizens wrote in public."""
    found = await session.exec(
        select(Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)  # type: ignore[arg-type]
        .where(col(Message.id).in_(message_ids), Message.direction == "in", Conversation.public)
    )
    return set(found)


async def mark_hidden(
    session: AsyncSession, message_id: int, *, hidden: bool, actor: str, now: datetime
) -> None:
    """Note that a comment was hidden, or shown again. Raises: NotFound."""
    message = await session.get(Message, message_id, with_for_update=True)
    if message is None:
        raise NotFound("public comment", message_id)
    if (message.hidden_at is not None) == hidden:
        return
    message.hidden_at = now if hidden else None
    record(
        session,
        "message.hidden" if hidden else "message.shown",
        actor=actor,
        now=now,
        appeal_id=message.appeal_id,
        message_id=message.id,
    )
    await session.flush()
