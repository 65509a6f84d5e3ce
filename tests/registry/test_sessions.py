"""Sessions: opened by a key that is kept nowhere, ended by time, by their owner, or with them."""

from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlmodel import select

from registry.db import Database
from registry.errors import NotFound
from registry.models import Audit, Operator, Session
from registry.operators import Principal, Role, disable_operator
from registry.sessions import (
    ABSOLUTE,
    IDLE,
    KEPT,
    TOUCH_EVERY,
    UNFINISHED,
    Found,
    Stage,
    digest_of,
    end_all_sessions,
    end_session,
    find_session,
    is_due,
    list_sessions,
    open_session,
    touch,
)
from registry.staff import take_back
from registry.teams import add_team, set_members
from tests.conftest import FakeClock
from tests.registry.desk import hire

SECRET = SecretStr("a key of the installation, of 32+ characters")


async def sign_in(
    database: Database, who: Principal, clock: FakeClock, stage: Stage = Stage.IN
) -> str:
    async with database.write() as session:
        operator = await session.get(Operator, who.operator_id)
        assert operator is not None
        return await open_session(
            session, operator, stage, secret=SECRET, now=clock(), address="192.0.2.7",
            browser="Firefox",
        )  # fmt: skip


async def found(database: Database, key: str, clock: FakeClock) -> Found | None:
    async with database.read() as session:
        return await find_session(session, key, secret=SECRET, now=clock())


async def use(database: Database, key: str, clock: FakeClock) -> bool:
    """A request with the key, as the web does it; whether it was let in."""
    here = await found(database, key, clock)
    if here is not None and is_due(here.session, now=clock()):
        async with database.write() as session:
            await touch(session, here.session, now=clock())
    return here is not None


async def audited(database: Database) -> list[tuple[str, int | None]]:
    async with database.read() as session:
        entries = await session.exec(select(Audit).order_by(Audit.id))  # type: ignore[arg-type]
        return [(entry.event, entry.operator_id) for entry in entries]


async def test_the_key_opens_and_no_other_does(database: Database, clock: FakeClock) -> None:
    dana = await hire(database, "Dana", Role.SUPERVISOR)
    key = await sign_in(database, dana, clock)
    here = await found(database, key, clock)
    assert here is not None
    assert here.principal == dana
    assert here.operator.email == "dana@example.kz"
    assert here.session.stage == Stage.IN
    for other in (key[:-1], key + "A", "", "\ud800", digest_of(key, SECRET)):
        assert await found(database, other, clock) is None
    assert await audited(database) == [("session.opened", dana.operator_id)]


async def test_only_a_digest_of_the_key_is_kept(database: Database, clock: FakeClock) -> None:
    key = await sign_in(database, await hire(database, "Dana"), clock)
    async with database.read() as session:
        kept = (await session.exec(select(Session))).one()
    assert len(key) >= 43  # 256 bits
    assert key not in repr(kept)
    assert kept.digest == digest_of(key, SECRET)
    assert kept.digest != digest_of(key, SecretStr("another key of the installation, 32+"))


