"""Old beside new: how a change of an appeal is written to the journal, and read from it again."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from registry.columns import to_text
from registry.models import Appeal

History: TypeAlias = dict[str, dict[str, Any]]
"""By the name of what changed: {"from": old, "to": new}, as JSON has them."""


class Column(NamedTuple):
    """A column of an appeal as the journal has it."""

    attribute: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def turn(history: History, appeal: Appeal, name: str, value: Any) -> None:
    """Set what `name` stands for, and note it; what is so already is no change."""
    column = COLUMNS[name]
    before = getattr(appeal, column.attribute)
    if before != value:
        setattr(appeal, column.attribute, value)
        note(history, name, column.write(before), column.write(value))


def note(history: History, name: str, before: Any, after: Any) -> None:
    """Note a change; of several of the same thing, the first old value is the old one."""
    if name in history:
        before = history[name]["from"]
    if before == after:
        history.pop(name, None)
    else:
        history[name] = {"from": before, "to": after}


def _as_it_is(value: Any) -> Any:
    return value


def _plain(name: str) -> Column:
    return Column(name, _as_it_is, _as_it_is)


def _id(attribute: str) -> Column:
    return Column(
        attribute,
        lambda value: None if value is None else str(value),
        lambda value: None if value is None else int(value),
    )


def _time(name: str) -> Column:
    return Column(
        name,
        lambda value: None if value is None else to_text(value),
        lambda value: None if value is None else datetime.fromisoformat(value),
    )


COLUMNS: dict[str, Column] = {
    "assignee": _id("assignee_id"),
    **{
        name: _plain(name)
        for name in (
            "status", "outcome", "priority", "category", "team", "language", "subject", "kind",
            "address", "latitude", "longitude", "district", "due_fixed",
        )
    },
    **{
        name: _time(name)
        for name in (
            "resolved_at", "closed_at", "reopened_at", "snoozed_until", "due_at",
            "first_response_due", "escalated_at", "waiting_since",
        )
    },
}  # fmt: skip
"""Columns that a change may be of, by their names in the journal."""

LINKS = {"duplicate_of": "duplicate_of_id", "merged_into": "merged_into_id"}
"""Links to other appeals, which the journal has by their numbers."""
