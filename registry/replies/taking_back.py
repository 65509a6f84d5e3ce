"""A reply taken back before any of it left: as if it had never been written, but for the journal.

Whether it goes out or is taken back is decided by its dispatch: the outbox claims it, or it is
removed here, never both.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import and_, delete, func, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import message_visible_to
from registry.appeals import NotAllowed
from registry.appeals.locking import lock_appeal, number_of
from registry.drafts import DraftContent, content_of, restore_draft
from registry.errors import NotFound, RegistryError
from registry.models import Appeal, Attachment, Conversation, Dispatch, JournalEntry, Message
from registry.operators import Principal, Role
from registry.replies.collisions import written_by_people
from registry.replies.queueing import taken_back_key
from registry.replies.snapshots import Difference, read, written
from registry.states import LIVE, Status
from registry.types import ChosenTemplate, ContactPoint, DeliveryState
from registry.uploads import Upload, shown

QUEUED, TAKEN_BACK = "message.queued", "message.taken_back"


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
    assert message.appeal_id is not None  # a reply has one
    # In the order of whoever else holds several: conversation, appeal, dispatch, message.
    conversation = await _conversation(session, message, held="via" in entry.data)
    number = await number_of(session, message.appeal_id)
    appeal = await lock_appeal(session, number, by=by)
    dispatch = await _held_dispatch(session, message)
    files = await _free_uploads(session, message)
    later = await _later_answer(session, message)
    chain = [] if later is not None else await _chain(session, message)
    await session.exec(delete(Dispatch).where(col(Dispatch.id) == dispatch.id))
    session.expunge(message)
    await session.exec(delete(Message).where(col(Message.id) == message.id))
    undone = await _put_right(session, appeal, chain, message)
    content = content_of(
        message.text,
        [file.id for file in files],
        private=message.private_reply_to is not None,
        account=await _leave(session, conversation, appeal, entry),
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
        number=number,
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
            JournalEntry.appeal_id == message.appeal_id,
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
    session: AsyncSession, conversation: Conversation, appeal: Appeal, entry: JournalEntry
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
        conversation.appeal_id = await _before(session, conversation, appeal)
    return via["channel"], via["account"], ContactPoint(via["scheme"], via["value"])


async def _before(session: AsyncSession, conversation: Conversation, appeal: Appeal) -> int | None:
    """The appeal of the conversation before this one's replies came into it."""
    for entry in reversed(await _entries(session, appeal.id)):
        via = entry.data.get("via")
        if via is None or via["conversation"] != str(conversation.id):
            continue
        before: str | None = via["appeal_before"]
        if before != str(appeal.id):
            return None if before is None else int(before)
    return None


# --- What it had changed ------------------------------------------------------------------------


async def _later_answer(session: AsyncSession, message: Message) -> int | None:
    """A person's answer after this one, by which the appeal is what it is."""
    found = await session.exec(
        select(func.max(Message.id)).where(
            Message.appeal_id == message.appeal_id,
            Message.direction == "out",
            col(Message.id) > message.id,
            written_by_people(),
        )
    )
    return found.one()


async def _entries(session: AsyncSession, appeal_id: int) -> Sequence[JournalEntry]:
    found = await session.exec(
        select(JournalEntry)
        .where(JournalEntry.appeal_id == appeal_id, JournalEntry.event == QUEUED)
        .order_by(col(JournalEntry.id))
    )
    return found.all()


async def _chain(session: AsyncSession, message: Message) -> list[JournalEntry]:
    """How this reply was queued, and those before it that were taken back while it stood.

    None of them has been undone, and no other answer lies between them.
    """
    answered = await session.exec(
        select(func.max(Message.id)).where(
            Message.appeal_id == message.appeal_id,
            Message.direction == "out",
            col(Message.id) < message.id,
            written_by_people(),
        )
    )
    taken_back = await session.exec(
        select(JournalEntry.message_id, JournalEntry.data).where(
            JournalEntry.appeal_id == message.appeal_id, JournalEntry.event == TAKEN_BACK
        )
    )
    left, undone = set(), [answered.one() or 0]
    for message_id, data in taken_back:
        if data["left"]:
            left.add(message_id)
        else:
            undone.append(message_id or 0)
    assert message.appeal_id is not None
    return [
        entry
        for entry in await _entries(session, message.appeal_id)
        if entry.message_id == message.id
        or (entry.message_id in left and max(undone) < (entry.message_id or 0) < message.id)
    ]


async def _put_right(
    session: AsyncSession, appeal: Appeal, chain: Sequence[JournalEntry], message: Message
) -> Difference:
    """Give the appeal back what the replies of the chain took; what changed since then stays."""
    undone: Difference = {}

    def turn(name: str, value: Any) -> None:
        before = getattr(appeal, name)
        if before != value:
            setattr(appeal, name, value)
            undone[name] = [written(before), written(value)]

    appeal.message_count -= 1
    turn("last_message_at", await _last_message_at(session, appeal) or appeal.opened_at)
    changes = [entry.data["undo"] for entry in chain]
    names = {name for change in changes for name in change}
    for name in sorted(names - {"unread", "waiting_since", "first_response_at", "status"}):
        turn(name, _value_before(name, getattr(appeal, name), changes))
    if "status" in names:
        status = _value_before("status", appeal.status, changes)
        if status == Status.NEW and await _was_given(session, appeal, since=chain[0].id):
            status = Status.OPEN  # new means that nobody has taken it
        turn("status", status)
    turn("unread", appeal.unread + sum(b - a for b, a in _turns("unread", changes)))
    if Status(appeal.status) in LIVE:
        waited = [read("waiting_since", b) for b, _ in _turns("waiting_since", changes) if b]
        now_waits = [] if appeal.waiting_since is None else [appeal.waiting_since]
        turn("waiting_since", min([*waited, *now_waits], default=None))
    if appeal.first_response_at == message.created_at:
        turn("first_response_at", await _first_answer_at(session, appeal, message.created_at))
    return undone


def _turns(name: str, changes: Sequence[Difference]) -> list[list[Any]]:
    return [change[name] for change in changes if name in change]


def _value_before(name: str, current: Any, changes: Sequence[Difference]) -> Any:
    """The value before the changes, undone one by one as long as each is still what it made."""
    for before, after in reversed(_turns(name, changes)):
        if written(current) != after:
            break
        current = read(name, before)
    return current


async def _was_given(session: AsyncSession, appeal: Appeal, *, since: int) -> bool:
    """Whether somebody took the appeal, or was given it, since an entry of the journal."""
    found = await session.exec(
        select(JournalEntry.data).where(
            JournalEntry.appeal_id == appeal.id,
            JournalEntry.event == "appeal.changed",
            col(JournalEntry.id) > since,
        )
    )
    return appeal.assignee_id is not None and any("assignee" in data for data in found)


async def _last_message_at(session: AsyncSession, appeal: Appeal) -> datetime | None:
    """When the citizen, or one of us, wrote last; what goes out by itself moves nothing."""
    ours = and_(col(Message.direction) == "out", written_by_people())
    found = await session.exec(
        select(func.max(Message.sent_at)).where(
            Message.appeal_id == appeal.id, or_(col(Message.direction) == "in", ours)
        )
    )
    return found.one()


async def _first_answer_at(
    session: AsyncSession, appeal: Appeal, since: datetime
) -> datetime | None:
    """When the next answer of a person was accepted, where there is one."""
    found = await session.exec(
        select(func.min(Message.created_at)).where(
            Message.appeal_id == appeal.id,
            Message.direction == "out",
            col(Message.created_at) >= since,
            written_by_people(),
        )
    )
    return found.one()
