"""A simulated person with a phone: what they text reaches the hub as Twilio's webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.testing.reader import Reader

if TYPE_CHECKING:
    from connectors.sms.sandbox import SmsSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A text message that reached a citizen."""

    sid: str
    text: str
    sender: str
    """Our number, as the phone shows it."""
    media: tuple[str, ...] = ()
    """Addresses of the files, which Twilio would have fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a citizen texted, as the hub was told."""

    fields: Mapping[str, str]
    status: int | None
    """What the webhook answered; None where none is set."""
    answer: bytes = b""

    @property
    def external_id(self) -> str:
        return self.fields["MessageSid"]


class Citizen(Reader[Received]):
    """One person; every verb returns once the hub's webhook has answered, if there is one."""

    def __init__(self, sandbox: "SmsSandbox", number: str, *, name: str, language: str) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.number = number
        self.name = name
        """Nobody sends their name in a text message: it is only for the story."""
        self.language = language

    async def say(self, text: str) -> Posted:
        """Text something."""
        return await self.sandbox.text(self, text)

    async def picture(self, text: str = "", *, content: bytes = b"\xff\xd8\xff\xd9") -> Posted:
        """Send an MMS with a picture."""
        return await self.sandbox.text(self, text, files=((content, "image/jpeg"),))

    async def opt_out(self, word: str = "STOP") -> Posted:
        """Ask for no more messages."""
        return await self.say(word)

    async def opt_in(self, word: str = "START") -> Posted:
        """Take messages again."""
        return await self.say(word)

    async def again(self, posted: Posted) -> Posted:
        """Have Twilio deliver a message once more, as it does when an answer was lost."""
        return await self.sandbox.bring(posted.fields)
