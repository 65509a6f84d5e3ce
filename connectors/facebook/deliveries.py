"""The shapes of a page's deliveries, as far as the hub reads them.

Sources: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events,
https://developers.facebook.com/docs/graph-api/webhooks/reference/page
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from connectors.base import Malformed
from connectors.kit.hostile_json import leniently, shaped, strictly
from connectors.kit.moments import Milliseconds, Seconds

__all__ = [
    "Attachment",
    "BareFeed",
    "BareMessaging",
    "Broken",
    "Delivery",
    "Entry",
    "Feed",
    "Item",
    "Message",
    "Messaging",
    "Party",
    "Postback",
    "read_delivery",
]

Id: TypeAlias = Annotated[str, Meta(min_length=1)] | Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Meta writes ids as strings, and here and there as numbers."""
Name: TypeAlias = Annotated[str, Meta(min_length=1)]

T = TypeVar("T")
B = TypeVar("B")


class Party(Struct, gc=False):
    """The page or a person; one who has not consented yet has no id."""

    id: Id | None = None


class Coordinates(Struct, gc=False):
    lat: Annotated[float, Meta(ge=-90, le=90)]
    long: Annotated[float, Meta(ge=-180, le=180)]


class Element(Struct, gc=False):
    title: str | None = None
    subtitle: str | None = None


class Product(Struct, gc=False):
    elements: list[Element] | None = None


class Payload(Struct, gc=False):
    url: str | None = None
    title: str | None = None
    text: str | None = None
    sticker_id: Id | None = None
    coordinates: Coordinates | None = None
    elements: list[Element] | None = None
    product: Product | None = None


class Attachment(Struct, gc=False):
    type: str
    payload: Payload | None = None
    title: str | None = None
    url: str | None = None


class QuickReply(Struct, gc=False):
    payload: str | None = None


class ReplyTo(Struct, gc=False):
    mid: str | None = None


class Referral(Struct, gc=False):
    ref: str | None = None
    source: str | None = None
    type: str | None = None
    ad_id: Id | None = None


class Message(Struct, gc=False):
    mid: Name
    text: str | None = None
    attachments: list[Attachment] | None = None
    quick_reply: QuickReply | None = None
    reply_to: ReplyTo | None = None
    referral: Referral | None = None
    is_echo: bool = False
    is_deleted: bool = False
    app_id: Id | None = None
    metadata: str | None = None


class Edit(Struct, gc=False):
    mid: Name
    text: str | None = None


class Unsend(Struct, gc=False):
    mid: Name


class Postback(Struct, gc=False):
    title: str | None = None
    payload: str | None = None
    mid: Name | None = None
    referral: Referral | None = None


class OptIn(Struct, gc=False):
    ref: str | None = None
    type: str | None = None
    payload: str | None = None


class Delivered(Struct, gc=False):
    watermark: Milliseconds
    mids: list[Name] | None = None


class Seen(Struct, gc=False):
    watermark: Milliseconds


class Reacted(Struct, gc=False):
    mid: Name
    action: str
    emoji: str | None = None
    reaction: str | None = None


class Control(Struct, gc=False):
    """A thread was passed to an app, taken from one, or asked for."""

    new_owner_app_id: Id | None = None
    requested_owner_app_id: Id | None = None


class Messaging(Struct, gc=False):
    """One event of Messenger; one of a kind that is not known here leaves all of these empty."""

    sender: Party | None = None
    recipient: Party | None = None
    timestamp: Milliseconds | None = None
    message: Message | None = None
    message_edit: Edit | None = None
    message_unsend: Unsend | None = None
    postback: Postback | None = None
    referral: Referral | None = None
    optin: OptIn | None = None
    delivery: Delivered | None = None
    read: Seen | None = None
    reaction: Reacted | None = None
    pass_thread_control: Control | None = None
    take_thread_control: Control | None = None
    request_thread_control: Control | None = None


class Author(Struct, gc=False):
    id: Id
    name: str | None = None


class Feed(Struct, gc=False, rename={"author": "from"}):
    """What happened on the page: a comment, a post, a like."""

    item: str = ""
    verb: str = ""
    post_id: Name | None = None
    comment_id: Name | None = None
    parent_id: Name | None = None
    """The post for a top-level comment, the comment above it for a reply."""
    author: Author | None = None
    message: str | None = None
    created_time: Seconds | None = None
    photo: str | None = None
    photos: list[str] | None = None
    video: str | None = None
    link: str | None = None


class BareMessage(Struct, gc=False):
    mid: Name
    text: Any = None


class BareMessaging(Struct, gc=False):
    """What must be readable for a message to be shown at all, whatever became of the rest."""

    sender: Party
    message: BareMessage
    timestamp: Any = None


