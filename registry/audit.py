"""The audit: who saw what, signed in, took a file out or was refused.

What was changed is in the journal; `registry.events` reads the two together.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.ids import new_id
from registry.models import Audit
from registry.operators import Principal

STRANGER = "stranger"
"""Who acts when nobody has signed in."""

SEEN_AGAIN = timedelta(minutes=5)
"""Looking at the same appeal again within this time is the same look."""


async def audit(
    session: AsyncSession,
    event: str,
    *,
    principal: Principal | None,
    now: datetime,
    appeal_id: int | None = None,
    contact_id: int | None = None,
    address: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry; the caller commits. No principal stands for a stranger."""
    entry = {
        "id": new_id(),
        "at": now,
        "event": event,
        "actor": STRANGER if principal is None else principal.actor,
        "operator_id": None if principal is None else principal.operator_id,
        "appeal_id": appeal_id,
        "contact_id": contact_id,
        "address": address,
        "data": dict(data or {}),
    }
    # Every look at an appeal is noted before it is shown: past the unit of work, which takes longer
    # than the rest.
    await (await session.connection()).execute(_WRITE, entry)


_WRITE = insert(Audit)


async def is_seen_lately(
    session: AsyncSession, appeal_id: int, *, principal: Principal, now: datetime
) -> bool:
    """Whether it was noted within `SEEN_AGAIN` that they looked at the appeal."""
    asked = {"appeal_id": appeal_id, "actor": principal.actor, "since": now - SEEN_AGAIN}
    return (await session.exec(_SEEN, params=asked)).first() is not None


_SEEN = (
    select(Audit.id)
    .where(
        col(Audit.appeal_id) == bindparam("appeal_id"),
        col(Audit.event) == "appeal.seen",
        col(Audit.actor) == bindparam("actor"),
        col(Audit.at) > bindparam("since"),
    )
    .limit(1)
)
"""Put together once: it is asked at every look."""
