"""The blackhole, and those who write into it."""

from collections.abc import Mapping
from typing import Any

from connectors.blackhole.connector import HEADER
from connectors.blackhole.sandbox import BlackholeSandbox
from tests.journeys.channels.accounts import Account, Heard, Writer


class Poster(Writer):
    """Somebody who writes into the blackhole, and hears nothing back."""

    account: "Blackhole"

    def __init__(self, account: "Blackhole", number: int) -> None:
        super().__init__(account, number)
        self.number = number

    async def _say(self, text: str) -> tuple[str, int | None]:
        id_ = f"{self.number}-{len(self.wrote)}"
        return id_, await self.account.sandbox.write(f"citizen-{self.number}", text, id=id_)

    async def heard(self) -> list[Heard]:
        return []


class Blackhole(Account):
    """An account without a provider."""

    channel = "blackhole"
    writers = (Poster,)
    sandbox: BlackholeSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        secret = f"secret-of-the-{name}-blackhole"
        self.sandbox = BlackholeSandbox(webhook_secret=secret, account=name)

    def keys(self) -> Mapping[str, Any]:
        return {"webhook_secret": self.sandbox.webhook_secret}

    def expect(self, hub: str) -> None:
        self.sandbox.hub = hub

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        secret = self.sandbox.webhook_secret
        return {HEADER: secret, "Content-Type": "application/json"}
