"""A simulated person on Telegram: what they do reaches the bot as the updates Telegram makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.telegram.samples import photo
from connectors.testing.reader import Reader
from connectors.testing.samples import voice
from connectors.testing.sandbox import Upload

if TYPE_CHECKING:
    from connectors.telegram.sandbox import TelegramSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message of the bot's, as it reached a citizen."""

    kind: str
    """`text`, `location`, or the kind of file."""
    text: str
    """The text or the caption, as it reads after any markup."""
    message: Mapping[str, Any]
    """As Telegram gave it back to the bot."""
    files: tuple[Upload, ...] = ()
    reply_to: int | None = None
    preview: bool = True
    """Links in it show a preview."""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a citizen did, as the bot was told."""

    chat: int
    message_id: int
    message: Mapping[str, Any]
    status: int | None
    """What the webhook answered; None when the update waits or could not be delivered."""

    @property
    def external_id(self) -> str:
        return f"{self.chat}:{self.message_id}"


class Citizen(Reader[Received]):
    """One person; every verb returns once the bot's webhook has answered, if there is one."""

    def __init__(
        self, sandbox: "TelegramSandbox", user: Mapping[str, Any], *, started: bool
    ) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.user = dict(user)
        self.id: int = self.user["id"]
        self.started = started
        self.blocked = False
        self.deactivated = False
        self.moved_to: int | None = None
        """The chat has this id now, as of a group that became a supergroup."""
        self.messages: dict[int, Mapping[str, Any]] = {}
        """Everything in the chat, by its id."""

    @property
    def chat(self) -> dict[str, Any]:
        """The private chat with the bot: its id is the person's."""
        shown = {"id", "first_name", "last_name", "username"}
        chat = {key: value for key, value in self.user.items() if key in shown}
        return {**chat, "type": "private"}

    # --- Messages --------------------------------------------------------------------------------

    async def say(
        self,
        text: str,
        *,
        reply_to: int | None = None,
        entities: Sequence[Mapping[str, Any]] = (),
        forwarded_from: Mapping[str, Any] | None = None,
    ) -> Posted:
        """Write a text. `forwarded_from` is a MessageOrigin."""
        content: dict[str, Any] = {"text": text}
        if entities:
            content["entities"] = list(entities)
        if forwarded_from is not None:
            content["forward_origin"] = dict(forwarded_from)
        return await self.send(content, reply_to=reply_to)

    async def start(self, payload: str = "") -> Posted:
        """Press Start, perhaps through a link that carries a payload."""
        text = f"/start {payload}".strip()
        command = {"type": "bot_command", "offset": 0, "length": 6}
        return await self.say(text, entities=[command])

    async def photo(
        self, caption: str = "", *, content: bytes | None = None, album: str | None = None
    ) -> Posted:
        """Send a picture, in two sizes as Telegram keeps it."""
        picture = photo(len(self.sandbox.files)) if content is None else content
        small = self.sandbox.store(picture[: len(picture) // 4], path="photos/file_{n}.jpg")
        large = self.sandbox.store(picture, path="photos/file_{n}.jpg")
        sizes = [{**small, "width": 90, "height": 67}, {**large, "width": 320, "height": 240}]
        return await self.send({"photo": sizes}, caption=caption, album=album)

    async def album(self, *captions: str) -> list[Posted]:
        """Send several pictures as one message: Telegram makes an update of each."""
        group = f"139{len(self.messages):014d}"
        return [await self.photo(caption, album=group) for caption in captions]

    async def voice(self, *, seconds: int = 2) -> Posted:
        """Send a voice message."""
        file = self.sandbox.store(voice(seconds), path="voice/file_{n}.oga")
        return await self.send({"voice": {**file, "duration": seconds, "mime_type": "audio/ogg"}})

    async def document(
        self,
        name: str,
        content: bytes,
        *,
        mime: str = "application/pdf",
        caption: str = "",
        size: int | None = None,
    ) -> Posted:
        """Send a file; `size` stands for a larger one than its content."""
        file = self.sandbox.store(content, path="documents/file_{n}", size=size)
        return await self.send(
            {"document": {**file, "file_name": name, "mime_type": mime}}, caption=caption
        )

    async def location(
        self, latitude: float, longitude: float, *, live_seconds: int | None = None
    ) -> Posted:
        """Send a place, or for `live_seconds` where they are."""
        return await self.send({"location": _place(latitude, longitude, live_seconds)})

    async def move(self, shared: Posted, latitude: float, longitude: float) -> Posted:
        """Be elsewhere while a place is shared live."""
        live = shared.message["location"].get("live_period")
        return await self._edit(shared, {"location": _place(latitude, longitude, live)})

    async def contact(self, phone: str | None = None, *, name: str = "") -> Posted:
        """Send a person's card: their own when no phone is given."""
        if phone is not None:
            return await self.send({"contact": {"phone_number": phone, "first_name": name}})
        card = {"phone_number": "77015550142", "user_id": self.id}
        card |= {key: self.user[key] for key in ("first_name", "last_name") if key in self.user}
        return await self.send({"contact": card})

    async def send(
        self,
        content: Mapping[str, Any],
        *,
        caption: str = "",
        reply_to: int | None = None,
        album: str | None = None,
    ) -> Posted:
        """Send a message of any kind: `content` holds Message's own fields."""
        self.started = True
        message: dict[str, Any] = {
            "message_id": self.sandbox.next_message_id(self.id),
            "from": self.user,
            "chat": self.chat,
            "date": self.sandbox.now(),
            **content,
        }
        if caption:
            message["caption"] = caption
        if album is not None:
            message["media_group_id"] = album
        if reply_to is not None:
            message["reply_to_message"] = self.messages[reply_to]
        self.messages[message["message_id"]] = message
        return await self._post("message", message)

    async def edit(self, posted: Posted, text: str) -> Posted:
        """Change a text, or the caption of a file."""
        return await self._edit(posted, {"text" if "text" in posted.message else "caption": text})

    async def _edit(self, posted: Posted, change: Mapping[str, Any]) -> Posted:
        message = {**self.messages[posted.message_id], **change, "edit_date": self.sandbox.now()}
        self.messages[posted.message_id] = message
        return await self._post("edited_message", message)

    # --- Everything else -------------------------------------------------------------------------

    async def react(self, message_id: int, *emoji: str) -> Posted:
        """Put these reactions on a message; none takes them back."""
        return await self._post(
            "message_reaction",
            {
                "chat": self.chat,
                "message_id": message_id,
                "user": self.user,
                "date": self.sandbox.now(),
                "old_reaction": [],
                "new_reaction": [{"type": "emoji", "emoji": one} for one in emoji],
            },
        )

    async def press(self, message_id: int, data: str, *, label: str | None = None) -> Posted:
        """Press a button under a message of the bot's; `label` is what stands on it."""
        query = f"{self.id}{len(self.sandbox.queries):06d}"
        self.sandbox.queries[query] = None
        message = dict(self.messages[message_id])
        if label is not None:
            button = {"text": label, "callback_data": data}
            message["reply_markup"] = {"inline_keyboard": [[button]]}
        content = {
            "id": query,
            "from": self.user,
            "message": message,
            "chat_instance": "-4620113375",
            "data": data,
        }
        status = await self.sandbox.post(self.id, "callback_query", content)
        return Posted(chat=self.id, message_id=message_id, message=content, status=status)

    async def block(self) -> Posted:
        """Block the bot."""
        self.blocked = True
        return await self._member("member", "kicked")

    async def unblock(self) -> Posted:
        """Let the bot write again."""
        self.blocked = False
        return await self._member("kicked", "member")

    async def _member(self, old: str, new: str) -> Posted:
        bot = self.sandbox.user
        content = {
            "chat": self.chat,
            "from": self.user,
            "date": self.sandbox.now(),
            "old_chat_member": {"user": bot, "status": old},
            "new_chat_member": {"user": bot, "status": new},
        }
        return await self._post("my_chat_member", content)

    async def _post(self, kind: str, content: Mapping[str, Any]) -> Posted:
        status = await self.sandbox.post(self.id, kind, content)
        number = int(content.get("message_id", 0))
        return Posted(chat=self.id, message_id=number, message=content, status=status)


def _place(latitude: float, longitude: float, live_seconds: int | None) -> dict[str, Any]:
    place: dict[str, Any] = {"latitude": latitude, "longitude": longitude}
    if live_seconds:
        place |= {"live_period": live_seconds, "horizontal_accuracy": 12.0}
    return place
