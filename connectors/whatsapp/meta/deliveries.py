"""The shapes in which the Cloud API delivers, and how a body becomes them item by item.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from collections.abc import Iterator
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from connectors.base import Malformed
from connectors.kit.hostile_json import leniently, strictly

Text: TypeAlias = str | None
_T = TypeVar("_T")


class Profile(Struct, gc=False):
    name: Text = None
    username: Text = None


class Contact(Struct, gc=False):
    """A person of the delivery, by whatever Meta tells of them."""

    profile: Profile | None = None
    wa_id: Text = None
    """The phone number's digits; absent for one who hides it behind a username."""
    user_id: Text = None
    """The business-scoped user id: "KZ." and digits."""
    parent_user_id: Text = None


class Body(Struct, gc=False):
    body: Text = None


class Media(Struct, gc=False):
    """A file of any kind."""

    id: str
    mime_type: Text = None
    sha256: Text = None
    caption: Text = None
    filename: Text = None
    voice: bool = False


class Location(Struct, gc=False):
    latitude: float
    longitude: float
    name: Text = None
    address: Text = None


class CardName(Struct, gc=False):
    formatted_name: Text = None
    first_name: Text = None
    last_name: Text = None


class Phone(Struct, gc=False):
    phone: Text = None
    wa_id: Text = None


class Email(Struct, gc=False):
    email: Text = None


class Company(Struct, gc=False):
    company: Text = None


class Card(Struct, gc=False):
    """Somebody's card."""

    name: CardName | None = None
    phones: list[Phone] | None = None
    emails: list[Email] | None = None
    org: Company | None = None


class Choice(Struct, gc=False):
    id: Text = None
    title: Text = None
    description: Text = None


class FlowAnswer(Struct, gc=False):
    name: Text = None
    body: Text = None
    response_json: Text = None


class Interactive(Struct, gc=False):
    type: Text = None
    button_reply: Choice | None = None
    list_reply: Choice | None = None
    nfm_reply: FlowAnswer | None = None


class Button(Struct, gc=False):
    text: Text = None
    payload: Text = None


class ReactionTo(Struct, gc=False):
    message_id: str
    emoji: Text = None
    """Absent or empty when the reaction was taken back."""


class Context(Struct, gc=False):
    id: Text = None
    forwarded: bool = False
    frequently_forwarded: bool = False


class Product(Struct, gc=False):
    product_retailer_id: Text = None
    quantity: int | float | str | None = None
    item_price: int | float | str | None = None
    currency: Text = None


class Order(Struct, gc=False):
    text: Text = None
    product_items: list[Product] | None = None


class System(Struct, gc=False):
    type: Text = None
    body: Text = None
    wa_id: Text = None
    new_wa_id: Text = None
    user_id: Text = None


class Details(Struct, gc=False):
    details: Text = None


class Error(Struct, gc=False):
    code: int | str | None = None
    title: Text = None
    message: Text = None
    error_data: Details | None = None


class Content(Struct, gc=False):
    """What a message holds, by its type."""

    type: Text = None
    text: Body | None = None
    image: Media | None = None
    video: Media | None = None
    audio: Media | None = None
    document: Media | None = None
    sticker: Media | None = None
    location: Location | None = None
    contacts: list[Card] | None = None
    interactive: Interactive | None = None
    button: Button | None = None
    order: Order | None = None
    context: Context | None = None
    errors: list[Error] | None = None


class Changed(Struct, gc=False):
    """An edit or a deletion of an earlier message."""

    original_message_id: str
    message: Content | None = None


class Message(Content, gc=False, kw_only=True, rename={"sender": "from", "recipient": "to"}):
    id: str
    timestamp: str | int
    sender: Text = None
    from_user_id: Text = None
    from_parent_user_id: Text = None
    recipient: Text = None
    """Of an echo alone: whom our own message went to."""
    to_user_id: Text = None
    group_id: Text = None
    reaction: ReactionTo | None = None
    system: System | None = None
    edit: Changed | None = None
    revoke: Changed | None = None


class Status(Struct, gc=False):
    """What became of one of our messages."""

    id: str
    status: str
    timestamp: str | int
    biz_opaque_callback_data: Text = None
    errors: list[Error] | None = None


class Bare(Struct, gc=False, rename={"sender": "from"}):
    """What must be readable for a message to be shown at all, whatever became of the rest."""

    id: str
    sender: Text = None
    from_user_id: Text = None
    group_id: Any = None
    timestamp: Any = None
    type: Any = None
    text: Any = None


