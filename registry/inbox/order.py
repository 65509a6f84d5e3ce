"""In which order a list comes, and the cursor that says where a page ended."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, literal, true, tuple_
from sqlmodel import col

from registry import models
from registry.appeals import Priority
from registry.columns import Id
from registry.errors import RegistryError


class BadCursor(RegistryError):
    """A cursor that this list did not give."""

    def __init__(self) -> None:
        super().__init__("The cursor is none of this list's; start again without one.")


class Sort(StrEnum):
    """In which order a list comes; every order is total."""

    NEWEST = "newest"
    """Registered last, first."""
    OLDEST = "oldest"
    LAST_MESSAGE = "last_message"
    """The latest message first."""
    WAITING = "waiting"
    """Whoever waits longest for an answer first; who does not wait comes last."""
    DUE = "due"
    """The nearest deadline first; what has none comes last."""
    PRIORITY = "priority"
    """The most urgent first; of equals, what waits longest."""


class Place(Struct, frozen=True):
    """The row that ended a page."""

    stretch: int
    """Which of its order's."""
    key: datetime | None
    """What orders the rows within the stretch, where it is more than the id."""
    id: int


class Stretch(Struct, frozen=True):
    """A part of a list, in which an index has the rows in order: one after the other is read until
    the page is full. As one expression over all rows, an order would be sorted at every look."""

    rows: ColumnElement[bool]
    first: Any
    """The column before the id."""
    varies: bool = True
    """Whether that has more than one value here."""


class Order(Struct, frozen=True):
    """The stretches of a list, one after the other."""

    stretches: tuple[Stretch, ...]
    descending: bool = False

    def after(self, place: Place | None) -> Iterator[tuple[int, Stretch, ColumnElement[bool]]]:
        """The stretches that are left, each with the rows of it that are."""
        for number, stretch in enumerate(self.stretches):
            if place is None or number > place.stretch:
                yield number, stretch, stretch.rows
            elif number == place.stretch:
                yield number, stretch, stretch.rows & self._beyond(stretch, place)

    def by(self, stretch: Stretch) -> list[ColumnElement[Any]]:
        """What orders a stretch."""
        keys = [stretch.first, col(models.Appeal.id)]
        return [key.desc() if self.descending else key.asc() for key in keys]

    def _beyond(self, stretch: Stretch, place: Place) -> ColumnElement[bool]:
        id_ = col(models.Appeal.id)
        if not stretch.varies:
            return id_ < place.id if self.descending else id_ > place.id
        here = tuple_(literal(place.key, stretch.first.type), literal(place.id, Id))
        ours = tuple_(stretch.first, id_)
        return ours < here if self.descending else ours > here


def order_of(sort: Sort) -> Order:
    """The order behind a sort."""
    appeal = models.Appeal
    id_ = col(appeal.id)
    match sort:
        # Ids follow the time of registration, and the primary key is their index.
        case Sort.NEWEST:
            return Order((Stretch(true(), id_, varies=False),), descending=True)
        case Sort.OLDEST:
            return Order((Stretch(true(), id_, varies=False),))
        case Sort.LAST_MESSAGE:
            return Order((Stretch(true(), col(appeal.last_message_at)),), descending=True)
        case Sort.WAITING:
            return _with_none_last(col(appeal.waiting_since))
        case Sort.DUE:
            return _with_none_last(col(appeal.due_at))
        case Sort.PRIORITY:
            priority = col(appeal.priority)
            return Order(
                tuple(
                    Stretch(priority == value.value, priority, varies=False)
                    for value in reversed(Priority)
                )
            )


def _with_none_last(moment: Any) -> Order:
    return Order(
        (
            Stretch(moment.is_not(None), moment),
            Stretch(moment.is_(None), moment, varies=False),
        )
    )


class _Cursor(Struct, frozen=True, array_like=True):
    """A place, and the sort that it is one of."""

    sort: Sort
    stretch: Annotated[int, Meta(ge=0, le=9)]
    key: Annotated[datetime, Meta(tz=True)] | None
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]


def read_cursor(cursor: str, sort: Sort) -> Place:
    """The place that a cursor stands for. Raises: BadCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        read = msgspec.json.decode(raw, type=_Cursor)
        key = None if read.key is None else read.key.astimezone(UTC)
    except (ValueError, RecursionError, OverflowError) as error:
        raise BadCursor from error
    stretches = order_of(sort).stretches
    if read.sort is not sort or read.stretch >= len(stretches):
        raise BadCursor
    if stretches[read.stretch].varies != (key is not None):
        raise BadCursor
    return Place(read.stretch, key, read.id)


def write_cursor(sort: Sort, place: Place) -> str:
    """The cursor of the page that follows a place."""
    raw = msgspec.json.encode(_Cursor(sort, place.stretch, place.key, place.id))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
