"""A change to an appeal: claimed, handed over, moved along or described; all of it, or nothing."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.appeals.choices import (
    check_category,
    check_district,
    check_tag_count,
    check_team,
    clean_tags,
    is_of_team,
)
from registry.appeals.due import move_deadline, restart_term
from registry.appeals.history import History, note, turn
from registry.appeals.locking import lock_appeal, number_of, refuse_merged
from registry.appeals.notes import append_note
from registry.errors import AlreadyHeld, BadValue, IllegalMove, NotAllowed, NotFound
from registry.journal import record
from registry.models import Appeal, AppealTag, Contact, Operator
from registry.operators import Principal, Role
from registry.states import LIVE, MOVES, Outcome, Status, may_move

LONGEST_SNOOZE = timedelta(days=60)


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Change(Struct, frozen=True, kw_only=True):
    """What is to become of an appeal; what is unset stays."""

    status: Status | UnsetType = UNSET
    outcome: Outcome | UnsetType | None = UNSET
    """How it was resolved; one that is opened again has none."""
    assignee_id: int | UnsetType | None = UNSET
    """None releases it."""
    reassign: bool = False
    """Take it from whoever holds it: a supervisor's right."""
    team: str | UnsetType | None = UNSET
    """Whoever holds it and is not of that team lets go of it."""
    note: str | None = None
    """Said to colleagues together with the change."""
    priority: Priority | UnsetType = UNSET
    category: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    subject: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    address: str | UnsetType | None = UNSET
    latitude: float | UnsetType | None = UNSET
    longitude: float | UnsetType | None = UNSET
    district: str | UnsetType | None = UNSET
    snoozed_until: datetime | UnsetType | None = UNSET
    """None wakes it."""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    duplicate_of: str | UnsetType | None = UNSET
    """The number of the appeal that it repeats. Nothing moves."""
    due_at: datetime | UnsetType | None = UNSET
    """A deadline that neither category nor calendar moves: a supervisor's right. None gives it back
    to them."""
    reason: str | None = None
    """Why the deadline moves; an extension needs one."""
    read: bool = False
    """Count no message as unread any more; a mark of attention, which the journal does not keep."""


_DESCRIPTIONS = (
    "priority", "category", "language", "subject", "kind", "address", "latitude", "longitude",
    "district",
)  # fmt: skip


async def change_appeal(
    session: AsyncSession, number: str, change: Change, *, by: Principal, now: datetime
) -> int | None:
    """Make the change, all of it or nothing; the entry of the journal that tells it, if any.

    Raises: NotFound (appeal or assignee), AlreadyHeld, NotAllowed, IllegalMove, BadValue, Merged.
    """
    target = change.assignee_id
    claimed = (
        isinstance(target, int)
        and target == by.operator_id
        and await _claim(session, number, by=by, operator_id=target)
    )
    appeal = await lock_appeal(session, number, by=by)
    if change != Change(read=change.read):
        await refuse_merged(session, appeal)
    history: History = {}
    if claimed:
        note(history, "assignee", None, str(target))
    elif not isinstance(target, UnsetType):
        await _hand_over(session, appeal, target, history, by=by, reassign=change.reassign)
    if not isinstance(change.team, UnsetType) and change.team != appeal.team:
        await _transfer(session, appeal, change, history, by=by)
    was_live = Status(appeal.status) in LIVE
    _move_along(appeal, change, history, now=now)
    if not was_live and Status(appeal.status) in LIVE:
        await restart_term(session, appeal, history, now=now)
    if not isinstance(change.category, UnsetType) and change.category != appeal.category:
        category = await check_category(session, change.category)
        if category is not None and category.team is not None and appeal.team is None:
            # What has no queue yet goes to those whose business it is.
            turn(history, appeal, "team", category.team)
    if not isinstance(change.district, UnsetType) and change.district != appeal.district:
        await check_district(session, change.district)
    for field in _DESCRIPTIONS:
        wanted = getattr(change, field)
        if wanted is not UNSET:
            turn(history, appeal, field, wanted)
    if change.due_at is not UNSET and not by.is_at_least(Role.SUPERVISOR):
        raise NotAllowed("A supervisor or an administrator sets deadlines; ask one of them.")
    await move_deadline(session, appeal, change.due_at, history, reason=change.reason, now=now)
    if not isinstance(change.language, UnsetType):
        await _set_language(session, appeal.contact_id, change.language, history)
    if change.add_tags or change.remove_tags:
        await _retag(session, appeal, change, history)
    if not isinstance(change.duplicate_of, UnsetType):
        await _link(session, appeal, change.duplicate_of, history, by=by)
    if change.read:
        appeal.unread = 0
    entry = None
    if history:
        entry = record(
            session,
            "appeal.changed",
            actor=by.actor,
            now=now,
            appeal_id=appeal.id,
            contact_id=appeal.contact_id,
            data={**history, "reason": change.reason} if change.reason else history,
        )
    if change.note:
        await append_note(session, appeal, change.note, by=by, now=now)
    await session.flush()
    return entry


