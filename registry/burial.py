"""The buried: deliveries that could not be registered, kept whole until somebody replays them."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound
from registry.ids import new_id
from registry.models import Buried
from registry.statements import ID, TEXT, Script, Statement
from registry.types import Envelope


class Burial(Struct, frozen=True, kw_only=True):
    """What is to be buried: a delivery, which item of it, and why."""

    envelope: Envelope
    reason: str
    item: str = ""
    external_id: str | None = None
    """Of the visible placeholder that stands for it."""


async def bury(session: AsyncSession, burials: Sequence[Burial], *, now: datetime) -> int:
    """Keep the deliveries; the same one again is kept once. Returns how many are new."""
    rows = [
        {
            "id": new_id(),
            "envelope_id": burial.envelope.id,
            "channel": burial.envelope.channel,
            "account": burial.envelope.account,
            "action": burial.envelope.action,
            "query": burial.envelope.query,
            "headers": dict(burial.envelope.headers),
            "body": burial.envelope.body,
            "item": burial.item,
            "digest": hashlib.sha256(
                burial.item.encode() + b"\x00" + burial.envelope.body
            ).hexdigest(),
            "reason": burial.reason,
            "received_at": burial.envelope.received_at,
            "buried_at": now,
        }
        for burial in burials
    ]
    connection = await session.connection()
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    added = 0
    for row in rows:
        statement = (
            insert(Buried)
            .values(row)
            .on_conflict_do_nothing(index_elements=["channel", "account", "digest"])
            .returning(col(Buried.id))
        )
        added += (await connection.execute(statement)).first() is not None
    return added


async def list_buried(
    session: AsyncSession, *, limit: int, before: int | None = None
) -> list[Buried]:
    """The buried, newest first, without those that were replayed."""
    query = select(Buried).where(col(Buried.replayed_at).is_(None))
    if before is not None:
        query = query.where(Buried.id < before)
    return list(await session.exec(query.order_by(col(Buried.id).desc()).limit(limit)))


async def get_buried(session: AsyncSession, buried_id: int) -> Buried:
    """One of the buried, whole. Raises: NotFound."""
    found = await session.get(Buried, buried_id)
    if found is None:
        raise NotFound("buried delivery", buried_id)
    return found


async def mark_replayed(session: AsyncSession, buried_id: int, *, now: datetime) -> None:
    """Take one from the list of what waits."""
    await session.exec(update(Buried).where(col(Buried.id) == buried_id).values(replayed_at=now))


def link_placeholders(burials: Sequence[Burial]) -> Script[None]:
    """Tie the buried to the visible placeholders that stand for them."""
    rows = [
        (b.envelope.channel, b.envelope.account, b.envelope.id, b.item, b.external_id)
        for b in burials
        if b.external_id is not None
    ]
    if rows:
        yield _LINK, rows


def remove_placeholder(message_id: int) -> Script[None]:
    """Take a placeholder away, so that what it stood for can be registered in its place."""
    yield _UNLINK, [(message_id,)]
    yield _SHRINK, [(message_id,)]
    for statement in (_REMOVE_IDS, _REMOVE_FILES, _REMOVE_MESSAGE):
        yield statement, [(message_id,)]


_LINK = Statement(
    """
    UPDATE buried SET message_id = e.message_id
    FROM {rows} JOIN external_ids e
      ON e.channel = r.channel AND e.account = r.account AND e.external_id = r.external_id
    JOIN messages m ON m.id = e.message_id AND m.unreadable
    WHERE buried.channel = r.channel AND buried.account = r.account
      AND buried.envelope_id = r.envelope_id AND buried.item = r.item
    """,
    channel=TEXT,
    account=TEXT,
    envelope_id=TEXT,
    item=TEXT,
    external_id=TEXT,
)

_UNLINK = Statement(
    "UPDATE buried SET message_id = NULL FROM {rows} WHERE buried.message_id = r.id", id=ID
)

_SHRINK = Statement(
    """
    UPDATE appeals SET message_count = message_count - 1,
      unread = CASE WHEN unread > 0 THEN unread - 1 ELSE 0 END
    FROM {rows} JOIN messages m ON m.id = r.id
    WHERE appeals.id = m.appeal_id
    """,
    id=ID,
)

_REMOVE_IDS = Statement(
    "DELETE FROM external_ids WHERE message_id IN (SELECT r.id FROM {rows})", id=ID
)
_REMOVE_FILES = Statement(
    "DELETE FROM attachments WHERE message_id IN (SELECT r.id FROM {rows})", id=ID
)
_REMOVE_MESSAGE = Statement("DELETE FROM messages WHERE id IN (SELECT r.id FROM {rows})", id=ID)
