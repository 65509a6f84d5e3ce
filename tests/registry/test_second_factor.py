"""The second factor: set by whoever confirms it, each code taken once, removed by an admin."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from pydantic import SecretStr
from sqlmodel import select

from registry.db import Database
from registry.errors import NotFound
from registry.models import JournalEntry, Operator
from registry.operators import Principal, Role
from registry.second_factor import (
    ENROLMENT_SECONDS,
    STEP,
    NotBegun,
    WrongCode,
    begin_enrolment,
    check_code,
    confirm_enrolment,
    remove_second_factor,
)
from tests.conftest import FakeClock
from tests.registry.desk import hire

SECRET = SecretStr("a key of the installation, of 32+ characters")


async def operator_of(database: Database, who: Principal) -> Operator:
    async with database.read() as session:
        found = await session.get(Operator, who.operator_id)
    assert found is not None
    return found


def code(made: str, clock: FakeClock, steps: int = 0) -> str:
    return pyotp.TOTP(made).at(clock() + timedelta(seconds=steps * STEP))


async def enrol(database: Database, who: Principal, clock: FakeClock) -> str:
    """Their secret, confirmed by the code of a minute ago, so that the present one is fresh."""
    operator = await operator_of(database, who)
    begun = begin_enrolment(operator, issuer="Tereze", secret=SECRET, now=clock())
    async with database.write() as session:
        await confirm_enrolment(
            session, operator, sealed=begun.sealed, code=code(begun.secret, clock, -1),
            secret=SECRET, now=clock(),
        )  # fmt: skip
    return begun.secret


async def accepts(database: Database, who: Principal, typed: str, clock: FakeClock) -> bool:
    operator = await operator_of(database, who)
    try:
        async with database.write() as session:
            await check_code(session, operator, code=typed, secret=SECRET, now=clock())
    except WrongCode:
        return False
    return True


async def test_nothing_counts_until_a_code_confirms_it(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    operator = await operator_of(database, dana)
    begun = begin_enrolment(operator, issuer="Tereze", secret=SECRET, now=clock())
    uri = urlsplit(begun.uri)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query)["secret"] == [begun.secret]
    assert parse_qs(uri.query)["issuer"] == ["Tereze"]
    assert (await operator_of(database, dana)).totp_since is None
    async with database.write() as session:
        with pytest.raises(WrongCode):
            await confirm_enrolment(
                session, operator, sealed=begun.sealed, code="000000", secret=SECRET, now=clock()
            )
        await confirm_enrolment(
            session, operator, sealed=begun.sealed, code=code(begun.secret, clock), secret=SECRET,
            now=clock(),
        )  # fmt: skip
    kept = await operator_of(database, dana)
    assert kept.totp_since == clock()
    assert begun.secret not in (kept.totp_secret or "")
    async with database.read() as session:
        entry = (
            await session.exec(
                select(JournalEntry).where(JournalEntry.event == "second_factor.set")
            )
        ).one()
    assert entry.data == {"operator": str(dana.operator_id), "replaced": False}
    assert begun.secret not in repr(entry)


async def test_an_enrolment_is_one_operators_and_ends_in_time(
    database: Database, clock: FakeClock
) -> None:
    dana, aset = await hire(database, "Dana"), await hire(database, "Aset")
    operator, other = await operator_of(database, dana), await operator_of(database, aset)
    begun = begin_enrolment(operator, issuer="Tereze", secret=SECRET, now=clock())
    right = code(begun.secret, clock)
    async with database.write() as session:
        for who, sealed in [(other, begun.sealed), (operator, begun.sealed[:-2]), (operator, "")]:
            with pytest.raises(NotBegun):
                await confirm_enrolment(
                    session, who, sealed=sealed, code=right, secret=SECRET, now=clock()
                )
    clock.advance(timedelta(seconds=ENROLMENT_SECONDS + 1))
    async with database.write() as session:
        with pytest.raises(NotBegun):
            await confirm_enrolment(
                session, operator, sealed=begun.sealed, code=code(begun.secret, clock),
                secret=SECRET, now=clock(),
            )  # fmt: skip
    assert (await operator_of(database, dana)).totp_since is None


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True),
                                              (2, False)])  # fmt: skip
async def test_the_codes_next_to_the_present_one_are_taken_and_no_others(
    database: Database, clock: FakeClock, steps: int, taken: bool
) -> None:
    dana = await hire(database, "Dana")
    made = await enrol(database, dana, clock)
    clock.advance(timedelta(minutes=5))
    assert await accepts(database, dana, code(made, clock, steps), clock) is taken


async def test_a_code_is_taken_once_and_none_from_before_it(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    made = await enrol(database, dana, clock)
    clock.advance(timedelta(minutes=5))
    now = code(made, clock)
    assert await accepts(database, dana, f"{now[:3]} {now[3:]}", clock)
    assert not await accepts(database, dana, now, clock)
    assert not await accepts(database, dana, code(made, clock, -1), clock)
    assert await accepts(database, dana, code(made, clock, 1), clock)


async def test_of_many_who_try_one_code_at_once_one_gets_through(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    made = await enrol(database, dana, clock)
    clock.advance(timedelta(minutes=5))
    typed = code(made, clock)
    tried = await asyncio.gather(*(accepts(database, dana, typed, clock) for _ in range(8)))
    assert sum(tried) == 1


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "000000"])
async def test_what_is_no_code_of_theirs_is_refused(
    database: Database, clock: FakeClock, typed: str
) -> None:
    dana, aset = await hire(database, "Dana"), await hire(database, "Aset")
    await enrol(database, dana, clock)
    clock.advance(timedelta(minutes=5))
    assert not await accepts(database, dana, typed, clock)
    assert not await accepts(database, aset, typed, clock)


async def test_another_secret_replaces_the_first_only_once_it_is_confirmed(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    first = await enrol(database, dana, clock)
    clock.advance(timedelta(minutes=5))
    begin_enrolment(await operator_of(database, dana), issuer="Tereze", secret=SECRET, now=clock())
    assert await accepts(database, dana, code(first, clock), clock)
    clock.advance(timedelta(minutes=5))
    second = await enrol(database, dana, clock)
    assert not await accepts(database, dana, code(first, clock), clock)
    assert await accepts(database, dana, code(second, clock), clock)


async def test_an_administrator_removes_what_is_on_a_lost_phone(
    database: Database, clock: FakeClock
) -> None:
    dana, admin = await hire(database, "Dana"), await hire(database, "Saule", Role.ADMIN)
    made = await enrol(database, dana, clock)
    assert dana.operator_id is not None
    async with database.write() as session:
        await remove_second_factor(session, dana.operator_id, by=admin, now=clock())
        with pytest.raises(NotFound):
            await remove_second_factor(session, dana.operator_id, by=admin, now=clock())
    kept = await operator_of(database, dana)
    assert (kept.totp_secret, kept.totp_since) == (None, None)
    clock.advance(timedelta(minutes=5))
    assert not await accepts(database, dana, code(made, clock), clock)
    async with database.read() as session:
        events = await session.exec(
            select(JournalEntry.actor).where(JournalEntry.event == "second_factor.removed")
        )
        assert events.all() == [admin.actor]
