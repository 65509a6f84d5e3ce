"""An account in private mode on its stand-in, with a clock that only tests move."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.base import Context, MemoryStore, Page
from connectors.instagram.private.account import PrivateInstagram
from connectors.instagram.private.sandbox import PrivateSandbox
from connectors.instagram.private.session import SessionFile
from connectors.instagram.settings import InstagramSettings
from connectors.testing import outgoing
from connectors.testing.contract import PUBLIC_URL
from connectors.testing.guard import localhost_only
from connectors.testing.hub import Clock, delivery_to
from registry.types import Inbound, OutboundMessage

KEY = "the-hub's-key-of-the-tests"


class City:
    """An account, what it stands on, and what it was told; `open` is a restart of the hub."""

    def __init__(self, sandbox: PrivateSandbox, folder: Path, clock: Clock) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.clock = clock
        self.store = MemoryStore()
        self.key = KEY
        self.cursor: str | None = None
        self.account: PrivateInstagram
        self._opened: list[PrivateInstagram] = []
        self.open()

    @property
    def session_file(self) -> Path:
        return self.folder / "var" / "instagram.session"

    def open(self, **changes: Any) -> PrivateInstagram:
        """A new process on the same database and the same folder."""
        table = {
            "mode": "private",
            "username": self.sandbox.username,
            "password": self.sandbox.password,
            "session_file": "var/instagram.session",
            "daily_cap": 4000,
            "api_base": self.sandbox.url,
            **changes,
        }
        context = Context(
            public_url=PUBLIC_URL,
            clock=self.clock,
            store=lambda _: self.store,
            folder=self.folder,
            secret_key=SecretStr(self.key),
        )
        settings = InstagramSettings.model_validate(table)
        self.account = PrivateInstagram("main", settings, context, chance=Random(7))
        self.account.breath = 0.0
        self._opened.append(self.account)
        return self.account

    async def page(self) -> Page:
        """One poll, whose cursor is kept."""
        page = await self.account.poll(self.cursor)
        self.cursor = page.cursor
        return page

    async def look(self) -> list[Inbound]:
        """A whole look, as the loop makes it."""
        found: list[Inbound] = []
        while True:
            page = await self.page()
            found += self.read(page.bodies)
            if not page.more:
                return found

    async def looks(self, count: int = 15) -> list[Inbound]:
        """So many that everything has had its turn: requests and comments come less often."""
        return [value for _ in range(count) for value in await self.look()]

    def read(self, bodies: Sequence[bytes]) -> list[Inbound]:
        return [
            value
            for body in bodies
            for value in self.account.normalize(delivery_to("instagram", body))
        ]

    def message(
        self, conversation: str, text: str = "Жөнделеді.", **changes: Any
    ) -> OutboundMessage:
        values = {"message_id": "142589614023512064", "public": ":" in conversation, **changes}
        return outgoing.reply("instagram", text, conversation=conversation, **values)

    def paths(self) -> list[str]:
        return [call.path for call in self.sandbox.calls]

    async def close(self) -> None:
        for account in self._opened:
            await account.close()


@pytest.fixture
async def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[City]:
    """An account that has not logged in yet; nobody is there to be asked anything."""

    def ask(_: object = None) -> str:
        raise AssertionError("a question was asked where nobody can answer")

    monkeypatch.setattr("builtins.input", ask)
    clock = Clock()
    with localhost_only():
        async with PrivateSandbox(clock=clock) as sandbox:
            made = City(sandbox, tmp_path, clock)
            yield made
            await made.close()


@pytest.fixture
def city(newcomer: City) -> City:
    """An account that has logged in before."""
    file = SessionFile(newcomer.session_file, SecretStr(newcomer.key), account="main")
    file.write(json.dumps(newcomer.sandbox.session()))
    return newcomer
