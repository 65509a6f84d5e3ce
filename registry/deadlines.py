"""When an appeal must be answered for the first time, and when it must be done with.

A *report* ("the lamp is out") has the term of its category. A *legal appeal* (a complaint, an
application and their like) has the law's term for its kind, and the shorter of the two. What nobody
has sorted yet has the time that sorting may take. All of these are settings.

Seconds are cut off: a deadline is read by people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from registry.office_calendar import Calendar, add_business_hours, add_working_days


class Unit(StrEnum):
    """What a term is counted in."""

    WORKING_DAYS = "working_days"
    HOURS = "hours"
    """Of the clock, by day and by night."""
    WORKING_HOURS = "working_hours"
    """Of the contact centre's opening hours."""


class Term(NamedTuple):
    """How long something may take; an amount of 0 is at once."""

    amount: int
    unit: Unit


class LegalTerms(NamedTuple):
    """The law's terms for appeals that were opened on a day or later."""

    since: date
    working_days: Mapping[str, int]
    """By the kind of the appeal."""
    extension_months: int


_ONE_DAY = Term(1, Unit.WORKING_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything that decides a deadline, beside the calendar."""

    first_response: timedelta = timedelta(hours=1)
    """Of opening hours."""
    triage: Term = _ONE_DAY
    legal: tuple[LegalTerms, ...] = ()
    """The latest first."""
    categories: Mapping[str, Term | None] = field(default_factory=dict)
    """By code; None for one that leaves all to the law. A code that is missing says nothing of what
    is to be done, and is sorted first."""


class DueTimes(NamedTuple):
    """Until when."""

    first_response_due: datetime
    due_at: datetime | None
    """None where neither category nor law says."""


class Deadlines(Protocol):
    """Tells until when, by today's calendar and terms."""

    def __call__(self, kind: str, category: str | None, opened_at: datetime) -> DueTimes: ...


def due_times(
    kind: str, category: str | None, opened_at: datetime, calendar: Calendar, terms: Terms
) -> DueTimes:
    """Until when an appeal of that kind and category, opened then, is to be answered and done."""
    opened_at = whole_minute(opened_at)
    if category is None or category not in terms.categories:
        term: Term | None = terms.triage
    else:
        term = terms.categories[category]
    own = None if term is None else end_of(term, opened_at, calendar)
    law = legal_due(kind, opened_at, calendar, terms)
    return DueTimes(
        add_business_hours(calendar, opened_at, terms.first_response / timedelta(hours=1)),
        min((one for one in (own, law) if one is not None), default=None),
    )


class Restarted(NamedTuple):
    """Until when, for an appeal that is opened again."""

    due_at: datetime | None
    due_fixed: bool
    """A person set it, and it is still to come."""
    first_response_due: datetime | None


def restarted(
    deadlines: Deadlines | None,
    *,
    kind: str,
    category: str | None,
    due_at: datetime | None,
    due_fixed: bool,
    first_response_due: datetime | None,
    first_response_at: datetime | None,
    now: datetime,
) -> Restarted:
    """The term of an answer anew, from `now`; a first answer that was given is not due again."""
    if deadlines is None:
        return Restarted(due_at, due_fixed, first_response_due)
    first, due = deadlines(kind, category, now)
    stays = due_fixed and due_at is not None and due_at > now
    return Restarted(
        due_at if stays else due, stays, first if first_response_at is None else first_response_due
    )


def end_of(term: Term, opened_at: datetime, calendar: Calendar) -> datetime:
    """When a term runs out that began then."""
    if term.amount == 0:
        return opened_at
    match term.unit:
        case Unit.WORKING_DAYS:
            return add_working_days(calendar, opened_at, term.amount)
        case Unit.WORKING_HOURS:
            return add_business_hours(calendar, opened_at, term.amount)
        case Unit.HOURS:
            return opened_at + timedelta(hours=term.amount)


def legal_due(kind: str, opened_at: datetime, calendar: Calendar, terms: Terms) -> datetime | None:
    """When the law's term runs out; None for what the law sets no term."""
    version = _in_force(terms, opened_at, calendar)
    if version is None or kind not in version.working_days:
        return None
    return add_working_days(calendar, whole_minute(opened_at), version.working_days[kind])


def latest_extension(
    kind: str, opened_at: datetime, calendar: Calendar, terms: Terms
) -> datetime | None:
    """Up to when the law lets the term be extended; None for what the law sets no term."""
    version, due = (
        _in_force(terms, opened_at, calendar),
        legal_due(kind, opened_at, calendar, terms),
    )
    if version is None or due is None:
        return None
    return _months_later(due, version.extension_months, calendar)


def whole_minute(moment: datetime) -> datetime:
    """The minute in which a moment lies, by its beginning."""
    return moment.replace(second=0, microsecond=0)


def _in_force(terms: Terms, opened_at: datetime, calendar: Calendar) -> LegalTerms | None:
    day = opened_at.astimezone(calendar.zone).date()
    return next((version for version in terms.legal if version.since <= day), None)


def _months_later(moment: datetime, months: int, calendar: Calendar) -> datetime:
    """The same hour of the same day of a later month, or of its last day."""
    local = moment.astimezone(calendar.zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last_day = (first_of_next - timedelta(days=1)).day
    later = local.replace(year=year, month=month + 1, day=min(local.day, last_day), fold=0)
    return later.astimezone(moment.tzinfo)
