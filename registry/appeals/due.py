"""An appeal's deadlines: given whenever it is opened, moved with its kind and category, or set by
hand.

As long as no hub has furnished the office (see registry.furnishing), none are kept.
"""

from datetime import datetime
from typing import TypeAlias

from msgspec import UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.history import History, turn
from registry.current_office import Office, office_of
from registry.deadlines import latest_extension, restarted, whole_minute
from registry.errors import BadValue
from registry.models import Appeal
from registry.queues import Standing, is_overdue

Wanted: TypeAlias = datetime | UnsetType | None
"""A deadline that a person sets; None for that of the rules."""


async def give_deadlines(session: AsyncSession, appeal: Appeal) -> None:
    """Set until when a new appeal is to be answered and done."""
    office = await office_of(session)
    if office is not None:
        appeal.first_response_due, appeal.due_at = office.deadlines(
            appeal.kind, appeal.category, appeal.opened_at
        )


async def restart_term(
    session: AsyncSession, appeal: Appeal, history: History, *, now: datetime
) -> None:
    """Let the term of an appeal that is opened again begin anew."""
    office = await office_of(session)
    new = restarted(
        None if office is None else office.deadlines,
        kind=appeal.kind,
        category=appeal.category,
        due_at=appeal.due_at,
        due_fixed=appeal.due_fixed,
        first_response_due=appeal.first_response_due,
        first_response_at=appeal.first_response_at,
        now=now,
    )
    for name, value in new._asdict().items():
        turn(history, appeal, name, value)
    turn(history, appeal, "reopened_at", now)
    turn(history, appeal, "escalated_at", None)


async def move_deadline(
    session: AsyncSession,
    appeal: Appeal,
    wanted: Wanted,
    history: History,
    *,
    reason: str | None,
    now: datetime,
) -> None:
    """Set the deadline by hand, or after the kind and category that have just changed.

    What a person has set stays until they give it back to the rules. Raises: BadValue.
    """
    if isinstance(wanted, UnsetType) and (appeal.due_fixed or not history.keys() & _DECISIVE):
        return
    office = await office_of(session)
    if isinstance(wanted, datetime):
        _check(appeal, whole_minute(wanted), office, reason=reason)
        turn(history, appeal, "due_at", whole_minute(wanted))
    elif office is not None:
        _, by_rules = office.deadlines(appeal.kind, appeal.category, _began(appeal))
        turn(history, appeal, "due_at", by_rules)
    turn(history, appeal, "due_fixed", isinstance(wanted, datetime))
    if "due_at" in history and not _is_late(appeal, now):
        turn(history, appeal, "escalated_at", None)


_DECISIVE = frozenset({"kind", "category"})
"""What a deadline follows from, beside the moment of opening."""


def _began(appeal: Appeal) -> datetime:
    """Since when its present term runs."""
    return appeal.reopened_at or appeal.opened_at


def _check(appeal: Appeal, wanted: datetime, office: Office | None, *, reason: str | None) -> None:
    """A deadline that moves away needs a reason, and the law may have a say. Raises: BadValue."""
    if wanted < whole_minute(appeal.opened_at):
        raise BadValue("due_at", f"{appeal.number} was opened after that; take a later time.")
    if appeal.due_at is not None and wanted > appeal.due_at and not (reason or "").strip():
        raise BadValue("reason", "A deadline is extended with a reason; say why.")
    if office is None:
        return
    latest = latest_extension(appeal.kind, _began(appeal), office.calendar, office.terms)
    if latest is not None and wanted > latest:
        shown = latest.astimezone(office.calendar.zone)
        raise BadValue(
            "due_at",
            f"The deadline of {appeal.number} can be extended until {shown:%d.%m.%Y %H:%M}, "
            "as the legal terms of the office have it.",
        )


def _is_late(appeal: Appeal, now: datetime) -> bool:
    return is_overdue(
        Standing(
            status=appeal.status,
            due_at=appeal.due_at,
            first_response_due=appeal.first_response_due,
            first_response_at=appeal.first_response_at,
        ),
        now,
    )
