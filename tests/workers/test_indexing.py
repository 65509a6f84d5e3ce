"""The indexing loop: nothing is lost by whoever dies, and what was written is found at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlmodel import col, select

from registry import models
from registry.db import Database
from registry.errors import Unavailable
from registry.leases import hold
from registry.search import following
from registry.search.documents import VERSION
from registry.search.finding import search_ids
from registry.search.following import LostLease, catch_up, start, step
from registry.search.query import parse
from registry.search.sources import read_sources
from registry.search.storing import LEASE, Holder, Progress, read_progress
from tests.conftest import FakeClock
from tests.registry.desk import receive, write_in
from tests.registry.samples import START, message, sender
from workers import indexing
from workers.indexing import run_indexing

PATIENCE = 20.0


async def count(database: Database, q: str) -> int:
    async with database.read() as session:
        return len(await search_ids(session, parse(q), viewer=None, limit=100))


async def until(database: Database, is_so: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it is so; it looks after each commit of this process."""
    committed = asyncio.Event()
    be_silent = database.on_commit(committed.set)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await is_so():
                await committed.wait()
                committed.clear()
    finally:
        be_silent()


async def until_found(database: Database, q: str, wanted: int = 1) -> None:
    async def is_found() -> bool:
        return await count(database, q) == wanted

    await until(database, is_found)


@asynccontextmanager
async def running(
    database: Database, clock: FakeClock, owner: str = "first"
) -> AsyncIterator[asyncio.Event]:
    """A loop that is stopped at the end, if it was not before."""
    stopping = asyncio.Event()
    loop = asyncio.create_task(
        run_indexing(database=database, owner=owner, stopping=stopping, clock=clock)
    )
    try:
        yield stopping
    finally:
        stopping.set()
        await asyncio.wait_for(loop, PATIENCE)


def holder(owner: str = "first", now: timedelta = timedelta()) -> Holder:
    return Holder(owner=owner, now=START + now, duration=timedelta(seconds=30))


async def progress_of(database: Database) -> Progress:
    async with database.read() as session:
        found = await read_progress(session)
    assert found is not None
    return found


# --- The loop -------------------------------------------------------------------------------------


async def test_what_was_there_and_what_comes_is_found(database: Database, clock: FakeClock) -> None:
    await write_in(database, "700", text="нет воды")
    async with running(database, clock):
        await until_found(database, "вода")
        await write_in(database, "701", text="горячей воды тоже")
        await until_found(database, "вода", 2)
        await receive(database, message("x", conversation="700", text="и света"))
        await until_found(database, "свет")


async def test_one_process_writes_and_another_takes_over_when_it_leaves(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "STAND_BY", 0.01)
    await write_in(database, "700", text="вода")
    async with running(database, clock, "first") as stop_first:
        await until_found(database, "вода")
        async with running(database, clock, "second"):
            await write_in(database, "701", text="вода")
            await until_found(database, "вода", 2)
            assert await holder_of(database) == "first"
            stop_first.set()

            async def is_held_by_the_second() -> bool:
                return await holder_of(database) == "second"

            await until(database, is_held_by_the_second)
            await write_in(database, "702", text="вода")
            await until_found(database, "вода", 3)


async def holder_of(database: Database) -> str | None:
    lease = models.Lease
    async with database.read() as session:
        found = await session.exec(select(lease.owner).where(col(lease.name) == LEASE))
        return found.first()


async def test_the_loop_outlives_a_database_that_is_away(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "STAND_BY", 0.01)
    failures = 0
    real = step

    async def away(*given: object, **named: object) -> following.Step:
        nonlocal failures
        if failures < 3:
            failures += 1
            raise Unavailable
        return await real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(indexing, "step", away)
    await write_in(database, "700", text="вода")
    async with running(database, clock):
        await until_found(database, "вода")
    assert failures == 3


async def test_a_loop_that_stops_gives_its_lease_back(database: Database, clock: FakeClock) -> None:
    await write_in(database, "700", text="вода")
    async with running(database, clock):
        await until_found(database, "вода")
        assert await holder_of(database) == "first"
    assert await holder_of(database) is None


async def test_a_loop_with_nothing_to_do_writes_nothing(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "IDLE", 0.01)
    monkeypatch.setattr(indexing, "GATHER", 0.0)
    looks = 0
    looked = asyncio.Event()
    real = step

    async def counted(*given: object, **named: object) -> following.Step:
        nonlocal looks
        done = await real(*given, **named)  # type: ignore[arg-type]
        looks += 1
        looked.set()
        return done

    monkeypatch.setattr(indexing, "step", counted)
    await write_in(database, "700", text="вода")
    async with running(database, clock):
        await until_found(database, "вода")
        commits = 0

        def note() -> None:
            nonlocal commits
            commits += 1

        seen = looks
        while looks < seen + 3:  # whatever was still under way is over
            looked.clear()
            await looked.wait()
        database.on_commit(note)
        seen = looks
        while looks < seen + 5:
            looked.clear()
            await looked.wait()
        assert commits == 0


