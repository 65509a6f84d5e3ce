"""The office's calendar: when it is open, and when a term of working days or hours is over.

Pure: it knows neither a clock nor a database. Two rhythms run in it. The contact centre has its
hours, on seven days a week if it likes. Terms of the law are counted in working days, which have
their own week. Days that are not what their weekday says change both.

Moments are aware and come back in UTC. What the clock of the zone does is taken as it is: an hour
that it skips is nobody's, and one that it shows twice counts from its first time.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from registry.errors import NaiveTime

DAY_MINUTES = 24 * 60
"""24:00, the end of a day: a closing hour like any other."""

MONDAY_TO_FRIDAY = frozenset(range(5))

_DAY = timedelta(days=1)


class DayKind(StrEnum):
    """What a day is that is not what its weekday says."""

    HOLIDAY = "holiday"
    """No working day, whatever its weekday."""
    WORKING = "working"
    """A working day, though it be a Saturday."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when, in minutes after midnight. Equal ones are no hours: the day is closed."""

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens <= self.closes <= DAY_MINUTES:
            raise ValueError("A day opens before it closes, between 00:00 and 24:00.")


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that is not what its weekday says."""

    kind: DayKind
    hours: Hours | None = None
    """The contact centre's on that day; None for the usual ones."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday, before it is known on what weekday it falls."""

    day: date
    name: str
    transferred: bool = True
    """Whether one on a weekend is made up for on the next working day."""
    confirmed: bool = True
    """False where the day is announced anew each year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When the office works."""

    zone: ZoneInfo
    hours: tuple[Hours | None, ...] = (Hours(8 * 60, DAY_MINUTES),) * 7
    """The contact centre's, Monday first; None for a day on which it is closed."""
    closed_on_holidays: bool = False
    """Whether the contact centre rests on holidays that have no hours of their own."""
    working: AbstractSet[int] = MONDAY_TO_FRIDAY
    """The weekdays, Monday being 0, that terms are counted in."""
    day_ends: int = 18 * 60
    """When a working day is over, in minutes after midnight: at that moment terms run out."""
    late_counts_tomorrow: bool = True
    """Whether what comes after the end of a working day counts as come on the next one."""
    special: Mapping[date, SpecialDay] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.hours) != len(_WEEK) or not any(map(_is_open_at_all, self.hours)):
            raise ValueError("The contact centre is open on one day of the seven at least.")
        if not self.working or not self.working <= _WEEK:
            raise ValueError("There is one working day in a week at least.")
        if not 0 < self.day_ends <= DAY_MINUTES:
            raise ValueError("A working day ends between 00:01 and 24:00.")


_WEEK = frozenset(range(7))


# --- Hours of the contact centre ------------------------------------------------------------------


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """Whether the contact centre is open. At the opening it is, at the closing it is no longer."""
    return any(opens <= moment < closes for opens, closes in _around(calendar, moment))


def next_opening(calendar: Calendar, moment: datetime) -> datetime:
    """The moment itself while the contact centre is open, or when it opens next."""
    return next(max(opens, _utc(moment)) for opens, _ in _open_from(calendar, moment))


def add_business_hours(calendar: Calendar, moment: datetime, hours: float) -> datetime:
    """When the contact centre will have been open for so many hours since then."""
    left = timedelta(hours=hours)
    if left < timedelta():
        raise ValueError("Hours are added, not taken away.")
    for opens, closes in _open_from(calendar, moment):
        start = max(opens, _utc(moment))
        if start + left <= closes:
            return start + left
        left -= closes - start
    raise OverflowError("The calendar ends before these hours do.")


def clock_hours(calendar: Calendar, day: date) -> list[tuple[int, datetime, datetime]]:
    """The hours that the clock of the zone shows on a day: each with when it begins and ends.

    The last one ends at 24:00. An hour that the clock skips is not there, one that it shows twice
    is there once, and long.
    """
    starts = [_moment(calendar, day, 60 * hour) for hour in range(25)]
    spans = [(hour, starts[hour], starts[hour + 1]) for hour in range(24)]
    return [span for span in spans if span[1] < span[2]]


