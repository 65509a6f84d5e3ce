"""The telephone's part in the demo: a number on Twilio's stand-in, and people who call it.

Operators' devices pick up by themselves, as a browser has no Twilio to be a telephone of.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from connectors.phone.citizens import CALL_BACK, MESSAGE, Citizen
from connectors.phone.sandbox import API_KEY_SECRET, API_KEY_SID, NUMBER, Phone, PhoneSandbox

_PICKS_UP_AFTER = 3.0
_DEVICES = ("client:", "sip:")
_SORRY = "<Response><Say>Sorry, our line is out of order.</Say></Response>"
"""What callers hear while the hub does not answer."""


class DemoSandbox(PhoneSandbox):
    """Somebody is at every device."""

    def phone_at(self, address: str) -> Phone | None:
        if address.startswith(_DEVICES):
            self.device(address).answers_after = _PICKS_UP_AFTER
        return super().phone_at(address)


class DemoAccount:
    """One number: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: PhoneSandbox, run: int) -> None:
        self.settings: dict[str, Any] = {
            "account_sid": sandbox.account_sid,
            "auth_token": sandbox.auth_token,
            "number": NUMBER,
            "api_key_sid": API_KEY_SID,
            "api_key_secret": API_KEY_SECRET,
            "api_base": sandbox.url,
        }
        sandbox.numbers[NUMBER].voice_fallback_url = sandbox.static(_SORRY)
        self._sandbox = sandbox
        # A number for each second since an earlier run began: more than citizens come.
        self._next_number = 7_000_000_000 + run % 99_000_000

    def citizen(self, *, name: str, language: str) -> Citizen:
        """A new person, whose number no earlier run gave to another."""
        self._next_number += 1
        number = f"+7{self._next_number}"
        choice = CALL_BACK if self._next_number % 3 == 0 else MESSAGE
        made = Citizen(self._sandbox, number, name=name, language=language, choice=choice)
        self._sandbox.phones[number] = made.phone
        return made


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """A number for as long as the block runs; `run` tells this run of the demo from earlier ones.

    The hub has the number's calls brought to itself, as nobody else has.
    """
    async with DemoSandbox() as sandbox:
        pace = asyncio.create_task(sandbox.keep_pace())
        try:
            yield DemoAccount(sandbox, run)
        finally:
            pace.cancel()
            with suppress(asyncio.CancelledError):
                await pace