# --- Steps, and what is between them --------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PORTIONS", {"sqlite": 2, "postgresql": 2})
    monkeypatch.setattr(following, "READ", 6)


@pytest.mark.usefixtures("small_steps")
async def test_whoever_dies_between_two_portions_loses_and_repeats_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(7):
        await write_in(database, str(700 + i), text="вода")
    written: list[int] = []
    real = read_sources

    async def noted(session: object, ids: list[int]) -> object:
        written.extend(ids)
        return await real(session, ids)  # type: ignore[arg-type]

    monkeypatch.setattr(following, "read_sources", noted)
    found = 0
    for _ in range(3):
        # Each begins from what is stored, as a process does that was started after a kill.
        done = await step(database, await start(database, by=holder()), by=holder())
        assert done.more
        assert await count(database, "вода") == found + 2
        found += 2
    done = await step(database, await start(database, by=holder()), by=holder())
    assert not done.more
    assert await count(database, "вода") == 7
    assert len(written) == len(set(written)) == 7
    # The newest first: years of others wait behind them.
    assert written == sorted(written, reverse=True)


@pytest.mark.usefixtures("small_steps")
async def test_whoever_dies_within_a_portion_of_changes_begins_it_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        await write_in(database, str(700 + i), text="вода")
    await catch_up(database, now=START)
    for i in range(5):
        said = message(f"x{i}", conversation=str(700 + i), sender=sender(str(700 + i)), text="свет")
        await receive(database, said)
    real = database.run
    stores = 0

    async def killed(script: object) -> object:
        nonlocal stores
        stores += 1
        if stores == 2:
            raise asyncio.CancelledError
        return await real(script)  # type: ignore[arg-type]

    monkeypatch.setattr(following, "READ", 1000)
    with monkeypatch.context() as patch:
        patch.setattr(database, "run", killed)
        with pytest.raises(asyncio.CancelledError):
            await step(database, await start(database, by=holder()), by=holder())
    assert await count(database, "свет") == 2
    await catch_up(database, now=START + timedelta(minutes=1))
    assert await count(database, "свет") == 5


@pytest.mark.usefixtures("small_steps")
async def test_what_changes_while_years_are_written_anew_comes_first(database: Database) -> None:
    for i in range(9):
        await write_in(database, str(700 + i), text="вода")
    progress = await start(database, by=holder())
    progress = (await step(database, progress, by=holder())).progress
    assert await count(database, "вода") == 2
    await receive(database, message("x", conversation="700", text="а теперь и свет"))
    while await count(database, "свет") == 0:
        progress = (await step(database, progress, by=holder())).progress
        assert progress.below is not None
    assert await count(database, "вода") == 3


@pytest.mark.usefixtures("small_steps")
async def test_another_folding_writes_every_document_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        await write_in(database, str(700 + i), text="вода")
    await catch_up(database, now=START)
    async with database.write() as session:
        for document in (await session.exec(select(models.SearchDocument))).all():
            document.words = "written before"
    await catch_up(database, now=START)
    assert await count(database, "вода") == 0
    monkeypatch.setattr(following, "VERSION", VERSION + 1)
    await catch_up(database, now=START)
    assert await count(database, "вода") == 5
    kept = await progress_of(database)
    assert (kept.version, kept.below) == (VERSION + 1, None)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("cursor", ["", "nonsense", "999999999"])
async def test_a_cursor_that_was_lost_costs_a_rebuild_and_nothing_else(
    database: Database, cursor: str
) -> None:
    for i in range(5):
        await write_in(database, str(700 + i), text="вода")
    await catch_up(database, now=START)
    async with database.write() as session:
        for document in (await session.exec(select(models.SearchDocument))).all():
            document.words = "of another database"
        row = (await session.exec(select(models.SearchProgress))).one()
        row.cursor = cursor
    await catch_up(database, now=START)
    assert await count(database, "вода") == 5


async def test_whoever_lost_the_lease_keeps_nothing(database: Database) -> None:
    await write_in(database, "700", text="вода")
    progress = await start(database, by=holder("first"))
    later = timedelta(minutes=1)
    taken = hold(LEASE, owner="second", now=START + later, duration=timedelta(seconds=30))
    assert await database.run(taken)
    with pytest.raises(LostLease):
        await step(database, progress, by=holder("first", later))
    assert await count(database, "вода") == 0
    with pytest.raises(LostLease):
        await catch_up(database, now=START + later)
    await step(
        database, await start(database, by=holder("second", later)), by=holder("second", later)
    )
    assert await count(database, "вода") == 1
