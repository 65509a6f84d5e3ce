"""Simulated people on Facebook: what they do reaches the page as the events Meta makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.testing.reader import Reader
from connectors.testing.sandbox import WAIT, Upload

if TYPE_CHECKING:
    from connectors.facebook.sandbox import FacebookSandbox

PICTURE = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xdb\x00\x43\x00" + b"\x08" * 64 + b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    b"\xff\xc4\x00\x14\x00\x01" + b"\x00" * 15 + b"\x00"
    b"\xff\xc4\x00\x14\x10\x01" + b"\x00" * 15 + b"\x00"
    b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x3f\xff\xd9"
)
"""A small grey JPEG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What the page wrote, as it reached a person or stands under a post."""

    id: str
    text: str
    kind: str = "text"
    """`text`, `comment`, or Messenger's name of the kind of file."""
    files: tuple[Upload, ...] = ()
    reply_to: str | None = None
    tag: str | None = None
    from_comment: str | None = None
    """The comment that a private message answers."""
    metadata: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a person did, as the page was told."""

    external_id: str
    status: int | None
    """What the webhook answered; None when it could not be delivered, or nobody subscribed."""


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment, or a post."""

    id: str
    post: str
    author: str
    name: str
    message: str
    parent: str | None
    """The post of a top-level comment, the comment above a reply; None for a post."""
    created: datetime
    photo: str | None = None
    hidden: bool = False
    removed: bool = False
    answered_privately: bool = False


@dataclass(slots=True, kw_only=True)
class Thread:
    """One person's Messenger with the page, as Meta knows it."""

    last_action: datetime | None = None
    """When the person last did what lets the page answer."""
    mids: set[str] = field(default_factory=set)
    blocked: bool = False


