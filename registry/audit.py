"""The audit: who saw what, signed in, took a file out or was refused.

What was changed is in the journal; `registry.events` reads the two together.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.models import Audit
from registry.operators import Principal

STRANGER = "stranger"
"""Who acts when nobody has signed in."""

SEEN_AGAIN = timedelta(minutes=5)
"""Looking at the same appeal again within this time is the same look."""


def audit(
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
    """Add an entry to the session; the caller commits. None stands for a stranger."""
    session.add(
        Audit(
            at=now,
            event=event,
            actor=STRANGER if principal is None else principal.actor,
            operator_id=None if principal is None else principal.operator_id,
            appeal_id=appeal_id,
            contact_id=contact_id,
            address=address,
            data=dict(data or {}),
        )
    )


async def is_seen_lately(
    session: AsyncSession, appeal_id: int, *, principal: Principal, now: datetime
) -> bool:
    """Whether it was noted within `SEEN_AGAIN` that they looked at the appeal."""
    found = await session.exec(
        select(Audit.id)
        .where(
            Audit.appeal_id == appeal_id,
            Audit.event == "appeal.seen",
            Audit.actor == principal.actor,
            col(Audit.at) > now - SEEN_AGAIN,
        )
        .limit(1)
    )
    return found.first() is not None
