"""The office in a running hub: every process knows it as it is, and one does what time asks for.

What is late is escalated, what was put off comes back, deadlines follow what an administrator
changed, and the calendar is filled in for the years that come within reach.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import escalation
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.errors import Unavailable
from registry.holidays import fill_calendar
from registry.office import get_recompute
from registry.recomputing import Step, recompute_portion
from registry.types import Clock
from workers.schedule import Tick

log = structlog.get_logger(__name__)

LOOKS_AGAIN = 15.0
"""Seconds in which a process learns what another one changed about the office."""


async def keep_current(
    office: CurrentOffice, *, database: Database, stopping: asyncio.Event
) -> None:
    """Know the office as it is, until `stopping`."""
    while not stopping.is_set():
        try:
            if await office.refresh(database):
                log.info("the office has changed", revision=office.office.revision)
        except Unavailable as error:
            log.warning("the office cannot be read", reason=str(error))
        try:
            async with asyncio.timeout(LOOKS_AGAIN):
                await stopping.wait()
        except TimeoutError:
            continue


def office_ticks(office: CurrentOffice, *, database: Database, clock: Clock) -> Sequence[Tick]:
    """What one process does for all."""

    async def move() -> None:
        await move_deadlines(office, database=database, clock=clock)

    async def late() -> None:
        await escalate_late(database, clock=clock)

    async def snoozed() -> None:
        await wake_snoozed(database, clock=clock)

    async def calendar() -> None:
        await look_ahead(office, database=database, clock=clock)

    return (
        Tick("deadlines", 5, move),
        Tick("snoozed", 15, snoozed),
        Tick("late", 60, late),
        Tick("calendar", 6 * 3600, calendar),
    )


async def move_deadlines(office: CurrentOffice, *, database: Database, clock: Clock) -> None:
    """Compute the deadlines of open appeals anew, where somebody changed what they follow from."""
    async with database.read() as session:
        if await get_recompute(session) is None:
            return
    while True:
        step = await database.run(recompute_portion(office.office, now=clock()))
        if step is Step.STALE:
            await office.refresh(database)
        elif step is not Step.MORE:
            break
    if step is Step.DONE:
        log.info("the deadlines follow the office again")


async def escalate_late(database: Database, *, clock: Clock) -> None:
    """Escalate what is late, and say how much there is of it."""
    escalated = await _in_portions(
        lambda session: escalation.escalate(session, now=clock()), database
    )
    if escalated:
        async with database.read() as session:
            overdue = await escalation.count_overdue(session, now=clock())
        log.warning("appeals are late", escalated=escalated, overdue=overdue)


async def wake_snoozed(database: Database, *, clock: Clock) -> None:
    """Bring back the appeals whose hour has come."""
    woken = await _in_portions(lambda session: escalation.wake(session, now=clock()), database)
    if woken:
        log.info("appeals woke", count=woken)


async def look_ahead(office: CurrentOffice, *, database: Database, clock: Clock) -> None:
    """Fill in the calendar of the years that came within reach."""
    async with database.write() as session:
        zone = office.office.calendar.zone
        years = await fill_calendar(session, zone=zone, now=clock())
    if years:
        log.info("the calendar was filled in", years=years)


async def _in_portions(take: Callable[[AsyncSession], Awaitable[int]], database: Database) -> int:
    """Take portions, each in a transaction, until one is not full; how many there were in all."""
    count = 0
    while True:
        async with database.write() as session:
            taken = await take(session)
        count += taken
        if taken < escalation.PORTION:
            return count