class Unread(Struct, gc=False):
    """An item that is broken or of a new shape."""

    reason: str
    bare: Bare | None = None


class Metadata(Struct, gc=False):
    phone_number_id: str


class Value(Struct, gc=False):
    """What happened at one number."""

    metadata: Metadata
    contacts: list[Contact] = []
    messages: list[Message | Unread] | list[Message] = []
    message_echoes: list[Message | Unread] | list[Message] = []
    statuses: list[Status | Unread] | list[Status] = []


class _FastValue(Struct, gc=False):
    metadata: Metadata | UnsetType = UNSET
    contacts: list[Contact] = []
    messages: list[Message] = []
    message_echoes: list[Message] = []
    statuses: list[Status] = []


class _Change(Struct, gc=False):
    field: str = ""
    value: _FastValue | None = None


class _Entry(Struct, gc=False):
    changes: list[_Change] = []


class _Delivery(Struct, gc=False):
    object: str = ""
    entry: list[_Entry] = []


OBJECT = "whatsapp_business_account"
MESSAGES, ECHOES = "messages", "smb_message_echoes"
"""Fields that are read: the number's own, and what employees write in the Business app."""
_READ = frozenset({MESSAGES, ECHOES})

_DELIVERY = msgspec.json.Decoder(_Delivery)


def read_delivery(body: bytes) -> Iterator[tuple[str, Value | Unread]]:
    """The changes of a delivery that concern a number, each with its path in the body.

    Raises: Malformed for what is no delivery at all.
    """
    delivery = strictly(body, _DELIVERY.decode)
    return iter(_slowly(body)) if delivery is None else _quickly(delivery)


def _quickly(delivery: _Delivery) -> Iterator[tuple[str, Value | Unread]]:
    if delivery.object != OBJECT:
        return
    for i, entry in enumerate(delivery.entry):
        for j, change in enumerate(entry.changes):
            if change.field not in _READ:
                continue
            path = f"entry[{i}].changes[{j}]"
            value = change.value
            if value is None or value.metadata is UNSET:
                yield path, Unread("It does not tell which number it is about.")
                continue
            yield (
                path,
                Value(
                    value.metadata,
                    value.contacts,
                    value.messages,
                    value.message_echoes,
                    value.statuses,
                ),
            )


def _slowly(body: bytes) -> list[tuple[str, Value | Unread]]:
    found = leniently(body)
    if not isinstance(found, dict):
        raise Malformed("The body is no JSON object.")
    if found.get("object") != OBJECT:
        return []
    return list(_changes(found))


def _changes(found: dict[str, Any]) -> Iterator[tuple[str, Value | Unread]]:
    entries = found.get("entry", [])
    if not isinstance(entries, list):
        raise Malformed("The delivery has no list of entries.")
    for i, entry in enumerate(entries):
        changes = entry.get("changes", []) if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield f"entry[{i}]", Unread("The entry has no list of changes.")
            continue
        for j, change in enumerate(changes):
            path = f"entry[{i}].changes[{j}]"
            if not isinstance(change, dict):
                yield path, Unread("The change is no object.")
            elif change.get("field") in (MESSAGES, ECHOES):
                yield path, _value(change.get("value"))


def _value(found: object) -> Value | Unread:
    if not isinstance(found, dict):
        return Unread("The change has no value.")
    try:
        metadata = msgspec.convert(found.get("metadata"), Metadata)
    except msgspec.ValidationError:
        return Unread("It does not tell which number it is about.")
    contacts = [_item(one, Contact) for one in _items(found, "contacts")]
    return Value(
        metadata,
        [one for one in contacts if isinstance(one, Contact)],
        [_item(one, Message) for one in _items(found, "messages")],
        [_item(one, Message) for one in _items(found, "message_echoes")],
        [_item(one, Status) for one in _items(found, "statuses")],
    )


def _items(found: dict[str, Any], name: str) -> list[Any]:
    items = found.get(name) or []
    return items if isinstance(items, list) else [items]


def _item(found: object, kind: type[_T]) -> _T | Unread:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        reason = f"It has another shape than the Cloud API's: {error}."
    try:
        return Unread(reason, msgspec.convert(found, Bare))
    except msgspec.ValidationError:
        return Unread(reason)
