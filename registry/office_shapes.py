"""The settings of the office as they are written: hours, terms, districts; each by its name.

A setting without a row in the table is as `as_delivered` has it.
"""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct

from registry.deadlines import LegalTerms, Term, Unit
from registry.office_calendar import DAY_MINUTES, Hours, minutes_of

ClockTime: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z",
        description='Such as "08:00"; "24:00" is the end of the day.',
    ),
]
Code: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Names(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a thing is called, in the languages of the city."""

    ru: Name
    kk: Name
    en: Name


class OpenHours(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From when to when; equal times are no hours."""

    opens: ClockTime
    closes: ClockTime

    def __post_init__(self) -> None:
        self.minutes()

    def minutes(self) -> Hours:
        """The same in minutes."""
        return Hours(minutes_of(self.opens), minutes_of(self.closes))


class Setting(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One setting of the office, whole: what is not said is refused, and not guessed."""

    name: ClassVar[str]
    moves_deadlines: ClassVar[bool] = True


class BusinessHours(Setting, frozen=True, kw_only=True):
    """When the contact centre is open; a day without hours is closed."""

    name: ClassVar[str] = "business_hours"

    mon: OpenHours | None
    tue: OpenHours | None
    wed: OpenHours | None
    thu: OpenHours | None
    fri: OpenHours | None
    sat: OpenHours | None
    sun: OpenHours | None
    closed_on_holidays: bool
    """Whether it rests on holidays that have no hours of their own."""

    def __post_init__(self) -> None:
        if not any(one is not None and one.opens < one.closes for one in self.week()):
            raise ValueError("the contact centre is open on one day of the seven at least")

    def week(self) -> list[OpenHours | None]:
        """The days, Monday first."""
        return [getattr(self, day) for day in WEEKDAYS]


class WorkingWeek(Setting, frozen=True, kw_only=True):
    """The days that terms are counted in, and when they end."""

    name: ClassVar[str] = "working_week"

    mon: bool
    tue: bool
    wed: bool
    thu: bool
    fri: bool
    sat: bool
    sun: bool
    ends: ClockTime
    """When a working day is over: at that moment terms run out."""
    late_counts_tomorrow: bool
    """Whether what comes after that counts as received on the next working day."""

    def __post_init__(self) -> None:
        if not self.days():
            raise ValueError("there is one working day in a week at least")
        if minutes_of(self.ends) == 0:
            raise ValueError("a working day ends between 00:01 and 24:00")

    def days(self) -> frozenset[int]:
        """The weekdays, Monday being 0."""
        return frozenset(i for i, day in enumerate(WEEKDAYS) if getattr(self, day))


class FirstResponse(Setting, frozen=True, kw_only=True):
    """How soon a person answers first, in minutes of business hours."""

    name: ClassVar[str] = "first_response"

    minutes: Annotated[int, Meta(ge=1, le=7 * DAY_MINUTES)]


class Triage(Setting, frozen=True, kw_only=True):
    """How soon it is told what an appeal is about."""

    name: ClassVar[str] = "triage"

    term: Annotated[int, Meta(ge=0, le=1000)]
    unit: Unit

    def as_term(self) -> Term:
        """The same as a term."""
        return Term(self.term, self.unit)


class LegalVersion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The terms of the law, for appeals opened from a day on."""

    since: date
    working_days: dict[Code, Annotated[int, Meta(ge=1, le=366)]]
    """By the kind of the appeal. What is of no kind here has no term of the law."""
    extension_months: Annotated[int, Meta(ge=0, le=24)]
    """By how much the term can be extended, with a reason."""


class LegalTermsSetting(Setting, frozen=True, kw_only=True):
    """The terms of the law as they change with time."""

    name: ClassVar[str] = "legal_terms"

    versions: Annotated[tuple[LegalVersion, ...], Meta(max_length=50)]

    def __post_init__(self) -> None:
        days = [version.since for version in self.versions]
        if len(set(days)) < len(days):
            raise ValueError("two versions hold from the same day")

    def in_order(self) -> tuple[LegalTerms, ...]:
        """The versions, the latest first."""
        ordered = sorted(self.versions, key=lambda one: one.since, reverse=True)
        return tuple(
            LegalTerms(one.since, dict(one.working_days), one.extension_months) for one in ordered
        )


class Place(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A district or a department."""

    code: Code
    names: Names


class _Places(Setting, frozen=True, kw_only=True):
    moves_deadlines: ClassVar[bool] = False

    items: Annotated[tuple[Place, ...], Meta(max_length=500)]

    def __post_init__(self) -> None:
        codes = [place.code for place in self.items]
        if len(set(codes)) < len(codes):
            raise ValueError("a code stands in it twice")


class Districts(_Places, frozen=True, kw_only=True):
    """The districts of the city; `Appeal.district` holds a code."""

    name: ClassVar[str] = "districts"


class Departments(_Places, frozen=True, kw_only=True):
    """Who is answerable for what; `Category.department` holds a code."""

    name: ClassVar[str] = "departments"


class Title(Setting, frozen=True, kw_only=True):
    """What the office is called: on its coupons, and wherever it introduces itself."""

    name: ClassVar[str] = "title"
    moves_deadlines: ClassVar[bool] = False

    names: Names


# --- The telephone --------------------------------------------------------------------------------


class MenuItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key that a caller can press for a team of their own; the prompt `menu` names them all."""

    digit: Annotated[str, Meta(pattern=r"^[1-9]\Z")]
    team: Code


class Telephone(Setting, frozen=True, kw_only=True):
    """How calls are taken."""

    name: ClassVar[str] = "telephone"
    moves_deadlines: ClassVar[bool] = False

    language: Literal["kk", "ru", "en"]
    """What is spoken with a caller who chose none."""
    menu: Annotated[tuple[MenuItem, ...], Meta(max_length=9)]
    """Empty: every call is anybody's."""
    ring_seconds: Annotated[int, Meta(ge=5, le=60)]
    """How long an offer rings at an operator."""
    wait_limit_seconds: Annotated[int, Meta(ge=30, le=3600)]
    """After which a caller who waits is offered a call-back or a voicemail."""
    tell_every_seconds: Annotated[int, Meta(ge=15, le=600)]
    """How often a caller who waits is told their place."""
    service_seconds: Annotated[int, Meta(ge=5, le=300)]
    """Within how many a call is to be answered."""
    message_seconds: Annotated[int, Meta(ge=10, le=600)]
    """The longest voicemail."""
    missed_after_seconds: Annotated[int, Meta(ge=0, le=120)] = 10
    """Who hangs up sooner, before they wait for a person, is not called back."""
    call_back_tries: Annotated[int, Meta(ge=1, le=10)]
    call_back_pause_minutes: Annotated[int, Meta(ge=5, le=1440)]
    """Between two tries to reach somebody who is to be called back."""
    record: bool
    """Conversations are recorded, after a notice, unless the caller refuses."""
    record_days: Annotated[int, Meta(ge=1, le=3650)]
    """For how many a recording is kept."""
    text_from: Annotated[str, Meta(max_length=64)]
    """The account of the channel "sms" that writes to callers; empty: none does."""
    links: Annotated[
        dict[Name, Annotated[str, Meta(pattern=r"^https://\S{1,200}\Z")]], Meta(max_length=8)
    ]
    """Where to write to us instead, by the messenger's name."""

    def __post_init__(self) -> None:
        digits = [item.digit for item in self.menu]
        if len(set(digits)) < len(digits):
            raise ValueError("a key stands in the menu twice")


class Announcement(Setting, frozen=True, kw_only=True):
    """What every caller hears first: that something is known, and need not be reported."""

    name: ClassVar[str] = "announcement"
    moves_deadlines: ClassVar[bool] = False

    on: bool
    until: datetime | None
    """When it falls silent by itself; None for when somebody turns it off."""
    texts: dict[Literal["kk", "ru", "en"], Annotated[str, Meta(max_length=1000)]]
    """By language. Where the provider has no voice, the prompt `announcement` has a file."""


# --- As delivered ---------------------------------------------------------------------------------

S = TypeVar("S", bound=Setting)

_EVERY_DAY = OpenHours(opens="08:00", closes="24:00")

_DELIVERED: tuple[Setting, ...] = (
    BusinessHours(
        mon=_EVERY_DAY, tue=_EVERY_DAY, wed=_EVERY_DAY, thu=_EVERY_DAY, fri=_EVERY_DAY,
        sat=_EVERY_DAY, sun=_EVERY_DAY, closed_on_holidays=False,
    ),
    WorkingWeek(
        mon=True, tue=True, wed=True, thu=True, fri=True, sat=False, sun=False,
        ends="18:00", late_counts_tomorrow=True,
    ),
    FirstResponse(minutes=60),
    Triage(term=1, unit=Unit.WORKING_DAYS),
    LegalTermsSetting(
        versions=(
            LegalVersion(
                since=date(2021, 7, 1),
                working_days={
                    "application": 15, "complaint": 20, "proposal": 15, "response": 15,
                    "inquiry": 15,
                },
                extension_months=2,
            ),
        )
    ),
    Districts(items=()),
    Departments(items=()),
    Telephone(
        language="kk", menu=(), ring_seconds=20, wait_limit_seconds=300, tell_every_seconds=45,
        service_seconds=20, message_seconds=120, call_back_tries=3, call_back_pause_minutes=30,
        record=False, record_days=30, text_from="", links={},
    ),
    Announcement(on=False, until=None, texts={}),
    Title(names=Names(ru="Контакт-центр", kk="Байланыс орталығы", en="Contact centre")),
)  # fmt: skip

SETTINGS: tuple[type[Setting], ...] = tuple(type(setting) for setting in _DELIVERED)


def as_delivered(shape: type[S]) -> S:
    """A setting that nobody has set."""
    return next(setting for setting in _DELIVERED if isinstance(setting, shape))
