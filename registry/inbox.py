"""The read side: lists of appeals, one appeal with all that belongs to it, one message.

What comes out has the shapes of the public contract, so that nothing is copied on the way to JSON.
Lists read columns rather than entities, and one query a kind of thing, however long the list.

Search is plain substring matching, which reads every row it looks at.
"""

import base64
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import message_visible_to, visible_to
from registry.appeals import Priority
from registry.columns import UtcTime
from registry.errors import NotFound, RegistryError
from registry.ids import parse_id
from registry.operators import Principal
from registry.states import Status
from registry.types import AccountKey, AttachmentKind, DeliveryState

MAX_LIMIT = 100
DEFAULT_LIMIT = 50

AttachmentUrl: TypeAlias = Callable[[str], str]
"""The address at which the file of an attachment, by its id, can be had."""


class BadCursor(RegistryError):
    """A cursor that this list did not give."""

    def __init__(self) -> None:
        super().__init__("The cursor is none of this list's; start again without one.")


# --- Shapes -------------------------------------------------------------------------------------


class Point(Struct, frozen=True, kw_only=True):
    """Where a person can be reached."""

    scheme: str
    value: str


class Contact(Struct, frozen=True, kw_only=True):
    """The person an appeal is from."""

    id: str
    name: str | None
    points: list[Point]


class Appeal(Struct, frozen=True, kw_only=True):
    """An appeal as lists show it."""

    number: str
    channel: str
    account: str
    kind: str
    status: Status
    priority: Priority
    category: str | None
    language: str | None
    subject: str
    contact: Contact
    assignee: str | None
    """The operator's id."""
    assignee_name: str | None
    team: str | None
    opened_at: datetime
    due_at: datetime | None
    last_message_at: datetime
    unread: int
    message_count: int
    latitude: float | None
    longitude: float | None
    address: str | None


class Attachment(Struct, frozen=True, kw_only=True):
    """A file, a place or a person's card of a message."""

    id: str
    kind: AttachmentKind
    name: str | None
    mime: str | None
    size: int | None
    """Bytes."""
    state: Literal["pending", "ready", "failed"]
    url: str | None
    """None while there is no file to be had."""
    latitude: float | None
    longitude: float | None


class DeliveryError(Struct, frozen=True, kw_only=True):
    """Why a message did not arrive: the provider's code, and the reason in words."""

    code: str | None
    reason: str | None


class Delivery(Struct, frozen=True, kw_only=True):
    """How far an outgoing message got."""

    state: DeliveryState
    error: DeliveryError | None
    at: datetime | None


class Message(Struct, frozen=True, kw_only=True):
    """What a citizen wrote, what was answered, or a note that stays inside."""

    id: str
    direction: Literal["in", "out", "note"]
    text: str
    """Empty for a message that its writer took back; the journal has what it said."""
    sent_at: datetime
    author: str
    external_id: str | None
    """The provider's id; of a message in several parts, the first part's."""
    reply_to: str | None
    """The provider's id of the message that this one answers."""
    attachments: list[Attachment]
    delivery: Delivery | None
    """None for what did not go out."""
    edited_at: datetime | None
    deleted_at: datetime | None
    hidden_at: datetime | None
    """Since when a public comment is hidden from others, by us."""
    private: bool
    """It answers the author of a public comment privately."""
    language: str | None
    """What a citizen's text is in: "kk", "ru", "en" or "mixed", where it can be told."""


class Entry(Struct, frozen=True, kw_only=True):
    """A line of the journal."""

    id: str
    at: datetime
    event: str
    actor: str
    message_id: str | None
    data: dict[str, Any]


class AppealDetail(Appeal, frozen=True, kw_only=True):
    """An appeal with its messages in the order in which they were written, and its journal."""

    messages: list[Message]
    journal: list[Entry]


class AppealPage(Struct, frozen=True, kw_only=True):
    """A page of a list."""

    items: list[Appeal]
    next: str | None
    """The cursor of the page that follows; None on the last."""


