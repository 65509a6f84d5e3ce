"""What the board of calls says: states, reasons, lengths of time, shares, and its tables."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from hub.views.names import Names
from hub.web.i18n import NAMES, deferred
from hub.web.i18n import gettext as _
from registry.calls.board import Board, Figures, Hour, Queue
from registry.calls.lines import AtPhone

STATES = {
    "available": deferred("Available"),
    "ringing": deferred("It rings"),
    "busy": deferred("On the line"),
    "wrap_up": deferred("Writes it down"),
    "away": deferred("Away"),
}
COUNTED = {
    "available": deferred("available"),
    "busy": deferred("on the line"),
    "wrap_up": deferred("writing down"),
    "away": deferred("away"),
}
"""Beside how many are so: words that go with any number."""
ICONS = {
    "available": "circle-check",
    "ringing": "phone-incoming",
    "busy": "phone-call",
    "wrap_up": "pencil",
    "away": "moon",
}
# icon("phone-incoming") icon("phone-call") icon("pencil") icon("headset"): for the sprite.
REASONS = {
    "break": deferred("a break"),
    "meal": deferred("a meal"),
    "training": deferred("training"),
    "other": deferred("other work"),
    "no_answer": deferred("did not answer a call"),
    "signed_out": deferred("the softphone is closed"),
    "failed": deferred("the phone could not be rung"),
}

Cell: TypeAlias = str | int | float | None


def state(one: AtPhone) -> str:
    """How an operator is, with the reason of being away."""
    said = _(STATES.get(one.state, one.state))
    if one.state != "away" or not one.reason:
        return said
    return f"{said}: {_(REASONS.get(one.reason, one.reason))}"


def queue(one: Queue, names: Names) -> str:
    """Who waits there: the language, and the team if they chose one."""
    spoken = NAMES.get(one.language or "", _("No language chosen"))
    return spoken if one.team is None else f"{spoken} · {names.team(one.team)}"


def length(seconds: float | None) -> str:
    """Minutes and seconds, as 3:05 or 1:02:03; a dash for none."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def share(part: float | None) -> str:
    """A share as whole percent; a dash for none. What is not all is not said to be."""
    if part is None:
        return "–"
    return f"{min(round(100 * part), 100 if part >= 1 else 99)} %"


def hour(start: int) -> str:
    """An hour of the clock: the last one ends at 24:00."""
    return f"{start:02}:00–{start + 1:02}:00"


def since(moment: datetime, now: datetime) -> float:
    """Seconds until now."""
    return max(0.0, (now - moment).total_seconds())


# --- Tables to take out ---------------------------------------------------------------------------


def hours_table(board: Board) -> Iterator[Sequence[Cell]]:
    """The hours, and their sums: today beside the same weekday of last week. Times are seconds."""
    titles = [
        _("Calls"), _("Answered"), _("Answered in time"), _("Abandoned"), _("Abandoned too late"),
        _("Chose otherwise"), _("Service level, %"), _("Speed of answer, s"),
        _("Handling time, s"),
    ]  # fmt: skip
    ago = _("a week before")
    before = [f"{title} ({ago})" for title in titles]
    yield [_("Hour"), *titles, *before]
    for one in board.hours:
        yield [hour(one.hour), *_cells(one.today), *_cells(one.before)]
    yield [_("By now"), *_cells(board.today), *_cells(board.before)]


def _cells(figures: Figures) -> list[Cell]:
    level = figures.service_level
    return [
        figures.calls, figures.answered, figures.in_time, figures.abandoned, figures.too_late,
        figures.otherwise, None if level is None else round(100 * level, 1),
        _rounded(figures.speed_of_answer), _rounded(figures.handling_time),
    ]  # fmt: skip


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def operators_table(board: Board) -> Iterator[Sequence[Cell]]:
    """Who is at the phone."""
    yield [_("Operator"), _("State"), _("For so long, s")]
    for one in board.operators:
        yield [one.name, state(one), round(since(one.since, board.now))]


def queues_table(board: Board, names: Names) -> Iterator[Sequence[Cell]]:
    """Who waits."""
    yield [_("Who waits"), _("Calls"), _("Longest wait, s")]
    for one in board.queues:
        yield [queue(one, names), one.count, round(since(one.since, board.now))]


def is_low(one: Hour) -> bool:
    """Whether the hour's service level needs to be looked at: under the usual 80 %."""
    level = one.today.service_level
    return level is not None and level < USUAL_LEVEL


USUAL_LEVEL = 0.8
"""Contact centres promise 80 % within 20 seconds, as a rule."""
