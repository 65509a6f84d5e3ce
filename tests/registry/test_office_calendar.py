"""The calendar counts as the law and the contact centre do, whatever the clock of the zone does."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import NaiveTime
from registry.holidays import holidays_of
from registry.office_calendar import (
    DAY_MINUTES,
    Calendar,
    DayKind,
    Holiday,
    Hours,
    SpecialDay,
    add_business_hours,
    add_working_days,
    is_open,
    is_working_day,
    last_working_day,
    next_opening,
    received_on,
    with_transfers,
)

ALMATY, BERLIN = ZoneInfo("Asia/Almaty"), ZoneInfo("Europe/Berlin")
HOLIDAYS = {
    holiday.day: SpecialDay(DayKind.HOLIDAY)
    for year in (2026, 2027, 2028)
    for holiday in holidays_of(year)
}
CITY = Calendar(zone=ALMATY, special=HOLIDAYS)
NINE_TO_SIX = (Hours(9 * 60, 18 * 60),) * 5 + (None, None)
OFFICE = Calendar(zone=BERLIN, hours=NINE_TO_SIX, special=HOLIDAYS, closed_on_holidays=True)
ROUND_THE_CLOCK = Calendar(zone=BERLIN, hours=(Hours(0, DAY_MINUTES),) * 7)
CALENDARS = st.sampled_from([CITY, OFFICE, ROUND_THE_CLOCK])
MOMENTS = st.datetimes(
    min_value=datetime.fromisoformat("2024-01-01"),
    max_value=datetime.fromisoformat("2028-06-01"),
    timezones=st.just(UTC),
)


def almaty(text: str) -> datetime:
    """A moment as the clock in Almaty shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


# --- Terms of the law -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registered", "days", "due"),
    [
        ("2026-03-16", 3, "2026-03-19"),
        ("2026-03-16", 15, "2026-04-09"),
        ("2026-03-16", 20, "2026-04-16"),
        ("2026-04-24", 3, "2026-04-29"),
        ("2026-04-24", 15, "2026-05-20"),
        ("2026-04-24", 20, "2026-05-28"),
        ("2026-08-28", 3, "2026-09-02"),
        ("2026-08-28", 15, "2026-09-18"),
        ("2026-08-28", 20, "2026-09-25"),
    ],
)
@pytest.mark.parametrize("hour", ["00:00", "09:15", "17:59:59"])
def test_terms_end_on_the_days_that_were_counted_by_hand(
    registered: str, days: int, due: str, hour: str
) -> None:
    ends = add_working_days(CITY, almaty(f"{registered}T{hour}"), days)
    assert ends == almaty(f"{due}T18:00")
    assert ends.tzinfo is UTC


@pytest.mark.parametrize(
    ("registered", "received"),
    [
        ("2026-03-16T17:59:59", "2026-03-16"),
        ("2026-03-16T18:00", "2026-03-17"),
        ("2026-03-16T23:59:59", "2026-03-17"),
        ("2026-03-20T18:30", "2026-03-26"),  # Friday evening before Nauryz
        ("2026-03-21T10:00", "2026-03-26"),
        ("2026-03-24T10:00", "2026-03-26"),  # made up for the Saturday
        ("2026-05-09T12:00", "2026-05-12"),
    ],
)
def test_what_comes_after_hours_or_on_a_free_day_is_received_on_the_next_working_day(
    registered: str, received: str
) -> None:
    assert received_on(CITY, almaty(registered)) == date.fromisoformat(received)


def test_whether_the_evening_counts_for_the_next_day_is_a_setting() -> None:
    lenient = Calendar(zone=ALMATY, special=HOLIDAYS, late_counts_tomorrow=False)
    evening = almaty("2026-03-16T22:00")
    assert last_working_day(lenient, evening, 3) == date(2026, 3, 19)
    assert last_working_day(CITY, evening, 3) == date(2026, 3, 20)
    assert received_on(lenient, almaty("2026-03-21T10:00")) == date(2026, 3, 26)


