"""The shapes in which X tells what happened, as far as the hub reads them.

There are three: an event of the X Activity API, a delivery of the older Account Activity API, and
a page of the API (posts that mention us, or direct messages) as polling fetches it. Of one that
does not fit what is broken is taken out, and its neighbours are kept.

Sources: https://docs.x.com/x-api/activity/event-payloads,
https://docs.x.com/x-api/fundamentals/data-dictionary,
https://docs.x.com/x-api/account-activity/introduction
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from connectors.base import Malformed
from connectors.kit.hostile_json import BROKEN, leniently, strictly
from registry.types import Unreadable

Id = Annotated[str, Meta(pattern=r"^[0-9]{1,19}\Z")]
Moment = Annotated[datetime, Meta(tz=True)]
Millis = Annotated[str, Meta(pattern=r"^[0-9]{1,14}\Z")]


class User(Struct, gc=False):
    id: str | None = None
    name: str | None = None
    username: str | None = None
    screen_name: str | None = None
    """The older name of `username`."""
    data: "User | None" = None
    """Some events wrap a user once more."""


class Link(Struct, gc=False):
    """An address in a text: X puts one of its own in its place."""

    url: str = ""
    expanded_url: str | None = None
    display_url: str | None = None
    media_key: str | None = None


class Variant(Struct, gc=False):
    """A video in one quality; the older shape says `bitrate`."""

    url: str = ""
    content_type: str = ""
    bit_rate: int | None = None
    bitrate: int | None = None


class VideoInfo(Struct, gc=False):
    variants: list[Variant] = []
    duration_millis: int | None = None


class LegacyMedia(Struct, gc=False):
    type: str = ""
    url: str = ""
    """X's own address in the text."""
    media_url_https: str | None = None
    video_info: VideoInfo | None = None


class Media(Struct, gc=False):
    media_key: str = ""
    type: str = ""
    url: str | None = None
    duration_ms: int | None = None
    variants: list[Variant] = []


class Entities(Struct, gc=False):
    urls: list[Link] = []
    media: list[LegacyMedia] = []


class Referenced(Struct, gc=False):
    type: str
    id: Id


class Attachments(Struct, gc=False):
    media_keys: list[str] = []


class Note(Struct, gc=False):
    """The whole of a text that is longer than a post's."""

    text: str = ""
    entities: Entities | None = None


class Item(Struct, gc=False):
    """A post or, with an `event_type`, an event of the direct messages."""

    id: Id
    text: str = ""
    created_at: Moment | None = None
    entities: Entities | None = None
    attachments: Attachments | None = None
    referenced_tweets: list[Referenced] = []
    # Of a post.
    author_id: Id | None = None
    conversation_id: Id | None = None
    edit_history_tweet_ids: list[Id] = []
    note_tweet: Note | None = None
    # Of a direct message.
    event_type: str | None = None
    sender_id: Id | None = None
    dm_conversation_id: str | None = None
    urls: list[Link] = []


class Includes(Struct, gc=False):
    users: list[User] = []
    media: list[Media] = []


class Recipient(Struct, gc=False):
    recipient_id: Id | None = None


class LegacyAttachment(Struct, gc=False):
    type: str = ""
    media: LegacyMedia | None = None


class MessageData(Struct, gc=False):
    text: str = ""
    entities: Entities | None = None
    attachment: LegacyAttachment | None = None


class MessageCreate(Struct, gc=False):
    sender_id: Id
    message_data: MessageData
    target: Recipient | None = None


class LegacyMessage(Struct, gc=False):
    """A direct message as both kinds of webhook tell it."""

    id: Id
    type: str = ""
    created_timestamp: Millis | None = None
    message_create: MessageCreate | None = None


class MarkRead(Struct, gc=False):
    sender_id: Id
    last_read_event_id: Id | None = None
    created_timestamp: Millis | None = None


class LegacyUser(Struct, gc=False):
    id_str: Id
    name: str | None = None
    screen_name: str | None = None


class ExtendedPost(Struct, gc=False):
    full_text: str = ""
    entities: Entities | None = None
    extended_entities: Entities | None = None


class EditHistory(Struct, gc=False):
    edit_tweet_ids: list[Id] = []


class Another(Struct, gc=False):
    """A whole post within a post: that it is there is enough."""


class LegacyPost(Struct, gc=False):
    id_str: Id
    user: LegacyUser
    text: str = ""
    timestamp_ms: Millis | None = None
    entities: Entities | None = None
    extended_entities: Entities | None = None
    extended_tweet: ExtendedPost | None = None
    in_reply_to_status_id_str: Id | None = None
    quoted_status_id_str: Id | None = None
    conversation_id_str: Id | None = None
    retweeted_status: Another | None = None
    edit_history: EditHistory | None = None


class DeletedStatus(Struct, gc=False):
    id: Id


class LegacyDeletion(Struct, gc=False):
    status: DeletedStatus
    timestamp_ms: Millis | None = None


class Told(Struct, gc=False):
    """Direct messages, receipts and posts of one delivery, each in its older shape."""

    direct_message_events: list[LegacyMessage] = []
    direct_message_mark_read_events: list[MarkRead] = []
    tweet_create_events: list[LegacyPost] = []
    tweet_delete_events: list[LegacyDeletion] = []
    users: dict[str, User] = {}


