"""Who is offered to whom: the caller who is next, to the operator who has been idle longest.

Next is who is urgent, then who has waited longest, on the line or by a call-back that keeps their
place. A call that nobody took goes back with its own place, and so is the next again. An operator
takes callers whose language they speak (or who chose none, or all if they named none) and whose
team they are in (or who are anybody's).
"""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, bindparam, exists, func, not_, null, or_, union_all
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls import duty
from registry.calls.agents import SILENCE, can_ring
from registry.calls.leaving import LIVE
from registry.calls.legs import ring
from registry.calls.tables import Call, CallBack, CallLeg, PhoneAgent
from registry.columns import UtcTime
from registry.inbox.rows import fetch
from registry.models import Operator, TeamMember


class Waiting(Struct, frozen=True):
    """Somebody who waits for a person."""

    call_id: int | None
    """None for a call-back that was not offered to anybody yet."""
    call_back_id: int | None
    number: str
    language: str | None
    team: str | None
    urgent: bool
    since: datetime


class AtWork(Struct, frozen=True):
    """An operator who takes calls."""

    operator_id: int
    languages: Sequence[str]
    """Empty for all."""


class Pair(Struct, frozen=True):
    """Who is to be offered to whom."""

    waiting: Waiting
    operator_id: int


async def match(session: AsyncSession, *, now: datetime) -> None:
    """Offer callers as long as one waits whom an idle operator can take."""
    for pair in await planned(session, now=now):
        call = await _call_of(session, pair.waiting, now=now)
        call.state = "ringing"
        agent = await duty.hold_agent(session, pair.operator_id, now=now)
        await ring(session, call, agent, "offer", now=now)


async def planned(session: AsyncSession, *, now: datetime) -> list[Pair]:
    """The offers that are to be made now."""
    await session.flush()
    connection = await session.connection()
    idle = [AtWork(*row) for row in await connection.execute(_IDLE, _seen_since(now))]
    if not idle:
        return []
    queue = await who_waits(session, now=now)
    teams = await _teams_of(session, idle, {one.team for one in queue})
    pairs = []
    for waiting in queue:
        fit = next((one for one in idle if takes(one, waiting.language, waiting.team, teams)), None)
        if fit is not None:
            pairs.append(Pair(waiting, fit.operator_id))
            idle.remove(fit)
            if not idle:
                break
    return pairs


async def who_is_on(
    session: AsyncSession, call: Call, before: Collection[Waiting]
) -> tuple[int, int]:
    """How many take such a call, whatever they are doing just now, and how many of those who wait
    `before` it they take as well."""
    await session.flush()
    on = [AtWork(*row) for row in await (await session.connection()).execute(_ON)]
    teams = await _teams_of(session, on, {call.team, *(one.team for one in before)})
    theirs = [one for one in on if takes(one, call.language, call.team, teams)]
    ahead = sum(any(takes(one, w.language, w.team, teams) for one in theirs) for w in before)
    return len(theirs), ahead


def takes(
    operator: AtWork, language: str | None, team: str | None, members: AbstractSet[tuple[str, int]]
) -> bool:
    """Whether they speak it (None: any will do), and it is their team's (None: everybody's)."""
    speaks = language is None or not operator.languages or language in operator.languages
    return speaks and (team is None or (team, operator.operator_id) in members)


# --- Who waits ------------------------------------------------------------------------------------


def _on_the_line(number: Any) -> Any:
    """Those of a number that are not over: nobody is called back into their own call."""
    return exists().where(col(_OTHER.number) == number, col(_OTHER.ended_at).is_(None))


_OTHER = aliased(Call)
_IS_DIALLED = and_(col(Call.direction) == "out", col(Call.answered_at).is_(None))

_DONE = exists().where(
    col(CallBack.id) == col(Call.call_back_id), col(CallBack.done_at).is_not(None)
)
"""Somebody has spoken with them already: the call is to end (see `needless`)."""

_DUE = (
    col(CallBack.done_at).is_(None),
    col(CallBack.place).is_not(None),
    col(CallBack.call_id).is_(None),
    col(CallBack.due_at) <= bindparam("now", type_=UtcTime()),
)
_STANDS = col(Call.state) == "waiting", col(Call.ended_at).is_(None)
_SOMEBODY_WAITS = or_(exists().where(*_STANDS), exists().where(*_DUE))
"""Or seems to: `_WAITING` looks closer."""

