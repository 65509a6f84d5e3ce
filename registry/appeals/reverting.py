"""A change taken back: what it made new becomes old again, where nobody has changed it since."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.changes import set_tags, tags_of
from registry.appeals.history import COLUMNS, LINKS, History, note
from registry.appeals.locking import number_of, refuse_merged
from registry.errors import RegistryError
from registry.ids import parse_id
from registry.journal import CITIZEN, SYSTEM, record
from registry.models import Appeal, Contact, JournalEntry, Operator
from registry.operators import Principal

CHANGED = "appeal.changed"
CHANGE_UNDONE = "appeal.change_undone"


class Later(Struct, frozen=True, kw_only=True):
    """What was changed after what is to be undone, and by whom."""

    field: str
    by: str
    """A name; "the citizen" or "the hub" for what no colleague did."""
    at: datetime | None
    """None where the journal does not tell."""


class ChangedSince(RegistryError):
    """What is to be undone has been changed again: putting it back would undo that as well."""

    def __init__(self, what: str, later: Collection[Later]) -> None:
        told = ", ".join(f"{one.field} was changed by {one.by}" for one in later)
        super().__init__(f"{what} cannot be put back as it was: {told} since.")
        self.what = what
        self.later = list(later)


class NotUndoable(RegistryError):
    """It cannot be taken back at all; the sentence says why."""


async def revert_change(
    session: AsyncSession, entry: JournalEntry, *, by: Principal, now: datetime
) -> tuple[str, int]:
    """Take back a change that the journal tells; the appeal's number, and the new entry.

    Raises: ChangedSince, NotUndoable, Merged.
    """
    found = await session.exec(
        select(Appeal)
        .where(Appeal.id == entry.appeal_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    appeal = found.one()
    await refuse_merged(session, appeal)
    history = await revert(session, appeal, entry)
    undone = record(
        session,
        CHANGE_UNDONE,
        actor=by.actor,
        now=now,
        appeal_id=appeal.id,
        contact_id=appeal.contact_id,
        data={**history, "undoes": str(entry.id)},
    )
    await session.flush()
    return appeal.number, undone


async def revert(session: AsyncSession, appeal: Appeal, entry: JournalEntry) -> History:
    """Put back all that the entry tells of an appeal that the transaction holds; what that changed.

    Raises: ChangedSince, NotUndoable.
    """
    turns = {name: told for name, told in entry.data.items() if _is_turn(told)}
    differing = [
        name for name, told in turns.items() if await _present(session, appeal, name) != told["to"]
    ]
    if differing:
        raise ChangedSince(appeal.number, await who_changed(session, entry, differing))
    history: History = {}
    for name, told in turns.items():
        await _put(session, appeal, name, told["from"])
        note(history, name, told["to"], told["from"])
    return history


async def who_changed(
    session: AsyncSession, entry: JournalEntry, fields: Collection[str], *, also_in: int = 0
) -> list[Later]:
    """By whom each of the fields was changed last after the entry, there or in another appeal."""
    places = [entry.appeal_id, also_in]
    found = await session.exec(
        select(JournalEntry)
        .where(col(JournalEntry.appeal_id).in_(places), col(JournalEntry.id) > entry.id)
        .order_by(col(JournalEntry.id).desc())
    )
    after = list(found)
    later = []
    for field in fields:
        cause = next((one for one in after if _touches(one, field)), None)
        name = "somebody" if cause is None else await name_of(session, cause.actor)
        later.append(Later(field=field, by=name, at=None if cause is None else cause.at))
    return later


async def name_of(session: AsyncSession, actor: str) -> str:
    """Who an actor of the journal is, for people."""
    if actor in {CITIZEN, SYSTEM}:
        return "the citizen" if actor == CITIZEN else "the hub"
    kind, _, name = actor.partition(":")
    operator_id = parse_id(name) if kind == "operator" else None
    if operator_id is not None:
        operator = await session.get(Operator, operator_id)
        return name if operator is None else operator.name
    return name


def _is_turn(told: Any) -> bool:
    return isinstance(told, Mapping) and set(told) == {"from", "to"}


_MADE_BY = {
    "snoozed_until": {"message.received", "appeal.woke"},  # what a citizen writes wakes an appeal
    "waiting_since": {"message.received", "message.queued"},
    "messages": {"appeal.merged", "appeal.split", "appeal.split_undone"},
}
"""Events that change a field without telling it old beside new."""


def _touches(entry: JournalEntry, field: str) -> bool:
    if _is_turn(entry.data.get(field)) or entry.event in _MADE_BY.get(field, ()):
        return True
    # What happens to an appeal by itself is a turn of its status, told as that alone.
    return field in {"status", "resolved_at", "outcome"} and _is_turn(entry.data)


async def _present(session: AsyncSession, appeal: Appeal, name: str) -> Any:
    """What a name stands for now, as the journal would tell it. Raises: NotUndoable."""
    if name in COLUMNS:
        return COLUMNS[name].write(getattr(appeal, COLUMNS[name].attribute))
    if name in LINKS:
        linked = getattr(appeal, LINKS[name])
        return None if linked is None else await number_of(session, linked)
    if name == "tags":
        return sorted(await tags_of(session, appeal.id))
    if name == "contact_language":
        contact = await session.get_one(Contact, appeal.contact_id, with_for_update=True)
        return {"language": contact.language, "fixed": contact.language_fixed}
    raise NotUndoable(f"What was done to the {name} of {appeal.number} cannot be taken back.")


async def _put(session: AsyncSession, appeal: Appeal, name: str, told: Any) -> None:
    if name in COLUMNS:
        column = COLUMNS[name]
        value = column.read(told)
        if name == "assignee" and value is not None:
            await _check_works_here(session, appeal, value)
        setattr(appeal, column.attribute, value)
    elif name in LINKS:
        linked = None
        if told is not None:
            found = await session.exec(select(Appeal.id).where(Appeal.number == told))
            linked = found.one()
        setattr(appeal, LINKS[name], linked)
    elif name == "tags":
        await set_tags(session, appeal.id, frozenset(told))
    else:
        contact = await session.get_one(Contact, appeal.contact_id)
        contact.language, contact.language_fixed = told["language"], told["fixed"]


async def _check_works_here(session: AsyncSession, appeal: Appeal, operator_id: int) -> None:
    operator = await session.get_one(Operator, operator_id)
    if operator.disabled_at is not None:
        raise NotUndoable(
            f"{operator.name}, who held {appeal.number}, works here no more; "
            "assign it to somebody else."
        )
