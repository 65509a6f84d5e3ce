"""What changed since somebody looked: nothing is missed, however transactions overlap."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import CursorResult, text
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.changes import (
    Changes,
    Cursor,
    _read_place,
    _write_place,
    forget_changes,
    now,
    read_changes,
)
from registry.db import Database
from tests.registry.desk import write_in

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def sql(session: AsyncSession, statement: str, **values: Any) -> CursorResult[Any]:
    connection = await session.connection()
    return await connection.execute(text(statement), values)


async def change(session: AsyncSession, *appeal_ids: int) -> None:
    """What a trigger writes."""
    mine = "0" if session.get_bind().dialect.name == "sqlite" else "pg_current_xact_id()::text"
    insert = f"INSERT INTO appeal_changes (appeal_id, xid) VALUES (:id, CAST({mine} AS bigint))"
    for appeal_id in appeal_ids:
        await sql(session, insert, id=appeal_id)


async def commit(database: Database, *appeal_ids: int) -> None:
    async with database.write() as session:
        await change(session, *appeal_ids)


async def here(database: Database) -> Cursor:
    async with database.read() as session:
        return await now(session)


async def read(database: Database, cursor: Cursor, limit: int = 1000) -> Changes:
    async with database.read() as session:
        return await read_changes(session, cursor, limit=limit)


async def read_all(database: Database, cursor: Cursor, limit: int) -> tuple[list[int], Cursor]:
    told: list[int] = []
    while True:
        changes = await read(database, cursor, limit)
        assert not changes.lost
        assert len(changes.appeal_ids) <= limit
        told += changes.appeal_ids
        cursor = changes.cursor
        if not changes.more:
            return told, cursor


async def test_a_cursor_tells_what_changed_since_and_only_once(database: Database) -> None:
    await commit(database, 1)
    cursor = await here(database)
    assert (await read(database, cursor)).appeal_ids == ()
    await commit(database, 3, 2, 3)
    await commit(database, 2, 4)
    changes = await read(database, cursor)
    assert changes.appeal_ids == (3, 2, 4)
    assert not changes.more
    assert not changes.lost
    assert (await read(database, changes.cursor)).appeal_ids == ()


async def test_an_empty_database_has_a_cursor_too(database: Database) -> None:
    cursor = await here(database)
    await commit(database, 7)
    assert (await read(database, cursor)).appeal_ids == (7,)


async def test_a_citizens_message_changes_its_appeal(database: Database) -> None:
    cursor = await here(database)
    number = await write_in(database)
    async with database.read() as session:
        changes = await read_changes(session, cursor)
        named = await sql(session, "SELECT id FROM appeals WHERE number = :number", number=number)
        assert changes.appeal_ids == (named.scalar_one(),)


async def test_what_was_taken_back_is_not_told(database: Database) -> None:
    cursor = await here(database)
    async with database.write() as session:
        await change(session, 1)
        await session.rollback()
    await commit(database, 2)
    assert (await read(database, cursor)).appeal_ids == (2,)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_portions_join_to_the_whole(database: Database, limit: int) -> None:
    cursor = await here(database)
    for first in (1, 4):
        await commit(database, first, first + 1, first + 2)
    told, cursor = await read_all(database, cursor, limit)
    assert told == [1, 2, 3, 4, 5, 6]
    await commit(database, 9)
    assert (await read(database, cursor)).appeal_ids == (9,)


# --- Transactions that overlap ------------------------------------------------------------------


@only_postgresql
async def test_a_slow_transaction_is_told_when_it_commits(database: Database) -> None:
    cursor = await here(database)
    async with database.write() as slow:
        await change(slow, 1)
        await commit(database, 2)
        changes = await read(database, cursor)
        assert changes.appeal_ids == (2,)
        await commit(database, 3)
        changes = await read(database, changes.cursor)
        assert changes.appeal_ids == (3,)
    changes = await read(database, changes.cursor)
    assert changes.appeal_ids == (1,)
    assert (await read(database, changes.cursor)).appeal_ids == ()


@only_postgresql
async def test_who_begins_to_follow_during_a_transaction_hears_of_it(database: Database) -> None:
    async with database.write() as slow:
        await change(slow, 1)
        cursor = await here(database)
    assert (await read(database, cursor)).appeal_ids == (1,)


@only_postgresql
async def test_a_reader_hears_of_its_own_changes_once_they_are_committed(
    database: Database,
) -> None:
    cursor = await here(database)
    async with database.write() as session:
        await change(session, 1)
        changes = await read_changes(session, cursor)
        assert changes.appeal_ids == ()
    assert (await read(database, changes.cursor)).appeal_ids == (1,)


@only_postgresql
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2), (0, 2, 1)])
async def test_nothing_is_missed_or_repeated_in_any_order_of_commits(
    database: Database, order: tuple[int, ...]
) -> None:
    cursor = await here(database)
    told: list[int] = []
    stacks, sessions = [AsyncExitStack() for _ in order], []
    for place, stack in enumerate(stacks):
        sessions.append(await stack.enter_async_context(database.write()))
        await change(sessions[-1], place * 10, place * 10 + 1)
    for committed, place in enumerate(order):
        await stacks[place].aclose()
        if committed < 2:
            await change(sessions[order[2]], place * 10 + 2)
        changes = await read(database, cursor, limit=2)
        told, cursor = told + list(changes.appeal_ids), changes.cursor
    rest, _ = await read_all(database, cursor, limit=2)
    expected = [place * 10 + step for place in order for step in (0, 1)]
    expected += [place * 10 + 2 for place in order[:2]]
    assert sorted(told + rest) == sorted(expected)


# --- What is lost -------------------------------------------------------------------------------


async def test_who_was_away_too_long_is_told_that_the_rest_is_lost(database: Database) -> None:
    await commit(database, 1)
    old = await here(database)
    await commit(database, 2)
    await commit(database, 3)
    recent = await here(database)
    await commit(database, 4)
    await commit(database, 5)
    assert not await database.run(forget_changes(kept=2))
    lost = await read(database, old)
    assert lost.lost
    assert lost.appeal_ids == ()
    changes = await read(database, recent)
    assert not changes.lost
    assert changes.appeal_ids == (4, 5)
    await commit(database, 6)
    assert (await read(database, lost.cursor)).appeal_ids == (6,)


async def test_nothing_is_lost_while_nothing_was_deleted(database: Database) -> None:
    cursor = await here(database)
    await commit(database, 1)
    assert not await database.run(forget_changes(kept=2))
    assert (await read(database, cursor)).appeal_ids == (1,)


async def test_what_is_too_much_is_deleted_in_portions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.changes.FORGOTTEN_AT_ONCE", 2)
    cursor = await here(database)
    await commit(database, *range(7))
    assert await database.run(forget_changes(kept=2))
    assert await database.run(forget_changes(kept=2))
    assert not await database.run(forget_changes(kept=2))
    assert (await read(database, cursor)).lost
    async with database.read() as session:
        left = await sql(session, "SELECT appeal_id FROM appeal_changes ORDER BY id")
        assert list(left.scalars()) == [5, 6]


@only_postgresql
async def test_a_transaction_that_ran_while_its_neighbours_were_forgotten_is_not_missed(
    database: Database,
) -> None:
    async with database.write() as slow:
        await change(slow, 1)
        cursor = await here(database)
        for appeal_id in range(2, 8):
            await commit(database, appeal_id)
        await database.run(forget_changes(kept=2))
    assert (await read(database, cursor)).lost


@pytest.mark.parametrize(
    "forged",
    ["", "x", "-1", "1e3", "9" * 30, "1:2", "5:4:", "0:0:", "5:9:4", "5:9:9", "5:9:7,6",
     "999999999999999999", "999999999999:999999999999:", "5:9:/5:9:", "5:9:/5:9:/x", "5:9:/x/1",
     "1:999999999999:/1:999999999999:/1", "5:9:/5:9:/1/1", "\x00", "٣"],
)  # fmt: skip
async def test_a_cursor_of_a_stranger_or_of_another_database_counts_as_lost(
    database: Database, forged: str
) -> None:
    await commit(database, 1)
    changes = await read(database, Cursor(forged))
    assert changes.lost
    await commit(database, 2)
    assert (await read(database, changes.cursor)).appeal_ids == (2,)


@only_sqlite
async def test_a_cursor_from_before_a_restored_copy_counts_as_lost(database: Database) -> None:
    await commit(database, 1, 2, 3)
    cursor = await here(database)
    async with database.write() as session:
        await sql(session, "DELETE FROM appeal_changes WHERE appeal_id > 1")
    assert (await read(database, cursor)).lost


@only_postgresql
async def test_rows_of_transactions_that_the_server_does_not_know_are_not_told_again_and_again(
    database: Database,
) -> None:
    cursor = await here(database)
    async with database.write() as session:
        await sql(session, "INSERT INTO appeal_changes (appeal_id, xid) VALUES (1, 999999999999)")
    await commit(database, 2)
    assert (await read(database, cursor)).appeal_ids == (2,)


@given(
    st.from_regex(r"[0-9]{1,3}:[0-9]{1,3}:([0-9]{1,3}(,[0-9]{1,3}){0,2})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,3}:[0-9]{1,3}:", fullmatch=True),
    st.integers(0, 10**17),
)
def test_a_cursor_in_the_middle_of_much_is_read_as_it_was_written(
    told: str, telling: str, last: int
) -> None:
    place = _read_place(f"{told}/{telling}/{last}")
    if place is not None:
        assert _read_place(_write_place(place)) == place
