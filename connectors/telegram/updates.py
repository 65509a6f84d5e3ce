"""The shapes of Telegram's updates, as far as the hub reads them.

Source: https://core.telegram.org/bots/api#update
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from connectors.base import Malformed
from connectors.kit.hostile_json import BROKEN, leniently, strictly
from connectors.kit.moments import Seconds

__all__ = [
    "BareMessage",
    "CallbackQuery",
    "Chat",
    "ChatMemberUpdated",
    "Emoji",
    "Entity",
    "File",
    "Message",
    "Origin",
    "ReactionUpdated",
    "Unread",
    "Update",
    "User",
    "content_keys",
    "read_update",
]

Id = Annotated[int, Meta(ge=-(2**62), le=2**62)]
"""Telegram's ids have up to 52 bits, and a minus before a group's."""
Bytes = Annotated[int, Meta(ge=0, le=2**62)]


class User(Struct, gc=False):
    id: Id
    first_name: str = ""
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None


class Chat(Struct, gc=False):
    id: Id
    type: str
    title: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class Entity(Struct, gc=False):
    type: str
    offset: int
    """UTF-16 units, as `length`."""
    length: int
    url: str | None = None


class Origin(Struct, gc=False):
    """Whom a forwarded message is from: one of four kinds, each with its own fields."""

    type: str
    sender_user: User | None = None
    sender_user_name: str | None = None
    sender_chat: Chat | None = None
    chat: Chat | None = None
    author_signature: str | None = None


class File(Struct, gc=False):
    """What every file has: a photo's size, a video, a voice message, a document and so on."""

    file_id: str
    file_size: Bytes | None = None
    file_name: str | None = None
    mime_type: str | None = None
    width: int = 0
    height: int = 0


class Audio(File, gc=False):
    performer: str | None = None
    title: str | None = None


class Sticker(File, gc=False):
    emoji: str | None = None
    is_animated: bool = False
    is_video: bool = False


class Location(Struct, gc=False):
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class Venue(Struct, gc=False):
    location: Location
    title: str
    address: str


class SharedContact(Struct, gc=False):
    phone_number: str
    first_name: str
    last_name: str | None = None
    user_id: Id | None = None


class PollOption(Struct, gc=False):
    text: str


class Poll(Struct, gc=False):
    question: str
    options: list[PollOption]


class Dice(Struct, gc=False):
    emoji: str
    value: int


class Replied(Struct, gc=False):
    message_id: Id
    chat: Chat


class Message(Struct, gc=False, rename={"sender": "from"}):
    message_id: Id
    date: Seconds
    chat: Chat
    sender: User | None = None
    text: str | None = None
    entities: list[Entity] | None = None
    caption: str | None = None
    caption_entities: list[Entity] | None = None
    edit_date: Seconds | None = None
    media_group_id: str | None = None
    reply_to_message: Replied | None = None
    forward_origin: Origin | None = None
    photo: list[File] | None = None
    video: File | None = None
    video_note: File | None = None
    animation: File | None = None
    audio: Audio | None = None
    voice: File | None = None
    document: File | None = None
    sticker: Sticker | None = None
    venue: Venue | None = None
    location: Location | None = None
    contact: SharedContact | None = None
    poll: Poll | None = None
    dice: Dice | None = None


class Emoji(Struct, gc=False):
    """One reaction: an ordinary emoji, a custom one (a picture), or a paid star."""

    type: str
    emoji: str | None = None


class ReactionUpdated(Struct, gc=False):
    chat: Chat
    message_id: Id
    date: Seconds
    new_reaction: list[Emoji]
    user: User | None = None


class Button(Struct, gc=False):
    text: str
    callback_data: str | None = None


class Keyboard(Struct, gc=False):
    inline_keyboard: list[list[Button]]


class Pressed(Struct, gc=False):
    """The message whose button was pressed; Telegram may no longer have more than its id."""

    message_id: Id
    chat: Chat
    reply_markup: Keyboard | None = None


class CallbackQuery(Struct, gc=False, rename={"sender": "from"}):
    id: str
    sender: User
    message: Pressed | None = None
    data: str | None = None
    game_short_name: str | None = None


class Member(Struct, gc=False):
    status: str


class ChatMemberUpdated(Struct, gc=False, rename={"sender": "from"}):
    chat: Chat
    sender: User
    date: Seconds
    new_chat_member: Member


class Update(Struct, gc=False):
    """One update of the kinds the hub asks for; every other kind leaves all of these empty."""

    update_id: Id
    message: Message | None = None
    edited_message: Message | None = None
    message_reaction: ReactionUpdated | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: ChatMemberUpdated | None = None


class BareMessage(Struct, gc=False, rename={"sender": "from"}):
    """What must be readable for a message to be shown at all, whatever became of the rest."""

    message_id: Id
    chat: Chat
    sender: User | None = None
    date: Any = None
    text: Any = None
    caption: Any = None


class Unread(Struct, gc=False):
    """An update whose message is broken or of a new shape: who sent it can still be told."""

    update_id: Id
    message: BareMessage | None = None
    edited_message: BareMessage | None = None


class _Keys(Struct, gc=False):
    message: dict[str, msgspec.Raw] | None = None
    edited_message: dict[str, msgspec.Raw] | None = None


_UPDATE = msgspec.json.Decoder(Update)
_KEYS = msgspec.json.Decoder(_Keys)


def read_update(body: bytes) -> Update | Unread:
    """Decode one update. Raises: Malformed when not even its sender can be told."""
    update = strictly(body, _UPDATE.decode)
    return _read_slowly(body) if update is None else update


def content_keys(body: bytes) -> frozenset[str]:
    """The names of a message's fields, to find a kind of content that is not known here.

    Empty where the update went the slow way.
    """
    try:
        keys = _KEYS.decode(body)
    except BROKEN:
        return frozenset()
    return frozenset(keys.message or keys.edited_message or ())


def _read_slowly(body: bytes) -> Update | Unread:
    value = leniently(body)
    try:
        return msgspec.convert(value, Update)
    except msgspec.ValidationError as error:
        try:
            unread = msgspec.convert(value, Unread)
        except msgspec.ValidationError:
            unread = None
        if unread is None or (unread.message is None and unread.edited_message is None):
            raise Malformed(f"The update has another shape than Telegram's: {error}.") from None
        return unread
