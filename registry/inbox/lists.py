"""Pages of appeals, and what waits to be sent."""

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.inbox.appeals import columns, shape
from registry.inbox.order import beyond, order_of, read_cursor, write_cursor
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
    return AppealPage(items=await shape(session, page), next=following)


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
