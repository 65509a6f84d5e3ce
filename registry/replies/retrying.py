"""A message that failed, or may have, sent again."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import may_see_message
from registry.carrying import answered_privately
from registry.errors import NotFound, NotRetryable
from registry.journal import record
from registry.models import Conversation, Dispatch, ExternalId, Message
from registry.operators import Principal
from registry.types import DeliveryState

RETRYABLE = frozenset({DeliveryState.FAILED, DeliveryState.UNCERTAIN})


async def retry_message(
    session: AsyncSession,
    *,
    message_id: int,
    even_if_sent: bool,
    actor: str,
    now: datetime,
    viewer: Principal | None = None,
) -> Message:
    """Queue a failed or uncertain message again, from the first part that did not go.

    Raises: NotFound (also when the viewer may not see its appeal), NotRetryable (an uncertain one
    without `even_if_sent`, or nothing to retry).
    """
    message = await session.get(Message, message_id, with_for_update=True)
    hidden = viewer is not None and not await may_see_message(session, message_id, viewer)
    if message is None or message.direction != "out" or hidden:
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
        await session.get(
            Conversation, message.conversation_id, with_for_update={"key_share": True}
        )
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
