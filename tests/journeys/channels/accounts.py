"""An account on its provider's stand-in, and a citizen who writes there: what all channels share.

An `Account` is a running stand-in with the settings that reach it; two of one channel have their
own stand-ins and their own secrets. A `Writer` is one citizen in one place of an account: in
private, or under a post. The nth citizen has the same id in every account of the channel.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from connectors.testing import fixtures
from connectors.testing.sandbox import Sandbox

VERIFY_TOKEN = "a-word-that-the-journeys-chose"
OF_A_MESSAGE = "?message=361934207885312000&part=0"
"""What stands behind the address to which Twilio reports of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What an account wrote to a citizen, in one message."""

    id: str
    text: str
    picture: bytes | None = None
    answers: str | None = None
    """In public: what it stands under."""


class Writer(ABC):
    """One citizen in one place of an account."""

    public: ClassVar[bool] = False
    takes_pictures: ClassVar[bool] = True
    longest: ClassVar[int] = 0
    """Characters of Cyrillic in one message, where it is cheap to write more."""
    ends_as: ClassVar[str] = "sent"
    """How far the provider tells what becomes of a reply, once the citizen has looked."""

    def __init__(self, account: "Account", number: int) -> None:
        self.account = account
        self.wrote: list[str] = []
        """Ids of what they wrote."""
        self.statuses: list[int | None] = []
        """What the hub answered to each; None where it polls."""

    @property
    def place(self) -> str:
        """Where they write, in words."""
        return f"{self.account} {type(self).__name__}"

    async def say(self, text: str) -> None:
        """Write a text: a message, or a comment of its own."""
        id_, status = await self._say(text)
        self.wrote.append(id_)
        self.statuses.append(status)

    @abstractmethod
    async def _say(self, text: str) -> tuple[str, int | None]: ...

    @abstractmethod
    async def heard(self) -> list[Heard]:
        """What reached them, in order."""
        ...

    async def look(self) -> None:
        """Read everything, where the provider tells that."""
        return


class Account(ABC):
    """An account on a stand-in of its own: `async with` starts and stops that."""

    channel: ClassVar[str]
    recorded: ClassVar[str] = "fixtures"
    """Where the channel's recorded deliveries are."""
    writers: ClassVar[Sequence[type[Writer]]]
    sandbox: Sandbox
    settings: Mapping[str, Any]

    def __init__(self, name: str, *, other: bool = False) -> None:
        """`other` gives it other secrets than the first one of its kind has."""
        self.name = name
        self.other = other

    def __str__(self) -> str:
        return f"{self.channel}/{self.name}"

    @property
    def hook(self) -> str:
        """The path to which its provider delivers."""
        return f"/hooks/{self.channel}/{self.name}"

    def writer(self, number: int, *, public: bool = False) -> Writer:
        """The citizen of that number, where they write first or in public."""
        return next(made for made in self.writers if made.public == public)(self, number)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The account's stand-in runs while the block does."""
        async with self.sandbox:
            self.settings = self.keys()
            yield

    def sent(self) -> int:
        """How many messages it wrote, to whomever."""
        return len(self.sandbox.sent)  # type: ignore[attr-defined]  # every stand-in has them

    @abstractmethod
    def keys(self) -> Mapping[str, Any]:
        """The keys of its settings."""

    def expect(self, hub: str) -> None:
        """Be told where the hub will be, as by hand, before it runs."""
        return

    async def listen(self, hub: str) -> None:
        """Be told by hand where the hub is, now that it runs."""
        return

    # --- Deliveries that are made by hand --------------------------------------------------------

    def body(self, content: Any) -> bytes:
        """The body of a delivery."""
        return json.dumps(content).encode()

    def mended(self, body: bytes) -> bytes:
        """A torn body as the provider could still have sent and signed it."""
        return body

    @abstractmethod
    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        """The headers by which the provider proves a delivery to this address."""

    def deliveries(self) -> Iterator[tuple[str, Any]]:
        """Every recorded delivery: the path it came to, and what was in it."""
        package = import_module(f"connectors.{self.channel}")
        folder = Path(package.__path__[0]) / self.recorded
        for case in fixtures.cases(folder):
            path = f"{self.hook}/{case.action}" if case.action else self.hook
            yield path + (OF_A_MESSAGE if case.action == "status" else ""), case.content()


async def fetched(sandbox: Sandbox, address: str | None) -> bytes | None:
    """The file at an address, as a provider fetches it: without a word who asks."""
    if address is None:
        return None
    answered = await sandbox.exchange("GET", address)
    assert answered.status == 200, (address, answered.status)
    return answered.body
