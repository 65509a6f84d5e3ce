"""The supervisors' board: who waits, who is at the phone, and how well calls are answered today.

Answers are measured as contact centres do. The **service level** is the share of calls answered
within the target (`Telephone.service_seconds`) among all that were answered and all that were given
up after the target; who gave up sooner, or chose a message, a call-back or an SMS, counts neither
way. The **speed of answer** is the mean wait of the answered calls; the **handling time** is what
one that is over took on the average: talking, holding and writing down. Only calls of citizens
count, in the hour of the office's clock in which they began.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, case, func, not_
from sqlalchemy import select as columns
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.call_backs import OVERDUE
from registry.calls.lines import AtPhone, at_the_phone
from registry.calls.tables import Call, CallBack
from registry.office_calendar import Calendar, clock_hours, open_hours

_WEEK = timedelta(days=7)


class Figures(Struct, frozen=True, kw_only=True):
    """What became of the calls of some hours."""

    calls: int = 0
    """All that came in, however they ended or go on."""
    answered: int = 0
    in_time: int = 0
    """Answered within the target."""
    abandoned: int = 0
    """Given up while they waited for a person, who was not there yet."""
    too_late: int = 0
    """Given up after more than the target."""
    otherwise: int = 0
    """Left a message, or wanted a call-back or an SMS, instead of waiting."""
    waited: float = 0.0
    """Seconds that the answered calls waited, in sum."""
    handled: int = 0
    """Answered calls that are over."""
    handling: float = 0.0
    """Seconds that these took, in sum."""

    @property
    def service_level(self) -> float | None:
        """Between 0 and 1; None where no call counts."""
        counted = self.answered + self.too_late
        return self.in_time / counted if counted else None

    @property
    def speed_of_answer(self) -> float | None:
        """Seconds; None where no call was answered."""
        return self.waited / self.answered if self.answered else None

    @property
    def handling_time(self) -> float | None:
        """Seconds; None where no answered call is over."""
        return self.handling / self.handled if self.handled else None

    def __add__(self, other: "Figures") -> "Figures":
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        return Figures(**sums)


class Hour(Struct, frozen=True, kw_only=True):
    """An hour of the office's clock, today and on the same weekday of the week before."""

    hour: int
    """0 to 23: the hour until 24:00 is 23."""
    today: Figures
    before: Figures
    is_over: bool
    """Nothing is added to today's any more."""


class Queue(Struct, frozen=True, kw_only=True):
    """Those who wait for somebody of a team, in a language."""

    language: str | None
    team: str | None
    """None for anybody's."""
    count: int
    since: datetime
    """Of the one who has waited longest."""


class Board(Struct, frozen=True, kw_only=True):
    """All of it, at one moment."""

    now: datetime
    day: date
    """Of the office's clock."""
    service_seconds: int
    queues: tuple[Queue, ...]
    """Whoever has waited longest first."""
    operators: tuple[AtPhone, ...]
    open_call_backs: int
    overdue_call_backs: int
    hours: tuple[Hour, ...]
    """Those in which the office is open today, and those in which somebody called."""
    today: Figures
    before: Figures
    """The same weekday of the week before, up to the same time of the day."""

    @property
    def waiting(self) -> int:
        """How many wait on the line."""
        return sum(queue.count for queue in self.queues)

    @property
    def longest_since(self) -> datetime | None:
        """Since when the first of them has waited."""
        return min((queue.since for queue in self.queues), default=None)


async def read_board(
    session: AsyncSession, *, calendar: Calendar, service_seconds: int, now: datetime
) -> Board:
    """The board as it is. It reads alone."""
    day = now.astimezone(calendar.zone).date()
    same_time = _same_time(calendar, now)
    today = await _hourly(session, calendar, day, service_seconds)
    before = await _hourly(session, calendar, day - _WEEK, service_seconds, cut=same_time)
    due = await _call_backs(session, now)
    return Board(
        now=now,
        day=day,
        service_seconds=service_seconds,
        queues=await _queues(session),
        operators=tuple(await at_the_phone(session, now=now)),
        open_call_backs=due[0],
        overdue_call_backs=due[1],
        hours=_side_by_side(calendar, day, today, before, now),
        today=_sum(figures for _, _, figures in today),
        before=_sum(figures for _, start, figures in before if start < same_time),
    )


def _side_by_side(
    calendar: Calendar,
    day: date,
    today: Sequence["_Piece"],
    before: Sequence["_Piece"],
    now: datetime,
) -> tuple[Hour, ...]:
    open_now = open_hours(calendar, day)
    ends = {hour: end for hour, _, end in clock_hours(calendar, day)}
    found = [
        Hour(
            hour=hour,
            today=_sum(figures for one, _, figures in today if one == hour),
            before=_sum(figures for one, _, figures in before if one == hour),
            is_over=hour not in ends or ends[hour] <= now,
        )
        for hour in range(24)
    ]
    return tuple(
        one for one in found if one.hour in open_now or one.today.calls or one.before.calls
    )


def _same_time(calendar: Calendar, now: datetime) -> datetime:
    """When the clock showed the same a week before."""
    wall = now.astimezone(calendar.zone)
    return (wall - _WEEK).astimezone(now.tzinfo)


def _sum(figures: Iterable[Figures]) -> Figures:
    return sum(figures, start=Figures())


