"""Which appeals changed since somebody last looked: what live screens and the search index follow.

Triggers write a row for every change (see the revision of the desk). A cursor tells what its holder
was told already. On SQLite, which has one writer, that is the last row. On PostgreSQL rows become
visible in the order of commits, which is not the order of their ids, so the cursor is a snapshot:
which transactions were over when we looked. What was under way then is told when it commits.
"""

import re
from collections.abc import Sequence
from typing import Any, NewType

from msgspec import Struct
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.statements import ID, TEXT, Script, Statement

Cursor = NewType("Cursor", str)
"""Opaque: only this module reads it. One that it cannot read counts as lost."""

KEPT = 200_000
"""Rows that are kept, the newest."""

FORGOTTEN_AT_ONCE = 10_000
"""Rows that one transaction deletes, so that no writer waits long."""


class Changes(Struct, frozen=True, kw_only=True):
    """What changed since a cursor."""

    appeal_ids: tuple[int, ...]
    """Each once, in the order in which they first changed."""
    cursor: Cursor
    """Where to read on."""
    more: bool = False
    """There may be more at once."""
    lost: bool = False
    """The cursor is older than what is kept, or of another database: anything may have changed."""


async def now(session: AsyncSession) -> Cursor:
    """The cursor before which there is nothing left to tell."""
    if _is_sqlite(session):
        [(last, _)] = await _fetch(session, _SQLITE_BOUNDS)
        return Cursor(str(last))
    [(snapshot,)] = await _fetch(session, "SELECT pg_current_snapshot()::text")
    return Cursor(snapshot)


async def read_changes(session: AsyncSession, cursor: Cursor, *, limit: int = 1000) -> Changes:
    """What changed since, at most `limit` rows of it.

    What this very transaction changed is told once it has committed.
    """
    if _is_sqlite(session):
        return await _read_sqlite(session, cursor, limit)
    return await _read_postgresql(session, cursor, limit)


def forget_changes(*, kept: int = KEPT) -> Script[bool]:
    """Delete some of what is beyond the newest `kept`; whether there may be more to delete."""
    rows = yield _FORGET, [(kept, FORGOTTEN_AT_ONCE)]
    if rows:
        # Of SQLite's rows the transaction is always 0: there the id is the place.
        place = max(xid or id_ for id_, xid in rows)
        yield _NOTE, [(_FORGOTTEN, place)]
    return len(rows) == FORGOTTEN_AT_ONCE


_FORGOTTEN = "changes.forgotten"
"""The counter of the last transaction (on SQLite: row) of which something was deleted."""

_FORGET = Statement(
    """
    DELETE FROM appeal_changes WHERE id IN (
      SELECT c.id FROM {rows} JOIN appeal_changes c
        ON c.id <= (SELECT max(id) FROM appeal_changes) - r.kept
      ORDER BY c.id LIMIT {first:portion})
    RETURNING id, xid
    """,
    kept=ID,
    portion=ID,
)

_NOTE = Statement(
    """
    INSERT INTO counters (name, value) SELECT name, value FROM {rows} WHERE true
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
      WHERE excluded.value > counters.value
    """,
    name=TEXT,
    value=ID,
)


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


async def _fetch(session: AsyncSession, sql: str, **values: Any) -> Sequence[Any]:
    connection = await session.connection()
    return (await connection.execute(text(sql), values)).all()


def _once(ids: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))


# --- SQLite -------------------------------------------------------------------------------------

_SQLITE_BOUNDS = f"""
    SELECT coalesce(max(id), 0),
           coalesce((SELECT value FROM counters WHERE name = '{_FORGOTTEN}'), 0)
      FROM appeal_changes
"""  # noqa: S608  our own name

_SQLITE_ROWS = "SELECT id, appeal_id FROM appeal_changes WHERE id > :last ORDER BY id LIMIT :limit"


async def _read_sqlite(session: AsyncSession, cursor: Cursor, limit: int) -> Changes:
    # Both statements see the same: the session's transaction has begun.
    [(newest, forgotten)] = await _fetch(session, _SQLITE_BOUNDS)
    last = int(cursor) if _PLACE.fullmatch(cursor) else -1
    if not forgotten <= last <= newest:
        return Changes(appeal_ids=(), cursor=Cursor(str(newest)), lost=True)
    rows = await _fetch(session, _SQLITE_ROWS, last=last, limit=limit)
    if rows:
        last = rows[-1][0]
    return Changes(
        appeal_ids=_once([row[1] for row in rows]),
        cursor=Cursor(str(last)),
        more=last < newest,
    )


_PLACE = re.compile(r"\d{1,18}")


# --- PostgreSQL ---------------------------------------------------------------------------------


