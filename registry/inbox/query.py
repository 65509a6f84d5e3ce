"""What a list is asked for, and the conditions that this is in SQL."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import ColumnElement, exists, or_, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.ids import parse_id
from registry.inbox.order import Sort
from registry.operators import Principal
from registry.queues import Queue, queue_condition
from registry.search.lists import search_condition
from registry.states import Status

MAX_LIMIT = 100
DEFAULT_LIMIT = 50


class Query(Struct, frozen=True, kw_only=True):
    """What a list is asked for; what is None or empty filters nothing."""

    channels: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    assignee: str | None = None
    """An operator's id or e-mail address, or "none" for what nobody holds."""
    category: str | None = None
    """A code, or a group of them."""
    q: str | None = None
    """Words of a text, name or address, a number, a phone in any form: see registry.search."""
    due_before: datetime | None = None
    teams: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tag: str | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None
    queue: Queue | None = None
    """One of the viewer's; a team's is that of the first of `teams`."""
    sort: Sort = Sort.LAST_MESSAGE
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


async def conditions(
    session: AsyncSession, query: Query, *, viewer: Principal | None, now: datetime
) -> list[ColumnElement[bool]]:
    """What an appeal of the list must be, beside visible."""
    appeal = models.Appeal
    filters: list[ColumnElement[bool]] = []
    if query.channels:
        filters.append(col(appeal.channel).in_(query.channels))
    if query.statuses:
        filters.append(col(appeal.status).in_([status.value for status in query.statuses]))
    if query.assignee is not None:
        filters.append(_held_by(query.assignee))
    if query.category is not None:
        filters.append(_about(query.category))
    if query.due_before is not None:
        filters.append(col(appeal.due_at) < query.due_before)
    if query.teams:
        filters.append(col(appeal.team).in_(query.teams))
    if query.districts:
        filters.append(col(appeal.district).in_(query.districts))
    if query.languages:
        filters.append(col(appeal.language).in_(query.languages))
    if query.tag is not None:
        filters.append(_tagged(query.tag))
    if query.opened_from is not None:
        filters.append(col(appeal.opened_at) >= query.opened_from)
    if query.opened_before is not None:
        filters.append(col(appeal.opened_at) < query.opened_before)
    if query.queue is not None and viewer is not None:
        team = next(iter(query.teams), None)
        filters.append(queue_condition(query.queue, viewer, now, team))
    if query.q is not None and query.q.strip():
        newest = query.sort in (Sort.NEWEST, Sort.LAST_MESSAGE)
        filters.append(await search_condition(session, query.q, viewer=viewer, newest_first=newest))
    return filters


def _about(category: str) -> ColumnElement[bool]:
    code = col(models.Appeal.category)
    if "." in category:
        return code == category
    return or_(code == category, code.startswith(f"{category}.", autoescape=True))


def _held_by(assignee: str) -> ColumnElement[bool]:
    holder = col(models.Appeal.assignee_id)
    if assignee == "none":
        return holder.is_(None)
    id_ = parse_id(assignee)
    if id_ is not None:
        return holder == id_
    operator = models.Operator
    named = select(col(operator.id)).where(col(operator.email) == assignee.strip().lower())
    return holder == named.scalar_subquery()


def _tagged(name: str) -> ColumnElement[bool]:
    tag = models.AppealTag
    return exists().where(col(tag.appeal_id) == col(models.Appeal.id), col(tag.tag) == name)
