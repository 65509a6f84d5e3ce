"""How long a caller who waits will wait, as far as the last conversations tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean

from sqlalchemy import bindparam
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.tables import Call
from registry.inbox.rows import fetch

RECENT = timedelta(hours=2)
MOST_CALLS = 50
"""Of the last ones, that many tell."""


def estimate(ahead: int, handling: Sequence[float], *, agents_on: int) -> float | None:
    """Seconds until a person is there, who serves `ahead` callers before; None if nobody can tell.

    So many operators are through with one call each in the mean time that one takes.
    """
    if not handling or agents_on <= 0:
        return None
    return (ahead + 1) * fmean(handling) / agents_on


async def handling_times(session: AsyncSession, *, now: datetime) -> Sequence[float]:
    """Seconds that the last conversations took, the newest first."""
    return [row.talked for row in await fetch(session, _LAST, {"since": now - RECENT})]


_LAST = (
    select(Call.talked)
    .where(
        Call.started_at > bindparam("since"),
        col(Call.answered_at).is_not(None),
        col(Call.ended_at).is_not(None),
    )
    .order_by(col(Call.started_at).desc(), col(Call.id).desc())
    .limit(MOST_CALLS)
)
