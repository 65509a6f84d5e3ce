"""Appeal numbers: prefix, year and a serial within the year, such as ALM-2026-0000123.

Gapless is not promised; uniqueness and order within a year are, by one counter row a year.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

SERIAL_DIGITS = 7

_TAKE = text(
    "INSERT INTO counters (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
)


def format_number(prefix: str, year: int, serial: int) -> str:
    """The number as a citizen reads it."""
    return f"{prefix}-{year}-{serial:0{SERIAL_DIGITS}d}"


def counter_name(year: int) -> str:
    """The counter that holds a year's last serial."""
    return f"appeal:{year}"


async def next_number(session: AsyncSession, *, prefix: str, zone: ZoneInfo, now: datetime) -> str:
    """Take the next number of the current year, which begins at midnight in `zone`.

    Holds the counter's row until the caller's transaction ends.
    """
    year = now.astimezone(zone).year
    connection = await session.connection()
    taken = await connection.execute(_TAKE, {"name": counter_name(year)})
    return format_number(prefix, year, taken.scalar_one())
