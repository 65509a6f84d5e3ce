"""Who did what: the entries of the audit and of the journal as one list, newest first."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Row, false, literal, null, select, text, tuple_
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.columns import Id, UtcTime, to_text
from registry.db import Database
from registry.errors import RegistryError
from registry.ids import parse_id
from registry.models import PEOPLE, Appeal, Audit, JournalEntry, Operator

MAX_LIMIT = 100
_CHUNK = 500
"""Entries that an export reads at a time."""

Source: TypeAlias = Literal["audit", "journal"]
_TABLES: tuple[tuple[Source, Any], ...] = (("audit", Audit), ("journal", JournalEntry))
_OPERATOR = "operator:"


class NoSuchPlace(RegistryError):
    """A cursor that this list did not give."""

    def __init__(self) -> None:
        super().__init__("The cursor is none of this list's; start again without one.")


class Asked(Struct, frozen=True, kw_only=True):
    """Which entries are wanted; what is None or empty filters nothing."""

    operator_id: int | None = None
    appeal: str | None = None
    """Its number."""
    event: str = ""
    """The beginning of its name: "appeal." or "session.opened"."""
    since: datetime | None = None
    until: datetime | None = None
    """Up to, not including."""
    limit: int = 50
    cursor: str | None = None


class Happened(Struct, frozen=True, kw_only=True):
    """An entry of the audit or of the journal."""

    id: str
    at: datetime
    source: Source
    event: str
    actor: str
    name: str | None
    """The operator's."""
    appeal: str | None
    """Its number."""
    message_id: str | None
    contact_id: str | None
    address: str
    """Where the request came from; empty in the journal."""
    data: dict[str, Any]


class Events(Struct, frozen=True, kw_only=True):
    """A page, newest first."""

    items: list[Happened]
    next: str | None


async def list_events(session: AsyncSession, asked: Asked) -> Events:
    """One page. Raises: NoSuchPlace."""
    limit = max(1, min(asked.limit, MAX_LIMIT))
    found = await _read(session, asked, limit=limit + 1)
    page = found[:limit]
    following = _place_of(page[-1]) if len(found) > limit else None
    return Events(items=page, next=following)


HEADINGS = (
    "at", "source", "event", "actor", "name", "appeal", "message", "contact", "address", "data",
    "what",
)  # fmt: skip


async def exported(
    database: Database, asked: Asked, *, say: Callable[[str], str]
) -> AsyncIterator[str]:
    """All that is asked for, as CSV: a few entries at a time, as there may be millions.

    `say` tells in words what the code of an event means. Raises: NoSuchPlace.
    """
    yield written(HEADINGS)
    while True:
        async with database.read() as session:
            chunk = await _read(session, asked, limit=_CHUNK)
        yield "".join(written(_cells(entry, say)) for entry in chunk)
        if len(chunk) < _CHUNK:
            return
        asked = msgspec.structs.replace(asked, cursor=_place_of(chunk[-1]))


