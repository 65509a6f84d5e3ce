"""The journal: what happened, to what, by whom; written in the transaction of the change itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.models import JournalEntry

CITIZEN = "citizen"
SYSTEM = "system"


def record(
    session: AsyncSession,
    event: str,
    *,
    actor: str,
    now: datetime,
    appeal_id: int | None = None,
    message_id: int | None = None,
    contact_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to the session; the caller commits it together with the change."""
    session.add(
        JournalEntry(
            at=now,
            event=event,
            actor=actor,
            appeal_id=appeal_id,
            message_id=message_id,
            contact_id=contact_id,
            data=dict(data or {}),
        )
    )
