"""Citizens whom their channel does not name are asked for, once, and never waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from connectors.base import Misconfigured, Unreachable
from registry.db import Database
from registry.intake import accept
from registry.types import AccountKey, ContactPoint
from tests.conftest import FakeClock
from tests.registry.samples import RULES, START, message, sender
from workers.introductions import AGAIN, Introductions

MAIN = AccountKey("telegram", "main")
POINT = ContactPoint("telegram", "700")


class Registrar:
    """An account whose provider knows names."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[ContactPoint] = []

    async def introduce(self, point: ContactPoint) -> str | None:
        self.asked.append(point)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def running(
    database: Database, registrar: Any, clock: FakeClock
) -> AsyncIterator[Introductions]:
    introductions = Introductions({MAIN: registrar}, database=database, clock=clock)
    stopping = asyncio.Event()
    loop = asyncio.create_task(introductions.run(stopping))
    yield introductions
    stopping.set()
    await loop


async def write_in(database: Database, introductions: Introductions, id_: str, **who: Any) -> None:
    written = message(id_, sender=sender("700", **{"name": None, **who}))
    await database.run(accept([written], rules=RULES, now=START))
    introductions.meet(written)
    await introductions.settled()


async def names(database: Database) -> tuple[Any, ...]:
    async with database.read() as session:
        connection = await session.connection()
        sql = "SELECT c.name, m.author FROM contacts c, messages m ORDER BY m.id"
        return tuple(tuple(row) for row in await connection.execute(text(sql)))


async def test_a_name_that_is_told_becomes_the_contacts_and_the_authors(
    database: Database, clock: FakeClock
) -> None:
    registrar = Registrar("  Айгүл\n Сейтқали ")
    async with running(database, registrar, clock) as introductions:
        await write_in(database, introductions, "1")
    assert registrar.asked == [POINT]
    assert await names(database) == (("Айгүл Сейтқали", "Айгүл Сейтқали"),)


async def test_what_they_write_later_is_theirs_by_that_name(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, Registrar("Айгүл"), clock) as introductions:
        await write_in(database, introductions, "1")
        await write_in(database, introductions, "2")
    assert await names(database) == (("Айгүл", "Айгүл"), ("Айгүл", "Айгүл"))


async def test_nobody_is_asked_for_twice_in_a_day(database: Database, clock: FakeClock) -> None:
    registrar = Registrar(None, "Айгүл")
    async with running(database, registrar, clock) as introductions:
        await write_in(database, introductions, "1")
        await write_in(database, introductions, "2")
        assert registrar.asked == [POINT]
        clock.now += AGAIN + timedelta(seconds=1)
        await write_in(database, introductions, "3")
    assert registrar.asked == [POINT, POINT]
    assert {name for name, _ in await names(database)} == {"Айгүл"}


async def test_a_provider_in_trouble_is_asked_again_with_the_next_message(
    database: Database, clock: FakeClock
) -> None:
    registrar = Registrar(Unreachable("It is away."), "Айгүл")
    async with running(database, registrar, clock) as introductions:
        await write_in(database, introductions, "1")
        assert await names(database) == ((None, "700"),)
        await write_in(database, introductions, "2")
    assert (await names(database))[0] == ("Айгүл", "Айгүл")


async def test_a_permission_that_is_missing_is_not_asked_against_at_every_message(
    database: Database, clock: FakeClock
) -> None:
    registrar = Registrar(Misconfigured("Not allowed.", cure="Ask Meta."))
    async with running(database, registrar, clock) as introductions:
        await write_in(database, introductions, "1")
        await write_in(database, introductions, "2")
    assert registrar.asked == [POINT]


async def test_whoever_has_a_name_is_not_asked_for(database: Database, clock: FakeClock) -> None:
    registrar = Registrar()
    async with running(database, registrar, clock) as introductions:
        await write_in(database, introductions, "1", name="Ерлан")
        await write_in(database, introductions, "2")
    assert registrar.asked == []
    assert {name for name, _ in await names(database)} == {"Ерлан"}
