"""Instagram's part in the demo: an account on the sandbox, and people who write to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.instagram.citizens import Citizen
from connectors.instagram.sandbox import FIELDS, IG_USER_ID, TOKEN, InstagramSandbox

_APP_SECRET = "only-for-the-demo-on-this-machine"  # noqa: S105 - guards nothing
_VERIFY_TOKEN = "only-for-the-demo"  # noqa: S105


class DemoAccount:
    """One account: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: InstagramSandbox, run: int) -> None:
        # The hub keeps a token that it renewed, which this run's Instagram has not given.
        token = f"{TOKEN[:24]}Run{run:010d}"
        sandbox.tokens[token] = sandbox.tokens[TOKEN]
        self.settings: dict[str, Any] = {
            "ig_user_id": IG_USER_ID,
            "access_token": token,
            "app_secret": sandbox.app_secret,
            "verify_token": sandbox.verify_token,
            "api_base": sandbox.url,
        }
        self._sandbox = sandbox
        self._next_id = 6_700_000_000_000_000 + run * 10_000

    def listen(self, hook: str) -> None:
        """Deliver to this address: Instagram is told it by hand, in the App Dashboard."""
        self._sandbox.hook = hook
        self._sandbox.subscribed = FIELDS

    def citizen(self, *, name: str, language: str) -> Citizen:
        """A new person, whose id no earlier run gave to another."""
        self._next_id += 1
        return self._sandbox.citizen(name=name, language=language, user_id=str(self._next_id))


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """An account for as long as the block runs; `run` tells this run of the demo from earlier."""
    sandbox = InstagramSandbox(
        app_secret=_APP_SECRET,
        verify_token=_VERIFY_TOKEN,
        retries=True,
        fetches=True,
        first_number=run * 1_000_000,
    )
    async with sandbox:
        yield DemoAccount(sandbox, run)
