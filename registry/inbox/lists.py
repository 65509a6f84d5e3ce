"""Pages of appeals, and what waits to be sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, func, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import changes, models
from registry.access import visible_to
from registry.changes import Cursor
from registry.inbox.appeals import columns, shape
from registry.inbox.matching import place_in
from registry.inbox.order import beyond, order_of, read_cursor, write_cursor
from registry.inbox.query import MAX_LIMIT, Query, conditions
from registry.inbox.rows import fetch
from registry.inbox.shapes import Appeal, AppealPage
from registry.operators import Principal
from registry.types import AccountKey, utc_now


async def list_appeals(
    session: AsyncSession,
    query: Query,
    *,
    viewer: Principal | None = None,
    now: datetime | None = None,
) -> AppealPage:
    """One page of what the viewer may see; without a viewer, of all there is.

    Nothing that stays in its place is lost or repeated between pages. Raises: BadCursor.
    """
    rows, following = await _read(session, query, viewer, now)
    return AppealPage(items=await shape(session, rows), next=following)


class Listed(Struct, frozen=True):
    """An appeal of a list on a screen."""

    appeal: Appeal
    place: str
    """By which rows are in order: the least comes first (see `place_in`)."""


class LiveList(Struct, frozen=True, kw_only=True):
    """A page of a list whose changes will be followed."""

    items: list[Listed]
    next: str | None
    since: Cursor
    """What changed after this may be missing here."""


async def read_live_list(
    session: AsyncSession, query: Query, *, viewer: Principal, now: datetime
) -> LiveList:
    """The same page for a screen that goes on by itself. Raises: BadCursor."""
    since = await changes.now(session)  # first: what changes meanwhile is told again
    rows, following = await _read(session, query, viewer, now)
    shown = zip(rows, await shape(session, rows), strict=True)
    return LiveList(
        items=[Listed(appeal, place_in(query.sort, row.id, appeal)) for row, appeal in shown],
        next=following,
        since=since,
    )


async def _read(
    session: AsyncSession, query: Query, viewer: Principal | None, now: datetime | None
) -> tuple[Sequence[Row[Any]], str | None]:
    """The rows of a page, and the cursor of the one that follows."""
    order = order_of(query.sort)
    asked = await conditions(session, query, viewer=viewer, now=now or utc_now())
    wanted = columns().where(*asked)
    if viewer is not None:
        wanted = wanted.where(visible_to(viewer))
    if query.cursor is not None:
        wanted = wanted.where(beyond(order, read_cursor(query.cursor, query.sort)))
    wanted = wanted.order_by(*[k.desc() if order.descending else k.asc() for k in order.keys])
    limit = max(1, min(query.limit, MAX_LIMIT))
    rows = await fetch(session, wanted.add_columns(order.keys[0]).limit(limit + 1))
    page = rows[:limit]
    following = write_cursor(query.sort, page[-1]) if len(rows) > limit else None
    return page, following


async def count_waiting(session: AsyncSession) -> dict[AccountKey, int]:
    """How many replies of each account wait to be sent or are on their way."""
    dispatch = models.Dispatch
    channel, account = col(dispatch.channel), col(dispatch.account)
    found = await fetch(
        session,
        select(channel, account, func.count())
        .where(col(dispatch.state).in_(["queued", "sending"]))
        .group_by(channel, account),
    )
    return {AccountKey(row[0], row[1]): row[2] for row in found}
