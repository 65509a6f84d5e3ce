"""Mentions: where colleagues asked somebody to look, and whether they have."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, func, select, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.appeals.locking import lock_appeal
from registry.models import Appeal, Message, Operator
from registry.models import Mention as MentionRow
from registry.operators import Principal


class Mention(Struct, frozen=True, kw_only=True):
    """A note in which a colleague asks to look at an appeal."""

    number: str
    subject: str
    message_id: str
    """The note's."""
    text: str
    author: str
    at: datetime
    seen_at: datetime | None


class Mentions(Struct, frozen=True, kw_only=True):
    """What somebody was asked to look at."""

    items: list[Mention]
    """Those not seen first, and the latest first among equals."""
    unseen: int
    """How many there are in all that were not seen."""


async def list_mentions(session: AsyncSession, *, by: Principal, limit: int) -> Mentions:
    """The mentions of `by`, in appeals that they can still see."""
    mine: Select[*tuple[Any, ...]] = (
        select(
            col(Appeal.number),
            col(Appeal.subject),
            col(Message.id),
            col(Message.text),
            col(Operator.name).label("colleague"),
            col(Message.author),
            col(MentionRow.created_at),
            col(MentionRow.seen_at),
        )
        .join(Appeal, col(Appeal.id) == col(MentionRow.appeal_id))
        .join(Message, col(Message.id) == col(MentionRow.message_id))
        .outerjoin(Operator, col(Operator.id) == col(Message.operator_id))
        .where(col(MentionRow.operator_id) == by.operator_id, visible_to(by))
    )
    unseen = col(MentionRow.seen_at).is_(None)
    connection = await session.connection()
    found = await connection.execute(
        mine.order_by(
            unseen.desc(), col(MentionRow.created_at).desc(), col(MentionRow.message_id).desc()
        ).limit(limit)
    )
    count = await connection.execute(
        select(func.count()).select_from(mine.where(unseen).subquery())
    )
    return Mentions(
        items=[
            Mention(
                number=row.number,
                subject=row.subject,
                message_id=str(row.id),
                text=row.text,
                author=row.colleague or row.author,
                at=row.created_at,
                seen_at=row.seen_at,
            )
            for row in found
        ],
        unseen=count.scalar_one(),
    )


async def is_asked(session: AsyncSession, appeal_id: int, *, by: Principal) -> bool:
    """Whether somebody asked `by` to look at the appeal, and they have not."""
    connection = await session.connection()
    found = await connection.execute(
        select(col(MentionRow.message_id))
        .where(
            col(MentionRow.operator_id) == by.operator_id,
            col(MentionRow.appeal_id) == appeal_id,
            col(MentionRow.seen_at).is_(None),
        )
        .limit(1)
    )
    return found.first() is not None


async def see_mentions(session: AsyncSession, number: str, *, by: Principal, now: datetime) -> int:
    """Mark the mentions of `by` in an appeal as seen; how many were not. Raises: NotFound."""
    appeal = await lock_appeal(session, number, by=by)
    seen = await session.exec(
        update(MentionRow)
        .where(
            col(MentionRow.appeal_id) == appeal.id,
            col(MentionRow.operator_id) == by.operator_id,
            col(MentionRow.seen_at).is_(None),
        )
        .values(seen_at=now)
        .returning(col(MentionRow.message_id))
    )
    return len(seen.all())
