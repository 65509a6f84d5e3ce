"""The special days of the calendar: filled in from config/holidays.toml, edited by administrators.

A year is filled in once, when it comes within reach; from then on only people change its days.
"""

import asyncio
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import config
from registry.errors import NotFound
from registry.journal import SYSTEM, record
from registry.models import CalendarDay
from registry.office import (
    get_setting,
    hold_office,
    office_changed,
    read_value,
    write_value,
)
from registry.office_calendar import (
    MONDAY_TO_FRIDAY,
    DayKind,
    Holiday,
    Hours,
    SpecialDay,
    clock_of,
    minutes_of,
    with_transfers,
)
from registry.office_shapes import ClockTime, WorkingWeek

YEARS_AHEAD = 2
"""Terms reach some weeks into the future, and reviews further: so many years are filled in."""

CAUSE = "calendar"


class Day(Struct, frozen=True, kw_only=True):
    """A day that is not what its weekday says."""

    day: date
    kind: DayKind
    name: str
    opens: ClockTime | None
    """The contact centre's hours; None for the usual ones, equal ones for none at all."""
    closes: ClockTime | None
    confirmed: bool
    """False for a day that is announced anew each year, until somebody has looked."""


class DayGiven(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a day is to be."""

    kind: DayKind
    name: Annotated[str, Meta(max_length=200)] = ""
    opens: ClockTime | None = None
    """The contact centre's hours on that day; null for the usual ones, equal ones for none."""
    closes: ClockTime | None = None
    confirmed: bool = True

    def __post_init__(self) -> None:
        if (self.opens is None) != (self.closes is None):
            raise ValueError("opens and closes come together")
        self.hours()

    def hours(self) -> Hours | None:
        """Its own hours. Raises: ValueError."""
        if self.opens is None or self.closes is None:
            return None
        return Hours(minutes_of(self.opens), minutes_of(self.closes))


# --- The file -------------------------------------------------------------------------------------


class _Yearly(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    month: int
    days: tuple[int, ...]
    since: int = 1
    until: int = 9999
    transferred: bool = True


class _Dated(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    day: date
    transferred: bool = True


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    yearly: tuple[_Yearly, ...]
    dated: tuple[_Dated, ...]


def holidays_of(year: int, *, working: frozenset[int] = MONDAY_TO_FRIDAY) -> list[Holiday]:
    """The holidays of a year by day, with those on which others of a weekend are made up for.

    Reads a file the first time.
    """
    file = _read_file()
    found = [
        Holiday(date(year, one.month, day), one.name, one.transferred)
        for one in file.yearly
        if one.since <= year <= one.until
        for day in one.days
    ]
    found += [
        Holiday(one.day, one.name, one.transferred, confirmed=False)
        for one in file.dated
        if one.day.year == year
    ]
    return with_transfers(found, working=working)


@cache
def _read_file() -> _File:
    path = Path(config.__file__).parent / "holidays.toml"
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)


# --- The table ------------------------------------------------------------------------------------

_FILLED = "calendar_years"


async def fill_calendar(session: AsyncSession, *, zone: ZoneInfo, now: datetime) -> list[int]:
    """Fill in the years that came within reach; those that were filled in now. The caller commits.

    Days that somebody has set already stay as they are.
    """
    this_year = now.astimezone(zone).year
    wanted = range(this_year, this_year + YEARS_AHEAD + 1)
    kept = await read_value(session, _FILLED)
    if set(wanted) <= set(kept.get("years", ())):
        return []
    await asyncio.to_thread(_read_file)
    await hold_office(session, now=now)
    years: set[int] = set((await read_value(session, _FILLED)).get("years", ()))
    missing = [year for year in wanted if year not in years]
    working = (await get_setting(session, WorkingWeek)).days()
    for year in missing:
        there = {one.day for one in await list_days(session, year)}
        holidays = [one for one in holidays_of(year, working=working) if one.day not in there]
        session.add_all(
            CalendarDay(
                day=one.day, kind=DayKind.HOLIDAY.value, name=one.name, confirmed=one.confirmed
            )
            for one in holidays
        )
        data = {"year": year, "days": [one.day.isoformat() for one in holidays]}
        record(session, "calendar.filled", actor=SYSTEM, now=now, data=data)
    if missing:
        await write_value(session, _FILLED, {"years": sorted(years.union(missing))}, now=now)
        await office_changed(session, cause=None, now=now)
    return missing


async def list_days(session: AsyncSession, year: int | None = None) -> list[CalendarDay]:
    """The special days in their order, of a year or all of them."""
    query = select(CalendarDay).order_by(col(CalendarDay.day))
    if year is not None:
        query = query.where(
            col(CalendarDay.day) >= date(year, 1, 1), col(CalendarDay.day) <= date(year, 12, 31)
        )
    return list(await session.exec(query))


async def set_day(
    session: AsyncSession, day: date, given: DayGiven, *, actor: str, now: datetime
) -> Day:
    """Make a day what is given; what changes nothing writes nothing. The caller commits."""
    await hold_office(session, now=now)
    row = await session.get(CalendarDay, day, populate_existing=True)
    before = None if row is None else shown(row)
    if row is None:
        row = CalendarDay(day=day, kind=given.kind.value)
        session.add(row)
    hours = given.hours()
    row.kind, row.name, row.confirmed = given.kind.value, given.name, given.confirmed
    row.opens = None if hours is None else hours.opens
    row.closes = None if hours is None else hours.closes
    after = shown(row)
    if before != after:
        await _changed(session, day, before, after, actor=actor, now=now)
    return after


async def remove_day(session: AsyncSession, day: date, *, actor: str, now: datetime) -> None:
    """Let the day be what its weekday says. The caller commits. Raises: NotFound."""
    await hold_office(session, now=now)
    row = await session.get(CalendarDay, day, populate_existing=True)
    if row is None:
        raise NotFound("special day", day.isoformat())
    await session.delete(row)
    await _changed(session, day, shown(row), None, actor=actor, now=now)


async def _changed(
    session: AsyncSession,
    day: date,
    before: Day | None,
    after: Day | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    data = {"day": day.isoformat(), "from": _written(before), "to": _written(after)}
    record(session, "calendar.changed", actor=actor, now=now, data=data)
    await office_changed(session, cause=CAUSE, now=now)


def _written(day: Day | None) -> Any:
    return msgspec.to_builtins(day)


def shown(row: CalendarDay) -> Day:
    """A day of the table, as people see it."""
    return Day(
        day=row.day,
        kind=DayKind(row.kind),
        name=row.name,
        opens=None if row.opens is None else clock_of(row.opens),
        closes=None if row.closes is None else clock_of(row.closes),
        confirmed=row.confirmed,
    )


def special_days(rows: Iterable[CalendarDay]) -> Mapping[date, SpecialDay]:
    """The days of the table, as the calendar counts with them."""
    return {
        row.day: SpecialDay(
            DayKind(row.kind),
            None if row.opens is None or row.closes is None else Hours(row.opens, row.closes),
        )
        for row in rows
    }
