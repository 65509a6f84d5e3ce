"""The next appeal: the best one that waits for anybody goes to whoever asks, and to them alone."""

from datetime import datetime

from sqlalchemy import ColumnElement, case, false, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.changes import Priority
from registry.appeals.history import History, turn
from registry.errors import NotAllowed
from registry.journal import record
from registry.models import Appeal, Category, Operator
from registry.operators import Principal
from registry.queues import Queue, queue_condition
from registry.states import Status

MIXED = "mixed"
"""The language of an appeal in several: whoever speaks one of ours can read it."""


async def take_next(
    session: AsyncSession, *, by: Principal, now: datetime
) -> tuple[str, int] | None:
    """Give `by` the best free appeal of their queues; its number, and the journal's entry.

    Those in a language they speak come first, then what is urgent, then the nearest deadline, then
    the longest wait. Of any number who ask at once, each gets another one; None when none is left.

    Raises: NotAllowed, where `by` is nobody who could hold an appeal.
    """
    if by.operator_id is None:
        raise NotAllowed(f"{by.name} acts in no operator's name and can hold no appeal.")
    operator = await session.get_one(Operator, by.operator_id)
    due, waiting = col(Appeal.due_at), col(Appeal.waiting_since)
    found = await session.exec(
        select(Appeal)
        .where(queue_condition(Queue.UNASSIGNED, by, now))
        .order_by(
            _first_if(_readable_by(operator.languages)),
            _first_if(_urgent()),
            due.asc().nulls_last(),
            waiting.asc().nulls_last(),
            col(Appeal.id),
        )
        .limit(1)
        .with_for_update(of=Appeal, skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    appeal = found.first()
    if appeal is None:
        return None
    history: History = {}
    turn(history, appeal, "assignee", by.operator_id)
    if appeal.status == Status.NEW:
        turn(history, appeal, "status", Status.OPEN.value)
    entry = record(
        session,
        "appeal.changed",
        actor=by.actor,
        now=now,
        appeal_id=appeal.id,
        contact_id=appeal.contact_id,
        data=history,
    )
    await session.flush()
    return appeal.number, entry


def _first_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 0), else_=1)


def _readable_by(languages: list[str]) -> ColumnElement[bool]:
    """What nobody could tell the language of is anybody's."""
    language = col(Appeal.language)
    spoken = language.in_([*languages, MIXED]) if languages else ~false()
    return or_(language.is_(None), spoken)


def _urgent() -> ColumnElement[bool]:
    dangerous = select(Category.code).where(col(Category.urgent))
    return or_(col(Appeal.priority) == Priority.URGENT.value, col(Appeal.category).in_(dangerous))
