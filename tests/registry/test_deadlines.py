"""Until when: what category and law say, when they are given, and who moves them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import col, select

from registry.appeals import Change, DeskChannel, NotAllowed, Opening, change_appeal, open_appeal
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.deadlines import (
    LegalTerms,
    Term,
    Terms,
    Unit,
    due_times,
    latest_extension,
    legal_due,
)
from registry.errors import BadValue
from registry.intake import Rules, accept
from registry.models import Appeal, Category, JournalEntry
from registry.office_calendar import Calendar
from registry.operators import Principal, Role
from registry.states import Status
from registry.types import ContactPoint, Inbound
from tests.registry.desk import hire, write_in
from tests.registry.offices import ALMATY, almaty, furnished
from tests.registry.samples import RULES, START, echo, message

CALENDAR = Calendar(zone=ALMATY)
LAW = LegalTerms(date(2021, 7, 1), {"complaint": 20, "application": 15}, extension_months=2)
TERMS = Terms(
    legal=(LAW,),
    categories={
        "roads.pothole": Term(5, Unit.WORKING_DAYS),
        "roads.manhole": Term(4, Unit.HOURS),
        "utilities.gas": Term(0, Unit.HOURS),
        "social.info": Term(1, Unit.WORKING_HOURS),
        "build.court": Term(60, Unit.WORKING_DAYS),
        "build.law": None,
    },
)
EVENING = almaty("2026-08-31T23:30")  # a Monday
MORNING = almaty("2026-08-31T09:00:59.5")


# --- What the rules say ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "opened_at", "due_at"),
    [
        (None, MORNING, "2026-09-01T18:00"),
        ("no.such", MORNING, "2026-09-01T18:00"),
        ("roads", MORNING, "2026-09-01T18:00"),
        ("roads.pothole", MORNING, "2026-09-07T18:00"),
        ("roads.manhole", MORNING, "2026-08-31T13:00"),
        ("roads.manhole", EVENING, "2026-09-01T03:30"),
        ("utilities.gas", EVENING, "2026-08-31T23:30"),
        ("social.info", EVENING, "2026-09-01T08:30"),
        ("build.court", MORNING, "2026-11-23T18:00"),
        ("build.law", MORNING, None),
    ],
)
def test_a_report_has_the_term_of_its_category_and_is_sorted_first_without_one(
    category: str | None, opened_at: datetime, due_at: str | None
) -> None:
    due = due_times("message", category, opened_at, CALENDAR, TERMS)
    assert due.due_at == (None if due_at is None else almaty(due_at))


@pytest.mark.parametrize(
    ("kind", "category", "due_at"),
    [
        ("application", "build.law", "2026-09-21T18:00"),
        ("complaint", "build.law", "2026-09-28T18:00"),
        ("complaint", "build.court", "2026-09-28T18:00"),
        ("complaint", "roads.pothole", "2026-09-07T18:00"),
        ("complaint", None, "2026-09-01T18:00"),
    ],
)
def test_a_legal_appeal_has_the_shorter_of_the_categorys_term_and_the_laws(
    kind: str, category: str | None, due_at: str
) -> None:
    assert due_times(kind, category, MORNING, CALENDAR, TERMS).due_at == almaty(due_at)


def test_the_first_answer_is_due_within_an_hour_of_opening_hours() -> None:
    assert due_times("message", None, MORNING, CALENDAR, TERMS).first_response_due == almaty(
        "2026-08-31T10:00"
    )
    assert due_times("message", None, EVENING, CALENDAR, TERMS).first_response_due == almaty(
        "2026-09-01T08:30"
    )
    soon = Terms(first_response=timedelta(minutes=20))
    assert due_times("message", None, EVENING, CALENDAR, soon).first_response_due == almaty(
        "2026-08-31T23:50"
    )


def test_the_law_that_holds_is_the_one_of_the_day_on_which_an_appeal_was_opened() -> None:
    newer = LegalTerms(date(2026, 9, 1), {"complaint": 10}, extension_months=1)
    terms = Terms(legal=(newer, LAW), categories={"build.law": None})
    last_evening, first_minute = almaty("2026-08-31T23:59"), almaty("2026-09-01T00:00")
    assert legal_due("complaint", last_evening, CALENDAR, terms) == almaty("2026-09-29T18:00")
    assert legal_due("complaint", first_minute, CALENDAR, terms) == almaty("2026-09-15T18:00")
    assert legal_due("application", first_minute, CALENDAR, terms) is None
    assert legal_due("complaint", almaty("2021-06-30T12:00"), CALENDAR, terms) is None


@pytest.mark.parametrize(
    ("opened_at", "latest"),
    [
        ("2026-08-31T09:00", "2026-11-28T18:00"),
        ("2026-09-02T09:00", "2026-11-30T18:00"),
        ("2026-12-03T09:00", "2027-02-28T18:00"),  # from 31 December: February has no such day
        ("2026-10-14T09:00", "2027-01-11T18:00"),
    ],
)
def test_an_extension_reaches_to_the_same_day_of_a_later_month_or_to_its_last(
    opened_at: str, latest: str
) -> None:
    moment = almaty(opened_at)
    assert latest_extension("complaint", moment, CALENDAR, TERMS) == almaty(latest)
    assert latest_extension("message", moment, CALENDAR, TERMS) is None


@given(
    kind=st.sampled_from(["message", "complaint", "application"]),
    category=st.sampled_from([None, *TERMS.categories]),
    opened_at=st.datetimes(
        datetime.fromisoformat("2026-01-01"),
        datetime.fromisoformat("2028-01-01"),
        timezones=st.just(UTC),
    ),
    later=st.timedeltas(timedelta(), timedelta(30)),
)
def test_deadlines_are_whole_minutes_after_the_opening_and_later_for_who_comes_later(
    kind: str, category: str | None, opened_at: datetime, later: timedelta
) -> None:
    due = due_times(kind, category, opened_at, CALENDAR, TERMS)
    after = due_times(kind, category, opened_at + later, CALENDAR, TERMS)
    assert opened_at < due.first_response_due <= after.first_response_due
    law = legal_due(kind, opened_at, CALENDAR, TERMS)
    if due.due_at is None or after.due_at is None:
        assert law is None
        assert category == "build.law"
        return
    assert (due.due_at.second, due.due_at.microsecond) == (0, 0)
    assert opened_at - timedelta(minutes=1) < due.due_at <= after.due_at
    assert law is None or due.due_at <= law


# --- At the opening -------------------------------------------------------------------------------


async def the_appeal(database: Database, number: str | None = None) -> Appeal:
    async with database.read() as session:
        query = select(Appeal)
        if number is not None:
            query = query.where(Appeal.number == number)
        return (await session.exec(query)).one()


async def journal(database: Database, event: str) -> list[JournalEntry]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry).where(JournalEntry.event == event).order_by(col(JournalEntry.id))
        )
        return list(found)


async def take(
    database: Database, *items: Inbound, office: CurrentOffice | None = None, now: datetime = START
) -> list[str | None]:
    deadlines = None if office is None else office.deadlines
    rules = Rules(
        join_window=RULES.join_window, number_prefix="ALM", zone=ALMATY, deadlines=deadlines
    )
    return (await database.run(accept(items, rules=rules, now=now))).numbers


async def test_what_comes_by_a_channel_has_deadlines_from_its_first_moment(
    database: Database,
) -> None:
    office = await furnished(database)
    await take(database, message(), office=office, now=START + timedelta(seconds=40))
    appeal = await the_appeal(database)
    assert appeal.first_response_due == almaty("2026-03-02T10:00")
    assert appeal.due_at == almaty("2026-03-03T18:00")
    assert (appeal.waiting_since, appeal.first_response_at) == (START, None)
    assert not appeal.due_fixed


async def test_without_an_office_nothing_is_due(database: Database) -> None:
    await take(database, message())
    number = (await the_appeal(database)).number
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await change(database, number, saule, category="дороги", kind="complaint")
    appeal = await the_appeal(database)
    assert (appeal.first_response_due, appeal.due_at) == (None, None)


@pytest.mark.parametrize(
    ("channel", "answered"),
    [
        (DeskChannel.VISIT, True),
        (DeskChannel.PHONE, True),
        (DeskChannel.LETTER, False),
        (DeskChannel.WEB, False),
        (DeskChannel.EMAIL, False),
    ],
)
async def test_who_is_spoken_with_has_had_a_first_answer_and_who_wrote_a_letter_waits(
    database: Database, channel: DeskChannel, answered: bool
) -> None:
    await furnished(database)
    by = Principal(role=Role.OPERATOR, name="Касса", operator_id=None, actor="token:desk")
    opening = Opening(
        channel=channel, text="Шұңқыр", name="Нұрлан", kind="complaint", category="roads.manhole",
        points=(ContactPoint("tel", "+77011234567"),),
    )  # fmt: skip
    async with database.write() as session:
        opened = await open_appeal(session, opening, by=by, prefix="ALM", zone=ALMATY, now=START)
    assert (opened.first_response_at, opened.waiting_since) == (
        (START, None) if answered else (None, START)
    )
    assert opened.first_response_due == almaty("2026-03-02T10:00")
    assert opened.due_at == almaty("2026-03-02T13:00")


# --- Who waits for whom ---------------------------------------------------------------------------


def said(minute: int, **changes: Any) -> Inbound:
    return message(f"m{minute}", sent_at=START + timedelta(minutes=minute), **changes)


def at_minute(minute: int | None) -> datetime | None:
    return None if minute is None else START + timedelta(minutes=minute)


def ours(minute: int) -> Inbound:
    return echo(f"e{minute}", sent_at=START + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("batches", "waits_since", "answered_at"),
    [
        ([[said(0), said(5)]], 0, None),
        ([[said(0)], [said(5)]], 0, None),
        ([[said(0), ours(3)]], None, 3),
        ([[said(0)], [ours(3)]], None, 3),
        ([[said(0), ours(3), said(5), said(6)]], 5, 3),
        ([[said(0)], [ours(3), said(5)]], 5, 3),
        ([[said(0), ours(3)], [said(5)], [ours(7)]], None, 3),
        ([[ours(0)]], None, 0),
        ([[ours(0), said(2)]], 2, 0),
        ([[said(5)], [ours(3)]], 5, 3),  # told late: it was written before the citizen wrote
    ],
)
async def test_a_citizen_waits_from_the_first_message_that_nobody_answered(
    database: Database,
    batches: Sequence[Sequence[Inbound]],
    waits_since: int | None,
    answered_at: int | None,
) -> None:
    for batch in batches:
        await take(database, *batch, now=START + timedelta(hours=1))
    appeal = await the_appeal(database)
    times = [
        None if m is None else START + timedelta(minutes=m) for m in (waits_since, answered_at)
    ]
    assert [appeal.waiting_since, appeal.first_response_at] == times


async def test_an_answer_from_the_providers_app_ends_an_escalation_that_was_for_want_of_one(
    database: Database,
) -> None:
    office = await furnished(database)
    await take(database, said(0), office=office)
    for due_in, still in ((1, False), (-1, True)):
        async with database.write() as session:
            appeal = (await session.exec(select(Appeal))).one()
            appeal.escalated_at, appeal.due_at = START, START + timedelta(days=due_in)
        await take(database, ours(10 + due_in), office=office)
        assert ((await the_appeal(database)).escalated_at is not None) is still


async def test_nobody_waits_for_what_is_resolved(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, status=Status.RESOLVED)
    assert (await the_appeal(database)).waiting_since is None
    later = START + timedelta(days=1)
    await take(database, message("2", sent_at=later), now=later)
    assert (await the_appeal(database)).waiting_since == later


# --- Moved by what an appeal is -------------------------------------------------------------------


async def change(database: Database, number: str, by: Principal, **changes: Any) -> None:
    now = changes.pop("now", START + timedelta(hours=1))
    async with database.write() as session:
        await change_appeal(session, number, Change(**changes), by=by, now=now)


async def one_appeal(database: Database) -> tuple[str, Principal]:
    """An appeal with deadlines, and a supervisor."""
    office = await furnished(database)
    [number] = await take(database, message(), office=office)
    assert number is not None
    return number, await hire(database, "Saule", Role.SUPERVISOR)


async def test_the_deadline_follows_category_and_kind_old_beside_new(database: Database) -> None:
    number, saule = await one_appeal(database)
    steps: list[tuple[dict[str, Any], str]] = [
        ({"category": "roads.pothole"}, "2026-03-10T18:00"),  # 9 March makes up for the Sunday
        ({"category": "roads"}, "2026-03-03T18:00"),  # a group says not yet what it is
        ({"category": "build.illegal"}, "2026-03-27T18:00"),
        ({"kind": "complaint"}, "2026-03-27T18:00"),
        ({"category": "roads.manhole", "kind": "application"}, "2026-03-02T13:00"),
        ({"category": None}, "2026-03-03T18:00"),
    ]
    for changes, due_at in steps:
        before = (await the_appeal(database)).due_at
        await change(database, number, saule, **changes)
        appeal = await the_appeal(database)
        assert appeal.due_at == almaty(due_at), changes
        told = (await journal(database, "appeal.changed"))[-1].data.get("due_at")
        assert (told is None) == (appeal.due_at == before)
        if told is not None:
            assert [datetime.fromisoformat(told[key]) for key in ("from", "to")] == [
                before, appeal.due_at,
            ]  # fmt: skip


async def test_a_change_of_anything_else_moves_no_deadline(database: Database) -> None:
    number, saule = await one_appeal(database)
    async with database.write() as session:
        (await session.exec(select(Appeal))).one().due_at = START
    await change(database, number, saule, subject="Тема", kind="message", category=None)
    assert (await the_appeal(database)).due_at == START


async def test_a_later_deadline_takes_back_an_escalation_and_one_that_is_past_does_not(
    database: Database,
) -> None:
    number, saule = await one_appeal(database)
    async with database.write() as session:
        appeal = (await session.exec(select(Appeal))).one()
        appeal.escalated_at, appeal.first_response_at = START, START
    late = almaty("2026-03-04T12:00")
    await change(database, number, saule, category="roads.manhole", now=late)
    assert (await the_appeal(database)).escalated_at == START
    await change(database, number, saule, category="roads.pothole", now=late)
    assert (await the_appeal(database)).escalated_at is None


# --- Set by hand ----------------------------------------------------------------------------------


async def test_a_deadline_set_by_hand_stands_until_it_is_given_back(database: Database) -> None:
    number, saule = await one_appeal(database)
    wanted = almaty("2026-03-02T15:00:30")
    await change(database, number, saule, due_at=wanted)
    await change(database, number, saule, category="build.illegal")
    appeal = await the_appeal(database)
    assert (appeal.due_at, appeal.due_fixed) == (almaty("2026-03-02T15:00"), True)
    [by_hand, _] = await journal(database, "appeal.changed")
    assert by_hand.data["due_fixed"] == {"from": False, "to": True}
    await change(database, number, saule, due_at=None)
    appeal = await the_appeal(database)
    assert (appeal.due_at, appeal.due_fixed) == (almaty("2026-03-27T18:00"), False)


async def test_only_a_supervisor_sets_a_deadline(database: Database) -> None:
    number, _ = await one_appeal(database)
    dana = await hire(database, "Dana")
    for wanted in (START + timedelta(hours=2), None):
        with pytest.raises(NotAllowed, match="supervisor"):
            await change(database, number, dana, due_at=wanted)
    assert not (await the_appeal(database)).due_fixed


async def test_an_extension_needs_a_reason_which_the_journal_keeps(database: Database) -> None:
    number, saule = await one_appeal(database)
    wanted = almaty("2026-03-20T18:00")
    for reason in (None, "  "):
        with pytest.raises(BadValue, match="reason") as refused:
            await change(database, number, saule, due_at=wanted, reason=reason)
        assert refused.value.field == "reason"
    await change(database, number, saule, due_at=wanted, reason="Ждём подрядчика")
    [entry] = await journal(database, "appeal.changed")
    assert entry.data["reason"] == "Ждём подрядчика"
    assert datetime.fromisoformat(entry.data["due_at"]["to"]) == wanted


async def test_a_legal_appeal_is_extended_no_further_than_the_law_lets_it(
    database: Database,
) -> None:
    number, saule = await one_appeal(database)
    await change(database, number, saule, kind="application", category="build.land")
    assert (await the_appeal(database)).due_at == almaty("2026-03-27T18:00")
    for wanted, sentence in [
        (almaty("2026-05-27T18:01"), r"until 27\.05\.2026 18:00"),
        (START - timedelta(minutes=1), "opened after that"),
    ]:
        with pytest.raises(BadValue, match=sentence):
            await change(database, number, saule, due_at=wanted, reason="Запрос в архив")
    await change(
        database, number, saule, due_at=almaty("2026-05-27T18:00"), reason="Запрос в архив"
    )
    assert (await the_appeal(database)).due_at == almaty("2026-05-27T18:00")


async def test_the_categories_of_the_table_decide_also_those_that_are_retired(
    database: Database,
) -> None:
    number, saule = await one_appeal(database)
    await change(database, number, saule, category="roads.pothole")
    async with database.write() as session:
        row = await session.get_one(Category, "roads.pothole")
        row.retired_at, row.term = START, 2
    await change(database, number, saule, kind="complaint")
    assert (await the_appeal(database)).due_at == almaty("2026-03-04T18:00")
    other = await write_in(database, "701")
    with pytest.raises(BadValue, match="no longer in use"):
        await change(database, other, saule, category="roads.pothole")


async def test_ten_thousand_openings_of_a_minute_compute_their_deadlines_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import registry.current_office

    computed = []

    def counting(*given: Any) -> Any:
        computed.append(given)
        return due_times(*given)

    monkeypatch.setattr(registry.current_office, "due_times", counting)
    office = await furnished(database)
    moments = [START + timedelta(milliseconds=6 * i) for i in range(10_000)]
    assert len({office.deadlines("message", None, moment) for moment in moments}) == 1
    assert len(computed) == 1
    other = office.deadlines("message", "roads.pothole", START)
    assert other != office.deadlines("message", None, START)


async def test_nothing_of_intake_is_lost_where_deadlines_are_kept(database: Database) -> None:
    """The statements of the hot path carry deadlines on either database, for one and for many."""
    office = await furnished(database)
    items = [
        message(str(i), conversation=str(i), sender=message().sender, sent_at=START)
        for i in range(40)
    ]
    await take(database, *items, office=office)
    async with database.read() as session:
        connection = await session.connection()
        rows = await connection.execute(
            text(
                "SELECT count(*), count(due_at), count(first_response_due), count(waiting_since)"
                " FROM appeals"
            )
        )
    assert tuple(rows.one()) == (40, 40, 40, 40)
