"""Who is offered to whom: the caller who is next, to the operator who has been idle longest.

Next is who is urgent, then who has waited longest, on the line or by a call-back that keeps their
place. A call that nobody took goes back with its own place, and so is the next again. An operator
takes callers whose language they speak (or who chose none, or all if they named none) and whose
team they are in (or who are anybody's).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, bindparam, exists, not_
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls import duty
from registry.calls.agents import can_ring
from registry.calls.hearing import HowEnded
from registry.calls.leaving import LIVE, end_call
from registry.calls.legs import ring
from registry.calls.tables import Call, CallBack, CallLeg, PhoneAgent
from registry.columns import UtcTime
from registry.models import Operator, TeamMember


class Waiting(Struct, frozen=True, kw_only=True):
    """Somebody who waits for a person."""

    call_id: int | None
    """None for a call-back that was not offered to anybody yet."""
    call_back_id: int | None
    number: str
    language: str | None
    team: str | None
    urgent: bool
    since: datetime


class AtWork(Struct, frozen=True, kw_only=True):
    """An operator who takes calls."""

    operator_id: int
    languages: frozenset[str]
    """Empty for all."""
    teams: frozenset[str]

    def takes(self, language: str | None, team: str | None) -> bool:
        """Whether they speak it (None: any will do), and it is their team's (None: everybody's)."""
        speaks = language is None or not self.languages or language in self.languages
        return speaks and (team is None or team in self.teams)


class Pair(Struct, frozen=True):
    """Who is to be offered to whom."""

    waiting: Waiting
    operator_id: int


async def match(session: AsyncSession, *, now: datetime) -> None:
    """Offer callers as long as one waits whom an idle operator can take."""
    for call in await needless(session):
        await end_call(session, call, HowEnded.CANCELLED, now=now)
    for pair in await planned(session, now=now):
        call = await _call_of(session, pair.waiting, now=now)
        call.state = "ringing"
        agent = await duty.hold_agent(session, pair.operator_id, now=now)
        await ring(session, call, agent, "offer", now=now)


async def planned(session: AsyncSession, *, now: datetime) -> list[Pair]:
    """The offers that are to be made now."""
    idle = await who_is_idle(session, now=now)
    if not idle:
        return []
    pairs = []
    for waiting in await who_waits(session, now=now):
        fit = next((one for one in idle if one.takes(waiting.language, waiting.team)), None)
        if fit is not None:
            pairs.append(Pair(waiting, fit.operator_id))
            idle.remove(fit)
            if not idle:
                break
    return pairs


def _on_the_line(number: Any) -> Any:
    """Those of a number that are not over: nobody is called back into their own call."""
    return exists().where(col(_OTHER.number) == number, col(_OTHER.ended_at).is_(None))


_OTHER = aliased(Call)
_IS_DIALLED = and_(col(Call.direction) == "out", col(Call.answered_at).is_(None))

_CALLS = columns(
    col(Call.id), col(Call.call_back_id), col(Call.number), col(Call.language), col(Call.team),
    col(Call.urgent), col(Call.waiting_since), col(Call.started_at),
).where(
    col(Call.state) == "waiting",
    col(Call.ended_at).is_(None),
    not_(and_(_IS_DIALLED, _on_the_line(Call.number).where(col(_OTHER.id) != col(Call.id)))),
)  # fmt: skip

_CALL_BACKS = columns(
    col(CallBack.id), col(CallBack.number), col(CallBack.language), col(CallBack.team),
    col(CallBack.urgent), col(CallBack.place),
).where(
    col(CallBack.done_at).is_(None),
    col(CallBack.place).is_not(None),
    col(CallBack.call_id).is_(None),
    col(CallBack.due_at) <= bindparam("now", type_=UtcTime()),
    not_(_on_the_line(CallBack.number)),
)  # fmt: skip


async def who_waits(session: AsyncSession, *, now: datetime) -> list[Waiting]:
    """Everybody who is to be offered, the next first."""
    await session.flush()
    connection = await session.connection()
    calls = await connection.execute(_CALLS)
    backs = await connection.execute(_CALL_BACKS, {"now": now})
    found = [
        Waiting(
            call_id=id_, call_back_id=back, number=number, language=language, team=team,
            urgent=urgent, since=since or started,
        )
        for id_, back, number, language, team, urgent, since, started in calls
    ] + [
        Waiting(
            call_id=None, call_back_id=id_, number=number, language=language, team=team,
            urgent=urgent, since=place,
        )
        for id_, number, language, team, urgent, place in backs
        if place is not None
    ]  # fmt: skip
    return sorted(found, key=_turn)


def _turn(waiting: Waiting) -> tuple[bool, datetime, int]:
    return not waiting.urgent, waiting.since, waiting.call_id or waiting.call_back_id or 0


async def who_is_idle(session: AsyncSession, *, now: datetime) -> list[AtWork]:
    """Those who could take a call, the one who has been idle longest first."""
    taken = exists().where(
        col(CallLeg.operator_id) == col(PhoneAgent.operator_id), col(CallLeg.state).in_(LIVE)
    )
    return await _at_work(
        session,
        col(PhoneAgent.state) == duty.AVAILABLE,
        col(PhoneAgent.idle_since).is_not(None),
        can_ring(now),
        not_(taken),
    )


async def who_is_on(session: AsyncSession) -> list[AtWork]:
    """Those who take calls, whatever they are doing just now."""
    return await _at_work(session, col(PhoneAgent.state) != duty.AWAY)


async def _at_work(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[AtWork]:
    found = (
        await session.exec(
            select(PhoneAgent.operator_id, Operator.languages)
            .join(Operator, col(Operator.id) == col(PhoneAgent.operator_id))
            .where(col(Operator.disabled_at).is_(None), *conditions)
            .order_by(col(PhoneAgent.idle_since), col(PhoneAgent.operator_id))
        )
    ).all()
    teams = await _teams(session, [id_ for id_, _ in found])
    return [
        AtWork(operator_id=id_, languages=frozenset(languages), teams=teams.get(id_, frozenset()))
        for id_, languages in found
    ]


async def _teams(session: AsyncSession, ids: Collection[int]) -> dict[int, frozenset[str]]:
    if not ids:
        return {}
    found: dict[int, frozenset[str]] = {}
    members = select(TeamMember.operator_id, TeamMember.team)
    for id_, team in await session.exec(members.where(col(TeamMember.operator_id).in_(ids))):
        found[id_] = found.get(id_, frozenset()) | {team}
    return found


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


async def needless(session: AsyncSession) -> Sequence[Call]:
    """Call-backs that wait to be taken, or ring, though somebody has spoken to the number."""
    joined = exists().where(col(CallLeg.call_id) == col(Call.id), col(CallLeg.state) == "joined")
    found = await session.exec(
        select(Call)
        .join(CallBack, col(CallBack.id) == col(Call.call_back_id))
        .where(
            col(Call.ended_at).is_(None),
            _IS_DIALLED,
            col(Call.state).in_(("waiting", "ringing")),
            not_(joined),
            col(CallBack.done_at).is_not(None),
        )
    )
    return found.all()
