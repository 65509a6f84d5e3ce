"""Who may act: passwords and tokens that cannot be read back, and prompt revocation."""

from typing import Any

import pytest
from argon2 import Type
from sqlmodel import select

from registry.db import Database
from registry.errors import NotFound
from registry.models import JournalEntry, Operator, Token
from registry.operators import (
    TOKEN_PREFIX,
    Principal,
    Role,
    Taken,
    Unacceptable,
    add_operator,
    add_token,
    authenticate,
    clean_email,
    disable_operator,
    find_operator,
    operator_by_email,
    revoke_token,
)
from registry.passwords import hash_password, is_password, one_time_password
from tests.conftest import USUAL_HASHER, FakeClock

KEY = "a key of the installation, of 32+ characters"
PASSWORD = "Алатау баурайында 7"


@pytest.fixture
async def operator(database: Database, clock: FakeClock) -> Operator:
    kept = await hash_password(PASSWORD)
    async with database.write() as session:
        return await add_operator(
            session,
            email=" Dana@Example.kz ",
            name="Дана",
            role=Role.SUPERVISOR,
            password_hash=kept,
            actor="system",
            now=clock(),
        )


async def token_for(database: Database, clock: FakeClock, **changes: Any) -> str:
    fields: dict[str, Any] = {"name": "desk", "role": Role.ADMIN, "secret_key": KEY}
    async with database.write() as session:
        return await add_token(session, **(fields | changes), actor="system", now=clock())


async def who(database: Database, token: str, *, key: str = KEY) -> Principal | None:
    async with database.read() as session:
        return await authenticate(session, token, key)


async def is_theirs(database: Database, email: str, password: str) -> bool:
    async with database.read() as session:
        found = await operator_by_email(session, email)
    return await is_password(found.password_hash if found else None, password)


async def test_a_password_opens_and_another_does_not(
    database: Database, operator: Operator
) -> None:
    for email, password, opens in [
        ("dana@example.kz", PASSWORD, True),
        (" DANA@example.kz", PASSWORD, True),
        ("dana@example.kz", PASSWORD + " ", False),
        ("dana@example.kz", "", False),
        ("nobody@example.kz", PASSWORD, False),
        (str(operator.id), PASSWORD, False),
    ]:
        assert await is_theirs(database, email, password) is opens, (email, password)
    assert PASSWORD not in (operator.password_hash or "")


async def test_a_password_is_the_same_however_its_letters_were_composed() -> None:
    composed, apart = "\u0439" * 12, "\u0438\u0306" * 12
    assert composed != apart
    assert await is_password(await hash_password(composed), apart)


async def test_an_operator_without_a_password_cannot_log_in(
    database: Database, clock: FakeClock
) -> None:
    async with database.write() as session:
        await add_operator(
            session, email="bot@example.kz", name="Бот", role=Role.OPERATOR, password_hash=None,
            actor="system", now=clock(),
        )  # fmt: skip
    assert not await is_theirs(database, "bot@example.kz", "")


async def test_a_password_that_is_told_once_will_do_and_is_never_the_same() -> None:
    made = {one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert await hash_password(made.pop())


@pytest.mark.parametrize("password", ["short", "x" * 1025])
async def test_a_password_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(Unacceptable):
        await hash_password(password)


async def test_a_token_acts_in_its_own_name_and_is_kept_as_a_digest(
    database: Database, clock: FakeClock
) -> None:
    token = await token_for(database, clock)
    assert token.startswith(TOKEN_PREFIX)
    assert await who(database, token) == Principal(
        role=Role.ADMIN, name="desk", operator_id=None, actor="token:desk"
    )
    async with database.read() as session:
        row = (await session.exec(select(Token))).one()
        journal = (await session.exec(select(JournalEntry))).all()
    assert token not in repr(row)
    assert all(token not in repr(entry) for entry in journal)


async def test_only_the_token_itself_under_the_same_key_opens(
    database: Database, clock: FakeClock
) -> None:
    token = await token_for(database, clock)
    assert await who(database, token[:-1]) is None
    assert await who(database, "") is None
    assert await who(database, "\udcff") is None
    assert await who(database, token, key=KEY + "!") is None


async def test_an_operators_token_never_exceeds_their_role(
    database: Database, clock: FakeClock, operator: Operator
) -> None:
    strong = await token_for(database, clock, name="strong", operator_id=operator.id)
    weak = await token_for(
        database, clock, name="weak", role=Role.OPERATOR, operator_id=operator.id
    )
    found, other = await who(database, strong), await who(database, weak)
    assert found is not None
    assert (found.role, found.name, found.operator_id) == (Role.SUPERVISOR, "Дана", operator.id)
    assert found.actor == f"operator:{operator.id}"
    assert other is not None
    assert other.role is Role.OPERATOR


async def test_a_revoked_token_is_refused_at_once(database: Database, clock: FakeClock) -> None:
    token = await token_for(database, clock)
    assert await who(database, token) is not None
    async with database.write() as session:
        await revoke_token(session, "desk", actor="system", now=clock())
    assert await who(database, token) is None
    async with database.write() as session:
        with pytest.raises(NotFound):
            await revoke_token(session, "desk", actor="system", now=clock())


async def test_a_disabled_operator_is_refused_at_once_with_every_token(
    database: Database, clock: FakeClock, operator: Operator
) -> None:
    token = await token_for(database, clock, operator_id=operator.id)
    async with database.write() as session:
        await disable_operator(session, operator.id, actor="system", now=clock())
    assert await who(database, token) is None
    assert not await is_theirs(database, operator.email, PASSWORD)
    async with database.read() as session:
        with pytest.raises(NotFound):
            await find_operator(session, operator.email)


async def test_an_operator_is_found_by_id_or_address(
    database: Database, operator: Operator
) -> None:
    async with database.read() as session:
        for named in (str(operator.id), "dana@example.kz", " DANA@EXAMPLE.KZ"):
            assert (await find_operator(session, named)).id == operator.id
        for unknown in ("1", "dan@example.kz", "", "99999999999999999999"):
            with pytest.raises(NotFound):
                await find_operator(session, unknown)


async def test_names_that_are_taken_are_refused_and_the_transaction_lives_on(
    database: Database, clock: FakeClock, operator: Operator
) -> None:
    await token_for(database, clock)
    async with database.write() as session:
        with pytest.raises(Taken, match="an operator dana@example"):
            await add_operator(
                session, email="DANA@example.kz", name="Другая", role=Role.OPERATOR,
                password_hash=None, actor="system", now=clock(),
            )  # fmt: skip
        with pytest.raises(Taken, match="a token desk"):
            await add_token(
                session, name="desk", role=Role.OPERATOR, secret_key=KEY, actor="system",
                now=clock(),
            )  # fmt: skip
        assert (await find_operator(session, operator.email)).name == "Дана"


@pytest.mark.parametrize("email", ["", "dana", "dana@", "@example.kz", "a b@example.kz", "a@b"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(Unacceptable):
        clean_email(email)


def test_each_role_holds_what_the_one_before_it_may() -> None:
    for have in Role:
        principal = Principal(role=have, name="x", operator_id=None, actor="token:x")
        held = {role for role in Role if principal.is_at_least(role)}
        assert held == set(list(Role)[: list(Role).index(have) + 1])


def test_a_hash_of_a_running_hub_is_as_costly_as_is_advised() -> None:
    """RFC 9106, section 4: the second recommended option."""
    assert USUAL_HASHER.type is Type.ID
    assert (USUAL_HASHER.memory_cost, USUAL_HASHER.time_cost) >= (64 * 1024, 3)
    assert USUAL_HASHER.salt_len >= 16