def open_hours(calendar: Calendar, day: date) -> range:
    """The hours of the clock in which the contact centre is open on a day, for a part at least."""
    hours = _hours_on(calendar, day)
    if hours is None or not _is_open_at_all(hours):
        return range(0)
    return range(hours.opens // 60, -(-hours.closes // 60))


def _open_from(calendar: Calendar, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The spans in which it is open, from the one that holds the moment or comes next."""
    for day in _days_from(_local(calendar, moment).date() - _DAY):
        span = _span(calendar, day)
        if span is not None and span[1] > moment:
            yield span


def _around(calendar: Calendar, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    today = _local(calendar, moment).date()
    for day in (today - _DAY, today, today + _DAY):
        span = _span(calendar, day)
        if span is not None:
            yield span


def _span(calendar: Calendar, day: date) -> tuple[datetime, datetime] | None:
    """From when to when the contact centre is open on a day; None where it is not."""
    hours = _hours_on(calendar, day)
    if hours is None:
        return None
    opens, closes = _moment(calendar, day, hours.opens), _moment(calendar, day, hours.closes)
    return (opens, closes) if opens < closes else None


def _hours_on(calendar: Calendar, day: date) -> Hours | None:
    special = calendar.special.get(day)
    if special is not None:
        if special.hours is not None:
            return special.hours
        if special.kind is DayKind.HOLIDAY and calendar.closed_on_holidays:
            return None
    return calendar.hours[day.weekday()]


def _is_open_at_all(hours: Hours | None) -> bool:
    return hours is not None and hours.opens < hours.closes


# --- Working days ---------------------------------------------------------------------------------


def is_working_day(calendar: Calendar, day: date) -> bool:
    """Whether terms count the day."""
    special = calendar.special.get(day)
    if special is not None:
        return special.kind is DayKind.WORKING
    return day.weekday() in calendar.working


def received_on(calendar: Calendar, registered_at: datetime) -> date:
    """The working day on which something counts as received.

    What comes on another day, or after the end of a working day if the calendar says so, is
    received on the next one.
    """
    day = _local(calendar, registered_at).date()
    late = calendar.late_counts_tomorrow and registered_at >= _moment(
        calendar, day, calendar.day_ends
    )
    if is_working_day(calendar, day) and not late:
        return day
    return _next_working_day(calendar, day)


def last_working_day(calendar: Calendar, registered_at: datetime, days: int) -> date:
    """The last day of a term. The first is the working day after that of the receipt."""
    if days < 1:
        raise ValueError("A term is of one working day at least.")
    day = received_on(calendar, registered_at)
    for _ in range(days):
        day = _next_working_day(calendar, day)
    return day


def add_working_days(calendar: Calendar, registered_at: datetime, days: int) -> datetime:
    """When a term of so many working days runs out: as the working hours of its last day end."""
    return _moment(calendar, last_working_day(calendar, registered_at, days), calendar.day_ends)


def _next_working_day(calendar: Calendar, day: date) -> date:
    return next(one for one in _days_from(day + _DAY) if is_working_day(calendar, one))


# --- Holidays -------------------------------------------------------------------------------------


def with_transfers(
    holidays: Iterable[Holiday], *, working: AbstractSet[int] = MONDAY_TO_FRIDAY
) -> list[Holiday]:
    """The holidays by day, and with them the days on which those of a weekend are made up for.

    Each moves to the next working day that is free; those that are not transferred are lost.
    """
    found = {holiday.day: holiday for holiday in holidays}
    for holiday in sorted(found.values(), key=lambda one: one.day):
        if not holiday.transferred or holiday.day.weekday() in working:
            continue
        free = next(
            day for day in _days_from(holiday.day) if day.weekday() in working and day not in found
        )
        found[free] = Holiday(free, holiday.name, confirmed=holiday.confirmed)
    return [found[day] for day in sorted(found)]


# --- Days and moments -----------------------------------------------------------------------------


def minutes_of(clock: str) -> int:
    """Minutes after midnight."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def clock_of(minutes: int) -> str:
    """The same as a clock shows it."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _days_from(day: date) -> Iterator[date]:
    while day < date.max:
        yield day
        day += _DAY


def _moment(calendar: Calendar, day: date, minute: int) -> datetime:
    """The first moment at which the clock of the zone has come to a minute of a day."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    found = _as_utc(wall, calendar.zone, fold=0)
    if _wall(found, calendar.zone) == wall:
        return found
    # The clock was put forward over it, somewhere between its two readings of that minute.
    before, after = _as_utc(wall, calendar.zone, fold=1), found
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _wall(middle, calendar.zone) < wall:
            before = middle
        else:
            after = middle
    return after


def _as_utc(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _local(calendar: Calendar, moment: datetime) -> datetime:
    return _utc(moment).astimezone(calendar.zone)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise NaiveTime(moment)
    return moment.astimezone(UTC)