class Filter(Struct, gc=False):
    user_id: str | None = None


class Activity(Struct, gc=False):
    """One event of the X Activity API."""

    event_type: str = ""
    filter: Filter | None = None
    payload: Raw = Raw(b"null")
    """Of a shape that the type decides."""
    includes: Includes | None = None


class Delivery(Struct, gc=False):
    data: Activity | list[Item | None] | None = None
    """None stands in a page for what could not be read."""
    includes: Includes | None = None
    for_user_id: str | None = None
    direct_message_events: list[LegacyMessage] = []
    direct_message_mark_read_events: list[MarkRead] = []
    tweet_create_events: list[LegacyPost] = []
    tweet_delete_events: list[LegacyDeletion] = []
    users: dict[str, User] = {}


_DELIVERY = msgspec.json.Decoder(Delivery)
_POST = msgspec.json.Decoder(Item)
_TOLD = msgspec.json.Decoder(Told)
_LISTS: dict[str, type[Struct]] = {
    "direct_message_events": LegacyMessage,
    "direct_message_mark_read_events": MarkRead,
    "tweet_create_events": LegacyPost,
    "tweet_delete_events": LegacyDeletion,
}
_INCLUDED: dict[str, type[Struct]] = {"users": User, "media": Media}


def read_delivery(body: bytes) -> tuple[Delivery, Sequence[Unreadable]]:
    """Decode a delivery, with what of it could not be read. Raises: Malformed."""
    delivery = strictly(body, _DELIVERY.decode)
    return _read_slowly(body) if delivery is None else (delivery, ())


def post_of(event: Activity) -> Item:
    """The post that an event carries. Raises: Malformed."""
    try:
        return _POST.decode(event.payload)
    except BROKEN as error:
        raise _odd(event, error) from None


def told_of(event: Activity) -> tuple[Told, Sequence[Unreadable]]:
    """What an event of the direct messages carries. Raises: Malformed."""
    try:
        return _TOLD.decode(event.payload), ()
    except BROKEN:
        pass
    unread: list[Unreadable] = []
    try:
        payload = msgspec.json.decode(event.payload)
        if isinstance(payload, dict):
            _sift_lists(payload, "data.payload.", unread)
        return msgspec.convert(payload, Told), unread
    except BROKEN as error:
        raise _odd(event, error) from None


def _odd(event: Activity, error: Exception) -> Malformed:
    return Malformed(f"The payload of {event.event_type[:40]} has another shape than X's: {error}.")


def _read_slowly(body: bytes) -> tuple[Delivery, Sequence[Unreadable]]:
    """The same with NULs, halves of surrogate pairs and broken items taken out."""
    value = leniently(body, whole=_encodable)
    if not isinstance(value, dict):
        raise Malformed("The body is no object.")
    unread: list[Unreadable] = []
    _sift_lists(value, "", unread)
    data = value.get("data")
    if isinstance(data, list):
        value["data"] = [
            next(iter(_sift([item], Item, "data", unread, first=number)), None)
            for number, item in enumerate(data)
        ]
    elif isinstance(data, dict):
        _sift_includes(data)
    _sift_includes(value)
    try:
        return _DELIVERY.decode(msgspec.json.encode(value)), unread
    except BROKEN as error:
        raise Malformed(f"The delivery has another shape than X's: {error}.") from None


def _sift_lists(holder: dict[str, Any], path: str, unread: list[Unreadable]) -> None:
    for name, kind in _LISTS.items():
        if isinstance(items := holder.get(name), list):
            holder[name] = _sift(items, kind, f"{path}{name}", unread)
    users = holder.get("users")
    if isinstance(users, dict):
        holder["users"] = {key: user for key, user in users.items() if _fits(user, User)}
    elif users is not None:
        del holder["users"]


def _sift_includes(holder: dict[str, Any]) -> None:
    """A message is not lost over somebody's name."""
    includes = holder.get("includes")
    if not isinstance(includes, dict):
        holder.pop("includes", None)
        return
    for name, kind in _INCLUDED.items():
        items = includes.get(name)
        if isinstance(items, list):
            includes[name] = [item for item in items if _fits(item, kind)]
        else:
            includes.pop(name, None)


def _sift(
    items: list[Any], kind: type[Struct], path: str, unread: list[Unreadable], *, first: int = 0
) -> list[dict[str, Any]]:
    kept = []
    for number, item in enumerate(items, first):
        try:
            msgspec.convert(item, kind)
        except (msgspec.ValidationError, RecursionError) as error:
            unread.append(Unreadable(reason=f"{error}.", item=f"{path}[{number}]"))
        else:
            kept.append(item)
    return kept


def _fits(item: Any, kind: type[Struct]) -> bool:
    try:
        msgspec.convert(item, kind)
    except (msgspec.ValidationError, RecursionError):
        return False
    return True


def _encodable(digits: str) -> int | None:
    """A whole number; None for one beyond 64 bits, which could not be encoded again."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else None
