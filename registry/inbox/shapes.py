"""What the read side gives: the shapes of the public contract."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from registry.appeals import Priority
from registry.states import Status
from registry.types import AttachmentKind, DeliveryState

AttachmentUrl: TypeAlias = Callable[[str], str]
"""The address at which the file of an attachment, by its id, can be had."""


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

    id: str
    """What tells apart, in every order, appeals that are otherwise equal."""
    number: str
    channel: str
    account: str
    kind: str
    status: Status
    priority: Priority
    category: str | None
    language: str | None
    subject: str
    first_file: AttachmentKind | None
    """What the first file, place or card that came is, where no words name the appeal."""
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
    district: str | None
    tags: list[str]
    outcome: str | None
    """How it was resolved, where somebody said so."""
    snoozed_until: datetime | None
    waiting_since: datetime | None
    """When the citizen wrote the first message that nobody has answered."""
    first_response_due: datetime | None
    first_response_at: datetime | None
    failed: int
    """Replies that did not arrive, or of which nobody knows."""


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
    held_until: datetime | None
    """Until when it waits at least, so that it can be taken back; None for what was not held."""


class Message(Struct, frozen=True, kw_only=True):
    """What a citizen wrote, what was answered, or a note that stays inside."""

    id: str
    direction: Literal["in", "out", "note"]
    text: str
    """Empty for a message that its writer took back; the journal has what it said."""
    sent_at: datetime
    author: str
    channel: str | None
    account: str | None
    """By which account of ours it came or goes; None for a note, and over the counter."""
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
