"""Every channel as a journey meets it: real accounts on their providers' stand-ins, and a hub."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.journeys.channels.accounts import Account
from tests.journeys.channels.facebook import Facebook
from tests.journeys.channels.instagram import Instagram, InstagramApp
from tests.journeys.channels.sms import Sms
from tests.journeys.channels.telegram import Telegram
from tests.journeys.channels.whatsapp import WhatsApp, WhatsAppByTwilio
from tests.journeys.channels.x import X, XPolled
from tests.journeys.process import Hub, Nursery

WITH_WEBHOOKS: Sequence[type[Account]] = (
    Telegram, WhatsApp, WhatsAppByTwilio, Sms, Facebook, Instagram, X,
)  # fmt: skip
"""A kind of account of every channel and provider to which deliveries are brought."""
EVERY: Sequence[type[Account]] = (*WITH_WEBHOOKS, InstagramApp, XPolled)
"""The same with those that poll."""


@asynccontextmanager
async def town(
    *accounts: Account,
    nursery: Nursery,
    database_url: str,
    folder: Path,
    tables: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[Hub]:
    """A hub and its accounts, which are well and deliver; in the end it has logged no fault."""
    async with AsyncExitStack() as stack:
        channels: dict[str, dict[str, Mapping[str, object]]] = {}
        for account in accounts:
            await stack.enter_async_context(account.running())
            channels.setdefault(account.channel, {})[account.name] = account.settings
        hub = Hub(
            nursery=nursery,
            folder=folder,
            database_url=database_url,
            channels=channels,
            tables=tables,
        )
        for account in accounts:
            account.expect(hub.url)
        await stack.enter_async_context(hub)
        for account in accounts:
            await account.listen(hub.url)
        yield hub
    assert hub.tracebacks == []
