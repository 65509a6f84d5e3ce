"""In which order a list comes, and the cursor that says where a page ended."""

import base64
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, Row, case, func, literal, tuple_
from sqlmodel import col

from registry import models
from registry.appeals import Priority
from registry.columns import UtcTime
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


class Order(Struct, frozen=True):
    """The columns that order a list, the last of them unique; all in one direction."""

    keys: tuple[Any, ...]
    descending: bool = False


_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The deadline of what has none."""


def _or_never(moment: Any) -> ColumnElement[datetime]:
    return func.coalesce(moment, literal(_NEVER, UtcTime()))


def order_of(sort: Sort) -> Order:
    """The columns behind a sort."""
    appeal = models.Appeal
    id_ = col(appeal.id)
    match sort:
        # Ids follow the time of registration, and the primary key is their index.
        case Sort.NEWEST:
            return Order((id_,), descending=True)
        case Sort.OLDEST:
            return Order((id_,))
        case Sort.LAST_MESSAGE:
            return Order((col(appeal.last_message_at), id_), descending=True)
        case Sort.WAITING:
            return Order((_or_never(col(appeal.waiting_since)), id_))
        case Sort.DUE:
            return Order((_or_never(col(appeal.due_at)), id_))
        case Sort.PRIORITY:
            most_urgent_first = list(reversed(Priority))
            ranks = {value.value: rank for rank, value in enumerate(most_urgent_first)}
            return Order((case(ranks, value=col(appeal.priority)), id_))


class _Cursor(Struct, frozen=True, array_like=True):
    """The place of a page's last row."""

    sort: Sort
    key: Annotated[datetime, Meta(tz=True)] | Annotated[int, Meta(ge=0, le=2**63 - 1)]
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]


_KEYS: dict[Sort, type] = dict.fromkeys((Sort.LAST_MESSAGE, Sort.WAITING, Sort.DUE), datetime)


def read_cursor(cursor: str, sort: Sort) -> tuple[Any, int]:
    """The key and the id that a cursor stands for. Raises: BadCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = msgspec.json.decode(raw, type=_Cursor)
        key = place.key.astimezone(UTC) if isinstance(place.key, datetime) else place.key
    except (ValueError, RecursionError, OverflowError) as error:
        raise BadCursor from error
    if place.sort is not sort or not isinstance(key, _KEYS.get(sort, int)):
        raise BadCursor
    return key, place.id


def write_cursor(sort: Sort, row: Row[Any]) -> str:
    """The cursor of the page that follows the row; its last column is the order\'s first key."""
    raw = msgspec.json.encode(_Cursor(sort, row[-1], row.id))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def beyond(order: Order, place: tuple[Any, int]) -> ColumnElement[bool]:
    """What comes after a place in an order."""
    values = place[-len(order.keys) :]
    here = tuple_(*[literal(v, k.type) for k, v in zip(order.keys, values, strict=True)])
    ours = tuple_(*order.keys)
    return ours < here if order.descending else ours > here
