"""Offices for the tests of whatever keeps deadlines."""

from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from registry.current_office import CurrentOffice, Office
from registry.db import Database
from registry.deadlines import Terms, due_times
from registry.furnishing import open_office
from registry.office_calendar import Calendar
from tests.registry.samples import START

ALMATY = ZoneInfo("Asia/Almaty")


def almaty(text: str) -> datetime:
    """A moment as the clock in Almaty shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY)


def bare_office() -> Office:
    """An office that nobody has furnished."""
    calendar, terms = Calendar(zone=ALMATY), Terms()
    return Office(
        calendar=calendar,
        terms=terms,
        districts=(),
        departments=(),
        revision="",
        deadlines=partial(due_times, calendar=calendar, terms=terms),
    )


async def furnished(database: Database, *, now: datetime = START) -> CurrentOffice:
    """The office as a hub has it after its first start."""
    return await open_office(database, zone=ALMATY, now=now)
