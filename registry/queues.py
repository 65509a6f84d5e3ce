"""The queues of the desk, as a condition of SQL and as one of Python: both say the same.

A queue holds what its viewer may see, of contacts that are not blocked. What is snoozed is out of
the queues until its hour comes, except where it is overdue: the law does not sleep.
"""

from collections.abc import Set
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    false,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from registry.access import may_see, visible_to
from registry.models import LIVE, Appeal, Contact, Mention, Message
from registry.operators import Principal
from registry.states import LIVE as LIVE_STATUSES
from registry.states import Status


class Queue(StrEnum):
    """Where an operator looks for work."""

    MINE = "mine"
    """What they hold."""
    UNASSIGNED = "unassigned"
    """What nobody holds."""
    ALL = "all"
    """Everything live."""
    TEAM = "team"
    """What one team has to do; it needs the team's key."""
    OVERDUE = "overdue"
    """Past its deadline, or past the time for a first answer without one."""
    FAILED = "failed"
    """Something of ours did not arrive, or nobody knows whether it did; until it is closed."""
    MENTIONS = "mentions"
    """A colleague asked them to look, and they have not; whatever its status."""
    SNOOZED = "snoozed"
    """Out of the other queues until its hour comes."""


class Standing(Struct, frozen=True, kw_only=True):
    """What decides in which queues an appeal is."""

    status: str
    assignee_id: int | None = None
    team: str | None = None
    due_at: datetime | None = None
    first_response_due: datetime | None = None
    first_response_at: datetime | None = None
    snoozed_until: datetime | None = None
    blocked: bool = False
    """Its contact is."""
    failed: bool = False
    """It has a message that failed, or whose fate is uncertain."""
    mentioned: Set[int] = frozenset()
    """Operators who were asked to look, and have not."""


def queue_condition(
    queue: Queue, principal: Principal, now: datetime, team: str | None = None
) -> ColumnElement[bool]:
    """The condition on `appeals` under which a row is in the principal's queue."""
    return and_(visible_to(principal), _in_queue(queue, principal, now, team))


def in_queue(
    queue: Queue, appeal: Standing, principal: Principal, now: datetime, team: str | None = None
) -> bool:
    """The same of an appeal that is at hand."""
    if not may_see(principal, team=appeal.team, assignee_id=appeal.assignee_id):
        return False
    me, awake = principal.operator_id, is_awake(appeal, now)
    if queue is Queue.MENTIONS:
        return me is not None and me in appeal.mentioned
    if appeal.blocked:
        return False
    if queue is Queue.FAILED:
        return appeal.failed and appeal.status != Status.CLOSED
    if appeal.status not in LIVE_STATUSES:
        return False
    match queue:
        case Queue.MINE:
            return awake and me is not None and appeal.assignee_id == me
        case Queue.UNASSIGNED:
            return awake and appeal.assignee_id is None
        case Queue.ALL:
            return awake
        case Queue.TEAM:
            return awake and team is not None and appeal.team == team
        case Queue.OVERDUE:
            return is_overdue(appeal, now)
        case Queue.SNOOZED:
            return not awake


def is_awake(appeal: Standing, now: datetime) -> bool:
    """Whether an appeal is not, or no longer, snoozed."""
    return appeal.snoozed_until is None or appeal.snoozed_until <= now


def is_overdue(appeal: Standing, now: datetime) -> bool:
    """Whether a live appeal is late: with the answer, or with the first word."""
    if appeal.due_at is not None and appeal.due_at <= now:
        return True
    first = appeal.first_response_due
    return first is not None and first <= now and appeal.first_response_at is None


def awake(now: datetime) -> ColumnElement[bool]:
    """`is_awake` as a condition of SQL."""
    until = col(Appeal.snoozed_until)
    return or_(until.is_(None), until <= now)


def overdue(now: datetime) -> ColumnElement[bool]:
    """`is_overdue` as a condition of SQL."""
    first = and_(col(Appeal.first_response_due) <= now, col(Appeal.first_response_at).is_(None))
    return or_(col(Appeal.due_at) <= now, first)


live: ColumnElement[bool] = literal_column(LIVE)
"""Of a status in which there is something to do, in the words of the indexes. It has no type: of a
Boolean, SQLite is asked whether it equals 1, and then no index serves."""

_person = aliased(Contact)

welcome: ColumnElement[bool] = ~exists().where(
    col(_person.id) == col(Appeal.contact_id), col(_person.blocked_at).is_not(None)
)
"""Of a contact that is not blocked."""

undelivered: ColumnElement[bool] = col(Appeal.id).in_(
    select(col(Message.appeal_id)).where(text("messages.state IN ('failed', 'uncertain')"))
)
"""With a message that failed, or whose fate is uncertain; in the words of the index."""


def _in_queue(
    queue: Queue, principal: Principal, now: datetime, team: str | None
) -> ColumnElement[bool]:
    me, holder = principal.operator_id, col(Appeal.assignee_id)
    match queue:
        case Queue.MINE:
            return and_(live, awake(now), welcome, false() if me is None else holder == me)
        case Queue.UNASSIGNED:
            return and_(live, awake(now), welcome, holder.is_(None))
        case Queue.ALL:
            return and_(live, awake(now), welcome)
        case Queue.TEAM:
            here = false() if team is None else col(Appeal.team) == team
            return and_(live, awake(now), welcome, here)
        case Queue.OVERDUE:
            return and_(live, welcome, overdue(now))
        case Queue.FAILED:
            return and_(undelivered, welcome, col(Appeal.status) != Status.CLOSED.value)
        case Queue.SNOOZED:
            return and_(live, welcome, ~awake(now))
        case Queue.MENTIONS:
            return false() if me is None else _mentioned(me)


def _mentioned(operator_id: int) -> ColumnElement[bool]:
    asked = select(col(Mention.appeal_id)).where(
        col(Mention.operator_id) == operator_id, col(Mention.seen_at).is_(None)
    )
    return col(Appeal.id).in_(asked)
