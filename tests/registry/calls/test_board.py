"""The board counts as contact centres do, by the office's clock, the same on both databases."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from registry.calls.board import Board, Figures, Queue, read_board
from registry.calls.tables import Call, CallBack, CallLeg, PhoneAgent
from registry.db import Database
from registry.models import Operator
from registry.office_calendar import Calendar, Hours, clock_hours, open_hours

ALMATY = Calendar(zone=ZoneInfo("Asia/Almaty"))
TARGET = 20


def almaty(text: str) -> datetime:
    """A moment as the clock in Almaty shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY.zone).astimezone(UTC)


NOW = almaty("2026-03-10 15:30")  # a Tuesday
LAST_WEEK = NOW - timedelta(days=7)


def call(started: datetime, **fields: Any) -> Call:
    """A call that came in; `waited` puts it into the queue."""
    waited = fields.get("waited")
    if waited is not None:
        fields.setdefault("waiting_since", started)
        if fields.get("ended_as") == "answered":
            fields.setdefault("answered_at", started + timedelta(seconds=waited))
    if "ended_as" in fields:
        fields.setdefault("ended_at", started + timedelta(minutes=10))
        fields.setdefault("state", "ended")
    return Call(account="main", number="+77010000001", started_at=started, **fields)


async def shown(
    database: Database, *rows: Any, calendar: Calendar = ALMATY, now: datetime = NOW
) -> Board:
    """The board of a database that holds these rows."""
    async with database.write() as session:
        session.add_all(rows)
    async with database.read() as session:
        return await read_board(session, calendar=calendar, service_seconds=TARGET, now=now)


# --- How well calls are answered ------------------------------------------------------------------


async def test_nothing_happened_is_told_as_nothing_and_not_as_perfection(
    database: Database,
) -> None:
    board = await shown(database)
    assert board.today == Figures()
    assert board.today.service_level is None
    assert board.today.speed_of_answer is None
    assert board.today.handling_time is None
    assert (board.waiting, board.longest_since, board.operators) == (0, None, ())
    assert [one.hour for one in board.hours] == list(range(8, 24))


async def test_the_service_level_is_of_all_answered_and_of_those_given_up_after_the_target(
    database: Database,
) -> None:
    at = almaty("2026-03-10 10:15")
    board = await shown(
        database,
        call(at, waited=20.0, ended_as="answered", talked=60.0, wrapped_up=30.0),  # just in time
        call(at, waited=20.5, ended_as="answered", talked=100.0),  # too late
        call(at, waited=5.0, ended_as="answered", talked=20.0, wrapped_up=6.0),
        call(at, waited=20.0, ended_as="abandoned"),  # gave up before anybody had to be there
        call(at, waited=21.0, ended_as="abandoned"),
        call(at, ended_as="abandoned"),  # in the menu: they never waited for a person
        call(at, waited=90.0, ended_as="message"),
        call(at, waited=90.0, ended_as="call_back"),
        call(at, ended_as="informed"),
        call(at, waited=500.0, ended_as="answered", direction="out"),  # ours
    )
    today = board.today
    assert today == Figures(
        calls=9, answered=3, in_time=2, abandoned=2, too_late=1, otherwise=2, waited=45.5,
        handled=3, handling=216.0,
    )  # fmt: skip
    assert today.service_level == 2 / 4
    assert today.speed_of_answer == pytest.approx(45.5 / 3)
    assert today.handling_time == pytest.approx(72.0)


async def test_a_call_that_goes_on_counts_as_answered_but_not_into_the_handling(
    database: Database,
) -> None:
    at = almaty("2026-03-10 15:20")
    board = await shown(
        database,
        call(
            at,
            state="talking",
            waiting_since=at - timedelta(hours=2),  # they have called before, and kept their place
            answered_at=at + timedelta(seconds=12),
            talked=40.0,
        ),
        call(at, state="waiting", waiting_since=at),
    )
    assert board.today == Figures(calls=2, answered=1, in_time=1, waited=12.0)
    assert board.today.handling_time is None


