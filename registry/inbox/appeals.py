"""Appeals as lists show them: one query a kind of thing, however long the list."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, func, select, text
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
    return [
        Appeal(
            id=str(row.id),
            number=row.number,
            channel=row.channel,
            account=row.account,
            kind=row.kind,
            status=Status(row.status),
            priority=Priority(row.priority),
            category=row.category,
            language=row.language,
            subject=row.subject,
            first_file=files.get(row.id),
            contact=Contact(
                id=str(row.contact_id), name=row.contact_name, points=points[row.contact_id]
            ),
            assignee=None if row.assignee_id is None else str(row.assignee_id),
            assignee_name=row.assignee_name,
            team=row.team,
            opened_at=row.opened_at,
            due_at=row.due_at,
            last_message_at=row.last_message_at,
            unread=row.unread,
            message_count=row.message_count,
            latitude=row.latitude,
            longitude=row.longitude,
            address=row.address,
            district=row.district,
            tags=tags[row.id],
            outcome=row.outcome,
            snoozed_until=row.snoozed_until,
            waiting_since=row.waiting_since,
            first_response_due=row.first_response_due,
            first_response_at=row.first_response_at,
            failed=row.failed,
        )
        for row in rows
    ]


async def _points(session: AsyncSession, contact_ids: set[int]) -> dict[int, list[Point]]:
    point = models.ContactPoint
    points: dict[int, list[Point]] = defaultdict(list)
    if contact_ids:
        found = await fetch(
            session,
            select(col(point.contact_id), col(point.scheme), col(point.value))
            .where(col(point.contact_id).in_(contact_ids))
            .order_by(col(point.id)),
        )
        for contact_id, scheme, value in found:
            points[contact_id].append(Point(scheme=scheme, value=value))
    return points


async def _tags(session: AsyncSession, appeal_ids: Sequence[int]) -> dict[int, list[str]]:
    tag = models.AppealTag
    tags: dict[int, list[str]] = defaultdict(list)
    if appeal_ids:
        found = await fetch(
            session,
            select(col(tag.appeal_id), col(tag.tag))
            .where(col(tag.appeal_id).in_(appeal_ids))
            .order_by(col(tag.tag)),
        )
        for appeal_id, name in found:
            tags[appeal_id].append(name)
    return tags


async def _first_files(
    session: AsyncSession, appeal_ids: Sequence[int]
) -> dict[int, AttachmentKind]:
    message, file = models.Message, models.Attachment
    if not appeal_ids:
        return {}
    found = await fetch(
        session,
        select(col(message.appeal_id), col(file.kind))
        .join(message, col(message.id) == col(file.message_id))
        .where(
            col(message.appeal_id).in_(appeal_ids),
            col(message.direction) == "in",
            col(message.deleted_at).is_(None),
        )
        .order_by(
            col(message.sent_at).desc(),
            col(message.sequence).desc(),
            col(message.id).desc(),
            col(file.position).desc(),
            col(file.id).desc(),
        ),
    )
    return {appeal_id: AttachmentKind(kind) for appeal_id, kind in found}