def test_a_working_saturday_counts_and_the_day_it_was_swapped_for_does_not() -> None:
    swapped = dict(HOLIDAYS)
    swapped[date(2026, 5, 8)] = SpecialDay(DayKind.HOLIDAY)
    swapped[date(2026, 5, 16)] = SpecialDay(DayKind.WORKING)
    calendar = Calendar(zone=ALMATY, special=swapped)
    assert last_working_day(calendar, almaty("2026-05-06T10:00"), 1) == date(2026, 5, 12)
    assert last_working_day(calendar, almaty("2026-05-15T10:00"), 1) == date(2026, 5, 16)
    assert last_working_day(CITY, almaty("2026-05-15T10:00"), 1) == date(2026, 5, 18)


@pytest.mark.parametrize(("ends", "moment"), [(17 * 60 + 30, "17:30"), (1, "00:01")])
def test_a_term_runs_out_when_its_last_working_day_ends(ends: int, moment: str) -> None:
    calendar = Calendar(zone=ALMATY, day_ends=ends, late_counts_tomorrow=False)
    assert add_working_days(calendar, almaty("2026-08-31T00:00"), 1) == almaty(
        f"2026-09-01T{moment}"
    )


def test_a_working_day_may_end_at_midnight() -> None:
    calendar = Calendar(zone=ALMATY, day_ends=DAY_MINUTES)
    late = almaty("2026-08-31T23:59:59")
    assert received_on(calendar, late) == date(2026, 8, 31)
    assert add_working_days(calendar, late, 1) == almaty("2026-09-02T00:00")


def test_a_term_of_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="one working day at least"):
        add_working_days(CITY, almaty("2026-03-16T10:00"), 0)


@given(calendar=CALENDARS, moment=MOMENTS, days=st.integers(1, 60))
def test_a_term_lands_on_a_working_day_with_so_many_of_them_behind_it(
    calendar: Calendar, moment: datetime, days: int
) -> None:
    last = last_working_day(calendar, moment, days)
    assert is_working_day(calendar, last)
    first = received_on(calendar, moment)
    assert is_working_day(calendar, first)
    between = [first + timedelta(i) for i in range(1, (last - first).days + 1)]
    assert sum(is_working_day(calendar, day) for day in between) == days
    ends = add_working_days(calendar, moment, days).astimezone(calendar.zone)
    assert (ends.date(), ends.time()) == (last, time(18))
    assert ends > moment


@given(calendar=CALENDARS, moment=MOMENTS, later=st.timedeltas(timedelta(), timedelta(9)),
       days=st.integers(1, 40), more=st.integers(0, 9))  # fmt: skip
def test_who_comes_later_or_has_more_days_is_never_due_earlier(
    calendar: Calendar, moment: datetime, later: timedelta, days: int, more: int
) -> None:
    due = add_working_days(calendar, moment, days)
    assert due <= add_working_days(calendar, moment + later, days)
    assert (due < add_working_days(calendar, moment, days + more)) == (more > 0)


# --- Holidays -------------------------------------------------------------------------------------


def days_of(year: int) -> list[str]:
    return [holiday.day.strftime("%m-%d") for holiday in holidays_of(year)]


def test_the_holidays_of_2026_are_the_laws_and_the_days_that_make_up_for_weekends() -> None:
    assert days_of(2026) == [
        "01-01", "01-02", "01-07", "03-08", "03-09", "03-21", "03-22", "03-23", "03-24", "03-25",
        "05-01", "05-07", "05-09", "05-11", "05-27", "07-06", "10-25", "10-26", "12-16",
    ]  # fmt: skip


def test_a_year_has_the_holidays_that_hold_in_it() -> None:
    assert "08-30" in days_of(2025)
    assert "08-30" not in days_of(2026)
    assert "03-15" not in days_of(2026)
    assert {"03-15", "01-04", "03-24", "05-03", "05-10"} <= set(days_of(2027))
    assert "05-05" in days_of(2028)


def test_what_follows_the_moon_is_marked_until_somebody_has_looked() -> None:
    unconfirmed = [
        holiday.day for year in (2026, 2027, 2028) for holiday in holidays_of(year)
        if not holiday.confirmed
    ]  # fmt: skip
    assert unconfirmed == [date(2026, 5, 27), date(2027, 5, 16), date(2028, 5, 5)]


def test_christmas_and_kurban_ait_on_a_weekend_are_not_made_up_for() -> None:
    assert date(2028, 1, 7).weekday() == date(2027, 5, 16).weekday() - 2 == 4
    assert "05-17" not in days_of(2027)
    sunday = date(2029, 1, 7)
    assert sunday.weekday() == 6
    assert "01-08" not in days_of(2029)


