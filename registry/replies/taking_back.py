"""A reply taken back before any of it left: as if it had never been written, but for the journal.

Whether it goes out or is taken back is decided by its dispatch: the outbox claims it, or it is
removed here, never both.
"""

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import message_visible_to
from registry.appeals import NotAllowed
from registry.appeals.locking import lock_appeal, number_of
from registry.appeals.moving import hold_appeals
from registry.drafts import DraftContent, content_of, restore_draft
from registry.errors import NotFound, RegistryError
from registry.models import Appeal, Attachment, Conversation, Dispatch, JournalEntry, Message
from registry.operators import Principal, Role
from registry.replies.putting_right import (
    QUEUED,
    TAKEN_BACK,
    chain_of,
    entries_of,
    later_answer,
    put_both_right,
    put_right,
)
from registry.replies.queueing import queued_in, taken_back_key
from registry.replies.scattered import numbers_of_gone
from registry.types import ChosenTemplate, ContactPoint, DeliveryState
from registry.uploads import Upload, shown


class TooLate(RegistryError):
    """The reply is on its way, or somewhere beyond."""

    def __init__(self, state: str) -> None:
        super().__init__(
            f"It is too late to take this message back: it is {state}; write to the citizen "
            "what you would have said instead."
        )
        self.state = state


class TakenBack(Struct, frozen=True, kw_only=True):
    """A reply that did not go, for its writer to go on with."""

    number: str
    content: DraftContent
    """As the composer holds it."""
    uploads: list[Upload]
    draft_version: int | None
    """Of the draft that its writer has again; None where they write something else already, or
    where somebody else took it back."""


async def take_back(
    session: AsyncSession, message_id: int, *, by: Principal, now: datetime
) -> TakenBack:
    """Remove a reply that waits, and put right what it changed; the caller wakes the outbox.

    Its writer may, and a supervisor. Raises: NotFound, NotAllowed, TooLate.
    """
    message = await _find(session, message_id, by=by)
    entry = await _entry(session, message)
    _check_right(message, entry, by)
    # In the order of whoever else holds several: conversation, appeal, dispatch, message.
    conversation = await _conversation(session, message, held="via" in entry.data)
    appeal, home, others = await _hold(session, message, entry, by=by)
    dispatch = await _held_dispatch(session, message)
    files = await _free_uploads(session, message)
    later = await later_answer(session, message)
    chain = [] if later is not None or home is not appeal else await chain_of(session, message)
    await session.exec(delete(Dispatch).where(col(Dispatch.id) == dispatch.id))
    session.expunge(message)
    await session.exec(delete(Message).where(col(Message.id) == message.id))
    if home is appeal:
        undone = await put_right(session, appeal, chain, message, others=others)
    else:
        undone = await put_both_right(
            session, appeal, home, message, entry, answered=later is not None, by=by, now=now
        )
    content = content_of(
        message.text,
        [file.id for file in files],
        private=message.private_reply_to is not None,
        account=await _leave(session, conversation, appeal, entry, home=home),
        template=_template(dispatch),
    )
    version = None
    if message.operator_id is not None:
        version = await restore_draft(session, appeal.id, message.operator_id, content, now=now)
    session.add(
        JournalEntry(
            at=now,
            event=TAKEN_BACK,
            actor=by.actor,
            appeal_id=appeal.id,
            message_id=message.id,
            data={"text": message.text, "undone": undone, "left": later is not None},
            key=taken_back_key(message.idempotency_key or str(message.id)),
        )
    )
    await session.flush()
    return TakenBack(
        number=appeal.number,
        content=content,
        uploads=files,
        draft_version=version if message.operator_id == by.operator_id else None,
    )


# --- Whether it may -----------------------------------------------------------------------------


async def _find(session: AsyncSession, message_id: int, *, by: Principal) -> Message:
    found = await session.exec(
        select(Message).where(
            Message.id == message_id, Message.direction == "out", message_visible_to(by)
        )
    )
    message = found.one_or_none()
    if message is None:
        raise NotFound("outgoing message", message_id)
    return message


async def _entry(session: AsyncSession, message: Message) -> JournalEntry:
    """How it was queued. Raises: TooLate, for what nobody queued here."""
    found = await session.exec(
        select(JournalEntry).where(
            # It may be in another appeal by now.
            col(JournalEntry.appeal_id).in_([message.appeal_id, queued_in(message)]),
            JournalEntry.message_id == message.id,
            col(JournalEntry.event).in_([QUEUED, "message.retried"]),
        )
    )
    entries = found.all()
    # What was sent before, and failed, is not undone: it is known to whoever reads the thread.
    if [entry.event for entry in entries] != [QUEUED]:
        raise TooLate(str(message.state))
    return entries[0]