def written(cells: Iterable[str]) -> str:
    """A line of CSV. What a spreadsheet would take for a formula begins with an apostrophe.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    line = io.StringIO()
    csv.writer(line).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return line.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def _cells(entry: Happened, say: Callable[[str], str]) -> tuple[str, ...]:
    return (
        to_text(entry.at),
        entry.source,
        entry.event,
        entry.actor,
        entry.name or "",
        entry.appeal or "",
        entry.message_id or "",
        entry.contact_id or "",
        entry.address,
        msgspec.json.encode(entry.data, order="sorted").decode() if entry.data else "",
        say(entry.event),
    )


async def _read(session: AsyncSession, asked: Asked, *, limit: int) -> list[Happened]:
    place = None if asked.cursor is None else _place(asked.cursor)
    appeal_id = None if asked.appeal is None else await _appeal_id(session, asked.appeal)
    rows: list[tuple[Source, Row[Any]]] = []
    for source, table in _TABLES:
        chosen = [*_filters(table, asked, appeal_id)]
        if place is not None:
            before, last = place
            here = tuple_(col(table.at), col(table.id))
            there = tuple_(literal(before[0], UtcTime()), literal(before[1], Id))
            chosen.append(here <= there if source < last else here < there)
        rows += [(source, row) for row in await _rows(session, table, chosen, limit=limit)]
    rows.sort(key=lambda found: (found[1].at, found[1].id, found[0]), reverse=True)
    return await _shaped(session, rows[:limit])


async def _rows(
    session: AsyncSession, table: Any, chosen: Sequence[ColumnElement[bool]], *, limit: int
) -> Sequence[Row[Any]]:
    ours = table is Audit
    wanted = (
        select(
            col(table.id),
            col(table.at),
            col(table.event),
            col(table.actor),
            col(Appeal.number),
            null().label("message_id") if ours else col(table.message_id),
            col(table.contact_id),
            col(table.address) if ours else literal("").label("address"),
            col(table.data),
        )
        .select_from(table)
        .outerjoin(Appeal, col(Appeal.id) == col(table.appeal_id))
        .where(*chosen)
        .order_by(col(table.at).desc(), col(table.id).desc())
        .limit(limit)
    )
    return (await (await session.connection()).execute(wanted)).all()


def _filters(table: Any, asked: Asked, appeal_id: int | None) -> Iterable[ColumnElement[bool]]:
    if asked.operator_id is not None and table is Audit:
        yield col(Audit.operator_id) == asked.operator_id
    elif asked.operator_id is not None:
        yield col(JournalEntry.actor) == f"{_OPERATOR}{asked.operator_id}"
        yield text(PEOPLE)  # type: ignore[misc]  # in its own words, so that the index serves
    if asked.appeal is not None:
        yield false() if appeal_id is None else col(table.appeal_id) == appeal_id
    if asked.event:
        yield col(table.event).startswith(asked.event, autoescape=True)
    if asked.since is not None:
        yield col(table.at) >= asked.since
    if asked.until is not None:
        yield col(table.at) < asked.until


async def _shaped(session: AsyncSession, rows: Sequence[tuple[Source, Row[Any]]]) -> list[Happened]:
    names = await _names(session, {row.actor for _, row in rows})
    return [
        Happened(
            id=str(row.id),
            at=row.at,
            source=source,
            event=row.event,
            actor=row.actor,
            name=names.get(row.actor),
            appeal=row.number,
            message_id=None if row.message_id is None else str(row.message_id),
            contact_id=None if row.contact_id is None else str(row.contact_id),
            address=row.address,
            data=row.data,
        )
        for source, row in rows
    ]


async def _names(session: AsyncSession, actors: set[str]) -> dict[str, str]:
    ids = [parse_id(actor.removeprefix(_OPERATOR)) for actor in actors]
    known = [id_ for id_ in ids if id_ is not None]
    wanted = select(col(Operator.id), col(Operator.name)).where(col(Operator.id).in_(known))
    found = await (await session.connection()).execute(wanted)
    return {f"{_OPERATOR}{id_}": name for id_, name in found}


async def _appeal_id(session: AsyncSession, number: str) -> int | None:
    wanted = select(col(Appeal.id)).where(col(Appeal.number) == number)
    return (await (await session.connection()).execute(wanted)).scalar_one_or_none()


def _place_of(entry: Happened) -> str:
    return f"{to_text(entry.at)}~{entry.id}~{entry.source}"


def _place(cursor: str) -> tuple[tuple[datetime, int], Source]:
    """The last entry of the page before. Ids of the two tables may meet: the name decides."""
    moment, _, rest = cursor.partition("~")
    number, _, last = rest.partition("~")
    id_ = parse_id(number)
    for source, _table in _TABLES:
        if id_ is not None and last == source:
            with suppress(ValueError, OverflowError):
                return (datetime.fromisoformat(moment).astimezone(UTC), id_), source
    raise NoSuchPlace
