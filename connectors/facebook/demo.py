"""Facebook's part in the demo: a page on the sandbox, people in Messenger and under its post."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.facebook.citizens import Citizen, Commenter
from connectors.facebook.sandbox import FacebookSandbox

_VERIFY = "only-for-the-demo-on-this-machine"


class DemoAccount:
    """One page: the settings that reach it, and its citizens."""

    def __init__(self, sandbox: FacebookSandbox, run: int) -> None:
        self.settings: dict[str, Any] = {
            "page_id": sandbox.page_id,
            "access_token": sandbox.token,
            "app_id": sandbox.app_id,
            "app_secret": sandbox.app_secret,
            "verify_token": _VERIFY,
            "api_base": sandbox.url,
        }
        self._sandbox = sandbox
        self._next_id = 7_000_000_000_000_000 + run * 10_000
        self._in_public = False

    def citizen(self, *, name: str, language: str) -> Citizen | Commenter:
        """A new person, whose id no earlier run gave to another; every second one comments."""
        self._next_id += 1
        person = self._sandbox.citizen(name=name, user_id=str(self._next_id))
        self._in_public = not self._in_public
        return person if self._in_public else Commenter(person)


@asynccontextmanager
async def demo_account(*, run: int) -> AsyncIterator[DemoAccount]:
    """A page for as long as the block runs; `run` tells this run of the demo from earlier ones."""
    async with FacebookSandbox(retries=True, verifies=True, run=run) as sandbox:
        sandbox.publish("Өтініштеріңізді осында жазыңыз. Пишите о проблемах города здесь.")
        yield DemoAccount(sandbox, run)
