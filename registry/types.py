"""The frozen values that cross the borders between the rooms.

Ids are strings outside the database: they exceed the 2**53 that JavaScript can hold.
Every time is aware and in UTC.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct

Clock: TypeAlias = Callable[[], datetime]
"""Tells the present moment, aware and in UTC. Injected everywhere, so that tests own the time."""


def utc_now() -> datetime:
    """The clock of a running hub."""
    return datetime.now(UTC)


class AccountKey(Struct, frozen=True, order=True):
    """One of our own pages, bots or numbers: a channel and the account's name in the settings."""

    channel: str
    account: str

    def __str__(self) -> str:
        return f"{self.channel}/{self.account}"


class Envelope(Struct, frozen=True, kw_only=True):
    """One delivery from a provider, untouched.

    Polled channels make envelopes too: the body is then the provider's answer.
    """

    id: str
    """Ours, for following one delivery through the logs."""
    channel: str
    account: str
    action: str = ""
    """The last part of the webhook's address, where a provider needs several."""
    query: str = ""
    """The raw query string, without the question mark."""
    headers: Mapping[str, str]
    """Case-insensitive while verifying; then only those the connector keeps, in lower case."""
    body: bytes
    received_at: datetime


class ContactPoint(Struct, frozen=True):
    """Where a person can be reached: a scheme ("telegram", "tel", "email") and a value in it."""

    scheme: str
    value: str


class Sender(Struct, frozen=True, kw_only=True):
    """Who wrote, as far as the provider tells."""

    point: ContactPoint
    name: str | None = None
    language: str | None = None
    """The language of the person's app as a two-letter code: a hint, not what they write in."""
    also: tuple[ContactPoint, ...] = ()
    """Further points of the same person that came with the message."""


class AttachmentKind(StrEnum):
    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"


class Attachment(Struct, frozen=True, kw_only=True):
    """A file, a place or a person's card that came with a message."""

    kind: AttachmentKind
    ref: str | None = None
    """What the connector needs to fetch the file, and no secret; None where there is no file."""
    name: str | None = None
    mime: str | None = None
    size: int | None = None
    """Bytes, as the provider says."""
    latitude: float | None = None
    longitude: float | None = None


class InboundMessage(Struct, frozen=True, kw_only=True):
    """A citizen's message, whatever channel it came by."""

    channel: str
    account: str
    external_id: str
    """The provider's id, unique within the account."""
    conversation: str
    """The thread: a private chat's id, or author and root of a public thread."""
    sender: Sender
    sent_at: datetime
    text: str = ""
    sequence: int = 0
    """Orders messages of the same second within a conversation."""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    """External id of the message this one answers."""
    group: str | None = None
    """Messages of one conversation with the same group are one message (an album)."""
    origin: str | None = None
    """Whom a forwarded message is from."""
    public: bool = False
    unreadable: bool = False
    """The text is our placeholder: the connector could not read what the citizen sent."""
    call: bool = False
    """A call, which has no text of its own. It joins its conversation's appeal only while that is
    open, and on the day on which it was opened."""


class MessageEdited(Struct, frozen=True, kw_only=True):
    """The message as it reads now. One that is unknown is registered, as nothing may be lost."""

    message: InboundMessage
    edited_at: datetime


class MessageDeleted(Struct, frozen=True, kw_only=True):
    """The citizen took a message back."""

    channel: str
    account: str
    external_id: str
    at: datetime


class DeliveryState(StrEnum):
    """How far an outgoing message got. Only ever moves forward; see `registry.states`."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class DeliveryReport(Struct, frozen=True, kw_only=True):
    """What the provider says became of a message of ours.

    It names the message by `external_id`, by our own `message_id` where the provider carries it
    back, or means all of a conversation's messages sent up to `watermark`.
    """

    channel: str
    account: str
    state: DeliveryState
    at: datetime
    external_id: str | None = None
    message_id: str | None = None
    conversation: str | None = None
    watermark: datetime | None = None
    error_code: str | None = None
    error_reason: str | None = None
    names: bool = False
    """It tells as well that `message_id` of ours got `external_id`."""
    part: int = 0
    """Which part of ours it names."""


class Echo(Struct, frozen=True, kw_only=True):
    """A message that left our account: by an employee in the provider's own app, or by us."""

    channel: str
    account: str
    external_id: str
    conversation: str
    recipient: Sender
    sent_at: datetime
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    message_id: str | None = None
    """Our own message's id where the provider carries it back: then nothing new appears."""
    part: int = 0
    """Which part of our own message it is."""


class Reaction(Struct, frozen=True, kw_only=True):
    """The whole set of reactions a person now has on a message; empty when taken back."""

    channel: str
    account: str
    conversation: str
    external_id: str
    sender: Sender
    emoji: tuple[str, ...]
    at: datetime


class ContactEvent(Struct, frozen=True, kw_only=True):
    """Something a person did that is no message.

    `kind` "started" greets them, "blocked" and "unblocked" say whether our replies can reach
    them; every other kind is only written to the journal.
    """

    channel: str
    account: str
    conversation: str
    kind: str
    external_id: str
    """Unique within the account, so that a repeated delivery greets nobody twice."""
    sender: Sender
    at: datetime
    payload: str | None = None
    public: bool = False
    by_us: bool = False
    """Somebody of ours did it at the provider, a moderator for instance."""


