"""Teams: made, renamed and archived by an administrator, and whose queue they are."""

from typing import Any

import pytest
from sqlmodel import col, select

from registry.db import Database
from registry.errors import NotFound
from registry.models import JournalEntry, Operator
from registry.operators import Principal, Role, Taken, Unacceptable, principal_of
from registry.teams import (
    add_team,
    archive_team,
    get_team,
    list_teams,
    rename_team,
    set_members,
    set_teams_of,
    teams_of,
)
from tests.conftest import FakeClock
from tests.registry.desk import hire


@pytest.fixture
async def admin(database: Database, clock: FakeClock) -> Principal:
    """An administrator, with two teams that nobody is in."""
    by = await hire(database, "Saule", Role.ADMIN)
    async with database.write() as session:
        await add_team(session, "roads", "  Дороги   города ", by=by, now=clock())
        await add_team(session, "water", "Вода", by=by, now=clock())
    return by


async def journal(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry)
            .where(col(JournalEntry.event).startswith("team."))
            .order_by(col(JournalEntry.id))
        )
        return [(entry.event, entry.data) for entry in found]


def id_of(who: Principal) -> int:
    assert who.operator_id is not None
    return who.operator_id


async def test_a_team_is_made_renamed_archived_and_restored(
    database: Database, clock: FakeClock, admin: Principal
) -> None:
    async with database.write() as session:
        await rename_team(session, "water", "Водоканал", by=admin, now=clock())
        await rename_team(session, "water", "Водоканал", by=admin, now=clock())
        await archive_team(session, "roads", archived=True, by=admin, now=clock())
        await archive_team(session, "roads", archived=True, by=admin, now=clock())
    async with database.read() as session:
        listed = await list_teams(session)
        roads = await get_team(session, "roads")
    assert [(team.key, team.name) for team in listed] == [
        ("water", "Водоканал"),
        ("roads", "Дороги города"),
    ]
    assert roads.archived_at == clock()
    async with database.write() as session:
        await archive_team(session, "roads", archived=False, by=admin, now=clock())
    assert await journal(database) == [
        ("team.added", {"team": "roads", "name": "Дороги города"}),
        ("team.added", {"team": "water", "name": "Вода"}),
        ("team.renamed", {"team": "water", "name": {"from": "Вода", "to": "Водоканал"}}),
        ("team.archived", {"team": "roads"}),
        ("team.restored", {"team": "roads"}),
    ]


async def test_what_is_set_as_members_is_who_shares_the_queue(
    database: Database, clock: FakeClock, admin: Principal
) -> None:
    dana, aset = await hire(database, "Dana"), await hire(database, "Aset")
    async with database.write() as session:
        await set_members(session, "roads", [id_of(dana), id_of(aset)], by=admin, now=clock())
        await set_members(session, "roads", [id_of(aset), id_of(aset)], by=admin, now=clock())
        await set_teams_of(session, id_of(aset), ["roads", "water"], by=admin, now=clock())
        await set_teams_of(session, id_of(dana), ["water"], by=admin, now=clock())
    async with database.read() as session:
        assert (await get_team(session, "roads")).members == [str(aset.operator_id)]
        members = {team.key: set(team.members) for team in await list_teams(session)}
        assert members["water"] == {str(dana.operator_id), str(aset.operator_id)}
        assert await teams_of(session, [id_of(dana), id_of(aset)]) == {
            id_of(dana): ["water"],
            id_of(aset): ["roads", "water"],
        }
        operator = await session.get(Operator, id_of(aset))
        assert operator is not None
        acting = await principal_of(session, operator, Role.OPERATOR)
        assert acting.teams == frozenset({"roads", "water"})
    moves = [(event, data["operator"]) for event, data in (await journal(database))[2:]]
    assert moves == [
        ("team.joined", str(dana.operator_id)),
        ("team.joined", str(aset.operator_id)),
        ("team.left", str(dana.operator_id)),
        ("team.joined", str(aset.operator_id)),
        ("team.joined", str(dana.operator_id)),
    ]


async def test_what_is_not_there_is_refused_and_nothing_is_changed(
    database: Database, clock: FakeClock, admin: Principal
) -> None:
    dana = await hire(database, "Dana")
    with pytest.raises(NotFound, match="operator 99"):
        async with database.write() as session:
            await set_members(session, "roads", [id_of(dana), 99], by=admin, now=clock())
    with pytest.raises(NotFound, match="team heat"):
        async with database.write() as session:
            await set_teams_of(session, id_of(dana), ["roads", "heat"], by=admin, now=clock())
    async with database.write() as session:
        for refused in (
            rename_team(session, "heat", "Тепло", by=admin, now=clock()),
            archive_team(session, "heat", archived=True, by=admin, now=clock()),
            set_members(session, "heat", [], by=admin, now=clock()),
            get_team(session, "heat"),
        ):
            with pytest.raises(NotFound, match="team heat"):
                await refused
    async with database.read() as session:
        assert (await teams_of(session, [id_of(dana)]))[id_of(dana)] == []


@pytest.mark.parametrize("key", ["", "Roads", "1roads", "дороги", "ro ads", "r" * 33, "roads\n"])
async def test_a_key_that_will_not_do_is_refused(
    database: Database, clock: FakeClock, admin: Principal, key: str
) -> None:
    async with database.write() as session:
        with pytest.raises(Unacceptable):
            await add_team(session, key, "Roads", by=admin, now=clock())


async def test_a_key_or_a_name_is_refused_where_it_is_taken_or_blank(
    database: Database, clock: FakeClock, admin: Principal
) -> None:
    async with database.write() as session:
        with pytest.raises(Taken, match="a team roads"):
            await add_team(session, "roads", "Other", by=admin, now=clock())
        with pytest.raises(Unacceptable):
            await add_team(session, "heat", "  ", by=admin, now=clock())
        with pytest.raises(Unacceptable):
            await rename_team(session, "roads", "", by=admin, now=clock())
        assert len(await list_teams(session)) == 2