@given(st.lists(st.builds(
    Holiday, st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.just("x"), st.booleans(),
), unique_by=lambda one: one.day, max_size=40))  # fmt: skip
def test_every_holiday_of_a_weekend_that_moves_gets_a_free_working_day_of_its_own(
    holidays: list[Holiday],
) -> None:
    moved = with_transfers(holidays)
    given_days = {holiday.day for holiday in holidays}
    made_up = [holiday.day for holiday in moved if holiday.day not in given_days]
    assert len(made_up) == sum(h.transferred and h.day.weekday() > 4 for h in holidays)
    assert all(day.weekday() < 5 for day in made_up)
    assert len({holiday.day for holiday in moved}) == len(moved) == len(holidays) + len(made_up)


# --- Hours of the contact centre ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-03-16T07:59:59.999999", False),
        ("2026-03-16T08:00:00", True),
        ("2026-03-16T23:59:00", True),
        ("2026-03-16T23:59:59.999999", True),
        ("2026-03-17T00:00:00", False),
        ("2026-03-22T12:00:00", True),  # a Sunday, and a holiday
    ],
)
def test_the_contact_centre_is_open_from_eight_to_the_last_moment_of_the_day(
    moment: str, open_: bool
) -> None:
    assert is_open(CITY, almaty(moment)) is open_


def test_no_moment_around_midnight_is_lost_or_counted_twice() -> None:
    evening = almaty("2026-03-16T23:59:30")
    assert add_business_hours(CITY, evening, 30 / 3600) == almaty("2026-03-17T00:00")
    assert add_business_hours(CITY, evening, 31 / 3600) == almaty("2026-03-17T08:00:01")
    assert add_business_hours(CITY, almaty("2026-03-16T08:00"), 16) == almaty("2026-03-17T00:00")
    assert add_business_hours(CITY, almaty("2026-03-17T03:00"), 0.5) == almaty("2026-03-17T08:30")


def test_the_next_opening_is_now_while_it_is_open() -> None:
    assert next_opening(CITY, almaty("2026-03-16T23:59")) == almaty("2026-03-16T23:59")
    assert next_opening(CITY, almaty("2026-03-17T00:00")) == almaty("2026-03-17T08:00")
    assert next_opening(OFFICE, berlin("2026-03-20T18:00")) == berlin("2026-03-26T09:00")


def test_a_day_has_its_own_hours_or_none_at_all() -> None:
    short, shut = date(2026, 3, 20), date(2026, 3, 21)
    calendar = Calendar(
        zone=ALMATY,
        special={
            short: SpecialDay(DayKind.WORKING, Hours(8 * 60, 15 * 60)),
            shut: SpecialDay(DayKind.HOLIDAY, Hours(0, 0)),
        },
    )
    assert not is_open(calendar, almaty("2026-03-20T15:00"))
    assert next_opening(calendar, almaty("2026-03-20T15:00")) == almaty("2026-03-22T08:00")
    assert add_business_hours(calendar, almaty("2026-03-20T14:30"), 1) == almaty("2026-03-22T08:30")


def test_whether_the_contact_centre_rests_on_holidays_is_a_setting() -> None:
    assert is_open(CITY, almaty("2026-05-01T12:00"))
    resting = Calendar(zone=ALMATY, special=HOLIDAYS, closed_on_holidays=True)
    assert not is_open(resting, almaty("2026-05-01T12:00"))
    assert is_open(resting, almaty("2026-05-02T12:00"))


@given(calendar=CALENDARS, moment=MOMENTS, hours=st.floats(0, 300), more=st.floats(0, 300))
def test_hours_end_while_it_is_open_or_as_it_closes_and_more_of_them_never_earlier(
    calendar: Calendar, moment: datetime, hours: float, more: float
) -> None:
    ends = add_business_hours(calendar, moment, hours)
    assert ends >= moment
    assert ends <= add_business_hours(calendar, moment, hours + more)
    instant = timedelta(microseconds=1)
    assert is_open(calendar, ends) or is_open(calendar, ends - instant)
    opening = next_opening(calendar, moment)
    assert is_open(calendar, opening)
    assert (opening == moment) == is_open(calendar, moment)
    assert opening == moment or not is_open(calendar, opening - instant)


