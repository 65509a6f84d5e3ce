"""A citizen as one who reads what reached them, message by message."""

from typing import Generic, TypeVar

from connectors.testing.sandbox import WAIT, Sandbox

T = TypeVar("T")


class Reader(Generic[T]):
    """What every simulated citizen is; `T` is what the account's messages are on their channel."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.received: list[T] = []
        """What reached them, in order; who adds to it calls the sandbox's `changed`."""
        self._news_of = sandbox
        self._read = 0

    async def next(self, *, timeout: float = WAIT) -> T:
        """The next message not yet read; waits for it. Raises: TimeoutError."""
        await self._news_of.until(lambda: len(self.received) > self._read, timeout=timeout)
        self._read += 1
        return self.received[self._read - 1]
