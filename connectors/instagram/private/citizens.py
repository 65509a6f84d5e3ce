"""A simulated person in the Instagram app: what they do stands in the private API's answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.testing.reader import Reader

if TYPE_CHECKING:
    from connectors.instagram.private.sandbox import PrivateSandbox

CDN = "https://scontent.cdninstagram.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What reached a citizen from the account."""

    text: str
    kind: str
    """The kind of the item, or "comment"."""
    item: dict[str, Any]


class Citizen(Reader[Received]):
    """One person."""

    def __init__(self, sandbox: "PrivateSandbox", user: dict[str, Any], thread: str) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.user = user
        self.pk: int = user["pk"]
        self.thread = thread
        """Their thread with the account."""
        self.blocks = False
        """They take no messages from the account."""

    async def say(self, text: str) -> dict[str, Any]:
        """Write a text."""
        return self.send("text", text=text)

    async def photo(self, content: bytes = b"\xff\xd8jpeg") -> dict[str, Any]:
        """Send a picture."""
        address = self.sandbox.store(content, "photo.jpg")
        versions = {"candidates": [{"width": 1080, "height": 1350, "url": address}]}
        return self.send("media", media={"id": 1, "media_type": 1, "image_versions2": versions})

    async def voice(self, content: bytes = b"m4a") -> dict[str, Any]:
        """Send a voice message."""
        audio = {"audio_src": self.sandbox.store(content, "voice.mp4"), "duration": 2000}
        media = {"id": "1", "media_type": 11, "product_type": "direct_audio", "audio": audio}
        return self.send("voice_media", voice_media={"media": media, "view_mode": "permanent"})

    def send(self, kind: str, **content: Any) -> dict[str, Any]:
        """Put an item of any kind into the thread."""
        return self.sandbox.put(self.thread, self.pk, kind, content)

    async def react(self, item: dict[str, Any], emoji: str) -> None:
        """React to a message of the thread."""
        emojis = item.setdefault("reactions", {"likes": [], "emojis": []})["emojis"]
        emojis[:] = [one for one in emojis if one["sender_id"] != self.pk]
        emojis.append(
            {"sender_id": self.pk, "emoji": emoji, "timestamp": self.sandbox.microseconds()}
        )
        self.sandbox.changed()

    async def read(self) -> None:
        """Read the thread to its end."""
        self.sandbox.read(self.thread, self.pk)

    async def unsend(self, item: dict[str, Any]) -> None:
        """Take a message back: it leaves no trace."""
        self.sandbox.threads[self.thread].items.remove(item)

    async def comment(
        self, text: str, *, post: str | None = None, under: str | None = None
    ) -> dict[str, Any]:
        """Comment on a post, the newest one unless another is named; `under` a comment's pk."""
        return self.sandbox.write_comment(self.user, text, post=post, under=under)