class Unreadable(Struct, frozen=True, kw_only=True):
    """One item of a delivery that could not be read: it is buried with its raw body, and shown."""

    reason: str
    item: str = ""
    """The item's path in the body ("entry[0].messaging[2]"); empty for the whole."""


Inbound: TypeAlias = (
    InboundMessage
    | MessageEdited
    | MessageDeleted
    | DeliveryReport
    | Echo
    | Reaction
    | ContactEvent
    | Unreadable
)


class OutboundFile(Struct, frozen=True, kw_only=True):
    """A file on its way out."""

    id: str
    kind: AttachmentKind
    name: str
    mime: str
    size: int
    stream: Callable[[], AsyncIterator[bytes]]
    """Opens the stored file from its first byte; may be called again for a retry."""
    link: Callable[[], str]
    """Makes a public address that serves the file for an hour, for providers that fetch files."""
    latitude: float | None = None
    longitude: float | None = None


class ChosenTemplate(Struct, frozen=True, kw_only=True):
    """One of the account's approved templates, filled in: what goes when the window is closed."""

    id: str
    """As `connectors.base.Template.id` gives it."""
    language: str
    """The provider's code of the language ("kk", "ru", "en_US")."""
    variables: Mapping[str, str] = {}
    """What each of the template's variables becomes."""


class OutboundMessage(Struct, frozen=True, kw_only=True):
    """One part of a reply: what goes out in one call to the provider."""

    message_id: str
    """Ours: the provider carries it back where it can."""
    part: int
    """0 for the first."""
    channel: str
    account: str
    conversation: str
    public: bool
    text: str = ""
    attachments: tuple[OutboundFile, ...] = ()
    reply_to: str | None = None
    """External id of the message this one answers."""
    last_inbound: str | None = None
    """External id of the citizen's last message: what a public reply hangs under."""
    last_inbound_at: datetime | None = None
    previous_part: str | None = None
    """External id of the part before this one; None for the first."""
    template: ChosenTemplate | None = None
    """Goes instead of the text, which is then only what the template reads as."""
    private_reply: bool = False
    """In a public thread: goes to the author of `last_inbound` privately."""


class Sent(Struct, frozen=True, kw_only=True):
    """The provider took a part: the ids it gave (an album has several) and when."""

    external_ids: tuple[str, ...]
    at: datetime


TextUnit = Literal["utf16", "codepoints", "bytes", "weighted"]
"""How a provider counts: "bytes" of UTF-8, or "weighted" as X does (see `registry.measuring`)."""


class MediaLimit(Struct, frozen=True, kw_only=True):
    """What a channel takes of one kind of attachment."""

    max_bytes: int
    mimes: tuple[str, ...] = ()
    """Accepted types, "image/*" for a family; empty for any."""


class RateLimit(Struct, frozen=True, kw_only=True):
    """How fast an account may send."""

    per_second: float
    per_conversation_seconds: float = 0.0
    """The least time between two sends to one conversation."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a channel can carry, as data: the inbox greys out by it, `queue_reply` checks it."""

    max_text: int
    text_unit: TextUnit = "codepoints"
    carries: bool = True
    """Something can be written in it at all. By telephone nothing can: a reply is a call, or goes
    another way; texts and files then have no room, and `send` refuses whatever it is given."""
    max_caption: int = 0
    """In the same unit; 0 when an attachment carries no text."""
    captions: frozenset[AttachmentKind] = frozenset(
        {
            AttachmentKind.PHOTO,
            AttachmentKind.VIDEO,
            AttachmentKind.AUDIO,
            AttachmentKind.VOICE,
            AttachmentKind.DOCUMENT,
        }
    )
    """The kinds that carry a text; where `max_caption` is 0, none does."""
    media: Mapping[AttachmentKind, MediaLimit] = {}
    max_attachments: int = 10
    """A reply's whole number of attachments."""
    album: tuple[frozenset[AttachmentKind], ...] = ()
    """Sets of kinds that may travel together in one part."""
    max_album: int = 1
    reply_window_hours: float | None = None
    """Hours since the citizen's last message within which a reply can go; None for ever."""
    can_initiate: bool = False
    threads: bool = False
    """A reply can point at the message it answers."""
    edits: bool = False
    receipts: frozenset[DeliveryState] = frozenset()
    """The states the provider reports after `sent`."""
    idempotent_send: bool = False
    """The provider drops a repeated send by our id, so that an unknown outcome may be retried."""
    rate: RateLimit = RateLimit(per_second=10.0)
    segments: bool = False
    """A text is carried, and paid for, in SMS segments of GSM-7 or UCS-2."""
    templates: bool = False
    """Approved templates go when the reply window is closed, and before anybody has written."""
    private_reply_hours: float | None = None
    """Of a public thread: hours after a comment within which its author can be answered privately,
    once; None where that cannot be done."""
    hides: bool = False
    """Of a public thread: a citizen's comment can be hidden from others."""
    public: "Capabilities | None" = None
    """What the channel's public threads can carry; None for a channel that has none."""

    def of(self, *, public: bool) -> "Capabilities":
        """The capabilities of one kind of thread."""
        return self if not public or self.public is None else self.public
