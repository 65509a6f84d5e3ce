"""The shapes of Instagram's deliveries, as far as the hub reads them.

Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples
"""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

from connectors.base import Malformed
from connectors.kit.hostile_json import leniently, strictly

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)] | Annotated[int, Meta(ge=0)]
"""A string of digits or, of a message, of base64; Meta's own samples hold numbers now and then."""
When: TypeAlias = int | float | str | None
"""Milliseconds since 1970 in messages, seconds in comments; as digits in some variants."""


class Person(Struct, gc=False):
    id: Id
    username: str | None = None
    self_ig_scoped_id: Any = None
    """Stands there when the account itself wrote."""


class Payload(Struct, gc=False):
    url: str | None = None
    title: str | None = None


class Attached(Struct, gc=False):
    type: str = ""
    payload: Payload | None = None


class Story(Struct, gc=False):
    id: Id | None = None
    url: str | None = None


class ReplyTo(Struct, gc=False):
    mid: Id | None = None
    story: Story | None = None


class Message(Struct, gc=False):
    mid: Id
    text: str | None = None
    attachments: list[Attached] = []
    reply_to: ReplyTo | None = None
    is_echo: bool = False
    is_deleted: bool = False
    is_unsupported: bool = False


class Postback(Struct, gc=False):
    title: str | None = None
    payload: str | None = None
    mid: Id | None = None


class Reacted(Struct, gc=False):
    mid: Id
    action: str = "react"
    emoji: str | None = None
    reaction: str | None = None


class Seen(Struct, gc=False):
    mid: Id | None = None


class Referral(Struct, gc=False):
    ref: str | None = None
    source: str | None = None


class Edit(Struct, gc=False):
    mid: Id
    text: str | None = None
    num_edit: int | str = 1


class Event(Struct, gc=False):
    """One thing that happened in a private conversation: exactly one of the lower fields is set."""

    sender: Person | None = None
    recipient: Person | None = None
    timestamp: When = None
    message: Message | None = None
    postback: Postback | None = None
    reaction: Reacted | None = None
    read: Seen | None = None
    referral: Referral | None = None
    message_edit: Edit | None = None


class Media(Struct, gc=False):
    id: Id
    media_product_type: str | None = None


class Comment(Struct, gc=False):
    """A comment on a post of ours."""

    id: Id
    author: Person | None = field(name="from", default=None)
    text: str | None = None
    media: Media | None = None
    parent_id: Id | None = None
    """The comment that this one replies to."""


class Mention(Struct, gc=False):
    """Our account was named in a comment or a caption: only where is told, not what or by whom."""

    media_id: Id
    comment_id: Id | None = None
    """None for a caption."""


class Change(Struct, gc=False):
    field: str = ""
    value: Any = None


class Entry(Struct, gc=False):
    """What happened at one account. Which of the lists is filled depends on the kind of login."""

    id: Id | None = None
    time: When = None
    messaging: list[Event] = []
    standby: list[Event] = []
    """The same, while another of the account's apps holds the conversation."""
    changes: list[Change] = []
    field: str | None = None
    value: Any = None


class Delivery(Struct, gc=False):
    object: str
    entry: list[Entry] = []


class BareMessage(Struct, gc=False):
    mid: Id
    text: Any = None
    is_echo: Any = None


class BareEvent(Struct, gc=False):
    """A message of a new shape: who sent it can still be told."""

    sender: Person
    message: BareMessage
    recipient: Person | None = None
    timestamp: Any = None


_DELIVERY = msgspec.json.Decoder(Delivery)


def read_delivery(body: bytes) -> Delivery | dict[str, Any]:
    """Decode a delivery; as plain values when some of it is broken. Raises: Malformed."""
    delivery = strictly(body, _DELIVERY.decode)
    if delivery is not None:
        return delivery
    value = leniently(body)
    if not isinstance(value, dict):
        raise Malformed("The body is no object.")
    try:
        return msgspec.convert(value, Delivery)
    except msgspec.ValidationError:
        return value