# --- Lists --------------------------------------------------------------------------------------


class Sort(StrEnum):
    """In which order a list comes; every order is total."""

    NEWEST = "newest"
    """Registered last, first."""
    OLDEST = "oldest"
    LAST_MESSAGE = "last_message"
    """The latest message first."""
    DUE = "due"
    """The nearest deadline first; what has none comes last."""
    PRIORITY = "priority"
    """The most urgent first; of equals, what waits longest."""


class Query(Struct, frozen=True, kw_only=True):
    """What a list is asked for; what is None or empty filters nothing."""

    channels: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    assignee: str | None = None
    """An operator's id or e-mail address, or "none" for what nobody holds."""
    category: str | None = None
    q: str | None = None
    """The beginning of a number, digits of a phone, or a piece of a text, name or address."""
    due_before: datetime | None = None
    sort: Sort = Sort.LAST_MESSAGE
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


async def list_appeals(
    session: AsyncSession, query: Query, *, viewer: Principal | None = None
) -> AppealPage:
    """One page of what the viewer may see; without a viewer, of all there is.

    Nothing that stays in its place is lost or repeated between pages. Raises: BadCursor.
    """
    order = _order(query.sort)
    wanted = _appeals().where(*await _filters(session, query))
    if viewer is not None:
        wanted = wanted.where(visible_to(viewer))
    if query.cursor is not None:
        wanted = wanted.where(_beyond(order, read_cursor(query.cursor, query.sort)))
    wanted = wanted.order_by(*[k.desc() if order.descending else k.asc() for k in order.keys])
    limit = max(1, min(query.limit, MAX_LIMIT))
    rows = await _fetch(session, wanted.add_columns(order.keys[0]).limit(limit + 1))
    page = rows[:limit]
    following = _write_cursor(query.sort, page[-1]) if len(rows) > limit else None
    return AppealPage(items=await _shaped(session, page), next=following)


async def get_appeal(
    session: AsyncSession,
    number: str,
    *,
    attachment_url: AttachmentUrl,
    viewer: Principal | None = None,
) -> AppealDetail:
    """One appeal, whole. Raises: NotFound, also when the viewer may not see it."""
    row, appeal = await _one(session, number, viewer)
    of_appeal = col(models.Message.appeal_id) == row.id
    return AppealDetail(
        **{name: getattr(appeal, name) for name in Appeal.__struct_fields__},
        messages=await _messages(session, of_appeal, attachment_url=attachment_url),
        journal=await _journal(session, row.id),
    )


async def get_summary(
    session: AsyncSession, number: str, *, viewer: Principal | None = None
) -> Appeal:
    """One appeal as lists show it. Raises: NotFound, also when the viewer may not see it."""
    _, appeal = await _one(session, number, viewer)
    return appeal


async def get_message(
    session: AsyncSession,
    message_id: int,
    *,
    attachment_url: AttachmentUrl,
    viewer: Principal | None = None,
) -> Message:
    """One message. Raises: NotFound, also when the viewer may not see its appeal."""
    chosen = col(models.Message.id) == message_id
    if viewer is not None:
        chosen = and_(chosen, message_visible_to(viewer))
    found = await _messages(session, chosen, attachment_url=attachment_url)
    if not found:
        raise NotFound("message", message_id)
    return found[0]


async def count_waiting(session: AsyncSession) -> dict[AccountKey, int]:
    """How many replies of each account wait to be sent or are on their way."""
    dispatch = models.Dispatch
    channel, account = col(dispatch.channel), col(dispatch.account)
    found = await _fetch(
        session,
        select(channel, account, func.count())
        .where(col(dispatch.state).in_(["queued", "sending"]))
        .group_by(channel, account),
    )
    return {AccountKey(row[0], row[1]): row[2] for row in found}


