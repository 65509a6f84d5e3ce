"""Who may stay: an open connection is worth what its session is worth now."""

from pydantic import SecretStr

from registry.admission import admitted
from registry.db import Database
from registry.models import Operator
from registry.operators import Principal, Role, disable_operator
from registry.sessions import IDLE, Stage, digest_of, end_session, find_session, open_session
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
        return await open_session(session, operator, stage, secret=SECRET, now=clock())


async def told(database: Database, *keys: str, clock: FakeClock) -> list[Principal | None]:
    digests = [digest_of(key, SECRET) for key in keys]
    async with database.read() as session:
        found = await admitted(session, digests, now=clock())
    assert set(found) <= set(digests)
    return [found.get(digest) for digest in digests]


async def test_sessions_are_worth_the_principals_that_requests_would_find(
    database: Database, clock: FakeClock
) -> None:
    dana, gulnar = await hire(database, "Dana"), await hire(database, "Gulnar", Role.SUPERVISOR)
    async with database.write() as session:
        for key in ("roads", "water"):
            await add_team(session, key, key, by=gulnar, now=clock())
        members = [dana.operator_id or 0, gulnar.operator_id or 0]
        await set_members(session, "roads", members, by=gulnar, now=clock())
    keys = [await sign_in(database, person, clock) for person in (dana, gulnar)]
    async with database.read() as session:
        for key, principal in zip(keys, await told(database, *keys, clock=clock), strict=True):
            found = await find_session(session, key, secret=SECRET, now=clock())
            assert found is not None
            assert principal == found.principal


async def test_who_left_was_disabled_or_is_not_in_yet_may_not_stay(
    database: Database, clock: FakeClock
) -> None:
    dana, erlan, farida = [await hire(database, name) for name in ("Dana", "Erlan", "Farida")]
    left, disabled, halfway, there = [
        await sign_in(database, dana, clock),
        await sign_in(database, erlan, clock),
        await sign_in(database, farida, clock, Stage.SECOND_FACTOR),
        await sign_in(database, farida, clock),
    ]
    async with database.write() as session:
        await end_session(session, digest_of(left, SECRET), by=dana, now=clock())
        await disable_operator(session, erlan.operator_id or 0, actor="system", now=clock())
    found = await told(database, left, disabled, halfway, there, clock=clock)
    assert [principal and principal.name for principal in found] == [None, None, None, "Farida"]
    clock.advance(IDLE)
    assert await told(database, there, clock=clock) == [None]
    assert await told(database, clock=clock) == []
