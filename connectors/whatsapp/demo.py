"""WhatsApp's part in the demo: a number on Meta's stand-in, and people who write to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.whatsapp.citizens import Citizen
from connectors.whatsapp.sandbox import (
    APP_SECRET,
    PHONE_NUMBER_ID,
    TOKEN,
    WABA_ID,
    WhatsAppSandbox,
)

_VERIFY = "only-for-the-demo-on-this-machine"


class DemoAccount:
    """One number: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: WhatsAppSandbox, run: int) -> None:
        self.settings: dict[str, Any] = {
            "provider": "meta",
            "phone_number_id": PHONE_NUMBER_ID,
            "waba_id": WABA_ID,
            "access_token": TOKEN,
            "app_secret": APP_SECRET,
            "verify_token": _VERIFY,
            "api_base": sandbox.url,
        }
        self._sandbox = sandbox
        self._next_number = 77_770_000_000 + run * 1_000 % 900_000_000

    def citizen(self, *, name: str, language: str) -> Citizen:
        """A new person, whose number no earlier run gave to another; one in five hides it."""
        self._next_number += 1
        return self._sandbox.citizen(
            name=name,
            language=language,
            wa_id=str(self._next_number),
            hidden=self._next_number % 5 == 0,
        )


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """A number for as long as the block runs; `run` tells this run of the demo from earlier ones.

    The hub has the account's deliveries brought to itself, and hears of each message's receipts.
    """
    async with WhatsAppSandbox(lifecycle=("sent", "delivered", "read")) as sandbox:
        sandbox.template(
            "appeal_solved",
            "kk",
            "Құрметті {{1}}, {{2}} өтінішіңіз орындалды. Рақмет!",
            footer="Алматы 109",
        )
        sandbox.template(
            "appeal_solved", "ru", "Уважаемый(ая) {{1}}, ваше обращение {{2}} исполнено. Спасибо!"
        )
        yield DemoAccount(sandbox, run)
