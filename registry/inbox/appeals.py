"""Appeals as lists show them: one query a kind of thing, however long the list."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Row, ScalarSelect, Select, bindparam, func, select, text
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.appeals import Priority
from registry.errors import NotFound
from registry.inbox.rows import fetch
from registry.inbox.shapes import Appeal, Contact, Point
from registry.operators import Principal
from registry.states import Status
from registry.types import AttachmentKind

FAILED = "messages.state IN ('failed', 'uncertain')"
"""Said in the words of the index that finds them."""


_WIDTH = 30
"""Columns that every list has; some add others behind them."""


@cache
def columns() -> Select[*tuple[Any, ...]]:
    """What a list shows of an appeal, to be narrowed down and ordered."""
    appeal = models.Appeal
    return (
        select(
            col(appeal.id),
            col(appeal.number),
            col(appeal.channel),
            col(appeal.account),
            col(appeal.kind),
            col(appeal.status),
            col(appeal.priority),
            col(appeal.category),
            col(appeal.language),
            col(appeal.subject),
            col(appeal.contact_id),
            col(models.Contact.name).label("contact_name"),
            col(appeal.assignee_id),
            col(models.Operator.name).label("assignee_name"),
            col(appeal.team),
            col(appeal.opened_at),
            col(appeal.due_at),
            col(appeal.last_message_at),
            col(appeal.unread),
            col(appeal.message_count),
            col(appeal.latitude),
            col(appeal.longitude),
            col(appeal.address),
            col(appeal.district),
            col(appeal.outcome),
            col(appeal.snoozed_until),
            col(appeal.waiting_since),
            col(appeal.first_response_due),
            col(appeal.first_response_at),
            _failed().label("failed"),
        )
        .join(models.Contact, col(models.Contact.id) == col(appeal.contact_id))
        .outerjoin(models.Operator, col(models.Operator.id) == col(appeal.assignee_id))
    )


def _failed() -> ScalarSelect[int]:
    message = models.Message
    return (
        select(func.count())
        .where(col(message.appeal_id) == col(models.Appeal.id), text(FAILED))
        .correlate(models.Appeal)
        .scalar_subquery()
    )


async def find_one(
    session: AsyncSession, number: str, viewer: Principal | None
) -> tuple[Row[Any], Appeal]:
    """The row and the shape of one appeal. Raises: NotFound, also when it is not to be seen."""
    wanted = columns().where(col(models.Appeal.number) == number)
    if viewer is not None:
        wanted = wanted.where(visible_to(viewer))
    found = await fetch(session, wanted)
    if not found:
        raise NotFound("appeal", number)
    return found[0], (await shape(session, found))[0]


async def shape(session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Appeal]:
    """Rows of `columns` as appeals, with what other tables know of them."""
    points = await _points(session, {row.contact_id for row in rows})
    tags = await _tags(session, [row.id for row in rows])
    files = await _first_files(session, [row.id for row in rows if not row.subject])
    return [_appeal(row, points, tags, files) for row in rows]


def _appeal(
    row: Row[Any],
    points: Mapping[int, list[Point]],
    tags: Mapping[int, list[str]],
    files: Mapping[int, AttachmentKind],
) -> Appeal:
    # Taken apart at once: to ask a row for a column by its name costs a microsecond each.
    (
        id_,
        number,
        channel,
        account,
        kind,
        status,
        priority,
        category,
        language,
        subject,
        contact_id,
        contact_name,
        assignee_id,
        assignee_name,
        team,
        opened_at,
        due_at,
        last_message_at,
        unread,
        message_count,
        latitude,
        longitude,
        address,
        district,
        outcome,
        snoozed_until,
        waiting_since,
        first_response_due,
        first_response_at,
        failed,
    ) = row[:_WIDTH]
    return Appeal(
        id=str(id_),
        number=number,
        channel=channel,
        account=account,
        kind=kind,
        status=Status(status),
        priority=Priority(priority),
        category=category,
        language=language,
        subject=subject,
        first_file=files.get(id_),
        contact=Contact(id=str(contact_id), name=contact_name, points=points.get(contact_id, [])),
        assignee=None if assignee_id is None else str(assignee_id),
        assignee_name=assignee_name,
        team=team,
        opened_at=opened_at,
        due_at=due_at,
        last_message_at=last_message_at,
        unread=unread,
        message_count=message_count,
        latitude=latitude,
        longitude=longitude,
        address=address,
        district=district,
        tags=tags.get(id_, []),
        outcome=outcome,
        snoozed_until=snoozed_until,
        waiting_since=waiting_since,
        first_response_due=first_response_due,
        first_response_at=first_response_at,
        failed=failed,
    )


async def _points(session: AsyncSession, contact_ids: set[int]) -> dict[int, list[Point]]:
    points: dict[int, list[Point]] = defaultdict(list)
    if contact_ids:
        for contact_id, scheme, value in await fetch(session, _POINTS, {"ids": list(contact_ids)}):
            points[contact_id].append(Point(scheme=scheme, value=value))
    return points


async def _tags(session: AsyncSession, appeal_ids: Sequence[int]) -> dict[int, list[str]]:
    tags: dict[int, list[str]] = defaultdict(list)
    if appeal_ids:
        for appeal_id, name in await fetch(session, _TAGS, {"ids": appeal_ids}):
            tags[appeal_id].append(name)
    return tags


async def _first_files(
    session: AsyncSession, appeal_ids: Sequence[int]
) -> dict[int, AttachmentKind]:
    if not appeal_ids:
        return {}
    found = await fetch(session, _FILES, {"ids": appeal_ids})
    return {appeal_id: AttachmentKind(kind) for appeal_id, kind in found}


# --- Statements, which are not put together anew for every list -----------------------------------

_IDS: BindParameter[int] = bindparam("ids", expanding=True)

_POINTS = (
    select(
        col(models.ContactPoint.contact_id),
        col(models.ContactPoint.scheme),
        col(models.ContactPoint.value),
    )
    .where(col(models.ContactPoint.contact_id).in_(_IDS))
    .order_by(col(models.ContactPoint.id))
)

_TAGS = (
    select(col(models.AppealTag.appeal_id), col(models.AppealTag.tag))
    .where(col(models.AppealTag.appeal_id).in_(_IDS))
    .order_by(col(models.AppealTag.tag))
)

_FILES = (
    select(col(models.Message.appeal_id), col(models.Attachment.kind))
    .join(models.Message, col(models.Message.id) == col(models.Attachment.message_id))
    .where(
        col(models.Message.appeal_id).in_(_IDS),
        col(models.Message.direction) == "in",
        col(models.Message.deleted_at).is_(None),
    )
    .order_by(
        col(models.Message.sent_at).desc(),
        col(models.Message.sequence).desc(),
        col(models.Message.id).desc(),
        col(models.Attachment.position).desc(),
        col(models.Attachment.id).desc(),
    )
)
