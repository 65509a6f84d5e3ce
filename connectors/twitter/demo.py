"""X's part in the demo: an account on the sandbox, and people who write to it.

Every second one mentions it in a post, the others write direct messages.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.twitter.citizens import Townsperson
from connectors.twitter.sandbox import TwitterSandbox
from connectors.twitter.sandbox_gate import (
    ACCESS_TOKEN,
    ACCESS_TOKEN_SECRET,
    BEARER_TOKEN,
    CLIENT_SECRET,
    CONSUMER_KEY,
    CONSUMER_SECRET,
)


class DemoAccount:
    """One account: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: TwitterSandbox, run: int) -> None:
        self.settings: dict[str, Any] = {
            "mode": "webhook",
            "user_id": sandbox.user_id,
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": CONSUMER_SECRET,
            "access_token": ACCESS_TOKEN,
            "access_token_secret": ACCESS_TOKEN_SECRET,
            "bearer_token": BEARER_TOKEN,
            "client_secret": CLIENT_SECRET,
            "api_base": sandbox.url,
        }
        self._sandbox = sandbox
        self._next_id = 1_600_000_000_000_000_000 + run * 10_000
        self._came = 0

    def citizen(self, *, name: str, language: str) -> Townsperson:
        """A new person, whose id no earlier run gave to another."""
        self._next_id += 1
        self._came += 1
        person = self._sandbox.citizen(name=name, user_id=str(self._next_id), kind=Townsperson)
        assert isinstance(person, Townsperson)
        person.public = self._came % 2 == 0
        return person


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """An account for as long as the block runs; `run` tells this run of the demo from earlier ones.

    X's windows of calls are left out: a demo must not wait for a quarter of an hour.
    """
    async with TwitterSandbox(windows=False) as sandbox:
        yield DemoAccount(sandbox, run)
