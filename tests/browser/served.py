"""A hub on loopback in the tests' own process: a browser visits it, citizens write to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlmodel import col, select

from config.settings import Settings
from connectors.base import Registers
from connectors.blackhole.sandbox import BlackholeSandbox
from connectors.phone.sandbox import (
    ACCOUNT_SID,
    API_KEY_SECRET,
    API_KEY_SID,
    AUTH_TOKEN,
    NUMBER,
    PhoneSandbox,
)
from connectors.telegram.sandbox import TelegramSandbox
from hub.app import Hub, _loops, application, open_hub
from hub.live import FEED, Feed
from registry.models import Appeal, ExternalId, Message
from registry.types import Clock, utc_now
from workers.supervisor import keep_running

SECRET_KEY = "a-secret-key-that-only-the-browser-tests-know"
WEBHOOK_SECRET = "webhook-secret-of-the-browser-tests"
LOOPS = frozenset({"outbox"})
"""The roles that run beside the web server: what operators write goes out."""
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Served:
    """A hub that is running."""

    url: str
    hub: Hub
    feed: Feed
    """What tells the pages of changes."""
    blackhole: BlackholeSandbox
    """Its citizens write, and hear nothing back."""
    telegram: TelegramSandbox | None

    async def write_in(
        self, text: str = "Ауламызда жарық жоқ", *, sender: str = "aigerim", name: str = "Айгерім"
    ) -> str:
        """A citizen writes through the blackhole; the number of their appeal."""
        id_ = f"b{next(_numbers)}"
        assert await self.blackhole.write(sender, text, id=id_, name=name) == 200
        query = (
            select(Appeal.number)
            .join(Message, col(Message.appeal_id) == Appeal.id)
            .join(ExternalId, col(ExternalId.message_id) == Message.id)
            .where(ExternalId.channel == "blackhole", ExternalId.external_id == id_)
        )
        async with self.hub.database.read() as session:
            return (await session.exec(query)).one()


@asynccontextmanager
async def serving(
    *,
    database: str,
    folder: Path,
    with_telegram: bool = False,
    with_phone: bool = False,
    tables: Mapping[str, Any] | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator[Served]:
    """A hub with an account of the blackhole, and, if wanted, a bot and a phone number; `tables`
    are other settings.

    It registers what comes, and sends replies.
    """
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        channels: dict[str, Any] = {"blackhole": {"main": {"webhook_secret": WEBHOOK_SECRET}}}
        telegram = None
        if with_telegram:
            telegram = await stack.enter_async_context(TelegramSandbox(hub=url))
            channels["telegram"] = {
                "main": {
                    "token": telegram.token,
                    "webhook_secret": WEBHOOK_SECRET,
                    "api_base": telegram.url,
                }
            }
        if with_phone:
            twilio = await stack.enter_async_context(PhoneSandbox(hub=url))
            channels["phone"] = {
                "main": {
                    "account_sid": ACCOUNT_SID,
                    "auth_token": AUTH_TOKEN,
                    "number": NUMBER,
                    "api_key_sid": API_KEY_SID,
                    "api_key_secret": API_KEY_SECRET,
                    "api_base": twilio.url,
                }
            }
        settings = Settings.model_validate(
            {
                "secret_key": SECRET_KEY,
                "public_url": url,
                "database": {"url": database},
                "folder": folder,
                "channels": channels,
                **(tables or {}),
            }
        )
        blackhole = await stack.enter_async_context(
            BlackholeSandbox(webhook_secret=WEBHOOK_SECRET, hub=url)
        )
        hub = await stack.enter_async_context(open_hub(settings, clock=clock))
        await stack.enter_async_context(_working(hub))
        app = application(hub)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        for connector in hub.connectors.values():
            if isinstance(connector, Registers):
                await connector.register()
        yield Served(url, hub, app[FEED], blackhole, telegram)


@asynccontextmanager
async def _working(hub: Hub) -> AsyncIterator[None]:
    """Run the loops; they end by themselves, as those of a hub that stops."""
    stopping = asyncio.Event()
    running = [
        asyncio.create_task(keep_running(name, loop, stopping=stopping), name=name)
        for name, loop in _loops(hub, only=LOOPS, stopping=stopping)
    ]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*running)
