"""The audit and the journal read together: filtered, page by page, and taken out as a table."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, update
from sqlmodel import col, select

from registry.audit import SEEN_AGAIN, STRANGER, audit, is_seen_lately
from registry.db import Database
from registry.events import (
    HEADINGS,
    Asked,
    Happened,
    NoSuchPlace,
    exported,
    list_events,
    written,
)
from registry.journal import record
from registry.models import Appeal, Audit, JournalEntry
from registry.operators import Principal, Role
from tests.conftest import FakeClock
from tests.registry.desk import hire, write_in

AT = "2026-03-02T04:00:00.000000Z"


async def appeal_of(database: Database, number: str) -> int:
    async with database.read() as session:
        return (await session.exec(select(Appeal.id).where(Appeal.number == number))).one()


async def events(database: Database, **asked: Any) -> list[Happened]:
    async with database.read() as session:
        return (await list_events(session, Asked(**asked))).items


async def note(
    database: Database, clock: FakeClock, who: Principal | None, event: str, **more: Any
) -> None:
    """One entry of the audit, and a minute later."""
    async with database.write() as session:
        await audit(session, event, principal=who, now=clock(), **more)
    clock.advance(timedelta(minutes=1))


async def change(
    database: Database, clock: FakeClock, who: Principal, event: str, **more: Any
) -> None:
    """One entry of the journal, and a minute later."""
    async with database.write() as session:
        record(session, event, actor=who.actor, now=clock(), **more)
    clock.advance(timedelta(minutes=1))


@pytest.fixture
async def past(database: Database, clock: FakeClock) -> tuple[Principal, Principal, str]:
    """Dana looks at an appeal and changes it, Aset signs in and out, a stranger is refused."""
    dana, aset = await hire(database, "Dana"), await hire(database, "Aset")
    number = await write_in(database)
    appeal_id = await appeal_of(database, number)
    await note(database, clock, None, "session.refused", address="198.51.100.9")
    await note(database, clock, aset, "session.opened", address="192.0.2.7")
    await note(database, clock, dana, "appeal.seen", appeal_id=appeal_id)
    turn = {"status": {"from": "new", "to": "open"}}
    about = {"appeal_id": appeal_id, "message_id": 7, "contact_id": 8}
    await change(database, clock, dana, "appeal.changed", data=turn, **about)
    await note(database, clock, aset, "session.ended")
    return dana, aset, number


async def test_both_are_one_list_newest_first(
    database: Database, past: tuple[Principal, Principal, str]
) -> None:
    dana, aset, number = past
    found = await events(database)
    assert [one.event for one in found[:5]] == [
        "session.ended",
        "appeal.changed",
        "appeal.seen",
        "session.opened",
        "session.refused",
    ]
    ended, changed, seen, opened, refused = found[:5]
    assert (ended.source, ended.name, ended.actor) == ("audit", "Aset", aset.actor)
    assert (changed.source, changed.name, changed.appeal) == ("journal", "Dana", number)
    assert (changed.message_id, changed.contact_id) == ("7", "8")
    assert changed.data == {"status": {"from": "new", "to": "open"}}
    assert (seen.appeal, seen.message_id, seen.actor) == (number, None, dana.actor)
    assert (opened.address, opened.appeal) == ("192.0.2.7", None)
    assert (refused.actor, refused.name, refused.address) == (STRANGER, None, "198.51.100.9")


async def test_it_is_narrowed_by_who_which_appeal_what_and_when(
    database: Database, past: tuple[Principal, Principal, str], clock: FakeClock
) -> None:
    dana, aset, number = past
    own = await events(database, operator_id=dana.operator_id)
    assert {one.event for one in own} == {"appeal.seen", "appeal.changed"}
    of_appeal = await events(database, appeal=number)
    assert {one.appeal for one in of_appeal} == {number}
    assert {"appeal.seen", "appeal.changed"} <= {one.event for one in of_appeal}
    assert await events(database, appeal="ALM-2026-9999999") == []
    assert {one.event for one in await events(database, event="session.")} == {
        "session.opened",
        "session.ended",
        "session.refused",
    }
    assert await events(database, event="session_") == []
    ended = await events(database, operator_id=aset.operator_id, event="session.e")
    assert [one.event for one in ended] == ["session.ended"]
    [last] = ended
    within = await events(database, since=last.at, until=clock())
    assert [one.event for one in within] == ["session.ended"]
    assert "session.ended" not in {one.event for one in await events(database, until=last.at)}


async def test_pages_neither_lose_nor_repeat_even_where_ids_meet(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    for number in range(6):
        await note(database, clock, dana, f"audit.{number}")
        await change(database, clock, dana, f"journal.{number}")
    async with database.write() as session:
        await session.exec(delete(JournalEntry).where(col(JournalEntry.actor) == "system"))
        # Two processes may make the same id within the same millisecond.
        for table in (Audit, JournalEntry):
            third: Any = col(table.event).endswith(".3")
            await session.exec(update(table).where(third).values(id=1000))
    whole = [one.event for one in await events(database, limit=100)]
    assert len(whole) == 12
    for limit in (1, 2, 3, 5):
        pages: list[str] = []
        cursor: str | None = None
        while True:
            async with database.read() as session:
                page = await list_events(session, Asked(limit=limit, cursor=cursor))
            pages += [one.event for one in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert pages == whole


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "12",
        "12.audit",
        f"{AT}~12",
        f"{AT}~x~audit",
        f"{AT}~12~other",
        "~12~journal",
        "9~1~audit",
    ],
)
async def test_a_cursor_of_another_list_is_refused(database: Database, cursor: str) -> None:
    async with database.read() as session:
        with pytest.raises(NoSuchPlace):
            await list_events(session, Asked(cursor=cursor))


async def test_all_of_it_is_taken_out_as_a_table(
    database: Database, past: tuple[Principal, Principal, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dana, _, number = past
    monkeypatch.setattr("registry.events._CHUNK", 2)
    lines = "".join([chunk async for chunk in exported(database, Asked(), say=str.upper)])
    heads, *rows = csv.reader(io.StringIO(lines))
    assert tuple(heads) == HEADINGS
    async with database.read() as session:
        everything = (await list_events(session, Asked(limit=100))).items
    assert [row[2] for row in rows] == [one.event for one in everything]
    changed = next(dict(zip(heads, row, strict=True)) for row in rows if row[2] == "appeal.changed")
    assert changed["at"].endswith("Z")
    assert (changed["source"], changed["actor"], changed["name"]) == ("journal", dana.actor, "Dana")
    assert (changed["appeal"], changed["message"], changed["contact"]) == (number, "7", "8")
    assert changed["what"] == "APPEAL.CHANGED"
    assert changed["data"] == '{"status":{"from":"new","to":"open"}}'


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    [[kept, plain]] = csv.reader(io.StringIO(written([cell, "a=b"]), newline=""))
    assert kept == f"'{cell}"
    assert plain == "a=b"


async def test_a_second_look_within_five_minutes_is_the_same_look(
    database: Database, clock: FakeClock
) -> None:
    dana, admin = await hire(database, "Dana"), await hire(database, "Saule", Role.ADMIN)

    async def lately(who: Principal, appeal_id: int = 5) -> bool:
        async with database.read() as session:
            return await is_seen_lately(session, appeal_id, principal=who, now=clock())

    assert not await lately(dana)
    async with database.write() as session:
        await audit(session, "appeal.seen", principal=dana, now=clock(), appeal_id=5)
    assert await lately(dana)
    assert not await lately(dana, 6)
    assert not await lately(admin)
    clock.advance(SEEN_AGAIN - timedelta(seconds=1))
    assert await lately(dana)
    clock.advance(timedelta(seconds=1))
    assert not await lately(dana)


# --- Plans --------------------------------------------------------------------------------------

MANY = 3000
"""Entries, a minute apart: as many as make either database prefer an index."""


async def plans(database: Database, asked: Asked) -> list[str]:
    """How the database reads the audit, and how the journal."""
    statements: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, _many: bool) -> None:
        statements.append((statement, values))

    event.listen(database.reader.sync_engine, "before_cursor_execute", listen)
    async with database.read() as session:
        await list_events(session, asked)
    event.remove(database.reader.sync_engine, "before_cursor_execute", listen)
    explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    found = []
    async with database.reader.connect() as connection:
        for statement, values in statements:
            if "FROM audit" in statement or "FROM journal" in statement:
                plan = await connection.exec_driver_sql(f"{explain} {statement}", values)
                found.append(str(plan.all()))
    return found


@pytest.fixture
async def long_past(database: Database, clock: FakeClock) -> datetime:
    """When the first of many entries was made, of the audit and of the journal."""
    began = clock()
    async with database.write() as session:
        for number in range(MANY):
            at = began + number * timedelta(minutes=1)
            who = f"operator:{number % 40}"
            session.add(Audit(id=number + 1, at=at, event="x", actor=who, operator_id=number % 40))
            session.add(JournalEntry(id=number + 1, at=at, event="x", actor=who))
    async with database.write() as session:
        await (await session.connection()).exec_driver_sql("ANALYZE")
    return began


async def test_a_period_is_read_from_an_index_in_the_order_of_the_list(
    database: Database, long_past: datetime
) -> None:
    period = Asked(
        since=long_past + timedelta(hours=2), until=long_past + timedelta(hours=4), limit=20
    )
    audited, noted = await plans(database, period)
    assert "ix_audit_at_id" in audited
    assert "ix_journal_at_id" in noted
    async with database.read() as session:
        page = await list_events(session, period)
    following = Asked(since=period.since, until=period.until, limit=20, cursor=page.next)
    for plan in [audited, noted, *await plans(database, following)]:
        assert "_at_id" in plan
        assert "SORT" not in plan.upper().replace("INCREMENTAL SORT", "")
        assert "TEMP B-TREE" not in plan


async def test_what_one_colleague_did_is_read_from_an_index(
    database: Database, long_past: datetime
) -> None:
    audited, noted = await plans(database, Asked(operator_id=1))
    assert "ix_audit_operator_id_at_id" in audited
    assert "ix_journal_actor_at_id" in noted