class Citizen(Reader[Received]):
    """One person; every verb returns once the hub's webhook has answered, if there is one."""

    def __init__(self, sandbox: "FacebookSandbox", user_id: str, name: str) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.id = user_id
        self.name = name
        self.thread = Thread()
        self.inbox = self.received
        """What the page wrote to them: privately, and under their comments."""

    # --- Messenger -------------------------------------------------------------------------------

    async def start(self, ref: str | None = None) -> Posted:
        """Press "Get started"."""
        postback: dict[str, Any] = {"title": "Начать", "payload": "GET_STARTED"}
        if ref is not None:
            postback["referral"] = {"ref": ref, "source": "SHORTLINK", "type": "OPEN_THREAD"}
        return await self.press(**postback)

    async def press(self, *, title: str, payload: str, **more: Any) -> Posted:
        """Press a button."""
        mid = self._new_mid()
        told = {"title": title, "payload": payload, "mid": mid, **more}
        return await self._event("messaging_postbacks", mid, postback=told)

    async def say(self, text: str, *, reply_to: str | None = None) -> Posted:
        """Write a message."""
        more = {} if reply_to is None else {"reply_to": {"mid": reply_to}}
        return await self.send(text=text, **more)

    async def photo(self, caption: str = "", *, content: bytes = PICTURE) -> Posted:
        """Send a picture."""
        return await self.album(caption, contents=[content])

    async def album(self, *captions: str, contents: Sequence[bytes] = ()) -> Posted:
        """Send several pictures as one message."""
        pictures = contents or [PICTURE for _ in captions]
        attachments = [
            {"type": "image", "payload": {"url": self.sandbox.store(one, "photo.jpg")}}
            for one in pictures
        ]
        text = " ".join(caption for caption in captions if caption)
        return await self.send(attachments=attachments, **({"text": text} if text else {}))

    async def voice(self, *, seconds: int = 2) -> Posted:
        """Send a voice message."""
        url = self.sandbox.store(b"\x00\x00\x00\x18ftypM4A " * seconds, "audioclip-1.mp4")
        return await self.send(attachments=[{"type": "audio", "payload": {"url": url}}])

    async def document(self, name: str, content: bytes) -> Posted:
        """Send a file."""
        url = self.sandbox.store(content, name)
        return await self.send(attachments=[{"type": "file", "payload": {"url": url}}])

    async def send(self, **content: Any) -> Posted:
        """Send a message of any kind: `content` holds its own fields."""
        mid = self._new_mid()
        return await self._event("messages", mid, message={"mid": mid, **content})

    async def edit(self, said: Posted, text: str) -> Posted:
        """Change a message."""
        edit = {"mid": said.external_id, "text": text, "num_edit": 1}
        return await self._event("message_edits", said.external_id, message_edit=edit)

    async def react(self, mid: str, emoji: str | None) -> Posted:
        """Put a reaction on a message; None takes it back."""
        told: dict[str, Any] = {"mid": mid, "action": "react" if emoji else "unreact"}
        if emoji:
            told |= {"emoji": emoji, "reaction": "other"}
        return await self._event("message_reactions", mid, reaction=told)

    async def read(self) -> Posted:
        """Open the conversation."""
        watermark = self.sandbox.milliseconds()
        return await self._event("message_reads", "", read={"watermark": watermark})

    def block(self) -> None:
        """Turn the page's messages off: Meta tells the page nothing of it."""
        self.thread.blocked = True

    def _new_mid(self) -> str:
        mid = self.sandbox.new_mid()
        self.thread.mids.add(mid)
        return mid

    async def _event(self, field: str, external_id: str, **event: Any) -> Posted:
        if field in {"messages", "messaging_postbacks", "message_reactions"}:
            self.thread.last_action = self.sandbox.clock()
        status = await self.sandbox.tell(field, self.id, event)
        return Posted(external_id=external_id, status=status)

    # --- Comments --------------------------------------------------------------------------------

    async def comment(
        self, text: str, *, on: str | None = None, photo: bytes | None = None
    ) -> Posted:
        """Comment on a post, the page's last one by default, or answer a comment."""
        target = self.sandbox.comments[on or self.sandbox.last_post]
        url = None if photo is None else self.sandbox.store(photo, "comment.jpg")
        made = self.sandbox.add_comment(self.id, self.name, text, target, photo=url)
        return await self._feed(made, "add")

    async def post(self, text: str) -> Posted:
        """Post on the page as a visitor."""
        made = self.sandbox.add_post(self.id, self.name, text)
        return await self._feed(made, "add")

    async def edit_comment(self, said: Posted, text: str) -> Posted:
        """Change a comment."""
        made = self.sandbox.comments[said.external_id]
        made.message = text
        return await self._feed(made, "edited")

    async def remove_comment(self, said: Posted) -> Posted:
        """Delete a comment."""
        made = self.sandbox.comments[said.external_id]
        made.removed = True
        return await self._feed(made, "remove")

    async def _feed(self, made: Comment, verb: str) -> Posted:
        status = await self.sandbox.tell_feed(made, verb)
        return Posted(external_id=made.id, status=status)


class Commenter:
    """The same person as one who speaks in public: the first words are a comment, later ones
    answer in its thread."""

    def __init__(self, citizen: Citizen) -> None:
        self._citizen = citizen
        self._root: str | None = None

    async def say(self, text: str) -> Posted:
        """Comment."""
        said = await self._citizen.comment(text, on=self._root)
        self._root = self._root or said.external_id
        return said

    async def photo(self, caption: str = "") -> Posted:
        """Comment with a picture."""
        said = await self._citizen.comment(caption, on=self._root, photo=PICTURE)
        self._root = self._root or said.external_id
        return said

    async def edit(self, said: Posted, text: str) -> Posted:
        """Change a comment."""
        return await self._citizen.edit_comment(said, text)

    async def next(self, *, timeout: float = WAIT) -> Received:
        """What the page wrote next. Raises: TimeoutError."""
        return await self._citizen.next(timeout=timeout)


def feed_value(made: Comment, verb: str, *, page: str) -> Mapping[str, Any]:
    """What Meta tells of a comment or a post."""
    value: dict[str, Any] = {
        "from": {"id": made.author, "name": made.name},
        "post_id": made.post,
        "created_time": int(made.created.timestamp()),
        "item": "comment" if made.parent is not None else "status",
        "verb": verb,
    }
    if made.parent is not None:
        value |= {"comment_id": made.id, "parent_id": made.parent}
        value["post"] = {"id": made.post, "status_type": "mobile_status_update"}
    if verb != "remove" and made.message:
        value["message"] = made.message
    if verb != "remove" and made.photo is not None:
        value["photo"] = made.photo
    return value
