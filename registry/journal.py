"""The journal: what happened, to what, by whom; written in the transaction of the change itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.ids import new_id
from registry.models import JournalEntry
from registry.statements import ID, JSON, TEXT, TIME, Row, Statement

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
    key: str | None = None,
) -> int:
    """Add an entry to the session; the caller commits it together with the change.

    Of one `key` there is one entry. Returns the entry's id: with it a change can be undone (see
    registry.undoing).
    """
    entry = JournalEntry(
        at=now,
        event=event,
        actor=actor,
        appeal_id=appeal_id,
        message_id=message_id,
        contact_id=contact_id,
        data=dict(data or {}),
        key=key,
    )
    session.add(entry)
    return entry.id


async def record_at_once(
    session: AsyncSession,
    event: str,
    *,
    actor: str,
    now: datetime,
    appeal_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """The same, written without the ORM: for transactions that others wait for."""
    connection = await session.connection()
    await connection.execute(
        _ENTRY,
        {
            "id": new_id(),
            "at": now,
            "event": event,
            "actor": actor,
            "appeal_id": appeal_id,
            "data": dict(data or {}),
            "key": key,
        },
    )


_ENTRY = insert(JournalEntry)


def journal_row(
    event: str,
    *,
    actor: str,
    now: datetime,
    appeal_id: int | None = None,
    message_id: int | None = None,
    contact_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> Row:
    """An entry as a script writes it, with `ADD_JOURNAL`."""
    written = "{}" if data is None else msgspec.json.encode(data).decode()
    return (new_id(), now, event, actor, appeal_id, message_id, contact_id, written)


ADD_JOURNAL = Statement(
    """
    INSERT INTO journal (id, at, event, actor, appeal_id, message_id, contact_id, data)
    SELECT id, at, event, actor, appeal_id, message_id, contact_id, data FROM {rows}
    """,
    id=ID,
    at=TIME,
    event=TEXT,
    actor=TEXT,
    appeal_id=ID,
    message_id=ID,
    contact_id=ID,
    data=JSON,
)
