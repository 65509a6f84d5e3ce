"""The conversation of an appeal, a page at a time from its newest end."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, and_, bindparam, literal, select, tuple_
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.columns import Id, UtcTime
from registry.errors import NotFound
from registry.inbox.appeals import find_one
from registry.inbox.messages import Reading, read_journal, read_messages
from registry.inbox.rows import fetch
from registry.inbox.shapes import Appeal, AttachmentUrl, Entry, Message
from registry.operators import Principal

PAGE = 50
"""Messages that one page holds."""


class Thread(Struct, frozen=True, kw_only=True):
    """A page of messages, and what happened between them."""

    id: int
    appeal: Appeal
    messages: list[Message]
    entries: list[Entry]
    """Of the time from this page's first message on, to the next page's."""
    earlier: str | None
    """The message before which an earlier page ends; None where there is none."""


async def get_thread(
    session: AsyncSession,
    number: str,
    *,
    attachment_url: AttachmentUrl,
    viewer: Principal | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> Thread:
    """The newest messages, or those before a message.

    Raises: NotFound (an appeal that the viewer may not see, or no such message in it).
    """
    row, appeal = await find_one(session, number, viewer)
    message, of_appeal = models.Message, {"appeal_id": row.id}
    wanted = _PLACES
    until: datetime | None = None
    if before is not None:
        place = await fetch(session, wanted.where(col(message.id) == before), of_appeal)
        if not place:
            raise NotFound("message", before)
        until = place[0].sent_at
        types: tuple[Any, ...] = (UtcTime(), Id, Id)
        here = tuple_(*[literal(v, t) for v, t in zip(place[0], types, strict=True)])
        wanted = wanted.where(tuple_(*_KEYS) < here)
    found = await fetch(session, wanted.limit(limit + 1), of_appeal)
    shown = [each.id for each in found[:limit]]
    messages = await read_messages(
        session, _SHOWN, {**of_appeal, "ids": shown}, attachment_url=attachment_url
    )
    since = messages[0].sent_at if messages and len(found) > limit else None
    entries = [
        entry
        for entry in await read_journal(session, row.id)
        if (since is None or entry.at >= since) and (until is None or entry.at < until)
    ]
    return Thread(
        id=row.id,
        appeal=appeal,
        messages=messages,
        entries=entries,
        earlier=messages[0].id if len(found) > limit else None,
    )


_KEYS = (
    col(models.Message.sent_at),
    col(models.Message.sequence),
    col(models.Message.id),
)
_OF_APPEAL = col(models.Message.appeal_id) == bindparam("appeal_id")
_PLACES: Select[*tuple[Any, ...]] = (
    select(*_KEYS).where(_OF_APPEAL).order_by(*[key.desc() for key in _KEYS])
)
_SHOWN = Reading(and_(_OF_APPEAL, col(models.Message.id).in_(bindparam("ids", expanding=True))))
