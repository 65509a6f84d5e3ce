"""How much is in every queue of everybody, counted at once: two queries, whoever asks.

Appeals are counted by team and holder, which is all that decides who sees them; what one operator's
queues hold is then a sum of a few of these numbers.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, case, func, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import may_see
from registry.models import Appeal, Mention
from registry.operators import Principal
from registry.queues import Queue, awake, live, overdue, undelivered, welcome
from registry.states import Status


class Counts(Struct, frozen=True, kw_only=True):
    """How many appeals each of somebody's queues holds."""

    mine: int = 0
    unassigned: int = 0
    all: int = 0
    overdue: int = 0
    failed: int = 0
    mentions: int = 0
    snoozed: int = 0
    teams: dict[str, int] = {}
    """Of every team whose appeals they see."""


class Tally:
    """The numbers behind everybody's counts, as they were at one moment."""

    def __init__(self, groups: Mapping["_Group", "_Numbers"], mentions: "_Mentions") -> None:
        self._teams: dict[str | None, _Numbers] = defaultdict(_Numbers)
        """Of each team, whoever holds them."""
        self._unassigned: dict[str | None, int] = defaultdict(int)
        self._held: dict[int, dict[str | None, _Numbers]] = defaultdict(dict)
        """Of each holder, by team."""
        self._mentions = mentions
        self._shared: dict[frozenset[str] | None, Counts] = {}
        """Of all who are in the same teams, but for what they hold; made when asked for."""
        for (team, holder), numbers in groups.items():
            self._teams[team] = self._teams[team].plus(numbers)
            if holder is None:
                self._unassigned[team] += numbers.awake
            else:
                self._held[holder][team] = numbers

    def counts_for(self, principal: Principal) -> Counts:
        """What the principal's queues hold."""
        shared = self._shared.get(principal.teams)
        if shared is None:
            shared = self._shared[principal.teams] = self._counts_of(principal.teams)
        me = principal.operator_id
        held, mentions = (
            (self._held.get(me), self._mentions.get(me)) if me is not None else ({}, {})
        )
        if not held and not mentions:
            return shared
        # Their own are theirs to see, whichever team's they are.
        foreign = [
            numbers
            for team, numbers in (held or {}).items()
            if not may_see(principal, team=team, assignee_id=None)
        ]
        return replace(
            shared,
            mine=sum(numbers.awake for numbers in (held or {}).values()),
            all=shared.all + sum(numbers.awake for numbers in foreign),
            overdue=shared.overdue + sum(numbers.overdue for numbers in foreign),
            failed=shared.failed + sum(numbers.failed for numbers in foreign),
            snoozed=shared.snoozed + sum(numbers.snoozed for numbers in foreign),
            mentions=sum(
                count
                for (team, holder), count in (mentions or {}).items()
                if may_see(principal, team=team, assignee_id=holder)
            ),
        )

    def _counts_of(self, teams: frozenset[str] | None) -> Counts:
        """What everybody of these teams has before them; None for all there are."""
        named = self._teams if teams is None else {None, *teams}
        seen = [self._teams[team] for team in named if team in self._teams]
        return Counts(
            unassigned=sum(self._unassigned.get(team, 0) for team in named),
            all=sum(numbers.awake for numbers in seen),
            overdue=sum(numbers.overdue for numbers in seen),
            failed=sum(numbers.failed for numbers in seen),
            snoozed=sum(numbers.snoozed for numbers in seen),
            teams={team: self._of_team(team) for team in sorted(t for t in named if t is not None)},
        )

    def _of_team(self, team: str) -> int:
        return self._teams[team].awake if team in self._teams else 0


_Group = tuple[str | None, int | None]
"""A team and a holder."""

_Mentions = Mapping[int, Mapping[_Group, int]]
"""Of each operator who is asked to look, by the group of the appeal."""


class _Numbers(Struct, frozen=True):
    awake: int = 0
    snoozed: int = 0
    overdue: int = 0
    failed: int = 0

    def plus(self, other: "_Numbers") -> "_Numbers":
        return _Numbers(
            self.awake + other.awake,
            self.snoozed + other.snoozed,
            self.overdue + other.overdue,
            self.failed + other.failed,
        )


async def count_queues(session: AsyncSession, now: datetime) -> Tally:
    """Count what is in the queues now (see registry.queues)."""
    groups: dict[_Group, _Numbers] = {}
    group = (col(Appeal.team), col(Appeal.assignee_id))
    counted = (
        select(*group, _sum(awake(now)), _sum(~awake(now)), _sum(overdue(now)))
        .where(live, welcome)
        .group_by(*group)
    )
    for team, holder, *numbers in await _fetch(session, counted):
        groups[team, holder] = _Numbers(*numbers)
    failed = (
        select(*group, func.count())
        .where(undelivered, welcome, col(Appeal.status) != Status.CLOSED.value)
        .group_by(*group)
    )
    for team, holder, number in await _fetch(session, failed):
        known = groups.get((team, holder), _Numbers())
        groups[team, holder] = known.plus(_Numbers(failed=number))
    mentions: dict[int, dict[_Group, int]] = defaultdict(dict)
    asked = (
        select(col(Mention.operator_id), *group, func.count(func.distinct(col(Mention.appeal_id))))
        .join(Appeal, col(Appeal.id) == col(Mention.appeal_id))
        .where(col(Mention.seen_at).is_(None))
        .group_by(col(Mention.operator_id), *group)
    )
    for operator_id, team, holder, number in await _fetch(session, asked):
        mentions[operator_id][team, holder] = number
    return Tally(groups, mentions)


def count_of(counts: Counts, queue: Queue, team: str | None = None) -> int:
    """One queue's number."""
    if queue is Queue.TEAM:
        return counts.teams.get(team or "", 0)
    found: int = getattr(counts, queue.value)
    return found


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


async def _fetch(session: AsyncSession, statement: Any) -> list[Any]:
    connection = await session.connection()
    return list((await connection.execute(statement)).all())