async def test_calls_stand_in_the_hour_of_the_offices_clock_in_which_they_began(
    database: Database,
) -> None:
    night = almaty("2026-03-10 23:59:59")
    board = await shown(
        database,
        call(almaty("2026-03-09 23:59:59"), waited=1.0, ended_as="answered"),  # yesterday
        call(almaty("2026-03-10 00:00"), ended_as="closed"),
        call(almaty("2026-03-10 08:00"), waited=1.0, ended_as="answered"),
        call(almaty("2026-03-10 08:59:59"), waited=2.0, ended_as="answered"),
        call(night, waited=3.0, ended_as="answered"),
        call(almaty("2026-03-11 00:00"), ended_as="closed"),  # tomorrow
        now=night + timedelta(seconds=0.5),
    )
    counted = {one.hour: one.today.calls for one in board.hours if one.today.calls}
    assert counted == {0: 1, 8: 2, 23: 1}
    assert [one.hour for one in board.hours] == [0, *range(8, 24)]
    assert [one.hour for one in board.hours if not one.is_over] == [23]
    assert board.day == date(2026, 3, 10)


async def test_today_is_compared_with_the_same_weekday_up_to_the_same_time(
    database: Database,
) -> None:
    board = await shown(
        database,
        call(LAST_WEEK - timedelta(seconds=1), waited=4.0, ended_as="answered"),
        call(LAST_WEEK, waited=8.0, ended_as="answered"),  # later in the same hour
        call(LAST_WEEK + timedelta(hours=2), waited=30.0, ended_as="abandoned"),
        call(LAST_WEEK + timedelta(days=1), waited=4.0, ended_as="answered"),
    )
    assert board.before == Figures(calls=1, answered=1, in_time=1, waited=4.0, handled=1)
    before = {one.hour: one.before.calls for one in board.hours if one.before.calls}
    assert before == {15: 2, 17: 1}


async def test_an_hour_that_the_clock_shows_twice_is_one_and_one_that_it_skips_is_none(
    database: Database,
) -> None:
    berlin = Calendar(zone=ZoneInfo("Europe/Berlin"), hours=(Hours(0, 1440),) * 7)
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30, and 02:30 again an hour later
    board = await shown(
        database,
        call(twice, ended_as="closed"),
        call(twice + timedelta(hours=1), ended_as="closed"),
        calendar=berlin,
        now=twice + timedelta(hours=8),
    )
    assert {one.hour: one.today.calls for one in board.hours if one.today.calls} == {2: 2}
    assert len(board.hours) == 24
    assert 2 not in [hour for hour, _, _ in clock_hours(berlin, date(2026, 3, 29))]


def test_the_hours_of_a_day_follow_the_office() -> None:
    assert open_hours(ALMATY, date(2026, 3, 10)) == range(8, 24)
    half_past = Calendar(zone=ALMATY.zone, hours=(Hours(8 * 60 + 30, 17 * 60 + 1), *(None,) * 6))
    assert open_hours(half_past, date(2026, 3, 9)) == range(8, 18)
    assert open_hours(half_past, date(2026, 3, 10)) == range(0)


# --- Just now -------------------------------------------------------------------------------------


async def test_who_waits_is_told_by_language_and_team_with_the_longest_wait(
    database: Database,
) -> None:
    def waits(seconds: float, **fields: Any) -> Call:
        fields = {"state": "waiting", "waiting_since": NOW - timedelta(seconds=seconds), **fields}
        return call(NOW - timedelta(minutes=10), **fields)

    board = await shown(
        database,
        waits(30, language="kk"),
        waits(95, language="kk", state="ringing"),  # nobody has taken it yet
        waits(9000, language="ru", team="roads"),  # waited by a call-back, and has called again
        waits(5, state="talking"),
        waits(5, ended_as="abandoned"),
        waits(5, direction="out", state="ringing"),  # we call them
    )
    assert board.queues == (
        Queue(language="ru", team="roads", count=1, since=NOW - timedelta(minutes=10)),
        Queue(language="kk", team=None, count=2, since=NOW - timedelta(seconds=95)),
    )
    assert board.waiting == 3
    assert board.longest_since == NOW - timedelta(minutes=10)


async def test_operators_are_told_with_their_state_and_since_when(database: Database) -> None:
    dana = Operator(email="dana@example.kz", name="Дана", role="operator", created_at=NOW)
    since = NOW - timedelta(minutes=7)
    board = await shown(
        database,
        dana,
        PhoneAgent(operator_id=dana.id, state="away", reason="meal", since=since),
    )
    [one] = board.operators
    assert (one.name, one.state, one.reason, one.since) == ("Дана", "away", "meal", since)


