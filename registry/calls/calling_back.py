"""Who is to be called back, as the desk lists them, and who of us may call or cancel one.

Operators see those of their teams and of nobody's, unless they may not see the appeal that one is
about. What keeps a place in the queue is offered by itself (see registry.calls.matching), and may
be carried out from the list before.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, or_, select, true
from sqlalchemy.orm import aliased
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.calls.call_backs import OVERDUE, cancel
from registry.calls.locking import lock_switchboard
from registry.calls.tables import Call, CallBack
from registry.contacts import PHONE
from registry.errors import NotFound
from registry.inbox.rows import fetch
from registry.models import Appeal, Contact, ContactPoint, Operator
from registry.operators import Principal

MOST = 200
"""The list has the first ones; when these are called, the others are."""


class ToCallBack(Struct, frozen=True, kw_only=True):
    """Somebody who is to be called."""

    id: str
    number: str
    name: str | None
    why: Literal["asked", "missed", "message", "closed"]
    """They pressed for it, gave up waiting, left a voicemail, or called outside of the hours."""
    stage: Literal["due", "later", "queued", "called", "on_the_line"]
    """To be called now, or from `due_at` on; offered by the queue to whoever is free; called by
    `caller` just now; or on the line themselves."""
    caller: str | None
    overdue: bool
    language: str | None
    team: str | None
    urgent: bool
    rang: int
    """How often they have called."""
    tries: int
    """How often we have."""
    asked_at: datetime
    due_at: datetime
    appeal: str | None
    """The number of what it is about."""


class DueNow(Struct, frozen=True, kw_only=True):
    """How many are to be called back by now, of those that somebody may see."""

    count: int
    overdue: int
    """Of these, who should have been called long ago."""


async def list_call_backs(
    session: AsyncSession, *, by: Principal, now: datetime, limit: int = MOST
) -> list[ToCallBack]:
    """Who is to be called, the first to be called first."""
    soon = case((col(CallBack.due_at) <= now, 0), else_=1)
    listed = (
        _open(_COLUMNS, by)
        .order_by(soon, col(CallBack.urgent).desc(), col(CallBack.due_at), col(CallBack.id))
        .limit(limit)
    )
    return [_shown(row, now) for row in await fetch(session, listed)]


async def count_call_backs(session: AsyncSession, *, by: Principal, now: datetime) -> DueNow:
    """How many of these are to be called now."""
    late = and_(col(CallBack.due_at) <= now - OVERDUE, col(CallBack.call_id).is_(None))
    counts = (func.count(), func.coalesce(func.sum(case((late, 1), else_=0)), 0))
    [row] = await fetch(session, _open(counts, by).where(col(CallBack.due_at) <= now))
    return DueNow(count=row[0], overdue=row[1])


async def get_call_back(session: AsyncSession, call_back_id: int, *, by: Principal) -> CallBack:
    """One that is still to be called. Raises: NotFound."""
    await session.flush()
    wanted = _open((col(CallBack.id),), by).where(col(CallBack.id) == call_back_id)
    if not await fetch(session, wanted):
        raise NotFound("call-back", call_back_id)
    return await session.get_one(CallBack, call_back_id, populate_existing=True)


async def cancel_call_back(
    session: AsyncSession, call_back_id: int, *, by: Principal, now: datetime
) -> None:
    """Nobody is to be called after all. The caller commits. Raises: NotFound."""
    await lock_switchboard(session)
    await cancel(session, await get_call_back(session, call_back_id, by=by), by=by, now=now)


# --- Reading --------------------------------------------------------------------------------------

_OF = aliased(Appeal)
"""What the call was about; it may have become a part of another."""
_CARRYING, _OTHER = aliased(Call), aliased(Call)

_COLUMNS: tuple[Any, ...] = (
    col(CallBack.id), col(CallBack.number), col(CallBack.why), col(CallBack.language),
    col(CallBack.team), col(CallBack.urgent), col(CallBack.place), col(CallBack.rang),
    col(CallBack.tries), col(CallBack.asked_at), col(CallBack.due_at),
    col(_CARRYING.state).label("carried"), col(Operator.name).label("caller"),
    col(Contact.name).label("name"), col(Appeal.number).label("appeal"),
    exists().where(
        col(_OTHER.number) == col(CallBack.number),
        col(_OTHER.ended_at).is_(None),
        col(_OTHER.id) != func.coalesce(col(CallBack.call_id), 0),
    ).label("on_the_line"),
)  # fmt: skip


def _open(columns: tuple[Any, ...], by: Principal) -> Select[*tuple[Any, ...]]:
    """What is to be done still and may be seen."""
    into = func.coalesce(col(_OF.merged_into_id), col(_OF.id))
    carries = and_(col(_CARRYING.id) == col(CallBack.call_id), col(_CARRYING.ended_at).is_(None))
    point = and_(col(ContactPoint.scheme) == PHONE, col(ContactPoint.value) == col(CallBack.number))
    return (
        select(*columns)
        .select_from(CallBack)
        .outerjoin(_OF, col(_OF.id) == col(CallBack.appeal_id))
        .outerjoin(Appeal, col(Appeal.id) == into)
        .outerjoin(_CARRYING, carries)
        .outerjoin(Operator, col(Operator.id) == col(_CARRYING.operator_id))
        .outerjoin(ContactPoint, point)
        .outerjoin(Contact, col(Contact.id) == col(ContactPoint.contact_id))
        .where(col(CallBack.done_at).is_(None), _seen_by(by))
    )


def _seen_by(by: Principal) -> ColumnElement[bool]:
    if by.teams is None:
        return true()
    team = col(CallBack.team)
    theirs = or_(
        team.is_(None),
        team.in_(sorted(by.teams)),
        col(Appeal.assignee_id) == by.operator_id,
    )
    return and_(theirs, or_(col(Appeal.id).is_(None), visible_to(by)))


def _shown(row: Row[*tuple[Any, ...]], now: datetime) -> ToCallBack:
    stage = _stage(row, now)
    return ToCallBack(
        id=str(row.id),
        number=row.number,
        name=row.name,
        why=row.why,
        stage=stage,
        caller=row.caller,
        overdue=stage in {"due", "queued"} and row.due_at <= now - OVERDUE,
        language=row.language,
        team=row.team,
        urgent=row.urgent,
        rang=row.rang,
        tries=row.tries,
        asked_at=row.asked_at,
        due_at=row.due_at,
        appeal=row.appeal,
    )


def _stage(row: Row[*tuple[Any, ...]], now: datetime) -> Any:
    if row.on_the_line:
        return "on_the_line"
    if row.carried not in {None, "waiting"}:
        return "called"
    if row.due_at > now:
        return "later"
    return "due" if row.place is None else "queued"