@given(calendar=CALENDARS, moment=MOMENTS, first=st.integers(0, 400_000),
       second=st.integers(0, 400_000))  # fmt: skip
def test_hours_in_two_steps_are_the_hours_in_one(
    calendar: Calendar, moment: datetime, first: int, second: int
) -> None:
    halfway = add_business_hours(calendar, moment, first / 3600)
    ends = add_business_hours(calendar, moment, (first + second) / 3600)
    assert abs(add_business_hours(calendar, halfway, second / 3600) - ends) <= timedelta(
        microseconds=2
    ) or next_opening(calendar, halfway) == next_opening(calendar, ends)


# --- What the clock of a zone does ----------------------------------------------------------------


def test_the_evening_on_which_almaty_changed_its_zone_has_its_hour_twice() -> None:
    """At the midnight before 1 March 2024 the clock went back to 23:00."""
    opens, closes = datetime(2024, 2, 29, 2, tzinfo=UTC), datetime(2024, 2, 29, 19, tzinfo=UTC)
    assert next_opening(CITY, almaty("2024-02-29T01:00")) == opens
    assert is_open(CITY, closes - timedelta(seconds=1))
    assert not is_open(CITY, closes)
    assert add_business_hours(CITY, opens, 17) == closes
    assert next_opening(CITY, closes) == datetime(2024, 3, 1, 3, tzinfo=UTC)
    thursday = datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert add_working_days(CITY, thursday, 1) == datetime(2024, 3, 1, 13, tzinfo=UTC)


def test_a_day_of_summer_time_has_as_many_hours_as_the_clock_shows() -> None:
    spring, autumn = berlin("2026-03-29T00:00"), berlin("2026-10-25T00:00")
    assert add_business_hours(ROUND_THE_CLOCK, spring, 23) == berlin("2026-03-30T00:00")
    assert add_business_hours(ROUND_THE_CLOCK, autumn, 25) == berlin("2026-10-26T00:00")
    friday = berlin("2026-03-27T17:00")
    assert add_business_hours(OFFICE, friday, 2) == berlin("2026-03-30T10:00")
    assert add_working_days(OFFICE, friday, 1) == datetime(2026, 3, 30, 16, tzinfo=UTC)


def test_an_opening_in_an_hour_that_is_skipped_is_when_the_clock_goes_on() -> None:
    night = Calendar(zone=BERLIN, hours=(Hours(2 * 60 + 30, 4 * 60),) * 7)
    assert next_opening(night, berlin("2026-03-29T01:00")) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    shut = Calendar(zone=BERLIN, hours=(Hours(2 * 60 + 10, 2 * 60 + 50),) * 7)
    assert next_opening(shut, berlin("2026-03-29T01:00")) == berlin("2026-03-30T02:10")
    twice = next_opening(shut, berlin("2026-10-25T01:00"))
    assert twice == datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    assert next_opening(shut, datetime(2026, 10, 25, 1, 10, tzinfo=UTC)) == berlin(
        "2026-10-26T02:10"
    )


# --- What is no calendar --------------------------------------------------------------------------


def test_hours_that_close_before_they_open_are_refused() -> None:
    for opens, closes in [(600, 599), (-1, 10), (0, DAY_MINUTES + 1)]:
        with pytest.raises(ValueError, match="opens before it closes"):
            Hours(opens, closes)


def test_an_office_that_never_works_is_refused() -> None:
    with pytest.raises(ValueError, match="open on one day"):
        Calendar(zone=ALMATY, hours=(None,) * 6 + (Hours(60, 60),))
    with pytest.raises(ValueError, match="one working day"):
        Calendar(zone=ALMATY, working=frozenset())
    with pytest.raises(ValueError, match="ends between"):
        Calendar(zone=ALMATY, day_ends=0)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(NaiveTime):
        is_open(CITY, datetime.fromisoformat("2026-03-16T12:00"))
    with pytest.raises(NaiveTime):
        add_working_days(CITY, datetime.fromisoformat("2026-03-16T12:00"), 1)
    with pytest.raises(ValueError, match="not taken away"):
        add_business_hours(CITY, almaty("2026-03-16T10:00"), -1)
