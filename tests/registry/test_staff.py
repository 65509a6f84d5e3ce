"""Operators after they were added: passwords others know, roles, leaving, and never no admin."""

import asyncio

import pytest
from sqlmodel import col, select

from registry.db import Database
from registry.errors import NotFound
from registry.models import JournalEntry, Operator, Session
from registry.operators import Principal, Role
from registry.passwords import hash_password
from registry.staff import (
    LastAdmin,
    change_preferences,
    describe_operator,
    get_operator,
    let_go,
    list_operators,
    set_password,
    take_back,
)
from registry.staff import hire as add
from tests.conftest import FakeClock
from tests.registry.desk import hire
from tests.registry.samples import START


def id_of(who: Principal) -> int:
    assert who.operator_id is not None
    return who.operator_id


async def of(database: Database, who: Principal) -> Operator:
    async with database.read() as session:
        return await get_operator(session, id_of(who))


async def last_entry(database: Database) -> JournalEntry:
    async with database.read() as session:
        newest = select(JournalEntry).order_by(col(JournalEntry.id).desc())
        found = (await session.exec(newest)).first()
    assert found is not None
    return found


async def test_whoever_is_added_with_a_password_that_others_know_has_to_change_it(
    database: Database, clock: FakeClock
) -> None:
    admin = await hire(database, "Saule", Role.ADMIN)
    kept = await hash_password("a password for once")
    async with database.write() as session:
        added = await add(
            session, email="New@example.kz", name="Новая", role=Role.OPERATOR, password_hash=kept,
            by=admin, now=clock(),
        )  # fmt: skip
    async with database.write() as session:
        assert (await get_operator(session, added.id)).must_change_password
        await set_password(session, added.id, kept, by=admin, now=clock())
        assert not (await get_operator(session, added.id)).must_change_password
        await set_password(session, added.id, kept, by=admin, now=clock(), known_to_others=True)
        assert (await get_operator(session, added.id)).must_change_password
    entry = await last_entry(database)
    assert (entry.event, entry.actor) == ("password.reset", admin.actor)
    assert kept not in repr(entry)


async def test_another_password_ends_every_session_but_the_present_one(
    database: Database, clock: FakeClock
) -> None:
    dana = await hire(database, "Dana")
    async with database.write() as session:
        for digest in ("one", "two", "three"):
            session.add(
                Session(
                    digest=digest, operator_id=id_of(dana), stage="in", created_at=clock(),
                    seen_at=clock(), expires_at=clock(),
                )
            )  # fmt: skip
    async with database.write() as session:
        await set_password(session, id_of(dana), "hash", by=dana, now=clock(), but="two")
    async with database.read() as session:
        living = await session.exec(select(Session.digest).where(col(Session.ended_at).is_(None)))
        assert living.all() == ["two"]


async def test_what_is_described_is_written_down_old_beside_new(
    database: Database, clock: FakeClock
) -> None:
    admin, dana = await hire(database, "Saule", Role.ADMIN), await hire(database, "Dana")
    async with database.write() as session:
        await describe_operator(
            session, id_of(dana), by=admin, now=clock(), name=" Дана  К. ", role=Role.SUPERVISOR,
            languages=["ru", "kk", "ru"], position=" главный   специалист ",
        )  # fmt: skip
    changed = await of(database, dana)
    assert (changed.name, changed.role, changed.languages) == (
        "Дана К.",
        "supervisor",
        ["kk", "ru"],
    )
    entry = await last_entry(database)
    assert (entry.event, entry.actor) == ("operator.changed", admin.actor)
    assert entry.data == {
        "operator": str(dana.operator_id),
        "name": {"from": "Dana", "to": "Дана К."},
        "role": {"from": "operator", "to": "supervisor"},
        "languages": {"from": [], "to": ["kk", "ru"]},
        "position": {"from": "", "to": "главный специалист"},
    }
    async with database.write() as session:
        await describe_operator(session, id_of(dana), by=admin, now=clock(), name="Дана К.")
    assert (await last_entry(database)).id == entry.id


async def test_choices_for_the_screen_stand_beside_each_other(database: Database) -> None:
    dana = await hire(database, "Dana")
    before = await last_entry(database)
    for chosen in ({"theme": "dark", "sounds": True}, {"theme": None, "language": "kk"}):
        async with database.write() as session:
            await change_preferences(session, id_of(dana), chosen)
    assert (await of(database, dana)).preferences == {"sounds": True, "language": "kk"}
    assert (await last_entry(database)).id == before.id


async def test_whoever_left_may_return(database: Database, clock: FakeClock) -> None:
    admin, dana = await hire(database, "Saule", Role.ADMIN), await hire(database, "Dana")
    async with database.write() as session:
        await let_go(session, id_of(dana), by=admin, now=clock())
        await let_go(session, id_of(dana), by=admin, now=clock())
    assert (await of(database, dana)).disabled_at == clock()
    async with database.write() as session:
        await take_back(session, id_of(dana), by=admin, now=clock())
        await take_back(session, id_of(dana), by=admin, now=clock())
    assert (await of(database, dana)).disabled_at is None
    async with database.read() as session:
        events = await session.exec(
            select(JournalEntry.event)
            .where(JournalEntry.actor == admin.actor)
            .order_by(col(JournalEntry.id))
        )
        assert events.all() == ["operator.disabled", "operator.enabled"]
        assert [one.name for one in await list_operators(session)] == ["Dana", "Saule"]


async def test_the_last_administrator_neither_leaves_nor_becomes_less(
    database: Database, clock: FakeClock
) -> None:
    saule, dana = await hire(database, "Saule", Role.ADMIN), await hire(database, "Dana")
    async with database.write() as session:
        with pytest.raises(LastAdmin, match="Saule is the last administrator"):
            await let_go(session, id_of(saule), by=saule, now=clock())
        with pytest.raises(LastAdmin):
            await describe_operator(
                session, id_of(saule), by=saule, now=clock(), role=Role.SUPERVISOR
            )
        await describe_operator(session, id_of(saule), by=saule, now=clock(), role=Role.ADMIN)
        await describe_operator(session, id_of(dana), by=saule, now=clock(), role=Role.ADMIN)
        await let_go(session, id_of(saule), by=saule, now=clock())
        with pytest.raises(LastAdmin):
            await let_go(session, id_of(dana), by=dana, now=clock())


async def test_two_administrators_who_take_each_others_rights_at_once_leave_one(
    database: Database,
) -> None:
    saule = await hire(database, "Saule", Role.ADMIN)
    marat = await hire(database, "Marat", Role.ADMIN)

    async def take_rights(of: Principal, by: Principal) -> None:
        async with database.write() as session:
            await describe_operator(session, id_of(of), by=by, now=START, role=Role.OPERATOR)

    ended = await asyncio.gather(
        take_rights(saule, marat), take_rights(marat, saule), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in ended) == ["LastAdmin", "NoneType"]


async def test_nobody_is_described_who_is_not_there(database: Database, clock: FakeClock) -> None:
    admin = await hire(database, "Saule", Role.ADMIN)
    async with database.write() as session:
        for refused in (
            describe_operator(session, 9, by=admin, now=clock(), name="X"),
            let_go(session, 9, by=admin, now=clock()),
            take_back(session, 9, by=admin, now=clock()),
            set_password(session, 9, "hash", by=admin, now=clock()),
            get_operator(session, 9),
        ):
            with pytest.raises(NotFound, match="operator 9"):
                await refused