# --- What became of the calls ---------------------------------------------------------------------

_Piece = tuple[int, datetime, Figures]
"""An hour of the clock, when it or a part of it began, and what is of it."""


async def _hourly(
    session: AsyncSession,
    calendar: Calendar,
    day: date,
    service_seconds: int,
    *,
    cut: datetime | None = None,
) -> list[_Piece]:
    """The hours of a day; the one in which `cut` lies is two pieces."""
    pieces = []
    for hour, start, end in clock_hours(calendar, day):
        starts = [start, cut] if cut is not None and start < cut < end else [start]
        pieces += [(hour, one) for one in starts]
    if not pieces:
        return []
    until = clock_hours(calendar, day)[-1][2]
    began = (col(Call.started_at) >= pieces[0][1], col(Call.started_at) < until)
    piece = _piece([start for _, start in pieces])
    rows = await (await session.connection()).execute(
        columns(piece.label("piece"), *_measures(service_seconds))
        .where(col(Call.direction) == "in", *began)
        .group_by(piece)
    )
    figures = {row[0]: Figures(**_numbers(row)) for row in rows}
    for at, live in await _live(session, began, service_seconds):
        index = max(n for n, (_, start) in enumerate(pieces) if start <= at)
        figures[index] = figures.get(index, Figures()) + live
    return [
        (hour, start, figures.get(index, Figures())) for index, (hour, start) in enumerate(pieces)
    ]


def _numbers(row: Any) -> dict[str, Any]:
    return {name: value or 0 for name, value in row._mapping.items() if name != "piece"}


def _piece(starts: Sequence[datetime]) -> Any:
    """The index of the piece in which a call began."""
    if len(starts) == 1:
        return case((col(Call.started_at).is_not(None), 0))
    return case(
        *((col(Call.started_at) < after, index) for index, after in enumerate(starts[1:])),
        else_=len(starts) - 1,
    )


def _measures(service_seconds: int) -> list[Any]:
    """The fields of `Figures`, of calls that are over; of the others, that they came."""
    is_over = col(Call.ended_at).is_not(None)
    answered = and_(is_over, col(Call.answered_at).is_not(None))
    waited = func.coalesce(col(Call.waited), 0.0)
    abandoned = and_(col(Call.ended_as) == "abandoned", col(Call.waited).is_not(None))
    chose = col(Call.ended_as).in_(("call_back", "message", "texted"))
    # A voicemail turns what was abandoned into a message; only who waited was in the queue.
    otherwise = and_(chose, col(Call.waited).is_not(None))
    handling = col(Call.talked) + col(Call.wrapped_up)
    return [
        func.count().label("calls"),
        _count(answered).label("answered"),
        _count(and_(answered, waited <= service_seconds)).label("in_time"),
        _count(abandoned).label("abandoned"),
        _count(and_(abandoned, waited > service_seconds)).label("too_late"),
        _count(otherwise).label("otherwise"),
        func.sum(case((answered, waited), else_=0.0)).label("waited"),
        _count(answered).label("handled"),
        func.sum(case((answered, handling), else_=0.0)).label("handling"),
    ]


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


async def _live(
    session: AsyncSession, began: Sequence[Any], service_seconds: int
) -> list[tuple[datetime, Figures]]:
    """Calls that were answered and go on: their wait is not written down yet."""
    rows = await (await session.connection()).execute(
        columns(col(Call.started_at), col(Call.waiting_since), col(Call.answered_at)).where(
            col(Call.direction) == "in",
            col(Call.ended_at).is_(None),
            col(Call.answered_at).is_not(None),
            *began,
        )
    )
    found = []
    for started, since, answered in rows:
        assert answered is not None  # as was asked
        waited = max(0.0, (answered - max(since or started, started)).total_seconds())
        in_time = int(waited <= service_seconds)
        found.append((started, Figures(answered=1, in_time=in_time, waited=waited)))
    return found


# --- Just now -------------------------------------------------------------------------------------


async def _queues(session: AsyncSession) -> tuple[Queue, ...]:
    """Those who are on the line, whether or not their call rings at somebody already."""
    dialled = and_(col(Call.direction) == "out", col(Call.answered_at).is_(None))
    rows = await (await session.connection()).execute(
        columns(
            col(Call.language), col(Call.team), col(Call.waiting_since), col(Call.started_at)
        ).where(
            col(Call.ended_at).is_(None),
            col(Call.state).in_(("waiting", "ringing")),
            not_(dialled),
        )
    )
    found: dict[tuple[str | None, str | None], list[datetime]] = {}
    for language, team, since, started in rows:
        # Who called again waits on their old place, and yet only since they called.
        found.setdefault((language, team), []).append(max(since or started, started))
    queues = [
        Queue(language=language, team=team, count=len(moments), since=min(moments))
        for (language, team), moments in found.items()
    ]
    return tuple(sorted(queues, key=lambda one: (one.since, one.language or "", one.team or "")))


async def _call_backs(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """How many are to be called, and how many of them should have been."""
    late = and_(col(CallBack.due_at) <= now - OVERDUE, col(CallBack.call_id).is_(None))
    row = (
        await (await session.connection()).execute(
            columns(func.count(), _count(late)).where(col(CallBack.done_at).is_(None))
        )
    ).one()
    return row[0], row[1] or 0
