"""SMS's part in the demo: a number on Twilio's stand-in, and people who text it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.sms.citizens import Citizen
from connectors.sms.sandbox import NUMBER, SmsSandbox


class DemoAccount:
    """One number: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: SmsSandbox, run: int) -> None:
        self.settings: dict[str, Any] = {
            "account_sid": sandbox.account_sid,
            "auth_token": sandbox.auth_token,
            "from": NUMBER,
            "api_base": sandbox.url,
        }
        self._sandbox = sandbox
        # A number for each second since an earlier run began: more than citizens come.
        self._next_number = 7_900_000_000 + run % 99_000_000

    def citizen(self, *, name: str, language: str) -> Citizen:
        """A new person, whose number no earlier run gave to another."""
        self._next_number += 1
        return self._sandbox.citizen(name=name, language=language, number=f"+7{self._next_number}")


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """A number for as long as the block runs; `run` tells this run of the demo from earlier ones.

    The hub has the number's messages delivered to itself, as nobody else has.
    """
    async with SmsSandbox() as sandbox:
        yield DemoAccount(sandbox, run)
