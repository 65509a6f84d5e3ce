"""A change to an appeal: claimed, handed over, moved along or described; all of it, or nothing."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import AlreadyHeld, IllegalMove, NotFound, RegistryError
from registry.journal import record
from registry.models import Appeal, Contact, Operator
from registry.operators import Principal, Role
from registry.states import MOVES, Status, may_move


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class NotAllowed(RegistryError):
    """The role does not reach so far; the sentence says whose does."""


class Change(Struct, frozen=True, kw_only=True):
    """What is to become of an appeal; what is unset stays."""

    status: Status | UnsetType = UNSET
    assignee_id: int | UnsetType | None = UNSET
    """None releases it."""
    reassign: bool = False
    """Take it from whoever holds it: a supervisor's right."""
    priority: Priority | UnsetType = UNSET
    category: str | UnsetType | None = UNSET
    team: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    subject: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    address: str | UnsetType | None = UNSET
    latitude: float | UnsetType | None = UNSET
    longitude: float | UnsetType | None = UNSET
    read: bool = False
    """Count no message as unread any more; a mark of attention, which the journal does not keep."""


_DESCRIPTIONS = (
    "priority", "category", "team", "language", "subject", "kind",
    "address", "latitude", "longitude",
)  # fmt: skip


async def change_appeal(
    session: AsyncSession, number: str, change: Change, *, by: Principal, now: datetime
) -> None:
    """Make the change, all of it or nothing.

    Raises: NotFound (appeal or assignee), AlreadyHeld, NotAllowed, IllegalMove.
    """
    target = change.assignee_id
    claimed = (
        isinstance(target, int)
        and target == by.operator_id
        and await _claim(session, number, operator_id=target)
    )
    appeal = await _lock(session, number)
    history: dict[str, Any] = {}
    if claimed:
        history["assignee"] = _turn(None, str(target))
    elif not isinstance(target, UnsetType) and target != appeal.assignee_id:
        await _check_hand_over(session, appeal, target, by=by, reassign=change.reassign)
        history["assignee"] = _turn(_name(appeal.assignee_id), _name(target))
        appeal.assignee_id = target
    status = change.status
    if status is UNSET and target and appeal.status == Status.NEW:
        status = Status.OPEN  # new means that nobody has taken it
    if not isinstance(status, UnsetType) and status != appeal.status:
        history["status"] = _turn(appeal.status, status.value)
        _move(appeal, status, now=now)
    for field in _DESCRIPTIONS:
        wanted, before = getattr(change, field), getattr(appeal, field)
        if wanted is not UNSET and wanted != before:
            history[field] = _turn(before, wanted)
            setattr(appeal, field, wanted)
    if not isinstance(change.language, UnsetType):
        await _set_language(session, appeal.contact_id, change.language)
    if change.read:
        appeal.unread = 0
    if history:
        record(
            session,
            "appeal.changed",
            actor=by.actor,
            now=now,
            appeal_id=appeal.id,
            contact_id=appeal.contact_id,
            data=history,
        )
    await session.flush()


async def _set_language(session: AsyncSession, contact_id: int, language: str | None) -> None:
    """What an operator says a citizen speaks stands; None lets what they write decide again."""
    await session.exec(
        update(Contact)
        .where(col(Contact.id) == contact_id)
        .values(language=language, language_fixed=language is not None)
    )


async def _claim(session: AsyncSession, number: str, *, operator_id: int) -> bool:
    """Take an appeal that nobody holds: of any number who try at once, one does."""
    taken = await session.exec(
        update(Appeal)
        .where(col(Appeal.number) == number, col(Appeal.assignee_id).is_(None))
        .values(assignee_id=operator_id)
        .returning(col(Appeal.id))
    )
    return taken.first() is not None


async def _lock(session: AsyncSession, number: str) -> Appeal:
    found = await session.exec(select(Appeal).where(Appeal.number == number).with_for_update())
    appeal = found.one_or_none()
    if appeal is None:
        raise NotFound("appeal", number)
    return appeal


async def _check_hand_over(
    session: AsyncSession, appeal: Appeal, target: int | None, *, by: Principal, reassign: bool
) -> None:
    """Whoever holds an appeal, or a supervisor, gives it away; a free one anybody may give."""
    if appeal.assignee_id is not None and appeal.assignee_id != by.operator_id:
        holder = await session.get(Operator, appeal.assignee_id)
        assert holder is not None  # a foreign key
        if not reassign:
            raise AlreadyHeld(appeal.number, str(holder.id), holder.name)
        if not by.is_at_least(Role.SUPERVISOR):
            raise NotAllowed(
                f"{appeal.number} is held by {holder.name}; "
                "they, a supervisor or an administrator can give it to somebody else."
            )
    if target is not None:
        operator = await session.get(Operator, target)
        if operator is None or operator.disabled_at is not None:
            raise NotFound("active operator", target)


def _move(appeal: Appeal, status: Status, *, now: datetime) -> None:
    source = Status(appeal.status)
    if not may_move(source, status):
        allowed = tuple(move.value for move in Status if move in MOVES[source])
        raise IllegalMove(appeal.number, source.value, status.value, allowed)
    appeal.status = status.value
    if status is Status.RESOLVED:
        appeal.resolved_at = now
    elif status is Status.CLOSED:
        appeal.closed_at = now
    else:
        appeal.resolved_at = appeal.closed_at = None


def _turn(before: object, after: object) -> dict[str, object]:
    return {"from": before, "to": after}


def _name(operator_id: int | None) -> str | None:
    return None if operator_id is None else str(operator_id)
