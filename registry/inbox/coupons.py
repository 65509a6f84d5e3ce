"""The coupon of an appeal: what a citizen is given when theirs is taken in."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import or_, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.errors import NotFound
from registry.inbox.rows import fetch
from registry.operators import Principal, Role


class Coupon(Struct, frozen=True, kw_only=True):
    """What stands on it, beside what the office is called."""

    appeal_id: int
    number: str
    channel: str
    kind: str
    language: str | None
    opened_at: datetime
    due_at: datetime | None
    accepted_by: str | None
    """Who took it in, as they were called on that day; None where it came by itself."""
    accepted_as: Role | None
    accepted_position: str | None
    """What they were in the office on that day; None where nobody said so."""


async def get_coupon(session: AsyncSession, number: str, *, viewer: Principal) -> Coupon:
    """The coupon for whoever may see the appeal, or took it in.

    Raises: NotFound.
    """
    appeal, entry = models.Appeal, models.JournalEntry
    found = await fetch(
        session,
        select(
            col(appeal.id),
            col(appeal.number),
            col(appeal.channel),
            col(appeal.kind),
            col(appeal.language),
            col(appeal.opened_at),
            col(appeal.due_at),
            col(entry.data).label("told"),
        )
        .outerjoin(
            entry,
            (col(entry.appeal_id) == col(appeal.id)) & (col(entry.event) == "appeal.opened"),
        )
        .where(
            col(appeal.number) == number,
            # An appeal may go to a team at once that is not of whoever took it in.
            or_(visible_to(viewer), col(entry.actor) == viewer.actor),
        )
        .limit(1),
    )
    if not found:
        raise NotFound("appeal", number)
    row = found[0]
    accepted = (row.told or {}).get("accepted_by")
    return Coupon(
        appeal_id=row.id,
        number=row.number,
        channel=row.channel,
        kind=row.kind,
        language=row.language,
        opened_at=row.opened_at,
        due_at=row.due_at,
        accepted_by=accepted and accepted["name"],
        accepted_as=accepted and Role(accepted["role"]),
        accepted_position=accepted and accepted.get("position"),
    )