async def test_a_session_that_idles_ends_and_one_that_is_used_lives_on_for_a_day(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    idle, used = await sign_in(database, dana, clock), await sign_in(database, dana, clock)
    hour, began = timedelta(hours=1), clock()
    while clock() < began + IDLE - hour:
        clock.advance(hour)
        assert await use(database, used, clock)
    clock.advance(hour)
    assert await found(database, idle, clock) is None
    assert await use(database, used, clock)
    while clock() < began + ABSOLUTE - hour:
        clock.advance(hour)
        assert await use(database, used, clock)
    clock.advance(hour)
    assert await found(database, used, clock) is None


async def test_a_use_is_written_down_at_most_once_a_minute(
    database: Database, clock: FakeClock
) -> None:
    key = await sign_in(database, await hire(database, "Dana"), clock)
    began = clock()
    clock.advance(TOUCH_EVERY - timedelta(seconds=1))
    assert await use(database, key, clock)
    here = await found(database, key, clock)
    assert here is not None
    assert here.session.seen_at == began
    clock.advance(timedelta(seconds=1))
    assert await use(database, key, clock)
    here = await found(database, key, clock)
    assert here is not None
    assert here.session.seen_at == clock()


@pytest.mark.parametrize("stage", [Stage.SECOND_FACTOR, Stage.NEW_PASSWORD])
async def test_who_is_not_in_yet_has_a_quarter_of_an_hour_however_busy(
    database: Database, clock: FakeClock, stage: Stage
) -> None:
    dana = await hire(database, "Dana")
    key = await sign_in(database, dana, clock, stage)
    assert await audited(database) == []
    clock.advance(UNFINISHED - timedelta(seconds=1))
    assert await use(database, key, clock)
    async with database.read() as session:
        assert dana.operator_id is not None
        assert await list_sessions(session, dana.operator_id, now=clock()) == []
    clock.advance(timedelta(seconds=1))
    assert not await use(database, key, clock)


async def test_an_ended_session_opens_nothing_and_stays_ended(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    key = await sign_in(database, dana, clock)
    here = await found(database, key, clock)
    assert here is not None
    async with database.write() as session:
        await end_session(session, here.session.digest, by=dana, now=clock())
    clock.advance(TOUCH_EVERY)
    async with database.write() as session:
        await touch(session, here.session, now=clock())  # a request that was under way
        with pytest.raises(NotFound):
            await end_session(session, here.session.digest, by=dana, now=clock())
    assert await found(database, key, clock) is None
    assert [event for event, _ in await audited(database)] == ["session.opened", "session.ended"]


async def test_somebodys_session_is_not_another_operators_to_end(
    database: Database, clock: FakeClock
) -> None:
    dana, aset = await hire(database, "Dana"), await hire(database, "Aset")
    key = await sign_in(database, dana, clock)
    digest = digest_of(key, SECRET)
    async with database.write() as session:
        with pytest.raises(NotFound):
            await end_session(session, digest, by=aset, now=clock(), of=aset.operator_id)
    assert await found(database, key, clock) is not None
    admin = await hire(database, "Saule", Role.ADMIN)
    async with database.write() as session:
        await end_session(session, digest, by=admin, now=clock())
    async with database.read() as session:
        ended = (await session.exec(select(Audit).where(Audit.event == "session.ended"))).one()
    assert ended.operator_id == admin.operator_id
    assert ended.data == {"operator": str(dana.operator_id)}


async def test_all_but_one_are_ended_and_nobody_elses(database: Database, clock: FakeClock) -> None:
    dana, aset = await hire(database, "Dana"), await hire(database, "Aset")
    keys = [await sign_in(database, dana, clock) for _ in range(3)]
    other = await sign_in(database, aset, clock)
    assert dana.operator_id is not None
    async with database.write() as session:
        but = digest_of(keys[1], SECRET)
        ended = await end_all_sessions(session, dana.operator_id, now=clock(), but=but)
    assert ended == 2
    assert [await found(database, key, clock) is not None for key in keys] == [False, True, False]
    assert await found(database, other, clock) is not None


async def test_who_leaves_is_out_at_once_and_signs_in_anew_when_they_return(
    database: Database, clock: FakeClock
) -> None:
    dana, admin = await hire(database, "Dana"), await hire(database, "Saule", Role.ADMIN)
    key = await sign_in(database, dana, clock)
    assert dana.operator_id is not None
    async with database.write() as session:
        await disable_operator(session, dana.operator_id, actor="system", now=clock())
    assert await found(database, key, clock) is None
    async with database.write() as session:
        await take_back(session, dana.operator_id, by=admin, now=clock())
    assert await found(database, key, clock) is None


async def test_a_role_and_teams_count_as_they_are_now(database: Database, clock: FakeClock) -> None:
    dana, admin = await hire(database, "Dana"), await hire(database, "Saule", Role.ADMIN)
    key = await sign_in(database, dana, clock)
    here = await found(database, key, clock)
    assert here is not None
    assert here.principal.teams == frozenset()
    assert dana.operator_id is not None
    async with database.write() as session:
        await add_team(session, "roads", "Roads", by=admin, now=clock())
        await set_members(session, "roads", [dana.operator_id], by=admin, now=clock())
    here = await found(database, key, clock)
    assert here is not None
    assert here.principal.teams == frozenset({"roads"})


async def test_sessions_are_listed_by_their_last_use_and_forgotten_in_the_end(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    assert dana.operator_id is not None
    first = await sign_in(database, dana, clock)
    clock.advance(TOUCH_EVERY)
    second = await sign_in(database, dana, clock)
    async with database.read() as session:
        listed = await list_sessions(session, dana.operator_id, now=clock())
    assert [kept.digest for kept in listed] == [digest_of(k, SECRET) for k in (second, first)]
    assert (listed[0].address, listed[0].browser) == ("192.0.2.7", "Firefox")
    clock.advance(KEPT + ABSOLUTE)
    third = await sign_in(database, dana, clock)
    async with database.read() as session:
        kept = (await session.exec(select(Session.digest))).all()
    assert kept == [digest_of(third, SECRET)]
