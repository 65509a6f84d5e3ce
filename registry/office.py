"""What an administrator sets while the hub runs, and how the hub learns that it changed.

Whatever changes here is journaled old beside new, and gets a new revision, by which every process
knows that it holds something old. What moves deadlines leaves a mark besides: the open appeals are
computed anew behind it (see registry.recomputing). The caller commits.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, structs
from sqlalchemy import bindparam, text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.columns import UtcTime
from registry.ids import new_id
from registry.journal import record
from registry.models import OfficeSetting
from registry.office_shapes import S, Setting, as_delivered


async def get_setting(session: AsyncSession, shape: type[S]) -> S:
    """A setting as it is."""
    row = await session.get(OfficeSetting, shape.name)
    if row is None or not row.value:
        return as_delivered(shape)
    return msgspec.convert(row.value, shape)


async def setting_of(session: AsyncSession, shape: type[S]) -> S:
    """The same, for a transaction that changes none: all of them are read at the first question."""
    value = (await _values(session)).get(shape.name)
    return msgspec.convert(value, shape) if value else as_delivered(shape)


async def change_setting(
    session: AsyncSession, value: Setting, *, actor: str, now: datetime
) -> bool:
    """Set it; whether anything changed. What changes nothing writes nothing."""
    await hold_office(session, now=now)
    before = await get_setting(session, type(value))
    if before == value:
        return False
    row = await _hold(session, value.name, now=now)
    row.value = msgspec.to_builtins(value)
    row.changed_at, row.changed_by = now, actor
    record(
        session,
        "office.changed",
        actor=actor,
        now=now,
        data={"setting": value.name, "from": msgspec.to_builtins(before), "to": row.value},
    )
    cause = value.name if value.moves_deadlines else None
    await office_changed(session, cause=cause, now=now)
    return True


# --- Revisions ------------------------------------------------------------------------------------

REVISION = "revision"


async def hold_office(session: AsyncSession, *, now: datetime) -> None:
    """Let nobody else change the office until the transaction ends."""
    await _hold(session, REVISION, now=now)


async def office_changed(session: AsyncSession, *, cause: str | None, now: datetime) -> None:
    """Give the office a new revision; with a cause, deadlines are to be computed anew for it."""
    row = await _hold(session, REVISION, now=now)
    row.value, row.changed_at = {"id": str(new_id())}, now
    if cause is not None:
        await _ask_to_recompute(session, cause, now=now)
    await session.flush()


async def revision(session: AsyncSession) -> str:
    """What differs once anything of the office has changed."""
    row = await session.get(OfficeSetting, REVISION)
    return "" if row is None else str(row.value.get("id", ""))


async def revision_of(session: AsyncSession) -> str:
    """The same, of what `setting_of` tells this transaction."""
    return str((await _values(session)).get(REVISION, {}).get("id", ""))


# --- What is to be computed anew ------------------------------------------------------------------

RECOMPUTE = "recompute"
"""The row that says so; registry.recomputing does it."""


class Recompute(Struct, frozen=True, kw_only=True):
    """That the deadlines of open appeals are to be computed anew, and how far this has come."""

    causes: Sequence[str]
    """What was changed."""
    asked_at: datetime
    after: int = 0
    """The id of the last appeal that was looked at."""
    moved: int = 0
    again: bool = False
    """All were looked at, and are once more for what others opened who knew the old office."""


async def get_recompute(session: AsyncSession) -> Recompute | None:
    """What is to be computed anew, if anything is."""
    value = await read_value(session, RECOMPUTE)
    return msgspec.convert(value, Recompute) if value else None


async def _ask_to_recompute(session: AsyncSession, cause: str, *, now: datetime) -> None:
    row = await _hold(session, RECOMPUTE, now=now)
    before = await get_recompute(session)
    asked = Recompute(causes=[cause], asked_at=now)
    if before is not None:
        causes = sorted({*before.causes, cause})
        asked = structs.replace(asked, causes=causes, moved=before.moved)
    row.value, row.changed_at = msgspec.to_builtins(asked), now


# --- Rows -----------------------------------------------------------------------------------------

_ALL = select(OfficeSetting.name, OfficeSetting.value)
_MAKE = text(
    "INSERT INTO office_settings (name, changed_at) VALUES (:name, :now) "
    "ON CONFLICT (name) DO NOTHING"
).bindparams(bindparam("now", type_=UtcTime()))


async def _values(session: AsyncSession) -> dict[str, dict[str, Any]]:
    """What all rows hold, as they were when the transaction first asked."""
    info: dict[Any, Any] = session.info
    if OfficeSetting not in info:
        found = await (await session.connection()).execute(_ALL)
        info[OfficeSetting] = dict(found.all())
    values: dict[str, dict[str, Any]] = info[OfficeSetting]
    return values


async def read_value(session: AsyncSession, name: str) -> dict[str, Any]:
    """What a row holds; nothing where there is none."""
    row = await session.get(OfficeSetting, name)
    return {} if row is None else row.value


async def write_value(
    session: AsyncSession, name: str, value: dict[str, Any], *, now: datetime
) -> None:
    """Keep what the hub itself has to remember of the office."""
    row = await _hold(session, name, now=now)
    row.value, row.changed_at = value, now


async def _hold(session: AsyncSession, name: str, *, now: datetime) -> OfficeSetting:
    """The row of a name, made if need be, and locked."""
    connection = await session.connection()
    await session.flush()  # what is read below is read from the table
    await connection.execute(_MAKE, {"name": name, "now": now})
    row = await session.get(OfficeSetting, name, with_for_update=True, populate_existing=True)
    assert row is not None  # it has just been made
    return row