class _Snapshot(Struct, frozen=True):
    """Which transactions were over: those before `xmin`, and those before `xmax` but `running`."""

    xmin: int
    xmax: int
    running: tuple[int, ...]


class _Place(Struct, frozen=True):
    """What a cursor stands for: all that `told` saw; of what `telling` saw, up to the row `last`.

    The second part is there when there was more to tell than one reading takes.
    """

    told: _Snapshot
    telling: _Snapshot | None = None
    last: int = 0


async def _read_postgresql(session: AsyncSession, cursor: Cursor, limit: int) -> Changes:
    place = _read_place(cursor)
    told = place.told if place is not None else _Snapshot(0, 0, ())
    upper = place.telling if place is not None else None
    # One statement, hence one snapshot: the rows and the next cursor belong together.
    rows = await _fetch(
        session,
        _POSTGRESQL_BETWEEN if upper else _POSTGRESQL_SINCE,
        xmin=told.xmin,
        xmax=told.xmax,
        running=list(told.running),
        limit=limit + 1 if place is not None else 0,
        **({"last": place.last, "upper": _write_snapshot(upper)} if place and upper else {}),
    )
    snapshot, forgotten = _read_snapshot(rows[0].snapshot), rows[0].forgotten
    assert snapshot is not None
    if place is None or forgotten >= told.xmin or (upper or told).xmax > snapshot.xmax:
        return Changes(appeal_ids=(), cursor=Cursor(rows[0].snapshot), lost=True)
    found = [row for row in rows if row.id is not None]
    page = found[:limit]
    if len(found) > limit:
        following = _write_place(_Place(told, upper or snapshot, page[-1].id))
    else:
        following = _write_snapshot(upper or snapshot)
    return Changes(
        appeal_ids=_once([row.appeal_id for row in page]),
        cursor=Cursor(following),
        more=len(found) > limit or upper is not None,
    )


_POSTGRESQL_SINCE = f"""
    SELECT seen.snapshot::text AS snapshot, seen.forgotten, changed.id, changed.appeal_id
      FROM (SELECT pg_current_snapshot() AS snapshot,
                   coalesce((SELECT value FROM counters WHERE name = '{_FORGOTTEN}'), 0)
                     AS forgotten) AS seen
      LEFT JOIN LATERAL (
        SELECT c.id, c.appeal_id FROM appeal_changes c
         WHERE c.xid >= :xmin
           AND (c.xid >= :xmax OR c.xid = ANY(CAST(:running AS bigint[])))
           AND pg_visible_in_snapshot(CAST(CAST(c.xid AS text) AS xid8), seen.snapshot)
         ORDER BY c.id LIMIT :limit) AS changed ON true
     ORDER BY changed.id
"""  # noqa: S608  our own name
"""What the cursor did not see and this statement does. Rows of transactions that PostgreSQL does
not know, from a database that was copied here, are left out until it counts that far."""

_POSTGRESQL_BETWEEN = _POSTGRESQL_SINCE.replace(
    "seen.snapshot)\n",
    "CAST(CAST(:upper AS text) AS pg_snapshot)) AND c.id > :last\n",
)


_SNAPSHOT = re.compile(r"(\d{1,18}):(\d{1,18}):((?:\d{1,18}(?:,\d{1,18})*)?)")


def _read_snapshot(written: str) -> _Snapshot | None:
    found = _SNAPSHOT.fullmatch(written)
    if found is None:
        return None
    running = tuple(int(xid) for xid in found[3].split(",") if xid)
    snapshot = _Snapshot(int(found[1]), int(found[2]), running)
    # PostgreSQL refuses one in another order; a stranger may have written it.
    in_order = sorted(running) == list(running) and 0 < snapshot.xmin <= snapshot.xmax
    within = not running or (snapshot.xmin <= running[0] and running[-1] < snapshot.xmax)
    return snapshot if in_order and within else None


def _write_snapshot(snapshot: _Snapshot) -> str:
    return f"{snapshot.xmin}:{snapshot.xmax}:{','.join(map(str, snapshot.running))}"


def _read_place(cursor: str) -> _Place | None:
    told, *rest = cursor.split("/")
    before = _read_snapshot(told)
    if before is None:
        return None
    if not rest:
        return _Place(before)
    if len(rest) != 2 or not _PLACE.fullmatch(rest[1]):
        return None
    upper = _read_snapshot(rest[0])
    return None if upper is None else _Place(before, upper, int(rest[1]))


def _write_place(place: _Place) -> str:
    assert place.telling is not None
    return f"{_write_snapshot(place.told)}/{_write_snapshot(place.telling)}/{place.last}"