def _check_right(message: Message, entry: JournalEntry, by: Principal) -> None:
    if entry.actor != by.actor and not by.is_at_least(Role.SUPERVISOR):
        raise NotAllowed(
            f"This was written by {message.author}; they, a supervisor or an administrator can "
            "take it back."
        )


async def _hold(
    session: AsyncSession, message: Message, entry: JournalEntry, *, by: Principal
) -> tuple[Appeal, Appeal, list[Appeal]]:
    """The appeal that the message is in, the one in which it was queued, most often the same, and
    those to which something went from there since.

    Raises: NotFound.
    """
    while True:
        assert message.appeal_id is not None  # a reply has one
        assert entry.appeal_id is not None
        number = await number_of(session, message.appeal_id)
        others: list[Appeal] = []
        if message.appeal_id != entry.appeal_id:
            numbers = (number, await number_of(session, entry.appeal_id))
            appeal, home = await hold_appeals(session, numbers, by=None)
        elif gone := await numbers_of_gone(session, entry.appeal_id, since=entry.id):
            appeal, *others = await hold_appeals(session, (number, *gone), by=None)
            home = appeal
        else:
            appeal = home = await lock_appeal(session, number, by=by)
        found = await session.exec(select(Message.appeal_id).where(Message.id == message.id))
        is_in = found.one_or_none()
        if is_in is None:
            raise NotFound("outgoing message", message.id)
        if is_in == appeal.id:
            return appeal, home, others
        message.appeal_id = is_in  # somebody merged or split a moment before


async def _conversation(session: AsyncSession, message: Message, *, held: bool) -> Conversation:
    wanted = select(Conversation).where(Conversation.id == message.conversation_id)
    found = await session.exec(wanted.with_for_update(key_share=True) if held else wanted)
    return found.one()


async def _held_dispatch(session: AsyncSession, message: Message) -> Dispatch:
    """The dispatch, which nobody can claim any more. Raises: NotFound, TooLate."""
    found = await session.exec(
        select(Dispatch)
        .where(Dispatch.message_id == message.id, Dispatch.state == "queued")
        .with_for_update()
    )
    dispatch = found.one_or_none()
    state = await session.exec(select(Message.state).where(Message.id == message.id))
    now_is = state.one_or_none()
    if now_is is None:
        raise NotFound("outgoing message", message.id)
    if dispatch is None or now_is != DeliveryState.QUEUED:
        raise TooLate(now_is)
    return dispatch


# --- What it had taken --------------------------------------------------------------------------


async def _free_uploads(session: AsyncSession, message: Message) -> list[Upload]:
    found = await session.exec(
        select(Attachment)
        .where(Attachment.message_id == message.id)
        .order_by(col(Attachment.position), col(Attachment.id))
    )
    files = [shown(file) for file in found]
    await session.exec(
        update(Attachment)
        .where(col(Attachment.message_id) == message.id)
        .values(message_id=None, position=0)
    )
    return files


def _template(dispatch: Dispatch) -> ChosenTemplate | None:
    chosen = dispatch.parts[0].get("template")
    return None if chosen is None else msgspec.convert(chosen, ChosenTemplate)


async def _leave(
    session: AsyncSession,
    conversation: Conversation,
    appeal: Appeal,
    entry: JournalEntry,
    *,
    home: Appeal,
) -> tuple[str, str, ContactPoint] | None:
    """Which other way it would have gone; the conversation has its appeal again, unless another
    message of this one is in it."""
    via = entry.data.get("via")
    if via is None:
        return None
    spoken = await session.exec(
        select(Message.id)
        .where(Message.appeal_id == appeal.id, Message.conversation_id == conversation.id)
        .limit(1)
    )
    if conversation.appeal_id == appeal.id and spoken.first() is None:
        conversation.appeal_id = await _before(session, conversation, home)
    return via["channel"], via["account"], ContactPoint(via["scheme"], via["value"])


async def _before(session: AsyncSession, conversation: Conversation, appeal: Appeal) -> int | None:
    """The appeal of the conversation before this one's replies came into it."""
    for entry in reversed(await entries_of(session, appeal.id)):
        via = entry.data.get("via")
        if via is None or via["conversation"] != str(conversation.id):
            continue
        before: str | None = via["appeal_before"]
        if before != str(appeal.id):
            return None if before is None else int(before)
    return None