class BareFeed(Struct, gc=False, rename={"author": "from"}):
    """The same for a comment."""

    item: str
    verb: str
    comment_id: Name
    author: Author
    post_id: Any = None
    parent_id: Any = None
    message: Any = None
    created_time: Any = None


class Broken(Struct, gc=False):
    """An item that cannot be read."""

    reason: str


Item: TypeAlias = Messaging | Feed | BareMessaging | BareFeed | Broken


class _Change(Struct, gc=False):
    field: str
    value: msgspec.Raw = msgspec.Raw(b"{}")


class Entry(Struct, gc=False):
    """What came of one page at one time: its items, each with its path in the body."""

    page: str
    time: int
    """Seconds since 1970, or milliseconds; 0 where it is not told."""
    items: Sequence[tuple[str, Item]]
    standby: Sequence[tuple[str, Item]] = ()
    """Events of threads that another app answers."""


class Delivery(Struct, gc=False):
    entries: Sequence[Entry]


class _Entry(Struct, gc=False):
    id: Id
    time: Milliseconds = 0
    messaging: list[Messaging] | None = None
    standby: list[Messaging] | None = None
    changes: list[_Change] | None = None


class _Body(Struct, gc=False):
    object: str
    entry: list[_Entry]


_BODY = msgspec.json.Decoder(_Body)
_FEED = msgspec.json.Decoder(Feed)
_NOTHING = Delivery(())


def read_delivery(body: bytes) -> Delivery:
    """Decode a delivery; one for another product than pages is empty. Raises: Malformed."""
    delivery = strictly(body, _read)
    return _read_slowly(body) if delivery is None else delivery


def _read(body: bytes) -> Delivery:
    decoded = _BODY.decode(body)
    if decoded.object != "page":
        return _NOTHING
    return Delivery([_entry(entry, n) for n, entry in enumerate(decoded.entry)])


def _entry(entry: _Entry, number: int) -> Entry:
    where = f"entry[{number}]"
    items: list[tuple[str, Item]] = [
        (f"{where}.messaging[{n}]", item) for n, item in enumerate(entry.messaging or ())
    ]
    items += [
        (f"{where}.changes[{n}]", _FEED.decode(change.value))
        for n, change in enumerate(entry.changes or ())
        if change.field == "feed"
    ]
    standby = [(f"{where}.standby[{n}]", item) for n, item in enumerate(entry.standby or ())]
    return Entry(str(entry.id), entry.time, items, standby)


# --- Item by item -------------------------------------------------------------------------------


def _read_slowly(body: bytes) -> Delivery:
    value = leniently(body)
    if not isinstance(value, dict) or not isinstance(value.get("object"), str):
        raise Malformed("The body is no delivery of the Graph API.")
    if value["object"] != "page":
        return _NOTHING
    entries = value.get("entry")
    if not isinstance(entries, list):
        raise Malformed("The delivery has no entries.")
    return Delivery([_entry_slowly(entry, f"entry[{n}]") for n, entry in enumerate(entries)])


def _entry_slowly(entry: Any, where: str) -> Entry:
    try:
        head = msgspec.convert(
            {key: entry[key] for key in ("id", "time") if key in entry}
            if isinstance(entry, dict)
            else entry,
            _Entry,
        )
    except msgspec.ValidationError as error:
        return Entry("", 0, [(where, Broken(f"The entry has another shape than Meta's: {error}"))])
    items: list[tuple[str, Item]] = []
    for path, value in _listed(entry, "messaging", where):
        items.append((path, _converted(value, Messaging, BareMessaging)))
    for path, change in _listed(entry, "changes", where):
        if not isinstance(change, dict) or not isinstance(change.get("field"), str):
            items.append((path, Broken("The change has another shape than Meta's.")))
        elif change["field"] == "feed":
            items.append((path, _converted(change.get("value"), Feed, BareFeed)))
    standby = [
        (path, _converted(value, Messaging, Messaging))
        for path, value in _listed(entry, "standby", where)
    ]
    return Entry(str(head.id), head.time, items, standby)


def _listed(entry: dict[str, Any], key: str, where: str) -> Iterator[tuple[str, Any]]:
    found = entry.get(key)
    if isinstance(found, list):
        for number, value in enumerate(found):
            yield f"{where}.{key}[{number}]", value
    elif found is not None:
        yield f"{where}.{key}", found


def _converted(value: Any, whole: type[T], bare: type[B]) -> T | B | Broken:
    try:
        return shaped(value, whole, bare)
    except msgspec.ValidationError as error:
        return Broken(f"The item has another shape than Meta's: {error}")
