"""The queues: what SQL finds and what Python says of one appeal are the same."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from registry.db import Database
from registry.models import LIVE, Appeal
from registry.operators import Principal, Role
from registry.queues import Queue, Standing, in_queue, queue_condition
from registry.states import LIVE as LIVE_STATUSES
from tests.registry.crowd import NOW, TEAMS, crowd, staff, standings
from tests.registry.samples import START

DANA = Principal(
    role=Role.OPERATOR, name="Dana", operator_id=1, actor="operator:1", teams=frozenset({"roads"})
)


async def test_a_queue_of_sql_holds_exactly_what_python_says_is_in_it(database: Database) -> None:
    people = await staff(database)
    await crowd(database, people)
    known = await standings(database)
    seen: dict[Queue, set[str]] = {queue: set() for queue in Queue}
    async with database.read() as session:
        for person in people:
            for queue in Queue:
                for team in (*TEAMS, "parks") if queue is Queue.TEAM else (None,):
                    for now in (NOW, NOW + timedelta(hours=2), START):
                        wanted = queue_condition(queue, person, now, team)
                        found = set(await session.exec(select(col(Appeal.number)).where(wanted)))
                        told = {
                            number
                            for number, standing in known.items()
                            if in_queue(queue, standing, person, now, team)
                        }
                        assert found == told, (person.name, queue, team, now)
                        seen[queue] |= found
    assert all(0 < len(found) < len(known) for found in seen.values())


def test_live_is_the_same_word_in_sql_and_in_python() -> None:
    written = ", ".join(f"'{status}'" for status in ("new", "open", "pending"))
    assert f"status IN ({written})" == LIVE
    assert {"new", "open", "pending"} == LIVE_STATUSES


@pytest.mark.parametrize("queue", [queue for queue in Queue if queue is not Queue.MENTIONS])
def test_what_a_blocked_contact_brings_raises_nothing(queue: Queue) -> None:
    standing = Standing(
        status="open", assignee_id=1, team="roads", due_at=NOW, failed=True, blocked=True
    )
    assert not in_queue(queue, standing, DANA, NOW, "roads")


def test_an_overdue_appeal_is_overdue_while_it_is_snoozed() -> None:
    standing = Standing(
        status="open", assignee_id=1, due_at=NOW, snoozed_until=NOW + timedelta(hours=1)
    )
    assert in_queue(Queue.OVERDUE, standing, DANA, NOW)
    assert in_queue(Queue.SNOOZED, standing, DANA, NOW)
    assert not in_queue(Queue.MINE, standing, DANA, NOW)
    assert in_queue(Queue.MINE, standing, DANA, NOW + timedelta(hours=1))


def test_a_failed_reply_stays_in_its_queue_until_the_appeal_is_closed() -> None:
    for status, there in (("new", True), ("pending", True), ("resolved", True), ("closed", False)):
        standing = Standing(status=status, failed=True)
        assert in_queue(Queue.FAILED, standing, DANA, NOW) is there


@given(st.sampled_from(Queue), st.booleans(), st.sampled_from([None, "roads", "water", "parks"]))
def test_no_queue_shows_what_the_viewer_may_not_see(
    queue: Queue, failed: bool, team: str | None
) -> None:
    standing = Standing(status="open", team=team, failed=failed, mentioned={1}, due_at=NOW)
    if in_queue(queue, standing, DANA, NOW, team):
        assert team in {None, "roads"}
