"""Whether an appeal at hand belongs to a list: what SQL says of all, said of one.

A live screen asks this of every appeal that changed, instead of reading its list again. Only words
that are searched for cannot be told here; those are asked of the database, for the few at hand.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct, structs
from sqlalchemy import select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import may_see, visible_to
from registry.ids import parse_id
from registry.inbox.appeals import columns, shape
from registry.inbox.query import Query, conditions
from registry.inbox.rows import fetch
from registry.inbox.shapes import Appeal
from registry.operators import Principal
from registry.queues import Standing, in_queue
from registry.search.lists import fitting_ids


class Known(Struct, frozen=True, kw_only=True):
    """An appeal as a list shows it, and what else decides whether the list does."""

    id: int
    appeal: Appeal
    standing: Standing
    assignee_email: str | None


async def load_known(session: AsyncSession, appeal_ids: Iterable[int]) -> dict[int, Known]:
    """The appeals as they are now; two queries and one for each thing beside them."""
    chosen = set(appeal_ids)
    if not chosen:
        return {}
    wanted = columns().add_columns(
        col(models.Contact.blocked_at).label("blocked_at"),
        col(models.Operator.email).label("assignee_email"),
    )
    rows = await fetch(session, wanted.where(col(models.Appeal.id).in_(chosen)))
    mentioned = await _mentioned(session, chosen)
    return {
        row.id: Known(
            id=row.id,
            appeal=appeal,
            assignee_email=row.assignee_email,
            standing=Standing(
                status=row.status,
                assignee_id=row.assignee_id,
                team=row.team,
                due_at=row.due_at,
                first_response_due=row.first_response_due,
                first_response_at=row.first_response_at,
                snoozed_until=row.snoozed_until,
                blocked=row.blocked_at is not None,
                failed=row.failed > 0,
                mentioned=frozenset(mentioned[row.id]),
            ),
        )
        for row, appeal in zip(rows, await shape(session, rows), strict=True)
    }


async def ids_of(session: AsyncSession, numbers: Iterable[str]) -> dict[str, int]:
    """The ids of appeals by their numbers; what is not there is not among them."""
    appeal = models.Appeal
    wanted = select(col(appeal.number), col(appeal.id)).where(col(appeal.number).in_(set(numbers)))
    return {row.number: row.id for row in await fetch(session, wanted)}


async def _mentioned(session: AsyncSession, appeal_ids: set[int]) -> dict[int, set[int]]:
    mention = models.Mention
    found: dict[int, set[int]] = defaultdict(set)
    asked = select(col(mention.appeal_id), col(mention.operator_id)).where(
        col(mention.appeal_id).in_(appeal_ids), col(mention.seen_at).is_(None)
    )
    for appeal_id, operator_id in await fetch(session, asked):
        found[appeal_id].add(operator_id)
    return found


async def matching_ids(
    session: AsyncSession,
    query: Query,
    appeal_ids: Iterable[int],
    *,
    viewer: Principal,
    now: datetime,
) -> set[int]:
    """Which of the appeals belong to the viewer's list, asked of the database.

    Words are looked for in the appeals themselves: the index is a moment behind.
    """
    asked = await conditions(session, structs.replace(query, q=None), viewer=viewer, now=now)
    wanted = (
        select(col(models.Appeal.id))
        .join(models.Contact, col(models.Contact.id) == col(models.Appeal.contact_id))
        .outerjoin(models.Operator, col(models.Operator.id) == col(models.Appeal.assignee_id))
        .where(col(models.Appeal.id).in_(set(appeal_ids)), visible_to(viewer), *asked)
    )
    found = {row.id for row in await fetch(session, wanted)}
    return await fitting_ids(session, query.q or "", found) if is_searching(query) else found


def is_searching(query: Query) -> bool:
    """Whether the list is one of words, of which `matches` cannot tell."""
    return query.q is not None and bool(query.q.strip())


def matches(query: Query, known: Known, *, viewer: Principal, now: datetime) -> bool:
    """Whether an appeal belongs to the viewer's list, whatever words are searched for."""
    appeal, standing = known.appeal, known.standing
    if not may_see(viewer, team=standing.team, assignee_id=standing.assignee_id):
        return False
    if query.queue is not None:
        team = next(iter(query.teams), None)
        if not in_queue(query.queue, standing, viewer, now, team):
            return False
    return (
        (not query.channels or appeal.channel in query.channels)
        and (not query.statuses or appeal.status in query.statuses)
        and (query.assignee is None or _is_held_by(query.assignee, known))
        and (query.category is None or _is_about(query.category, appeal.category))
        and (query.due_before is None or _is_before(appeal.due_at, query.due_before))
        and (not query.teams or appeal.team in query.teams)
        and (not query.districts or appeal.district in query.districts)
        and (not query.languages or appeal.language in query.languages)
        and (query.tag is None or query.tag in appeal.tags)
        and (query.opened_from is None or appeal.opened_at >= query.opened_from)
        and (query.opened_before is None or appeal.opened_at < query.opened_before)
    )


def _is_held_by(assignee: str, known: Known) -> bool:
    holder = known.standing.assignee_id
    if assignee == "none":
        return holder is None
    id_ = parse_id(assignee)
    if id_ is not None:
        return holder == id_
    return holder is not None and known.assignee_email == assignee.strip().lower()


def _is_about(wanted: str, category: str | None) -> bool:
    if category is None:
        return False
    return category == wanted or ("." not in wanted and category.startswith(f"{wanted}."))


def _is_before(moment: datetime | None, limit: datetime) -> bool:
    return moment is not None and moment < limit
