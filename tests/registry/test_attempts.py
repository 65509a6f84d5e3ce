"""Attempts: whoever fails too often waits, however right they are then, and longer each time."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlmodel import select

from registry.attempts import (
    FIRST_WAIT,
    KEPT,
    LIMITS,
    LONGEST_WAIT,
    SPAN,
    Kind,
    TooManyAttempts,
    Tried,
    attempt_succeeded,
    begin_attempt,
    place_of,
)
from registry.db import Database
from registry.models import Attempt
from tests.conftest import FakeClock

SECRET = SecretStr("a key of the installation, of 32+ characters")
DANA = Tried(Kind.EMAIL, "dana@example.kz")
ASET = Tried(Kind.EMAIL, "aset@example.kz")
OFFICE = Tried(Kind.ADDRESS, "192.0.2.7")
SECOND = timedelta(seconds=1)


async def fail(database: Database, clock: FakeClock, *tried: Tried) -> None:
    async with database.write() as session:
        await begin_attempt(session, *tried, secret=SECRET, now=clock())


async def succeed(database: Database, clock: FakeClock, *tried: Tried) -> None:
    await fail(database, clock, *tried)
    async with database.write() as session:
        await attempt_succeeded(session, *tried, secret=SECRET, now=clock())


async def is_refused(database: Database, clock: FakeClock, *tried: Tried) -> bool:
    """Whether an attempt would be; it is not counted."""
    async with database.write() as session:
        try:
            async with session.begin_nested() as nested:
                await begin_attempt(session, *tried, secret=SECRET, now=clock())
                await nested.rollback()
        except TooManyAttempts:
            return True
    return False


async def test_the_sixth_attempt_waits_and_is_told_how_long(
    database: Database, clock: FakeClock
) -> None:
    for _ in range(LIMITS[Kind.EMAIL]):
        await fail(database, clock, DANA, OFFICE)
    with pytest.raises(TooManyAttempts, match="come again in 1 min") as refused:
        await fail(database, clock, DANA, OFFICE)
    assert refused.value.seconds == 60
    assert not await is_refused(database, clock, ASET, OFFICE)
    clock.advance(FIRST_WAIT - SECOND)
    assert await is_refused(database, clock, DANA)
    clock.advance(SECOND)
    assert not await is_refused(database, clock, DANA)


async def test_each_further_failure_doubles_the_wait_up_to_half_an_hour(
    database: Database, clock: FakeClock
) -> None:
    for _ in range(LIMITS[Kind.EMAIL] - 1):
        await fail(database, clock, DANA)
    waits = []
    for _ in range(8):
        await fail(database, clock, DANA)
        with pytest.raises(TooManyAttempts) as refused:
            await fail(database, clock, DANA)
        waits.append(refused.value.seconds // 60)
        clock.advance(timedelta(seconds=refused.value.seconds))
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert timedelta(minutes=30) == LONGEST_WAIT


async def test_what_is_refused_is_not_counted(database: Database, clock: FakeClock) -> None:
    for _ in range(LIMITS[Kind.EMAIL]):
        await fail(database, clock, DANA, OFFICE)
    for _ in range(50):
        assert await is_refused(database, clock, DANA, OFFICE)
        with pytest.raises(TooManyAttempts):
            await fail(database, clock, DANA, OFFICE)
    clock.advance(FIRST_WAIT)
    assert not await is_refused(database, clock, DANA, OFFICE)


async def test_failures_are_forgotten_after_a_quarter_of_an_hour(
    database: Database, clock: FakeClock
) -> None:
    for _ in range(3):
        for _ in range(LIMITS[Kind.EMAIL] - 1):
            await fail(database, clock, DANA)
        clock.advance(SPAN)
    assert not await is_refused(database, clock, DANA)


async def test_who_keeps_quiet_after_a_wait_begins_anew(
    database: Database, clock: FakeClock
) -> None:
    for _ in range(LIMITS[Kind.EMAIL]):
        await fail(database, clock, DANA)
    clock.advance(FIRST_WAIT + SPAN)
    for _ in range(LIMITS[Kind.EMAIL]):
        assert not await is_refused(database, clock, DANA)
        await fail(database, clock, DANA)
    assert await is_refused(database, clock, DANA)


async def test_success_forgets_ones_own_failures_and_not_those_of_others_from_one_place(
    database: Database, clock: FakeClock
) -> None:
    for _ in range(LIMITS[Kind.EMAIL] - 1):
        await fail(database, clock, DANA, OFFICE)
    await succeed(database, clock, DANA, OFFICE)
    for _ in range(LIMITS[Kind.EMAIL] - 1):
        await fail(database, clock, DANA)
    assert not await is_refused(database, clock, DANA)
    for number in range(LIMITS[Kind.ADDRESS] - LIMITS[Kind.EMAIL] + 1):
        assert not await is_refused(database, clock, OFFICE)
        await fail(database, clock, Tried(Kind.EMAIL, str(number)), OFFICE)
    assert await is_refused(database, clock, OFFICE)


async def test_a_shift_that_signs_in_from_one_place_locks_nobody_out(
    database: Database, clock: FakeClock
) -> None:
    for number in range(LIMITS[Kind.ADDRESS] * 3):
        await succeed(database, clock, Tried(Kind.EMAIL, str(number)), OFFICE)
    assert not await is_refused(database, clock, OFFICE)


async def test_many_attempts_at_once_get_no_further_than_many_in_a_row(
    database: Database, clock: FakeClock
) -> None:
    tries = [fail(database, clock, DANA, OFFICE) for _ in range(30)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(one is None for one in ended) == LIMITS[Kind.EMAIL]
    assert all(one is None or isinstance(one, TooManyAttempts) for one in ended)


async def test_nothing_that_was_typed_is_kept(database: Database, clock: FakeClock) -> None:
    await fail(database, clock, Tried(Kind.EMAIL, "my secret password"), OFFICE)
    async with database.read() as session:
        kept = (await session.exec(select(Attempt))).all()
    assert len(kept) == 2
    assert all("secret" not in row.key and "192.0.2.7" not in row.key for row in kept)


async def test_old_rows_are_removed(database: Database, clock: FakeClock) -> None:
    for number in range(3):
        await fail(database, clock, Tried(Kind.EMAIL, str(number)))
    clock.advance(KEPT + SECOND)
    await succeed(database, clock, DANA)
    async with database.read() as session:
        assert len((await session.exec(select(Attempt))).all()) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("unknown", "unknown", True),
    ],
)
def test_a_whole_network_of_ipv6_is_one_place(one: str, other: str, same: bool) -> None:
    assert (place_of(one) == place_of(other)) is same
