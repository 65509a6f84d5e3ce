"""A simulated person on WhatsApp: what they do reaches the hub as Meta's webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.testing.reader import Reader
from connectors.testing.samples import picture, voice

if TYPE_CHECKING:
    from connectors.whatsapp.sandbox import Posted, StoredFile, WhatsAppSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message of the account's, as it reached a citizen."""

    id: str
    kind: str
    """The message's type: `text`, `image`, `template`."""
    text: str
    """The text, the caption, or the template as it reads."""
    told: Mapping[str, Any]
    """The content as it was sent."""
    files: "tuple[StoredFile, ...]" = ()
    reply_to: str | None = None


class Citizen(Reader[Received]):
    """One person; every verb returns once the hub's webhook has answered, if there is one."""

    def __init__(
        self,
        sandbox: "WhatsAppSandbox",
        *,
        wa_id: str,
        user_id: str,
        name: str,
        language: str,
        hidden: bool,
    ) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.wa_id = wa_id
        """Their number's digits."""
        self.user_id = user_id
        """Their business-scoped user id."""
        self.name = name
        self.language = language
        """Nothing tells it on WhatsApp: it is only for the story."""
        self.hidden = hidden
        """Their number is kept behind a username."""
        self.blocked = False
        self.wrote_at: datetime | None = None
        """When the window was opened last."""
        self.sent_at: list[datetime] = []

    def as_contact(self) -> dict[str, Any]:
        """What a delivery tells of them."""
        if self.hidden:
            profile = {"name": self.name, "username": f"user{self.wa_id[-4:]}"}
            return {"profile": profile, "user_id": self.user_id}
        return {"profile": {"name": self.name}, "wa_id": self.wa_id, "user_id": self.user_id}

    def as_sender(self) -> dict[str, Any]:
        known = {"from_user_id": self.user_id}
        return known if self.hidden else {"from": self.wa_id, **known}

    def as_recipient(self) -> dict[str, Any]:
        known = {"recipient_user_id": self.user_id}
        return known if self.hidden else {"recipient_id": self.wa_id, **known}

    # --- Messages --------------------------------------------------------------------------------

    async def say(self, text: str, *, reply_to: str | None = None) -> "Posted":
        """Write a text."""
        return await self.send("text", {"body": text}, reply_to=reply_to)

    async def start(self) -> "Posted":
        """Open the chat for the first time."""
        return await self._post("request_welcome", {})

    async def photo(self, caption: str = "", *, content: bytes | None = None) -> "Posted":
        """Send a picture."""
        taken = picture(len(self.sandbox.files)) if content is None else content
        media = self.sandbox.media(taken, "image/png")
        return await self.send("image", {**media, **({"caption": caption} if caption else {})})

    async def voice(self, *, seconds: int = 2) -> "Posted":
        """Send a voice message."""
        media = self.sandbox.media(voice(seconds), "audio/ogg")
        media["mime_type"] = "audio/ogg; codecs=opus"
        return await self.send("audio", {**media, "voice": True})

    async def document(
        self, name: str, content: bytes, *, mime: str = "application/pdf"
    ) -> "Posted":
        """Send a file."""
        return await self.send("document", {**self.sandbox.media(content, mime), "filename": name})

    async def location(self, latitude: float, longitude: float) -> "Posted":
        """Send a place."""
        return await self.send("location", {"latitude": latitude, "longitude": longitude})

    async def press(self, message: Received, text: str) -> "Posted":
        """Press a button under a template."""
        return await self.send("button", {"payload": text, "text": text}, reply_to=message.id)

    async def send(
        self, kind: str, content: Mapping[str, Any], *, reply_to: str | None = None
    ) -> "Posted":
        """Send a message of any kind: it opens the window."""
        self.wrote_at = self.sandbox.clock()
        more: dict[str, Any] = {kind: dict(content)}
        if reply_to is not None:
            more["context"] = {"from": "77272000109", "id": reply_to}
        return await self._post(kind, more)

    # --- Everything else -------------------------------------------------------------------------

    async def react(self, message_id: str, emoji: str = "") -> "Posted":
        """Put a reaction on a message; none takes it back."""
        reaction = {"message_id": message_id} | ({"emoji": emoji} if emoji else {})
        return await self._post("reaction", {"reaction": reaction})

    async def edit(self, posted: "Posted", text: str) -> "Posted":
        """Change a text."""
        changed = {"type": "text", "text": {"body": text}}
        return await self._post(
            "edit", {"edit": {"original_message_id": posted.id, "message": changed}}
        )

    async def revoke(self, posted: "Posted") -> "Posted":
        """Take a message back."""
        return await self._post("revoke", {"revoke": {"original_message_id": posted.id}})

    async def read(self, message: Received) -> int | None:
        """Open a message of the account's."""
        made = next(one for one in self.sandbox.sent if one.id == message.id)
        return await self.sandbox.report(made, "read")

    async def _post(self, kind: str, more: Mapping[str, Any]) -> "Posted":
        from connectors.whatsapp.sandbox import Posted

        message = {
            **self.as_sender(),
            "id": self.sandbox.new_wamid(),
            "timestamp": self.sandbox.now(),
            "type": kind,
            **more,
        }
        status = await self.sandbox.notify(contacts=[self.as_contact()], messages=[message])
        return Posted(id=str(message["id"]), content=message, status=status)
