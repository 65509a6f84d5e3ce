"""Operators who prove elsewhere who they are: matched, linked, registered or refused."""

from typing import Any

import pytest
from sqlmodel import col, select

from registry.db import Database
from registry.federation import Identity, NotOurs, operator_for
from registry.models import JournalEntry, Operator
from registry.operators import Role, Taken
from tests.conftest import FakeClock
from tests.registry.desk import hire


async def sign_in(
    database: Database, clock: FakeClock, *, create: bool = False,
    roles: set[Role] | None = None, **changes: Any,
) -> Operator:  # fmt: skip
    given: dict[str, Any] = {
        "subject": "s-1",
        "email": "Dana@Example.kz",
        "verified": True,
        "name": "Дана",
    }
    async with database.write() as session:
        return await operator_for(
            session, Identity(**(given | changes)), create=create, roles=roles, now=clock()
        )


async def events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry)
            .where(col(JournalEntry.event).in_(["operator.linked", "operator.changed"]))
            .order_by(col(JournalEntry.id))
        )
        return [(entry.event, entry.data) for entry in found]


async def test_a_verified_address_links_once_and_then_the_name_alone_counts(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    assert (await sign_in(database, clock)).id == dana.operator_id
    found = await sign_in(database, clock, email=None, verified=False)
    assert (found.id, found.subject) == (dana.operator_id, "s-1")
    linked = {"operator": str(dana.operator_id), "subject": "s-1"}
    assert await events(database) == [("operator.linked", linked)]
    with pytest.raises(NotOurs) as refused:
        await sign_in(database, clock, subject="s-2")  # another person of that address
    assert refused.value.code == "unknown"


@pytest.mark.parametrize("changes", [{"verified": False}, {"email": None}])
async def test_an_address_that_may_not_be_theirs_links_nobody(
    database: Database, clock: FakeClock, changes: dict[str, Any]
) -> None:
    await hire(database, "Dana")
    with pytest.raises(NotOurs):
        await sign_in(database, clock, **changes)
    assert await events(database) == []
    with pytest.raises(NotOurs) as refused:
        await sign_in(database, clock, create=True, **changes)
    assert refused.value.code == "unverified"


async def test_whoever_is_new_is_registered_where_that_is_wanted(
    database: Database, clock: FakeClock
) -> None:
    await hire(database, "Saule", Role.ADMIN)
    new = await sign_in(database, clock, create=True, name=None)
    assert (new.email, new.name, new.role) == ("dana@example.kz", "Dana@Example.kz", "operator")
    with pytest.raises(Taken):
        await sign_in(database, clock, create=True, subject="s-2")


async def test_nobody_but_an_administrator_comes_first(
    database: Database, clock: FakeClock
) -> None:
    for roles in (None, {Role.SUPERVISOR}):
        with pytest.raises(NotOurs):
            await sign_in(database, clock, create=True, roles=roles)
    assert (await sign_in(database, clock, create=True, roles={Role.ADMIN})).role == "admin"


async def test_the_highest_of_the_roles_given_elsewhere_counts(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    for roles, role in [
        ({Role.OPERATOR, Role.SUPERVISOR}, "supervisor"),
        ({Role.OPERATOR}, "operator"),
        (None, "operator"),
    ]:
        assert (await sign_in(database, clock, roles=roles)).role == role
    with pytest.raises(NotOurs) as refused:
        await sign_in(database, clock, roles=set())
    assert refused.value.code == "no_role"
    changed = [data for event, data in await events(database) if event == "operator.changed"]
    assert changed == [
        {"operator": str(dana.operator_id), "role": {"from": "operator", "to": "supervisor"}},
        {"operator": str(dana.operator_id), "role": {"from": "supervisor", "to": "operator"}},
    ]


async def test_who_is_disabled_here_stays_out(database: Database, clock: FakeClock) -> None:
    dana = await hire(database, "Dana")
    async with database.write() as session:
        (await session.get_one(Operator, dana.operator_id)).disabled_at = clock()
    with pytest.raises(NotOurs) as refused:
        await sign_in(database, clock)
    assert refused.value.code == "disabled"
