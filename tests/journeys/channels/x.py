"""Accounts on X, and those who write to them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.twitter.sandbox import TwitterSandbox
from connectors.twitter.sandbox_gate import (
    ACCESS_TOKEN,
    ACCESS_TOKEN_SECRET,
    BEARER_TOKEN,
    CONSUMER_KEY,
    CONSUMER_SECRET,
)
from connectors.twitter.sandbox_hooks import HookDesk
from tests.journeys.channels.accounts import Account, Heard, Writer


class XWriter(Writer):
    """Somebody on X."""

    account: "X"
    first: ClassVar[int]

    def __init__(self, account: "X", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(user_id=str(self.first + number))

    async def heard(self) -> list[Heard]:
        held = self.account.sandbox.uploads.held
        return [
            Heard(
                id=one.id,
                text=one.text,
                picture=held[one.media[0]].content if one.media else None,
                answers=one.answers,
            )
            for one in self.citizen.received
        ]


class XDirect(XWriter):
    """Direct messages to an account that is told of them."""

    first = 1_534_001_122_334_455_600
    ends_as = "read"

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.message(text)
        return posted.id, posted.status

    async def look(self) -> None:
        await self.citizen.read(self.citizen.received[-1].id)


class XDirectPolled(XDirect):
    """Direct messages to an account that asks for them: nobody tells it that they were read."""

    ends_as = "sent"


class XMentions(XWriter):
    """Posts with an account's name in them."""

    first = 1_534_001_122_334_465_600
    public = True
    longest = 300

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.mention(text)
        return posted.id, posted.status


class X(Account):
    """An account on X that has its deliveries brought."""

    channel = "twitter"
    writers = (XDirect, XMentions)
    sandbox: TwitterSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        user_id = "1716450569358098999" if other else "1716450569358098432"
        self.secret = f"client-secret-of-x-{name}-0000000000000"
        sandbox = TwitterSandbox(user_id=user_id, windows=False)
        # An app of its own, as far as deliveries go.
        sandbox.desk = HookDesk(
            sandbox.exchange,
            consumer_secret=CONSUMER_SECRET,
            client_secret=self.secret,
            crc_secret=CONSUMER_SECRET,
            challenges=True,
            strict=False,
            signing="oauth2",
        )
        self.sandbox = sandbox

    def keys(self) -> Mapping[str, Any]:
        return {
            "mode": "webhook",
            "user_id": self.sandbox.user_id,
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": CONSUMER_SECRET,
            "access_token": ACCESS_TOKEN,
            "access_token_secret": ACCESS_TOKEN_SECRET,
            "bearer_token": BEARER_TOKEN,
            "client_secret": self.secret,
            "api_base": self.sandbox.url,
        }

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return {"Content-Type": "application/json", **self.sandbox.desk.signed(body)}


class XPolled(X):
    """An account on X that asks."""

    writers = (XDirectPolled, XMentions)

    def keys(self) -> Mapping[str, Any]:
        left_out = {"bearer_token", "client_secret"}
        kept = {name: value for name, value in super().keys().items() if name not in left_out}
        return {**kept, "mode": "polling", "poll_seconds": 5}
