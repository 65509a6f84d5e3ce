"""An appeal that is opened again has the term of an answer anew, from that moment on."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry.current_office import CurrentOffice
from registry.db import Database
from registry.deadlines import DueTimes, restarted
from registry.errors import BadValue
from registry.models import Appeal
from registry.operators import Principal, Role
from registry.recomputing import recompute_portion
from registry.states import Outcome, Status
from registry.undoing import undo
from tests.registry.desk import hire
from tests.registry.offices import almaty, furnished
from tests.registry.samples import START, message
from tests.registry.test_deadlines import change, journal, take, the_appeal
from tests.registry.test_office import set_holiday

FRIDAY = almaty("2026-03-13T10:00:40")
RESOLVED = almaty("2026-03-12T10:00")


async def resolved(database: Database, **what: Any) -> tuple[CurrentOffice, str, Principal]:
    """An appeal of the second of March, resolved on the twelfth."""
    office = await furnished(database)
    [number] = await take(database, message(), office=office)
    assert number is not None
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await change(database, number, saule, **what)
    await change(
        database, number, saule, status=Status.RESOLVED, outcome=Outcome.FIXED, now=RESOLVED
    )
    return office, number, saule


async def write_again(database: Database, office: CurrentOffice, now: datetime = FRIDAY) -> None:
    await take(database, message("again", sent_at=now), office=office, now=now)


VECTORS: list[tuple[dict[str, Any], str]] = [
    ({}, "2026-03-16T18:00"),
    ({"category": "roads.pothole"}, "2026-03-20T18:00"),
    ({"category": "roads.manhole"}, "2026-03-13T14:00"),
    ({"kind": "complaint", "category": "build.illegal"}, "2026-04-08T18:00"),
]
"""What it is, and until when it is due that is opened again on Friday, the 13th of March: the days
from the 21st to the 25th are a weekend and holidays."""


@pytest.mark.parametrize(("what", "due_at"), VECTORS)
@pytest.mark.parametrize("by_citizen", [True, False])
async def test_the_term_begins_anew_when_it_is_opened_again(
    database: Database, what: dict[str, Any], due_at: str, by_citizen: bool
) -> None:
    office, number, saule = await resolved(database, **what)
    before = await the_appeal(database)

    if by_citizen:
        await write_again(database, office)
    else:
        await change(database, number, saule, status=Status.OPEN, now=FRIDAY)

    appeal = await the_appeal(database)
    assert (appeal.number, appeal.status, appeal.opened_at) == (number, "open", before.opened_at)
    assert (appeal.due_at, appeal.reopened_at) == (almaty(due_at), FRIDAY)
    assert appeal.first_response_due == almaty("2026-03-13T11:00")
    event = "appeal.term_restarted" if by_citizen else "appeal.changed"
    told = (await journal(database, event))[-1].data
    for name in ("due_at", "first_response_due"):
        assert [datetime.fromisoformat(told[name][key]) for key in ("from", "to")] == [
            getattr(before, name), getattr(appeal, name),
        ]  # fmt: skip


async def test_a_first_answer_that_was_given_is_not_due_again(database: Database) -> None:
    office, _, _ = await resolved(database)
    async with database.write() as session:
        appeal = (await session.exec(select(Appeal))).one()
        appeal.first_response_at, appeal.escalated_at = START, START
        due = appeal.first_response_due

    await write_again(database, office)

    appeal = await the_appeal(database)
    assert (appeal.first_response_due, appeal.escalated_at) == (due, None)


async def test_a_deadline_set_by_hand_stays_while_it_is_to_come(database: Database) -> None:
    by_hand = almaty("2026-04-01T12:00")
    office, number, saule = await resolved(database, due_at=by_hand, reason="Подрядчик")

    await write_again(database, office)
    appeal = await the_appeal(database)
    assert (appeal.due_at, appeal.due_fixed) == (by_hand, True)

    later = almaty("2026-04-02T10:00")
    await change(database, number, saule, status=Status.RESOLVED, now=later)
    await change(database, number, saule, status=Status.OPEN, now=later)
    appeal = await the_appeal(database)
    assert (appeal.due_at, appeal.due_fixed) == (almaty("2026-04-03T18:00"), False)


async def test_a_calendar_that_changes_counts_from_the_moment_it_was_opened_again(
    database: Database,
) -> None:
    office, _, _ = await resolved(database)
    await write_again(database, office)
    await set_holiday(database, "2026-03-16", now=FRIDAY)
    await office.refresh(database)

    await database.run(recompute_portion(office.office, now=FRIDAY))

    assert (await the_appeal(database)).due_at == almaty("2026-03-17T18:00")


async def test_so_do_category_and_law(database: Database) -> None:
    office, number, saule = await resolved(database)
    await write_again(database, office)

    await change(database, number, saule, category="roads.pothole", now=FRIDAY)
    assert (await the_appeal(database)).due_at == almaty("2026-03-20T18:00")

    await change(database, number, saule, kind="complaint", category="build.illegal", now=FRIDAY)
    with pytest.raises(BadValue, match=r"until 15\.06\.2026"):
        await change(
            database, number, saule, due_at=almaty("2026-06-16T10:00"), reason="Суд", now=FRIDAY
        )


async def test_what_only_waited_for_the_citizen_keeps_its_term(database: Database) -> None:
    office = await furnished(database)
    [number] = await take(database, message(), office=office)
    assert number is not None
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await change(database, number, saule, status=Status.PENDING)
    due = (await the_appeal(database)).due_at

    await write_again(database, office)

    appeal = await the_appeal(database)
    assert (appeal.status, appeal.due_at, appeal.reopened_at) == ("open", due, None)


async def test_an_opening_by_mistake_is_undone_with_its_term(database: Database) -> None:
    _, number, saule = await resolved(database)
    before = await the_appeal(database)
    await change(database, number, saule, status=Status.OPEN, now=FRIDAY)
    entry = (await journal(database, "appeal.changed"))[-1]

    async with database.write() as session:
        await undo(session, entry.id, by=saule, now=FRIDAY)

    after = await the_appeal(database)
    for name in ("status", "due_at", "first_response_due", "reopened_at", "resolved_at"):
        assert getattr(after, name) == getattr(before, name), name


async def test_without_an_office_it_is_only_open_again(database: Database) -> None:
    [number] = await take(database, message())
    assert number is not None
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await change(database, number, saule, status=Status.RESOLVED, now=RESOLVED)

    await take(database, message("2", sent_at=FRIDAY), now=FRIDAY)

    appeal = await the_appeal(database)
    assert (appeal.status, appeal.due_at, appeal.first_response_due) == ("open", None, None)
    assert await journal(database, "appeal.term_restarted") == []


def test_no_term_begins_in_the_past() -> None:
    asked: list[datetime] = []

    def deadlines(kind: str, category: str | None, opened_at: datetime) -> DueTimes:
        asked.append(opened_at)
        return DueTimes(opened_at + timedelta(hours=1), opened_at + timedelta(days=1))

    came = restarted(
        deadlines, kind="message", category=None, due_at=START, due_fixed=True,
        first_response_due=START, first_response_at=None, now=FRIDAY,
    )  # fmt: skip

    assert asked == [FRIDAY]
    assert (came.due_at, came.due_fixed) == (FRIDAY + timedelta(days=1), False)