async def _fetch(
    session: AsyncSession, statement: Select[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Rows of columns, as they come from the connection: no entity is made of them."""
    connection = await session.connection()
    return (await connection.execute(statement)).all()


# --- Appeals ------------------------------------------------------------------------------------


def _appeals() -> Select[*tuple[Any, ...]]:
    appeal = models.Appeal
    return (
        select(
            col(appeal.id),
            col(appeal.number),
            col(appeal.channel),
            col(appeal.account),
            col(appeal.kind),
            col(appeal.status),
            col(appeal.priority),
            col(appeal.category),
            col(appeal.language),
            col(appeal.subject),
            col(appeal.contact_id),
            col(models.Contact.name).label("contact_name"),
            col(appeal.assignee_id),
            col(models.Operator.name).label("assignee_name"),
            col(appeal.team),
            col(appeal.opened_at),
            col(appeal.due_at),
            col(appeal.last_message_at),
            col(appeal.unread),
            col(appeal.message_count),
            col(appeal.latitude),
            col(appeal.longitude),
            col(appeal.address),
        )
        .join(models.Contact, col(models.Contact.id) == col(appeal.contact_id))
        .outerjoin(models.Operator, col(models.Operator.id) == col(appeal.assignee_id))
    )


async def _one(
    session: AsyncSession, number: str, viewer: Principal | None
) -> tuple[Row[Any], Appeal]:
    wanted = _appeals().where(col(models.Appeal.number) == number)
    if viewer is not None:
        wanted = wanted.where(visible_to(viewer))
    found = await _fetch(session, wanted)
    if not found:
        raise NotFound("appeal", number)
    return found[0], (await _shaped(session, found))[0]


async def _shaped(session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Appeal]:
    points = await _points(session, {row.contact_id for row in rows})
    return [
        Appeal(
            number=row.number,
            channel=row.channel,
            account=row.account,
            kind=row.kind,
            status=Status(row.status),
            priority=Priority(row.priority),
            category=row.category,
            language=row.language,
            subject=row.subject,
            contact=Contact(
                id=str(row.contact_id), name=row.contact_name, points=points[row.contact_id]
            ),
            assignee=None if row.assignee_id is None else str(row.assignee_id),
            assignee_name=row.assignee_name,
            team=row.team,
            opened_at=row.opened_at,
            due_at=row.due_at,
            last_message_at=row.last_message_at,
            unread=row.unread,
            message_count=row.message_count,
            latitude=row.latitude,
            longitude=row.longitude,
            address=row.address,
        )
        for row in rows
    ]


async def _points(session: AsyncSession, contact_ids: set[int]) -> dict[int, list[Point]]:
    point = models.ContactPoint
    points: dict[int, list[Point]] = defaultdict(list)
    if contact_ids:
        found = await _fetch(
            session,
            select(col(point.contact_id), col(point.scheme), col(point.value))
            .where(col(point.contact_id).in_(contact_ids))
            .order_by(col(point.id)),
        )
        for contact_id, scheme, value in found:
            points[contact_id].append(Point(scheme=scheme, value=value))
    return points


# --- Messages -----------------------------------------------------------------------------------


async def _messages(
    session: AsyncSession, chosen: ColumnElement[bool], *, attachment_url: AttachmentUrl
) -> list[Message]:
    message = models.Message
    rows = await _fetch(
        session,
        select(
            col(message.id),
            col(message.direction),
            col(message.text),
            col(message.sent_at),
            col(message.author),
            col(message.reply_to),
            col(message.state),
            col(message.state_at),
            col(message.error_code),
            col(message.error_reason),
            col(message.edited_at),
            col(message.deleted_at),
            col(message.hidden_at),
            col(message.private_reply_to),
            col(message.language),
        )
        .where(chosen)
        .order_by(col(message.sent_at), col(message.sequence), col(message.id)),
    )
    external_ids = await _external_ids(session, chosen)
    attachments = await _attachments(session, chosen, attachment_url=attachment_url)
    return [
        Message(
            id=str(row.id),
            direction=row.direction,
            text="" if row.deleted_at is not None else row.text,
            sent_at=row.sent_at,
            author=row.author,
            external_id=external_ids.get(row.id),
            reply_to=row.reply_to,
            attachments=attachments[row.id],
            delivery=_delivery(row),
            edited_at=row.edited_at,
            deleted_at=row.deleted_at,
            hidden_at=row.hidden_at,
            private=row.private_reply_to is not None,
            language=row.language,
        )
        for row in rows
    ]


def _delivery(row: Row[Any]) -> Delivery | None:
    if row.direction != "out" or row.state is None:
        return None
    error = None
    if row.error_code is not None or row.error_reason is not None:
        error = DeliveryError(code=row.error_code, reason=row.error_reason)
    return Delivery(state=DeliveryState(row.state), error=error, at=row.state_at)


async def _external_ids(session: AsyncSession, chosen: ColumnElement[bool]) -> dict[int, str]:
    external = models.ExternalId
    value = col(external.external_id)
    found = await _fetch(
        session,
        select(col(external.message_id), value)
        .join(models.Message, col(models.Message.id) == col(external.message_id))
        .where(chosen)
        # The least of an album's comes first, also where the provider's ids are numbers.
        .order_by(col(external.part), func.length(value), value),
    )
    first: dict[int, str] = {}
    for message_id, external_id in found:
        first.setdefault(message_id, external_id)
    return first


async def _attachments(
    session: AsyncSession, chosen: ColumnElement[bool], *, attachment_url: AttachmentUrl
) -> dict[int, list[Attachment]]:
    file = models.Attachment
    found = await _fetch(
        session,
        select(
            col(file.message_id),
            col(file.id),
            col(file.kind),
            col(file.name),
            col(file.mime),
            col(file.size),
            col(file.state),
            col(file.path),
            col(file.latitude),
            col(file.longitude),
        )
        .join(models.Message, col(models.Message.id) == col(file.message_id))
        .where(chosen)
        .order_by(col(file.position), col(file.id)),
    )
    attachments: dict[int, list[Attachment]] = defaultdict(list)
    for row in found:
        there = row.path is not None and row.state == "ready"
        attachments[row.message_id].append(
            Attachment(
                id=str(row.id),
                kind=AttachmentKind(row.kind),
                name=row.name,
                mime=row.mime,
                size=row.size,
                state=row.state,
                url=attachment_url(str(row.id)) if there else None,
                latitude=row.latitude,
                longitude=row.longitude,
            )
        )
    return attachments


async def _journal(session: AsyncSession, appeal_id: int) -> list[Entry]:
    entry = models.JournalEntry
    found = await _fetch(
        session,
        select(
            col(entry.id),
            col(entry.at),
            col(entry.event),
            col(entry.actor),
            col(entry.message_id),
            col(entry.data),
        )
        .where(col(entry.appeal_id) == appeal_id)
        .order_by(col(entry.id)),
    )
    return [
        Entry(
            id=str(row.id),
            at=row.at,
            event=row.event,
            actor=row.actor,
            message_id=None if row.message_id is None else str(row.message_id),
            data=row.data,
        )
        for row in found
    ]


# --- Order and cursors --------------------------------------------------------------------------


class _Order(Struct, frozen=True):
    """The columns that order a list, the last of them unique; all in one direction."""

    keys: tuple[Any, ...]
    descending: bool = False


_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The deadline of what has none."""


def _order(sort: Sort) -> _Order:
    appeal = models.Appeal
    id_ = col(appeal.id)
    match sort:
        # Ids follow the time of registration, and the primary key is their index.
        case Sort.NEWEST:
            return _Order((id_,), descending=True)
        case Sort.OLDEST:
            return _Order((id_,))
        case Sort.LAST_MESSAGE:
            return _Order((col(appeal.last_message_at), id_), descending=True)
        case Sort.DUE:
            return _Order((func.coalesce(col(appeal.due_at), literal(_NEVER, UtcTime())), id_))
        case Sort.PRIORITY:
            most_urgent_first = list(reversed(Priority))
            ranks = {value.value: rank for rank, value in enumerate(most_urgent_first)}
            return _Order((case(ranks, value=col(appeal.priority)), id_))


class _Cursor(Struct, frozen=True, array_like=True):
    """The place of a page's last row."""

    sort: Sort
    key: Annotated[datetime, Meta(tz=True)] | Annotated[int, Meta(ge=0, le=2**63 - 1)]
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]


_KEYS: dict[Sort, type] = {Sort.LAST_MESSAGE: datetime, Sort.DUE: datetime}


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


def _write_cursor(sort: Sort, row: Row[Any]) -> str:
    raw = msgspec.json.encode(_Cursor(sort, row[-1], row.id))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _beyond(order: _Order, place: tuple[Any, int]) -> ColumnElement[bool]:
    values = place[-len(order.keys) :]
    here = tuple_(*[literal(v, k.type) for k, v in zip(order.keys, values, strict=True)])
    ours = tuple_(*order.keys)
    return ours < here if order.descending else ours > here


# --- Filters ------------------------------------------------------------------------------------


async def _filters(session: AsyncSession, query: Query) -> Iterable[ColumnElement[bool]]:
    appeal = models.Appeal
    filters: list[ColumnElement[bool]] = []
    if query.channels:
        filters.append(col(appeal.channel).in_(query.channels))
    if query.statuses:
        filters.append(col(appeal.status).in_([status.value for status in query.statuses]))
    if query.assignee is not None:
        filters.append(_held_by(query.assignee))
    if query.category is not None:
        filters.append(col(appeal.category) == query.category)
    if query.due_before is not None:
        filters.append(col(appeal.due_at) < query.due_before)
    if query.q is not None and query.q.strip():
        filters.append(await _search(session, query.q.strip()))
    return filters


def _held_by(assignee: str) -> ColumnElement[bool]:
    holder = col(models.Appeal.assignee_id)
    if assignee == "none":
        return holder.is_(None)
    id_ = parse_id(assignee)
    if id_ is not None:
        return holder == id_
    return col(models.Operator.email) == assignee.strip().lower()


_NUMBER = re.compile(r"[A-Z]{2,5}-(\d{0,4}|\d{4}-\d*)")
_PHONE = re.compile(r"\+?[\d\s()-]+")
_PHONE_DIGITS = 4
"""Fewer digits than this are no phone."""


async def _search(session: AsyncSession, q: str) -> ColumnElement[bool]:
    appeal, point = models.Appeal, models.ContactPoint
    if _NUMBER.fullmatch(q.upper()):
        return col(appeal.number).startswith(q.upper(), autoescape=True)
    found = await _text(session, q)
    digits = re.sub(r"\D", "", q)
    if _PHONE.fullmatch(q) and len(digits) >= _PHONE_DIGITS:
        if len(digits) == 11 and digits.startswith("8"):
            digits = "7" + digits[1:]  # 8 701 … is how +7 701 … is dialled at home
        at_phone = exists().where(
            and_(
                col(point.contact_id) == col(appeal.contact_id),
                col(point.value).contains(digits),
            )
        )
        return or_(at_phone, col(appeal.number).endswith(digits), found)
    return found


async def _text(session: AsyncSession, q: str) -> ColumnElement[bool]:
    appeal, message = models.Appeal, models.Message
    fold: Callable[[Any], ColumnElement[str]]
    if session.get_bind().dialect.name == "sqlite":
        # SQLite's own lower() knows only ASCII.
        await _teach_casefold(session)
        fold, needle = func.casefold, q.casefold()
    else:
        fold, needle = func.lower, q.lower()

    def has(column: Any) -> ColumnElement[bool]:
        return fold(column).contains(needle, autoescape=True)

    said = exists().where(
        and_(
            col(message.appeal_id) == col(appeal.id),
            col(message.deleted_at).is_(None),
            has(message.text),
        )
    )
    return or_(has(appeal.subject), has(appeal.address), has(models.Contact.name), said)


async def _teach_casefold(session: AsyncSession) -> None:
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    await driver.create_function("casefold", 1, _casefold, deterministic=True)


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
