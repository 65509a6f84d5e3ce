"""What time does to appeals: those that are late are escalated, those that were put off come back.

Escalation is a mark, `escalated_at`, and a line in the journal; both reach the live screens. It is
made once, and taken away when what was late is late no more. The caller commits.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.columns import to_text
from registry.journal import SYSTEM, record
from registry.models import Appeal
from registry.queues import live, overdue, welcome

PORTION = 500
"""Appeals that one transaction takes."""


async def escalate(session: AsyncSession, *, now: datetime) -> int:
    """Mark the next portion of appeals that are late and not marked yet; how many there were.

    An appeal that somebody is changing at this moment is passed over: its turn comes again.
    """
    connection = await session.connection()
    found = await connection.execute(
        select(col(Appeal.id), col(Appeal.due_at), col(Appeal.first_response_due))
        .where(live, welcome, overdue(now), col(Appeal.escalated_at).is_(None))
        .order_by(col(Appeal.id))
        .limit(PORTION)
        .with_for_update(of=Appeal, skip_locked=True)
    )
    late = found.all()
    await _set(session, [row.id for row in late], escalated_at=now)
    for id_, due_at, first_response_due in late:
        data = {"due_at": _text(due_at), "first_response_due": _text(first_response_due)}
        record(session, "appeal.escalated", actor=SYSTEM, now=now, appeal_id=id_, data=data)
    await session.flush()
    return len(late)


async def count_overdue(session: AsyncSession, *, now: datetime) -> int:
    """How many appeals are late, whoever may see them."""
    connection = await session.connection()
    found = await connection.execute(
        select(func.count()).select_from(Appeal).where(live, welcome, overdue(now))
    )
    return found.scalar_one()


async def wake(session: AsyncSession, *, now: datetime) -> int:
    """Bring back the next portion of appeals whose hour has come; how many there were."""
    connection = await session.connection()
    found = await connection.execute(
        select(col(Appeal.id), col(Appeal.snoozed_until))
        .where(col(Appeal.snoozed_until) <= now)
        .order_by(col(Appeal.id))
        .limit(PORTION)
        .with_for_update(of=Appeal, skip_locked=True)
    )
    woken = found.all()
    await _set(session, [row.id for row in woken], snoozed_until=None)
    for id_, until in woken:
        data = {"snoozed_until": _text(until)}
        record(session, "appeal.woke", actor=SYSTEM, now=now, appeal_id=id_, data=data)
    await session.flush()
    return len(woken)


async def _set(session: AsyncSession, ids: list[int], **values: datetime | None) -> None:
    if ids:
        connection = await session.connection()
        await connection.execute(update(Appeal).where(col(Appeal.id).in_(ids)).values(**values))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
