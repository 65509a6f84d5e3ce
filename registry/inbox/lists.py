"""Pages of appeals, and what waits to be sent."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.inbox.appeals import columns, shape
from registry.inbox.order import Place, order_of, read_cursor, write_cursor
from registry.inbox.query import MAX_LIMIT, Query, conditions
from registry.inbox.rows import fetch
from registry.inbox.shapes import AppealPage
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
    asked = await conditions(session, query, viewer=viewer, now=now or utc_now())
    if viewer is not None:
        asked.append(visible_to(viewer))
    limit = max(1, min(query.limit, MAX_LIMIT))
    places = await _places(session, query, asked, limit=limit + 1)
    page = places[:limit]
    following = write_cursor(query.sort, page[-1]) if len(places) > limit else None
    found = await fetch(session, columns().where(col(models.Appeal.id).in_([p.id for p in page])))
    rows = {row.id: row for row in found}
    return AppealPage(items=await shape(session, [rows[p.id] for p in page]), next=following)


async def _places(
    session: AsyncSession, query: Query, asked: Sequence[ColumnElement[bool]], *, limit: int
) -> list[Place]:
    """Which appeals come next: their ids alone, as what a list shows of each costs more."""
    order = order_of(query.sort)
    since = None if query.cursor is None else read_cursor(query.cursor, query.sort)
    places: list[Place] = []
    for number, stretch, left in order.after(since):
        wanted = select(col(models.Appeal.id), stretch.first.label("key")).where(*asked, left)
        rows = await fetch(session, wanted.order_by(*order.by(stretch)).limit(limit - len(places)))
        places += [Place(number, row.key if stretch.varies else None, row.id) for row in rows]
        if len(places) == limit:
            break
    return places


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
