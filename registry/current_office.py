"""The office as it is now: calendar, terms and places, read from the database and kept at hand.

A transaction that needs it once in a while reads it anew (`office_of`). The hot paths ask the
`CurrentOffice` of their process, which looks again whenever there is a new revision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.db import Database
from registry.deadlines import Deadlines, DueTimes, Term, Terms, Unit, due_times, whole_minute
from registry.holidays import list_days, special_days
from registry.models import Category
from registry.office import get_setting, read_value, revision
from registry.office_calendar import Calendar, minutes_of
from registry.office_shapes import (
    BusinessHours,
    Departments,
    Districts,
    FirstResponse,
    LegalTermsSetting,
    Place,
    Triage,
    WorkingWeek,
)

ZONE = "zone"
"""The row that holds the zone's name: deadlines are kept from when there is one."""

_REMEMBERED = 4096
"""Minutes, kinds and categories whose deadlines are not computed twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Everything about the office that decides something, of one revision."""

    calendar: Calendar
    terms: Terms
    districts: tuple[Place, ...]
    departments: tuple[Place, ...]
    revision: str
    deadlines: Deadlines
    """Tells until when by this calendar and these terms, and remembers what it told."""


async def load_office(session: AsyncSession) -> Office | None:
    """The office as the transaction sees it; None before a first start."""
    # Before all else: what changes while the rest is read has another one, and is read again.
    seen = await revision(session)
    zone = (await read_value(session, ZONE)).get("name")
    if zone is None:
        return None
    hours = await get_setting(session, BusinessHours)
    week = await get_setting(session, WorkingWeek)
    calendar = Calendar(
        zone=ZoneInfo(zone),
        hours=tuple(None if day is None else day.minutes() for day in hours.week()),
        closed_on_holidays=hours.closed_on_holidays,
        working=week.days(),
        day_ends=minutes_of(week.ends),
        late_counts_tomorrow=week.late_counts_tomorrow,
        special=special_days(await list_days(session)),
    )
    terms = Terms(
        first_response=timedelta(minutes=(await get_setting(session, FirstResponse)).minutes),
        triage=(await get_setting(session, Triage)).as_term(),
        legal=(await get_setting(session, LegalTermsSetting)).in_order(),
        categories=await _terms_by_category(session),
    )
    return Office(
        calendar=calendar,
        terms=terms,
        districts=(await get_setting(session, Districts)).items,
        departments=(await get_setting(session, Departments)).items,
        revision=seen,
        deadlines=_remembering(calendar, terms),
    )


async def office_of(session: AsyncSession) -> Office | None:
    """The same, read once a transaction."""
    info: dict[Any, Any] = session.info
    if Office not in info:
        info[Office] = await load_office(session)
    found: Office | None = info[Office]
    return found


async def _terms_by_category(session: AsyncSession) -> Mapping[str, Term | None]:
    """How long each may take, the retired ones too.

    A group without a term of its own is left out: what is only in a group is still to be sorted.
    """
    found = await session.exec(select(Category.code, Category.term, Category.unit))
    return {
        code: None if amount is None else Term(amount, Unit(unit))
        for code, amount, unit in found
        if amount is not None or "." in code
    }


def _remembering(calendar: Calendar, terms: Terms) -> Deadlines:
    """Deadlines are whole minutes: within one, and for one kind and category, they are the same."""

    @lru_cache(_REMEMBERED)
    def of_minute(kind: str, category: str | None, minute: datetime) -> DueTimes:
        return due_times(kind, category, minute, calendar, terms)

    def deadlines(kind: str, category: str | None, opened_at: datetime) -> DueTimes:
        return of_minute(kind, category, whole_minute(opened_at))

    return deadlines


class CurrentOffice:
    """The office as this process knows it: right away what it changed itself, and what others
    changed as soon as `refresh` is called."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def deadlines(self, kind: str, category: str | None, opened_at: datetime) -> DueTimes:
        """Until when, by today's calendar and terms: a `Deadlines`."""
        return self.office.deadlines(kind, category, opened_at)

    async def refresh(self, database: Database) -> bool:
        """Look whether the office has changed, and read it if so; whether it had.

        Raises: Unavailable.
        """
        async with database.read() as session:
            if await revision(session) == self.office.revision:
                return False
            office = await load_office(session)
        if office is not None:
            self.office = office
        return office is not None
