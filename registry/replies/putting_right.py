"""What a reply had made of its appeal, undone when it is taken back; what came since then stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.moving import share_times
from registry.models import Appeal, JournalEntry, Message
from registry.replies.collisions import written_by_people
from registry.replies.snapshots import Difference, difference, read, snapshot, written
from registry.states import LIVE, Status

QUEUED, TAKEN_BACK = "message.queued", "message.taken_back"


async def later_answer(session: AsyncSession, message: Message) -> int | None:
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


async def entries_of(session: AsyncSession, appeal_id: int) -> Sequence[JournalEntry]:
    """How the replies of an appeal were queued, the first first."""
    found = await session.exec(
        select(JournalEntry)
        .where(JournalEntry.appeal_id == appeal_id, JournalEntry.event == QUEUED)
        .order_by(col(JournalEntry.id))
    )
    return found.all()


async def chain_of(session: AsyncSession, message: Message) -> list[JournalEntry]:
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
        for entry in await entries_of(session, message.appeal_id)
        if entry.message_id == message.id
        or (entry.message_id in left and max(undone) < (entry.message_id or 0) < message.id)
    ]


async def put_right(
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


async def put_both_right(
    session: AsyncSession,
    appeal: Appeal,
    home: Appeal,
    message: Message,
    entry: JournalEntry,
    *,
    answered: bool,
) -> Difference:
    """The same where the message has gone from `home` to another appeal: what the two tell of their
    messages. How far each of them is, was decided when it went."""
    before = snapshot(appeal)
    appeal.message_count -= 1
    change = [entry.data["undo"]]
    if not answered:
        appeal.unread += sum(b - a for b, a in _turns("unread", change))
    waited = [read("waiting_since", b) for b, _ in _turns("waiting_since", change)]
    waiting = [one for one in (*waited, appeal.waiting_since, home.waiting_since) if one]
    await share_times(session, appeal, home, waiting_since=min(waiting, default=None))
    for one in (appeal, home):
        if one.first_response_at == message.created_at:
            one.first_response_at = await _first_answer_at(session, one, message.created_at)
    return difference(before, snapshot(appeal))


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
