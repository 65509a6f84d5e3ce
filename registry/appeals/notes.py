"""Notes on an appeal: what only colleagues see, and whom they ask to look."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import may_see
from registry.appeals.locking import lock_appeal, refuse_merged
from registry.errors import BadValue
from registry.journal import record
from registry.models import Appeal, Mention, Message, Operator
from registry.operators import Principal, Role, principal_of


async def add_note(
    session: AsyncSession,
    number: str,
    text: str,
    *,
    by: Principal,
    now: datetime,
    mentions: Sequence[int] = (),
) -> Message:
    """Write what only colleagues see. It moves no appeal to the top of a list.

    Those in `mentions` are asked to look; each must be able to see the appeal anyway.

    Raises: NotFound, Merged, BadValue.
    """
    appeal = await lock_appeal(session, number, by=by)
    await refuse_merged(session, appeal)
    for operator_id in dict.fromkeys(mentions):
        await _check_sight(session, appeal, operator_id)
    note = await append_note(session, appeal, text, by=by, now=now)
    for operator_id in dict.fromkeys(mentions):
        session.add(
            Mention(
                message_id=note.id, operator_id=operator_id, appeal_id=appeal.id, created_at=now
            )
        )
    await session.flush()
    return note


async def append_note(
    session: AsyncSession, appeal: Appeal, text: str, *, by: Principal, now: datetime
) -> Message:
    """A note on an appeal that the transaction holds."""
    appeal.message_count += 1
    note = Message(
        appeal_id=appeal.id,
        conversation_id=appeal.conversation_id,
        direction="note",
        text=text,
        author=by.name,
        operator_id=by.operator_id,
        sent_at=now,
        created_at=now,
    )
    session.add(note)
    record(session, "note.added", actor=by.actor, now=now, appeal_id=appeal.id, message_id=note.id)
    await session.flush()
    return note


async def _check_sight(session: AsyncSession, appeal: Appeal, operator_id: int) -> None:
    found = await session.exec(
        select(Operator).where(Operator.id == operator_id, col(Operator.disabled_at).is_(None))
    )
    operator = found.one_or_none()
    if operator is None:
        raise BadValue("mentions", f"There is no active operator {operator_id}.")
    person = await principal_of(session, operator, Role(operator.role))
    if not may_see(person, team=appeal.team, assignee_id=appeal.assignee_id):
        raise BadValue(
            "mentions",
            f"{operator.name} cannot see {appeal.number}, which is the team {appeal.team}'s; "
            "transfer it to a team of theirs, or ask somebody else.",
        )