# --- Who has it ---------------------------------------------------------------------------------


async def _claim(session: AsyncSession, number: str, *, by: Principal, operator_id: int) -> bool:
    """Take an appeal that nobody holds: of any number who try at once, one does."""
    taken = await session.exec(
        update(Appeal)
        .where(col(Appeal.number) == number, col(Appeal.assignee_id).is_(None), visible_to(by))
        .values(assignee_id=operator_id)
        .returning(col(Appeal.id))
    )
    return taken.first() is not None


async def _hand_over(
    session: AsyncSession,
    appeal: Appeal,
    target: int | None,
    history: History,
    *,
    by: Principal,
    reassign: bool,
) -> None:
    if target == appeal.assignee_id:
        return
    await _check_hand_over(session, appeal, by=by, reassign=reassign)
    if target is not None:
        operator = await session.get(Operator, target)
        if operator is None or operator.disabled_at is not None:
            raise NotFound("active operator", target)
    turn(history, appeal, "assignee", target)


async def _check_hand_over(
    session: AsyncSession, appeal: Appeal, *, by: Principal, reassign: bool
) -> None:
    """Whoever holds an appeal, or a supervisor, gives it away; a free one anybody may give."""
    if appeal.assignee_id is None or appeal.assignee_id == by.operator_id:
        return
    holder = await session.get(Operator, appeal.assignee_id)
    assert holder is not None  # a foreign key
    if not reassign:
        raise AlreadyHeld(appeal.number, str(holder.id), holder.name)
    if not by.is_at_least(Role.SUPERVISOR):
        raise NotAllowed(
            f"{appeal.number} is held by {holder.name}; "
            "they, a supervisor or an administrator can give it to somebody else."
        )


async def _transfer(
    session: AsyncSession, appeal: Appeal, change: Change, history: History, *, by: Principal
) -> None:
    """Give it to another team, and take it from a holder who is not of it."""
    assert not isinstance(change.team, UnsetType)
    await check_team(session, change.team)
    holder = appeal.assignee_id
    stays = (
        holder is None
        or change.team is None
        or change.assignee_id is not UNSET
        or await is_of_team(session, holder, change.team)
    )
    if not stays:
        await _check_hand_over(session, appeal, by=by, reassign=change.reassign)
        turn(history, appeal, "assignee", None)
    turn(history, appeal, "team", change.team)


# --- How far it is ------------------------------------------------------------------------------


def _move_along(appeal: Appeal, change: Change, history: History, *, now: datetime) -> None:
    status = change.status
    if status is UNSET and change.assignee_id and appeal.status == Status.NEW:
        status = Status.OPEN  # new means that nobody has taken it
    if not isinstance(status, UnsetType) and status != appeal.status:
        _move(appeal, status, history, now=now)
    live = Status(appeal.status) in LIVE
    if live and change.outcome:
        raise BadValue(
            "outcome",
            f"{appeal.number} is {appeal.status} and has no outcome yet; resolve it with one.",
        )
    if live:
        turn(history, appeal, "outcome", None)
    elif not isinstance(change.outcome, UnsetType):
        turn(history, appeal, "outcome", change.outcome and change.outcome.value)
    _snooze(appeal, change, history, live=live, now=now)


