"""Counts are what the queues hold, for everybody, at any time."""

from datetime import timedelta

import pytest
from sqlmodel import func, select

from registry.db import Database
from registry.models import Appeal
from registry.operators import Principal
from registry.queues import Queue, queue_condition
from registry.tally import Counts, count_of, count_queues
from tests.registry.crowd import NOW, TEAMS, crowd, staff
from tests.registry.samples import START


async def counted(database: Database, person: Principal) -> Counts:
    async with database.read() as session:
        return (await count_queues(session, NOW)).counts_for(person)


@pytest.mark.parametrize("hours", [0, 2, -300])
async def test_every_count_of_everybody_is_what_the_queue_holds(
    database: Database, hours: int
) -> None:
    people = await staff(database)
    await crowd(database, people)
    now = NOW + timedelta(hours=hours)
    async with database.read() as session:
        tally = await count_queues(session, now)
        for person in people:
            counts = tally.counts_for(person)
            for queue in Queue:
                teams = (*TEAMS, "parks") if queue is Queue.TEAM else (None,)
                for team in teams:
                    wanted = queue_condition(queue, person, now, team)
                    held = await session.exec(
                        select(func.count()).select_from(Appeal).where(wanted)
                    )
                    if (
                        queue is Queue.TEAM
                        and person.teams is not None
                        and team not in person.teams
                    ):
                        continue  # of a team that is not theirs they hold some, and see no queue
                    assert count_of(counts, queue, team) == held.one(), (person.name, queue, team)


async def test_operators_see_the_counts_of_their_teams_and_supervisors_of_all(
    database: Database,
) -> None:
    people = await staff(database)
    await crowd(database, people)
    dana, erlan, _farida, gulnar, _program = people
    assert (await counted(database, dana)).teams == {}
    assert set((await counted(database, erlan)).teams) == {"roads"}
    assert set((await counted(database, gulnar)).teams) == {"parks", *TEAMS}


async def test_an_empty_office_has_nothing_to_do(database: Database) -> None:
    people = await staff(database)
    erlan = await counted(database, people[1])
    assert erlan == Counts(teams={"roads": 0})
    assert await counted(database, people[4]) == Counts()


async def test_counts_of_one_moment_stay_as_they_were(database: Database) -> None:
    people = await staff(database)
    async with database.read() as session:
        tally = await count_queues(session, START)
    await crowd(database, people, 10)
    assert tally.counts_for(people[3]) == Counts()
