"""A simulated person on Instagram: what they do reaches the hub as the events Instagram makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.testing.reader import Reader
from connectors.testing.samples import picture

if TYPE_CHECKING:
    from connectors.instagram.sandbox import InstagramSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What the account wrote, as it reached a citizen."""

    kind: str
    """`text`, `image`, `video`, `audio`, `file`, or `comment`."""
    text: str
    id: str
    """The message's, or the comment's."""
    url: str | None = None
    """Where Instagram was told to fetch the file."""
    about: str | None = None
    """The comment that this answers, publicly or in private."""
    human_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a citizen did, as the hub was told."""

    id: str
    status: int | None
    """What the webhook answered; None when nothing was delivered."""
    text: str = ""
    at: datetime | None = None


class Citizen(Reader[Received]):
    """One person; every verb returns once the webhook has answered, if there is one."""

    def __init__(self, sandbox: "InstagramSandbox", id_: str, username: str, name: str) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.id = id_
        self.username = username
        self.name = name
        self.wrote_at: datetime | None = None
        """When they last wrote a message: the account may answer from then on, for a day."""
        self.blocked = False
        self.gone = False

    # --- Messages --------------------------------------------------------------------------------

    async def say(self, text: str, *, reply_to: str | None = None) -> Posted:
        """Write a message."""
        extra = {} if reply_to is None else {"reply_to": {"mid": reply_to}}
        return await self.send({"text": text, **extra})

    async def photo(self, caption: str = "", *, content: bytes | None = None) -> Posted:
        """Send a picture; what is written under it is a message of its own."""
        if caption:
            await self.say(caption)
        data = picture(len(self.sandbox.files)) if content is None else content
        return await self.attach("image", self.sandbox.store(data, "image/png"))

    async def album(self, *captions: str) -> Posted:
        """Send several pictures at once."""
        for caption in filter(None, captions):
            await self.say(caption)
        attachments = [
            {"type": "image", "payload": {"url": self.sandbox.store(picture(n), "image/png")}}
            for n, _ in enumerate(captions)
        ]
        return await self.send({"attachments": attachments})

    async def attach(self, kind: str, url: str, **payload: str) -> Posted:
        """Send anything else: a reel, a share, a mention in a story."""
        return await self.send(
            {"attachments": [{"type": kind, "payload": {"url": url, **payload}}]}
        )

    async def send(self, content: Mapping[str, Any]) -> Posted:
        """Send a message of any kind: `content` holds the message's own fields."""
        self.wrote_at = self.sandbox.clock()
        mid = self.sandbox.new_mid()
        status = await self._event("messages", {"message": {"mid": mid, **content}})
        return Posted(id=mid, status=status, text=str(content.get("text", "")), at=self.wrote_at)

    async def edit(self, posted: Posted, text: str) -> Posted:
        """Change a message."""
        change = {"mid": posted.id, "text": text, "num_edit": 1}
        status = await self._event("message_edit", {"message_edit": change})
        return Posted(id=posted.id, status=status, text=text)

    async def unsend(self, posted: Posted) -> Posted:
        """Take a message back."""
        status = await self._event("messages", {"message": {"mid": posted.id, "is_deleted": True}})
        return Posted(id=posted.id, status=status)

    async def react(self, mid: str, emoji: str | None = "❤️") -> Posted:
        """React to a message; None takes it back."""
        what = {"mid": mid, "action": "unreact"}
        if emoji is not None:
            what = {"mid": mid, "action": "react", "reaction": "other", "emoji": emoji}
        return Posted(id=mid, status=await self._event("message_reactions", {"reaction": what}))

    async def see(self, received: Received) -> Posted:
        """Read what the account wrote."""
        status = await self._event("messaging_seen", {"read": {"mid": received.id}})
        return Posted(id=received.id, status=status)

    async def press(self, title: str, payload: str = "") -> Posted:
        """Choose an ice breaker, or press a button."""
        self.wrote_at = self.sandbox.clock()
        mid = self.sandbox.new_mid()
        pressed = {"mid": mid, "title": title, "payload": payload or title}
        status = await self._event("messaging_postbacks", {"postback": pressed})
        return Posted(id=mid, status=status, text=title)

    def block(self) -> None:
        """Let nothing of the account's through; Instagram tells it nothing."""
        self.blocked = True

    async def _event(self, field: str, content: Mapping[str, Any]) -> int | None:
        return await self.sandbox.post_event(field, self.id, content)

    # --- Comments --------------------------------------------------------------------------------

    async def comment(self, media: str, text: str, *, parent: str | None = None) -> Posted:
        """Comment on a post of the account's, or reply to a comment there."""
        made = self.sandbox.new_comment(self, media, text, parent=parent)
        return Posted(id=made.id, status=await self.sandbox.post_comment(made), text=text)

    async def mention(self, *, media: str, comment: str | None = None) -> Posted:
        """Name the account in the caption or under a post of somebody's."""
        value = {"media_id": media} | ({} if comment is None else {"comment_id": comment})
        self.sandbox.mentions.add((media, comment))
        status = await self.sandbox.post_change("mentions", value)
        return Posted(id=comment or media, status=status)

    @property
    def texts(self) -> Sequence[str]:
        """What the account wrote to them."""
        return [received.text for received in self.received]
