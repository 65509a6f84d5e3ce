"""What a hub puts into its database when it starts: taxonomy, districts, holidays, its zone.

Each once: from then on they belong to the administrators. Many processes may start at once.
"""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.categories import seed_categories
from registry.current_office import ZONE, CurrentOffice, load_office
from registry.db import Database
from registry.holidays import fill_calendar
from registry.journal import SYSTEM
from registry.office import change_setting, hold_office, office_changed, read_value, write_value
from registry.office_shapes import Departments, Districts
from registry.taxonomy import Taxonomy, read_taxonomy


async def open_office(database: Database, *, zone: ZoneInfo, now: datetime) -> CurrentOffice:
    """Furnish the office where it is not, and read it. Raises: Unavailable."""
    taxonomy = await asyncio.to_thread(read_taxonomy)
    async with database.write() as session:
        await _furnish(session, taxonomy, zone=zone, now=now)
    async with database.read() as session:
        office = await load_office(session)
    assert office is not None  # it has just been furnished
    return CurrentOffice(office)


async def _furnish(
    session: AsyncSession, taxonomy: Taxonomy, *, zone: ZoneInfo, now: datetime
) -> None:
    """Appeals that were open before there were deadlines, or in another zone, get theirs."""
    await hold_office(session, now=now)
    await fill_calendar(session, zone=zone, now=now)
    if await seed_categories(session, taxonomy, now=now):
        await office_changed(session, cause=None, now=now)
    for shape, places in ((Departments, taxonomy.departments), (Districts, taxonomy.districts)):
        if not await read_value(session, shape.name):
            await change_setting(session, shape(items=places), actor=SYSTEM, now=now)
    before = (await read_value(session, ZONE)).get("name")
    if before != zone.key:
        await write_value(session, ZONE, {"name": zone.key}, now=now)
        cause = "first_start" if before is None else "timezone"
        await office_changed(session, cause=cause, now=now)
