"""What a reply had made of its appeal, undone when it is taken back; what came since then stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.history import COLUMNS, History, turn
from registry.appeals.moving import share_times
from registry.appeals.reverting import CHANGE_UNDONE
from registry.journal import record
from registry.models import Appeal, JournalEntry, Message
from registry.operators import Principal
from registry.replies.collisions import answer_after, written_by_people
from registry.replies.scattered import share_unread, share_waiting
from registry.replies.snapshots import Difference, difference, read, snapshot, written
from registry.states import LIVE, Status

QUEUED, TAKEN_BACK = "message.queued", "message.taken_back"


async def later_answer(session: AsyncSession, message: Message) -> int | None:
    """A person's answer after this one, by which the appeal is what it is."""
    return await answer_after(session, message.appeal_id, message.id)


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
    session: AsyncSession,
    appeal: Appeal,
    chain: Sequence[JournalEntry],
    message: Message,
    *,
    others: Sequence[Appeal],
) -> Difference:
    """Give the appeal back what the replies of the chain took; what changed since then stays. What
    they answered may have gone to others, which the transaction holds too."""
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
    unread = sum(b - a for b, a in _turns("unread", changes))
    if others and chain:
        unread = await share_unread(session, appeal, others, chain, unread=unread)
    turn("unread", appeal.unread + unread)
    waited = [read("waiting_since", b) for b, _ in _turns("waiting_since", changes) if b]
    now_waits = [] if appeal.waiting_since is None else [appeal.waiting_since]
    waiting_since = min([*waited, *now_waits], default=None)
    if Status(appeal.status) in LIVE:
        turn("waiting_since", waiting_since)
    await share_waiting(session, appeal, others, since=waiting_since)
    if appeal.first_response_at == message.created_at:
        turn("first_response_at", await _first_answer_at(session, appeal, message.created_at))
    for other in others:
        if other.first_response_at == message.created_at:
            other.first_response_at = await _first_answer_at(session, other, message.created_at)
    return undone


async def put_both_right(
    session: AsyncSession,
    appeal: Appeal,
    home: Appeal,
    message: Message,
    entry: JournalEntry,
    *,
    answered: bool,
    by: Principal,
    now: datetime,
) -> Difference:
    """The same where the message has gone from `home` to another appeal: what the two tell of their
    messages, and how far the one is in which it was queued. One that was merged stays so: see
    `put_merged_right`."""
    before = snapshot(appeal)
    if home.merged_into_id is None:
        await _put_home_right(session, home, entry, by=by, now=now)
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


async def put_merged_right(
    session: AsyncSession, merge: JournalEntry, *, by: Principal, now: datetime
) -> None:
    """Do so once a merge is undone, for the replies that were taken back while it stood: what they
    had made of the appeal that is back is undone as well, unless both had been answered since."""
    appeal = await session.get_one(Appeal, merge.appeal_id)
    found = await session.exec(
        select(Appeal).where(Appeal.number == merge.data["merged_into"]["to"])
    )
    other = found.one()
    queued = {entry.message_id: entry for entry in await entries_of(session, appeal.id)}
    gone = await session.exec(
        select(JournalEntry)
        .where(
            JournalEntry.event == TAKEN_BACK,
            col(JournalEntry.id) > merge.id,
            col(JournalEntry.message_id).in_(queued),
            JournalEntry.appeal_id != appeal.id,
        )
        .order_by(col(JournalEntry.id).desc())
    )
    waiting = [one for one in (appeal.waiting_since, other.waiting_since) if one]
    for entry in [queued[taken.message_id] for taken in gone if not taken.data["left"]]:
        await _put_home_right(session, appeal, entry, by=by, now=now)
        change = [entry.data["undo"]]
        unread = min(sum(b - a for b, a in _turns("unread", change)), other.unread)
        appeal.unread, other.unread = appeal.unread + unread, other.unread - unread
        waiting += [read("waiting_since", b) for b, _ in _turns("waiting_since", change) if b]
        await share_times(session, appeal, other, waiting_since=min(waiting, default=None))


async def _put_home_right(
    session: AsyncSession, home: Appeal, entry: JournalEntry, *, by: Principal, now: datetime
) -> None:
    """Give the appeal in which a reply was queued back how far it was: as far as nobody has moved
    it since, nor answered in it."""
    change, history = entry.data["undo"], History()
    was_moved = "status" in change and home.status != change["status"][1]
    if was_moved or await answer_after(session, home.id, entry.message_id or 0) is not None:
        return
    for name in sorted((change.keys() & COLUMNS.keys()) - {"waiting_since"}):
        value = _value_before(name, getattr(home, name), [change])
        if value == Status.NEW and await _was_given(session, home, since=entry.id):
            value = Status.OPEN.value  # new means that nobody has taken it
        turn(history, home, name, value)
    if history:
        record(
            session,
            CHANGE_UNDONE,
            actor=by.actor,
            now=now,
            appeal_id=home.id,
            contact_id=home.contact_id,
            data={**history, "undoes": str(entry.id)},
        )


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