def _move(appeal: Appeal, status: Status, history: History, *, now: datetime) -> None:
    source = Status(appeal.status)
    if not may_move(source, status):
        allowed = tuple(move.value for move in Status if move in MOVES[source])
        raise IllegalMove(appeal.number, source.value, status.value, allowed)
    turn(history, appeal, "status", status.value)
    if status is Status.RESOLVED:
        turn(history, appeal, "resolved_at", now)
    elif status is Status.CLOSED:
        turn(history, appeal, "closed_at", now)
    else:
        turn(history, appeal, "resolved_at", None)
        turn(history, appeal, "closed_at", None)
    if status not in LIVE:
        turn(history, appeal, "waiting_since", None)


def _snooze(appeal: Appeal, change: Change, history: History, *, live: bool, now: datetime) -> None:
    until = change.snoozed_until
    if isinstance(until, datetime):
        if not live:
            raise BadValue(
                "snoozed_until",
                f"{appeal.number} is {appeal.status}: there is nothing to put off.",
            )
        if not now < until <= now + LONGEST_SNOOZE:
            raise BadValue(
                "snoozed_until",
                f"An appeal is put off until a time to come, at most {LONGEST_SNOOZE.days} days.",
            )
    if not live:
        until = None
    if not isinstance(until, UnsetType):
        turn(history, appeal, "snoozed_until", until)


# --- What it is ---------------------------------------------------------------------------------


async def _set_language(
    session: AsyncSession, contact_id: int, language: str | None, history: History
) -> None:
    """What an operator says a citizen speaks stands; None lets what they write decide again."""
    contact = await session.get_one(Contact, contact_id, with_for_update=True)
    before = {"language": contact.language, "fixed": contact.language_fixed}
    contact.language, contact.language_fixed = language, language is not None
    note(
        history,
        "contact_language",
        before,
        {"language": contact.language, "fixed": contact.language_fixed},
    )


async def _retag(session: AsyncSession, appeal: Appeal, change: Change, history: History) -> None:
    before = await tags_of(session, appeal.id)
    after = before - clean_tags(change.remove_tags) | clean_tags(change.add_tags)
    if len(after) > len(before):
        check_tag_count(after)
    await set_tags(session, appeal.id, after)
    note(history, "tags", sorted(before), sorted(after))


async def tags_of(session: AsyncSession, appeal_id: int) -> frozenset[str]:
    """The words on an appeal."""
    return frozenset(
        await session.exec(select(AppealTag.tag).where(AppealTag.appeal_id == appeal_id))
    )


async def set_tags(session: AsyncSession, appeal_id: int, tags: frozenset[str]) -> None:
    """Put these words on an appeal, and no others."""
    before = await tags_of(session, appeal_id)
    if gone := before - tags:
        await session.exec(
            delete(AppealTag).where(
                col(AppealTag.appeal_id) == appeal_id, col(AppealTag.tag).in_(gone)
            )
        )
    for tag in sorted(tags - before):
        session.add(AppealTag(appeal_id=appeal_id, tag=tag))
    await session.flush()


async def _link(
    session: AsyncSession, appeal: Appeal, original: str | None, history: History, *, by: Principal
) -> None:
    """Say which appeal it repeats; two that repeat each other would both be nobody's."""
    before = (
        None if appeal.duplicate_of_id is None else await number_of(session, appeal.duplicate_of_id)
    )
    appeal.duplicate_of_id = None
    if original is not None:
        found = await session.exec(select(Appeal).where(Appeal.number == original, visible_to(by)))
        step = found.one_or_none()
        if step is None:
            raise BadValue("duplicate_of", f"There is no appeal {original}.")
        appeal.duplicate_of_id = step.id
        repeated = {step.id}
        while step is not None and step.duplicate_of_id not in {None, *repeated}:
            step = await session.get(Appeal, step.duplicate_of_id)
            if step is not None:
                repeated.add(step.id)
        if appeal.id in repeated:
            raise BadValue(
                "duplicate_of",
                f"{original} is, or repeats, {appeal.number} itself; name the original.",
            )
    note(history, "duplicate_of", before, original)
