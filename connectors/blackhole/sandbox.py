"""The citizens of a blackhole: they post messages to the hub, and hear nothing back."""

from typing import Any

from connectors.blackhole.connector import HEADER
from connectors.testing.sandbox import Sandbox


class BlackholeSandbox(Sandbox):
    """Serves no address of its own, as the connector calls none."""

    def __init__(self, *, webhook_secret: str, account: str = "main", **options: Any) -> None:
        super().__init__(**options)
        self.webhook_secret = webhook_secret
        self.account = account

    async def write(self, sender: str, text: str, *, id: str, name: str | None = None) -> int:  # noqa: A002 - the key's name
        """A citizen's message; returns the hub's status."""
        return await self.deliver(
            f"/hooks/blackhole/{self.account}",
            {"id": id, "sender": sender, "name": name, "text": text},
            {HEADER: self.webhook_secret},
        )
