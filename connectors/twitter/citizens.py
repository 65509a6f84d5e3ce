"""A simulated person on X: what they do reaches the account as X tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.testing.reader import Reader
from connectors.testing.samples import picture

if TYPE_CHECKING:
    from connectors.twitter.sandbox import TwitterSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message of the account's, as it reached a citizen."""

    text: str
    id: str
    public: bool
    answers: str | None = None
    """The post that it stands under."""
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a citizen wrote, as X has it."""

    id: str
    content: Mapping[str, Any]
    status: int | None
    """What the webhook answered; None when the account polls, or could not be reached."""


class Citizen(Reader[Received]):
    """One person; every verb returns once the account's webhook has answered, if there is one."""

    def __init__(
        self, sandbox: "TwitterSandbox", *, user_id: str, name: str, username: str
    ) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.id = user_id
        self.name = name
        self.username = username
        self.accepts_messages = False
        """Lets the account write first; whoever wrote to it is answered anyway."""
        self.wrote = False
        self.blocked = False
        self.suspended = False

    @property
    def user(self) -> dict[str, Any]:
        """The person as X's API tells them."""
        return {"id": self.id, "name": self.name, "username": self.username, "protected": False}

    # --- Direct messages -------------------------------------------------------------------------

    async def message(
        self,
        text: str,
        *,
        links: Sequence[Mapping[str, Any]] = (),
        media: Mapping[str, Any] | None = None,
    ) -> Posted:
        """Write a direct message; `media` is what `TwitterSandbox.store` gave."""
        self.wrote = True
        return await self.sandbox.direct(self.id, text, links=links, media=media)

    async def picture(self, text: str = "", *, content: bytes | None = None) -> Posted:
        """Send a picture as a direct message."""
        held = picture(len(self.sandbox.files)) if content is None else content
        media = self.sandbox.store(held, kind="photo", private=True)
        return await self.message(f"{text} {media['url_in_text']}".strip(), media=media)

    async def read(self, message_id: str) -> int | None:
        """Read the account's direct messages up to one."""
        return await self.sandbox.told_read(self.id, message_id)

    # --- Posts -----------------------------------------------------------------------------------

    async def mention(
        self,
        text: str,
        *,
        answers: str | None = None,
        quotes: str | None = None,
        pictures: Sequence[bytes] = (),
    ) -> Posted:
        """Post something with the account's name in it; perhaps under another post."""
        files = [self.sandbox.store(one, kind="photo", private=False) for one in pictures]
        named = f"@{self.sandbox.username}"
        written = text if named in text else f"{named} {text}"
        return await self.sandbox.posted(
            self.id, written, answers=answers, quotes=quotes, media=files
        )

    async def repost(self, post_id: str) -> Posted:
        """Repeat a post without a word."""
        original = self.sandbox.posts[post_id]
        text = f"RT @{self.sandbox.username}: {original['text']}"
        return await self.sandbox.posted(self.id, text, reposts=post_id)

    async def edit(self, posted: Posted, text: str) -> Posted:
        """Change a post: X makes a new one of it."""
        return await self.sandbox.posted(
            self.id, f"@{self.sandbox.username} {text}", edits=posted.id
        )

    def delete(self, posted: Posted) -> None:
        """Take a post back: X tells nobody."""
        self.sandbox.posts.pop(posted.id, None)


class Townsperson(Citizen):
    """A citizen of the demo, who writes either in public or in private."""

    public = False

    async def say(self, text: str) -> Posted:
        """Write a text, and go on where the account answered."""
        if not self.public:
            return await self.message(text)
        last = next((one.id for one in reversed(self.received) if one.public), None)
        return await self.mention(text, answers=last)

    async def photo(self, text: str = "") -> Posted:
        """Send a picture."""
        if not self.public:
            return await self.picture(text)
        last = next((one.id for one in reversed(self.received) if one.public), None)
        held = picture(len(self.sandbox.files))
        return await self.mention(text, answers=last, pictures=[held])

    async def edit(self, posted: Posted, text: str) -> Posted:
        """Correct what was written: a direct message by another one, as X edits none."""
        return await (super().edit(posted, text) if self.public else self.message(text))
