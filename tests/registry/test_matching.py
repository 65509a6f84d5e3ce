"""Live lists: what is told of one appeal is what a list read anew would show."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict
from sqlmodel import select

from registry.db import Database
from registry.inbox import (
    Known,
    Query,
    is_searching,
    list_appeals,
    load_known,
    matches,
    matching_ids,
)
from registry.models import Appeal
from registry.operators import Principal
from registry.queues import Queue
from registry.states import Status
from tests.registry.crowd import NOW, TEAMS, crowd, staff
from tests.registry.desk import hire, write_in
from tests.registry.samples import sender


class House:
    """A crowded database, on an event loop that lasts for many examples."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.database = Database(url)
        self.people: list[Principal] = []
        self.known: list[Known] = []
        runner.run(self._fill())

    async def _fill(self) -> None:
        await self.database.open()
        self.people = await staff(self.database)
        await crowd(self.database, self.people, 150)
        async with self.database.read() as session:
            ids = [appeal.id for appeal in await session.exec(select(Appeal))]
            self.known = list((await load_known(session, ids)).values())

    def listed(self, query: Query, viewer: Principal) -> list[str]:
        """The numbers on every page of a list."""
        return self._runner.run(self._listed(query, viewer))

    async def _listed(self, query: Query, viewer: Principal) -> list[str]:
        fields = asdict(query) | {"limit": 100}
        async with self.database.read() as session:
            numbers: list[str] = []
            while True:
                page = await list_appeals(session, Query(**fields), viewer=viewer, now=NOW)
                numbers += [appeal.number for appeal in page.items]
                if page.next is None:
                    return numbers
                fields["cursor"] = page.next

    def told(self, query: Query, viewer: Principal) -> list[str]:
        """The same by what is told of each appeal."""
        return [
            one.appeal.number for one in self.known if matches(query, one, viewer=viewer, now=NOW)
        ]


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    with asyncio.Runner() as runner:
        made = House(database_url, runner)
        yield made
        runner.run(made.database.close())


def some(*values: object) -> st.SearchStrategy[Any]:
    return st.just(()) | st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


TIMES = [NOW + timedelta(hours=hours) for hours in (-200, -30, -1, 0, 1, 30)]
HOLDERS = ("none", "dana@example.kz", " ERLAN@example.kz", "nobody@example.kz", "1")
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "channels": some("telegram", "whatsapp", "sms", "none"),
    "statuses": some(*Status),
    "assignee": st.sampled_from(HOLDERS),
    "category": st.sampled_from(["roads", "roads.pothole", "road", "water", "r_ads", "%"]),
    "due_before": st.sampled_from(TIMES),
    "teams": some(*TEAMS, "parks"),
    "districts": some("medeu", "alatau"),
    "languages": some("ru", "kk"),
    "tag": st.sampled_from(["yard", "again", "absent"]),
    "opened_from": st.sampled_from(TIMES),
    "opened_before": st.sampled_from(TIMES),
    "queue": st.sampled_from(Queue),
}
QUERIES = st.lists(st.sampled_from(sorted(FILTERS)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FILTERS[name] for name in names})
)


def test_a_list_is_what_is_told_of_each_appeal(house: House) -> None:
    sizes: list[int] = []

    @given(QUERIES, st.sampled_from(house.people))
    @settings(max_examples=150, deadline=None)
    def same(asked: dict[str, Any], viewer: Principal) -> None:
        query = Query(**asked)
        found = house.listed(query, viewer)
        assert sorted(house.told(query, viewer)) == sorted(found)
        sizes.append(len(found))

    same()
    assert sum(0 < size < len(house.known) for size in sizes) > 30


def test_every_filter_alone_tells_the_same_as_the_list(house: House) -> None:
    dana, supervisor = house.people[0], house.people[3]
    for query in (
        Query(assignee=str(dana.operator_id)),
        *(Query(queue=queue, teams=("roads",)) for queue in Queue),
    ):
        for viewer in (dana, supervisor):
            found = house.listed(query, viewer)
            assert sorted(house.told(query, viewer)) == sorted(found)
            if query.queue in {None, Queue.ALL, Queue.OVERDUE, Queue.TEAM}:
                assert found or viewer is dana


async def test_a_list_of_words_is_asked_of_the_database_for_the_few_at_hand(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    lamp = await write_in(database, "700", text="Не горит фонарь")
    await write_in(database, "701", text="Нет воды", sender=sender("701"))
    async with database.read() as session:
        ids = [appeal.id for appeal in await session.exec(select(Appeal).order_by("id"))]
        query = Query(q="фонарь", queue=Queue.UNASSIGNED)
        assert is_searching(query)
        assert await matching_ids(session, query, ids, viewer=dana, now=NOW) == {ids[0]}
        assert await matching_ids(session, query, ids[1:], viewer=dana, now=NOW) == set()
        known = await load_known(session, ids)
    assert known[ids[0]].appeal.number == lamp
    assert not is_searching(Query(q="  "))


async def test_appeals_that_are_not_there_are_known_of_no_more(database: Database) -> None:
    async with database.read() as session:
        assert await load_known(session, []) == {}
        assert await load_known(session, [1, 2]) == {}