async def test_a_call_back_is_overdue_half_an_hour_after_its_time(database: Database) -> None:
    def back(number: int, minutes: float, **fields: Any) -> CallBack:
        due = NOW - timedelta(minutes=minutes)
        return CallBack(
            account="main", number=f"+7701{number:07}", why="missed", asked_at=due, due_at=due,
            **fields,
        )  # fmt: skip

    board = await shown(
        database,
        back(1, -60),  # at the next opening
        back(2, 29),
        back(3, 30),
        back(4, 300, call_id=5),  # being called just now
        back(5, 300, done_at=NOW, done_as="spoken"),
    )
    assert (board.open_call_backs, board.overdue_call_backs) == (4, 1)


# --- Against a plain computation ------------------------------------------------------------------

ENDS = ["answered", "abandoned", "call_back", "message", "texted", "informed", "closed", "failed"]
CALLS = st.lists(
    st.tuples(
        st.integers(-10 * 86_400, 3 * 86_400),  # seconds from NOW
        st.sampled_from(["in", "in", "in", "out"]),
        st.sampled_from(ENDS),
        st.one_of(st.none(), st.integers(0, 80).map(lambda n: n / 2)),
        st.booleans(),  # it is over
        st.integers(0, 300).map(float),
        st.integers(0, 60).map(float),
    ),
    max_size=40,
)
ZONES = st.sampled_from(["Asia/Almaty", "Europe/Berlin", "America/New_York"])


def _plain(calls: Iterable[Call], zone: ZoneInfo, day: date) -> dict[int, Figures]:
    """The same by hand, of each hour of a day."""
    found = {hour: Figures() for hour in range(24)}
    for one in calls:
        local = one.started_at.astimezone(zone)
        if one.direction == "out" or local.date() != day:
            continue
        is_over, answered = one.ended_at is not None, one.answered_at is not None
        wait = one.waited
        if answered and one.answered_at and not is_over:
            wait = (one.answered_at - one.started_at).total_seconds()
        gave_up = is_over and one.ended_as == "abandoned" and wait is not None
        chose = one.ended_as in {"call_back", "message", "texted"}
        found[local.hour] += Figures(
            calls=1,
            answered=int(answered),
            in_time=int(answered and (wait or 0) <= TARGET),
            abandoned=int(gave_up),
            too_late=int(gave_up and (wait or 0) > TARGET),
            otherwise=int(is_over and chose and wait is not None),
            waited=(wait or 0.0) if answered else 0.0,
            handled=int(answered and is_over),
            handling=one.talked + one.wrapped_up if answered and is_over else 0.0,
        )
    return found


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=CALLS, zone=ZONES)
@example(drawn=[(-601_201, "in", "answered", None, False, 0.0, 0.0)], zone="America/New_York")
def test_the_database_counts_what_a_plain_computation_counts(
    database_url: str, drawn: Sequence[tuple[Any, ...]], zone: str
) -> None:
    calls = []
    for offset, direction, ended_as, waited, is_over, talked, wrapped_up in drawn:
        started = NOW + timedelta(seconds=offset)
        answered = ended_as == "answered" and waited is not None
        calls.append(
            Call(
                account="main",
                direction=direction,
                started_at=started,
                waiting_since=None if waited is None else started,
                answered_at=started + timedelta(seconds=waited or 0) if answered else None,
                waited=waited if is_over else None,
                ended_at=started + timedelta(minutes=9) if is_over else None,
                ended_as=(ended_as if answered or ended_as != "answered" else "failed")
                if is_over
                else None,
                state="ended" if is_over else "talking" if answered else "menu",
                talked=talked,
                wrapped_up=wrapped_up,
            )
        )
    calendar = Calendar(zone=ZoneInfo(zone), hours=(Hours(0, 1440),) * 7)
    board = asyncio.run(_alone(database_url, [one.model_copy() for one in calls], calendar))

    today = _plain(calls, calendar.zone, board.day)
    before = _plain(calls, calendar.zone, board.day - timedelta(days=7))
    assert {one.hour: one.today for one in board.hours} == today
    assert {one.hour: one.before for one in board.hours} == before
    assert board.today == sum(today.values(), start=Figures())
    same_time = (NOW.astimezone(calendar.zone) - timedelta(days=7)).astimezone(UTC)
    so_far = [one for one in calls if one.started_at < same_time]
    until_then = _plain(so_far, calendar.zone, board.day - timedelta(days=7))
    assert board.before == sum(until_then.values(), start=Figures())


async def _alone(url: str, calls: Sequence[Call], calendar: Calendar) -> Board:
    database = Database(url)
    await database.open()
    try:
        async with database.write() as session:
            for table in (CallLeg, Call):
                await session.exec(delete(table))
        return await shown(database, *calls, calendar=calendar)
    finally:
        await database.close()
