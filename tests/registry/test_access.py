"""Who sees what: operators what is theirs, their teams' and nobody's; supervisors everything."""

from collections.abc import Mapping

import msgspec
import pytest
from sqlmodel import select

from registry import models
from registry.access import may_see, visible_to
from registry.db import Database
from registry.errors import NotFound
from registry.inbox import Query, get_appeal, get_message, get_summary, list_appeals
from registry.operators import Principal, Role
from tests.registry.desk import hire, write_in

TEAMS: Mapping[str, str | None] = {"700": None, "701": "roads", "702": "water"}


def url(id_: str) -> str:
    return f"/files/{id_}"


async def queues(database: Database) -> dict[str | None, str]:
    """An appeal of nobody's team, and one of each of two teams: their numbers by the team."""
    numbers = {team: await write_in(database, citizen) for citizen, team in TEAMS.items()}
    async with database.write() as session:
        for team, number in numbers.items():
            found = await session.exec(select(models.Appeal).where(models.Appeal.number == number))
            found.one().team = team
    return numbers


async def member_of(database: Database, name: str, *teams: str) -> Principal:
    return msgspec.structs.replace(await hire(database, name), teams=frozenset(teams))


async def seen_by(database: Database, viewer: Principal) -> set[str]:
    async with database.read() as session:
        page = await list_appeals(session, Query(), viewer=viewer)
    return {appeal.number for appeal in page.items}


async def test_an_operator_sees_their_teams_appeals_and_those_of_no_team(
    database: Database,
) -> None:
    numbers = await queues(database)
    viewer = await member_of(database, "Dana", "roads")
    assert await seen_by(database, viewer) == {numbers[None], numbers["roads"]}
    nowhere = await member_of(database, "Aset")
    assert await seen_by(database, nowhere) == {numbers[None]}


async def test_an_operator_sees_what_they_hold_whosever_team_it_is(database: Database) -> None:
    numbers = await queues(database)
    viewer = await member_of(database, "Dana", "roads")
    async with database.write() as session:
        held = models.Appeal.number == numbers["water"]
        (
            await session.exec(select(models.Appeal).where(held))
        ).one().assignee_id = viewer.operator_id
    assert await seen_by(database, viewer) == set(numbers.values())


async def test_a_supervisor_sees_every_team(database: Database) -> None:
    numbers = await queues(database)
    viewer = await hire(database, "Saule", Role.SUPERVISOR)
    assert await seen_by(database, viewer) == set(numbers.values())


async def test_what_one_may_not_see_is_answered_as_what_is_not_there(database: Database) -> None:
    numbers = await queues(database)
    stranger = await member_of(database, "Dana", "roads")
    colleague = await member_of(database, "Aset", "water")
    number = numbers["water"]
    async with database.read() as session:
        appeal = await get_appeal(session, number, attachment_url=url, viewer=colleague)
        message_id = int(appeal.messages[0].id)
        shown = await get_message(session, message_id, attachment_url=url, viewer=colleague)
        assert shown.id == str(message_id)
        with pytest.raises(NotFound, match=f"There is no appeal {number}"):
            await get_appeal(session, number, attachment_url=url, viewer=stranger)
        with pytest.raises(NotFound, match=f"There is no appeal {number}"):
            await get_summary(session, number, viewer=stranger)
        with pytest.raises(NotFound, match=f"There is no message {message_id}"):
            await get_message(session, message_id, attachment_url=url, viewer=stranger)


async def test_the_condition_says_the_same_in_sql_and_in_python(database: Database) -> None:
    await queues(database)
    viewers = [
        await member_of(database, "Dana", "roads"),
        await member_of(database, "Aset"),
        await hire(database, "Saule", Role.SUPERVISOR),
    ]
    async with database.write() as session:
        for appeal in await session.exec(select(models.Appeal)):
            if appeal.team == "water":
                appeal.assignee_id = viewers[1].operator_id
    async with database.read() as session:
        every = (await session.exec(select(models.Appeal))).all()
        for viewer in viewers:
            found = await session.exec(select(models.Appeal.id).where(visible_to(viewer)))
            allowed = {
                a.id for a in every if may_see(viewer, team=a.team, assignee_id=a.assignee_id)
            }
            assert set(found) == allowed