_WAITING: Any = union_all(
    columns(
        col(Call.id).label("call_id"), col(Call.call_back_id).label("back_id"), col(Call.number),
        col(Call.language), col(Call.team), col(Call.urgent),
        func.coalesce(col(Call.waiting_since), col(Call.started_at)).label("since"),
    ).where(
        *_STANDS,
        not_(
            and_(
                _IS_DIALLED,
                or_(_DONE, _on_the_line(Call.number).where(col(_OTHER.id) != col(Call.id))),
            )
        ),
    ),
    columns(
        null().label("call_id"), col(CallBack.id), col(CallBack.number), col(CallBack.language),
        col(CallBack.team), col(CallBack.urgent), col(CallBack.place),
    ).where(
        *_DUE,
        not_(_on_the_line(CallBack.number)),
    ),
)  # fmt: skip


async def who_waits(session: AsyncSession, *, now: datetime) -> list[Waiting]:
    """Everybody who is to be offered, the next first."""
    await session.flush()
    found = await (await session.connection()).execute(_WAITING, {"now": now})
    return sorted((Waiting(*row) for row in found), key=_turn)


def _turn(waiting: Waiting) -> tuple[bool, datetime, int]:
    return not waiting.urgent, waiting.since, waiting.call_id or waiting.call_back_id or 0


async def needless(session: AsyncSession) -> Sequence[Call]:
    """Call-backs that wait to be taken, or ring, though somebody has spoken to the number."""
    return (await session.exec(_NEEDLESS)).all()


_JOINED = exists().where(col(CallLeg.call_id) == col(Call.id), col(CallLeg.state) == "joined")
_NEEDLESS = select(Call).where(
    col(Call.ended_at).is_(None),
    _IS_DIALLED,
    col(Call.state).in_(("waiting", "ringing")),
    _DONE,
    not_(_JOINED),
)


# --- Who takes calls ------------------------------------------------------------------------------

_TAKEN = exists().where(
    col(CallLeg.operator_id) == col(PhoneAgent.operator_id), col(CallLeg.state).in_(LIVE)
)
_ON = (
    columns(col(PhoneAgent.operator_id), col(Operator.languages))
    .join(Operator, col(Operator.id) == col(PhoneAgent.operator_id))
    .where(col(Operator.disabled_at).is_(None), col(PhoneAgent.state) != duty.AWAY)
    .order_by(col(PhoneAgent.idle_since), col(PhoneAgent.operator_id))
)
_IDLE = _ON.where(
    col(PhoneAgent.state) == duty.AVAILABLE,
    col(PhoneAgent.idle_since).is_not(None),
    can_ring(bindparam("seen_since", type_=UtcTime()), bindparam("now", type_=UtcTime())),
    not_(_TAKEN),
    _SOMEBODY_WAITS,
)
"""Those to whom somebody could be offered. Most decisions end with this question alone: either all
are on the line, or nobody waits."""


def _seen_since(now: datetime) -> dict[str, datetime]:
    return {"seen_since": now - SILENCE, "now": now}


async def _teams_of(
    session: AsyncSession, operators: Collection[AtWork], teams: AbstractSet[str | None]
) -> AbstractSet[tuple[str, int]]:
    """Who of them is in which of the teams; not even asked where all of it is everybody's."""
    wanted = [team for team in teams if team is not None]
    if not wanted:
        return frozenset()
    who = {"teams": wanted, "operators": [one.operator_id for one in operators]}
    return frozenset((row.team, row.operator_id) for row in await fetch(session, _MEMBERS, who))


_MEMBERS = select(TeamMember.team, TeamMember.operator_id).where(
    col(TeamMember.team).in_(bindparam("teams", expanding=True)),
    col(TeamMember.operator_id).in_(bindparam("operators", expanding=True)),
)


# --- The call -------------------------------------------------------------------------------------


async def _call_of(session: AsyncSession, waiting: Waiting, *, now: datetime) -> Call:
    if waiting.call_id is not None:
        call = await session.get(Call, waiting.call_id)
        assert call is not None  # it has just been read
        return call
    back = await session.get(CallBack, waiting.call_back_id)
    assert back is not None
    call = Call(
        account=back.account,
        direction="out",
        number=back.number,
        appeal_id=back.appeal_id,
        call_back_id=back.id,
        language=back.language,
        team=back.team,
        urgent=back.urgent,
        started_at=now,
        open_hours=True,
        waiting_since=back.place,
    )
    session.add(call)
    await session.flush()
    back.call_id = call.id
    return call
