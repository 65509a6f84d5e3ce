"""Telegram's part in the demo: a bot on the sandbox, and people who write to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.telegram.citizens import Citizen
from connectors.telegram.sandbox import TelegramSandbox

_SECRET = "only-for-the-demo-on-this-machine"  # noqa: S105 - guards nothing


class DemoAccount:
    """One bot: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: TelegramSandbox, run: int) -> None:
        self.settings: dict[str, Any] = {
            "token": sandbox.token,
            "webhook_secret": _SECRET,
            "api_base": sandbox.url,
        }
        self._sandbox = sandbox
        self._next_id = 5_000_000_000 + run * 10_000

    def citizen(self, *, name: str, language: str) -> Citizen:
        """A new person, whose id no earlier run gave to another."""
        self._next_id += 1
        return self._sandbox.citizen(name=name, language=language, user_id=self._next_id)


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """A bot for as long as the block runs; `run` tells this run of the demo from earlier ones."""
    async with TelegramSandbox(retries=True, a_second_a_chat=True) as sandbox:
        yield DemoAccount(sandbox, run)
